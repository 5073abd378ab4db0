/* SPDX-License-Identifier: MIT */
/* test_fiber_walk.c - fibers can be walked: by frame pointers, and by unwinders. */
#include <unwind.h>

#include "base/util.h"
#include "core/fiber.h"
#include "lib/test.h"

enum { STACK_SIZE = 64 << 10, FRAMES_MAX = 64 };

static struct fiber home, guest;
_Alignas(64) static uint8_t stack[STACK_SIZE];

static void make_guest(void (*entry)(void *arg), void *arg)
{
	fiber_adopt(&home);
	fiber_init(&guest, stack, sizeof stack, entry, arg);
}

enum { DEPTH = 50 };

/* Return addresses of stop_deep_down(), by which its frames are known. */
static uintptr_t outermost, innermost;

__attribute__((noinline))
static void stop_deep_down(int depth)
{
	if (depth == DEPTH)
		outermost = (uintptr_t)__builtin_return_address(0);
	if (depth > 0) {
		stop_deep_down(depth - 1);
	} else {
		innermost = (uintptr_t)__builtin_return_address(0);
		fiber_switch(&guest, &home);
	}
	__asm__ volatile(""); /* so that no call above is the last thing done */
}

static void stop_in_the_deep(void *unused)
{
	(void)unused;
	stop_deep_down(DEPTH);
	fiber_leave(&guest, &home);
}

/* Give or take the length of a function. */
static bool is_in(uintptr_t pc, const void *function)
{
	return pc - (uintptr_t)function < 1024;
}

static size_t find(uintptr_t pc, const uintptr_t *pcs, size_t n)
{
	size_t i = 0;

	while (i < n && pcs[i] != pc)
		i++;
	return i;
}

extern const char fiber_start[];

static bool is_in_first_frame(uintptr_t pc)
{
	return pc - (uintptr_t)fiber_start < 64;
}

TEST(a_parked_fiber_is_walked_to_its_first_frame)
{
	uintptr_t pcs[FRAMES_MAX];
	size_t n;

	make_guest(stop_in_the_deep, NULL);
	fiber_switch(&home, &guest);
	n = fiber_backtrace(&guest, pcs, FRAMES_MAX);

	assert_true(n < FRAMES_MAX);
	assert_true(is_in_first_frame(pcs[n - 1]));
	assert_true(find(innermost, pcs, n) < find(outermost, pcs, n));
	assert_true(find(outermost, pcs, n) < n - 1);
	fiber_fini(&guest);
}

TEST(a_fiber_that_never_ran_has_a_first_frame)
{
	uintptr_t pcs[FRAMES_MAX];

	make_guest(stop_in_the_deep, NULL);

	assert_int_equal(fiber_backtrace(&guest, pcs, FRAMES_MAX), 1);
	assert_true(is_in_first_frame(pcs[0]));
	assert_false(pcs[0] == (uintptr_t)fiber_start);
	fiber_fini(&guest);
}

TEST(the_walk_stores_no_more_than_there_is_room_for)
{
	uintptr_t pcs[4] = { 0, 0, 0, 7 };

	make_guest(stop_in_the_deep, NULL);
	fiber_switch(&home, &guest);

	assert_int_equal(fiber_backtrace(&guest, pcs, 0), 0);
	assert_int_equal(pcs[0], 0);
	assert_int_equal(fiber_backtrace(&guest, pcs, 3), 3);
	assert_int_equal(pcs[3], 7);
	assert_int_equal(fiber_backtrace_here(pcs, 0, 0), 0);
	fiber_fini(&guest);
}

struct frames {
	uintptr_t pcs[FRAMES_MAX];
	size_t n, n_skipping;
	_Unwind_Reason_Code reason;
	uintptr_t skipped;
};

static void walk_here(void *arg)
{
	struct frames *frames = arg;

	frames->n = fiber_backtrace_here(frames->pcs, FRAMES_MAX, 0);
	frames->n_skipping = fiber_backtrace_here(&frames->skipped, 1, 1);
	fiber_leave(&guest, &home);
}

TEST(the_running_fiber_can_be_walked)
{
	static struct frames frames;

	make_guest(walk_here, &frames);
	fiber_switch(&home, &guest);
	fiber_fini(&guest);

	assert_true(frames.n >= 2);
	assert_true(is_in(frames.pcs[0], (const void *)walk_here));
	assert_true(is_in_first_frame(frames.pcs[frames.n - 1]));
	assert_int_equal(frames.n_skipping, 1);
	assert_true(frames.skipped == frames.pcs[1]);
}

TEST(to_skip_all_frames_leaves_none)
{
	uintptr_t pcs[FRAMES_MAX];

	fiber_adopt(&home);
	assert_int_equal(fiber_backtrace_here(pcs, FRAMES_MAX, 100000), 0);
}

TEST(the_stack_of_the_thread_can_be_walked)
{
	uintptr_t pcs[FRAMES_MAX];
	size_t n;

	fiber_adopt(&home);
	n = fiber_backtrace_here(pcs, FRAMES_MAX, 0);

	assert_true(n > 1);
	assert_true(is_in(pcs[0],
			  (const void *)test_the_stack_of_the_thread_can_be_walked));
}

TEST(without_a_fiber_only_the_caller_is_known)
{
	uintptr_t pcs[FRAMES_MAX];

	assert_int_equal(fiber_backtrace_here(pcs, FRAMES_MAX, 0), 1);
	assert_true(is_in(pcs[0],
			  (const void *)test_without_a_fiber_only_the_caller_is_known));
}

TEST(a_broken_chain_of_frames_ends_the_walk)
{
	uintptr_t words[8] = { 0 }, low = (uintptr_t)words, high = (uintptr_t)(words + 8);
	uintptr_t pcs[FRAMES_MAX];
	const uintptr_t broken[] = {
		0,		      /* the end, as the first frame has it */
		low,		      /* a circle */
		(uintptr_t)&words[4], /* a smaller one */
		(uintptr_t)&words[7], /* half inside */
		(uintptr_t)&words[6] + 1,
		high,
		UINTPTR_MAX - 7,
	};

	words[0] = (uintptr_t)&words[4];
	words[1] = 0x1000;
	words[5] = 0x2000;
	for (size_t i = 0; i < ARRAY_N(broken); i++) {
		words[4] = broken[i];
		assert_int_equal(fiber_walk(low, low, high, pcs, FRAMES_MAX), 2);
		assert_true(pcs[0] == 0x1000 && pcs[1] == 0x2000);
	}
	words[5] = 0; /* nothing to return to */
	assert_int_equal(fiber_walk(low, low, high, pcs, FRAMES_MAX), 1);
	assert_int_equal(fiber_walk(low, low + 8, high, pcs, FRAMES_MAX), 0);
	assert_int_equal(fiber_walk(0, 0, 0, pcs, FRAMES_MAX), 0);
}

static _Unwind_Reason_Code store_frame(struct _Unwind_Context *context, void *arg)
{
	struct frames *frames = arg;
	uintptr_t pc = _Unwind_GetIP(context);

	if (frames->n == FRAMES_MAX)
		return _URC_NORMAL_STOP;
	if (pc) /* 0 says that there is nothing above */
		frames->pcs[frames->n++] = pc;
	return _URC_NO_REASON;
}

static void unwind_here(void *arg)
{
	struct frames *frames = arg;

	frames->reason = _Unwind_Backtrace(store_frame, frames);
	fiber_leave(&guest, &home);
}

/* Pinned: an unwinder goes by the tables of the compiler, and stops where the return
 * address is undefined (kernel-facts K52). */
TEST(an_unwinder_stops_at_the_first_frame)
{
	static struct frames frames;

	make_guest(unwind_here, &frames);
	fiber_switch(&home, &guest);
	fiber_fini(&guest);

	assert_int_equal(frames.reason, _URC_END_OF_STACK);
	assert_in_range(frames.n, 2, 4); /* the sanitizers add some of theirs */
	assert_true(is_in_first_frame(frames.pcs[frames.n - 1]));
}
