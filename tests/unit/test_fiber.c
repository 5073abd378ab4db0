/* SPDX-License-Identifier: MIT */
/* test_fiber.c - fibers take turns, keep what is theirs, and can be walked. */
/*
 * Run in every build kind: at -O0 and -O2, by both compilers, with each sanitizer, for both
 * processors, and under valgrind. What those find is part of what is tested here: that they
 * say nothing.
 */
#include "core/fiber.h"

#include <execinfo.h>
#include <pthread.h>
#include <string.h>

#include "base/util.h"
#include "lib/test.h"

enum { STACK_SIZE = 64 << 10, FRAMES_MAX = 64 };

static struct fiber home, guest, other;
_Alignas(64) static uint8_t stacks[2][STACK_SIZE];

static char story[64];

static void tell(char c)
{
	size_t len = strlen(story);

	assert_true(len < sizeof story - 1);
	story[len] = c;
}

/* The running fiber of a test: home until it has switched. */
static void adopt(void)
{
	fiber_adopt(&home);
}

static void init(struct fiber *f, int i, void (*entry)(void *arg), void *arg)
{
	fiber_init(f, stacks[i], STACK_SIZE, entry, arg);
}

static void leave_home(void *unused)
{
	(void)unused;
	fiber_leave(fiber_running, &home);
}

/* Turns */

static void note_arg_and_leave(void *arg)
{
	*(int *)arg = 42;
	fiber_leave(&guest, &home);
}

TEST(a_fiber_runs_its_function_with_its_argument)
{
	int seen = 0;

	adopt();
	init(&guest, 0, note_arg_and_leave, &seen);
	assert_int_equal(seen, 0);
	fiber_switch(&home, &guest);
	fiber_fini(&guest);

	assert_int_equal(seen, 42);
}

static void tell_for_ever(void *arg)
{
	struct fiber *self = fiber_running;

	for (;;) {
		tell(*(const char *)arg);
		fiber_switch(self, self == &guest ? &other : &home);
	}
}

TEST(fibers_go_on_where_they_have_stopped)
{
	char a = 'a', b = 'b';

	adopt();
	init(&guest, 0, tell_for_ever, &a);
	init(&other, 1, tell_for_ever, &b);
	for (int i = 0; i < 3; i++) {
		tell('-');
		fiber_switch(&home, &guest);
	}

	assert_string_equal(story, "-ab-ab-ab");
	fiber_fini(&guest);
	fiber_fini(&other);
}

static void check_running(void *unused)
{
	(void)unused;
	assert_ptr_equal(fiber_running, &guest);
	fiber_switch(&guest, &home);
	assert_ptr_equal(fiber_running, &guest);
	fiber_leave(&guest, &home);
}

TEST(the_running_fiber_is_known)
{
	assert_null(fiber_running);
	adopt();
	assert_ptr_equal(fiber_running, &home);
	init(&guest, 0, check_running, NULL);
	fiber_switch(&home, &guest);
	assert_ptr_equal(fiber_running, &home);
	fiber_switch(&home, &guest);
	assert_ptr_equal(fiber_running, &home);
	fiber_fini(&guest);
	fiber_fini(&home);
	assert_null(fiber_running);
}

static void count_and_leave(void *arg)
{
	char room[1024];

	memset(room, ++*(int *)arg, sizeof room);
	__asm__ volatile("" : : "r"(room) : "memory");
	fiber_leave(&guest, &home);
}

/* Each frame of the last owner has left red zones behind, which AddressSanitizer would find;
 * the stacks of valgrind and the fibers of ThreadSanitizer would run out. */
TEST(a_stack_serves_a_thousand_fibers)
{
	int n = 0;

	adopt();
	for (int i = 0; i < 1000; i++) {
		init(&guest, 0, count_and_leave, &n);
		fiber_switch(&home, &guest);
		fiber_fini(&guest);
	}

	assert_int_equal(n, 1000);
}

enum { DEPTH = 50 };

static uintptr_t outermost, innermost; /* return addresses */

__attribute__((noinline))
static void stop_deep_down(int depth)
{
	volatile char room[256];

	room[0] = (char)depth;
	if (depth == DEPTH)
		outermost = (uintptr_t)__builtin_return_address(0);
	if (depth > 0) {
		stop_deep_down(depth - 1);
	} else {
		innermost = (uintptr_t)__builtin_return_address(0);
		fiber_switch(&guest, &home);
	}
	room[1] = room[0];
}

static void stop_in_the_deep(void *unused)
{
	(void)unused;
	stop_deep_down(DEPTH);
	fiber_leave(&guest, &home);
}

TEST(the_stack_of_a_fiber_thrown_away_half_way_is_clean)
{
	int n = 0;

	adopt();
	init(&guest, 0, stop_in_the_deep, NULL);
	fiber_switch(&home, &guest);
	fiber_fini(&guest);
	memset(stacks[0], 0, STACK_SIZE);
	init(&guest, 0, count_and_leave, &n);
	fiber_switch(&home, &guest);
	fiber_fini(&guest);

	assert_int_equal(n, 1);
}

TEST(what_was_never_made_or_is_gone_can_be_finished)
{
	struct fiber zeroed = { 0 };

	adopt();
	fiber_fini(&zeroed);
	init(&guest, 0, leave_home, NULL);
	fiber_fini(&guest);
	fiber_fini(&guest);
	fiber_fini(&home);
	fiber_fini(&home);

	assert_null(fiber_running);
}

TEST_FAILS(to_switch_to_a_fiber_that_has_left_is_a_bug, "has left was switched to")
{
	adopt();
	init(&guest, 0, leave_home, NULL);
	fiber_switch(&home, &guest);
	fiber_switch(&home, &guest);
}

static void leave_for(void *to)
{
	fiber_leave(fiber_running, to);
}

static void *run_a_fiber(void *ret)
{
	struct fiber own;

	assert_null(fiber_running);
	fiber_adopt(&own);
	*(bool *)ret = (uintptr_t)&own - (uintptr_t)own.low < own.size;
	init(&other, 1, leave_for, &own);
	fiber_switch(&own, &other);
	fiber_fini(&other);
	fiber_fini(&own);
	return NULL;
}

TEST(each_thread_has_fibers_of_its_own)
{
	bool knows_its_stack = false;
	pthread_t thread;

	adopt();
	assert_int_equal(pthread_create(&thread, NULL, run_a_fiber, &knows_its_stack), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);

	assert_true(knows_its_stack);
	assert_ptr_equal(fiber_running, &home);
}

/* What a fiber keeps */

static bool is_aligned(uintptr_t address)
{
	return address % 16 == 0;
}

/* Pinned: an initial stack pointer that is 8 off crashes only where the compiler happens to
 * use aligned vector stores (kernel-facts K52). */
static void check_alignment(void *arg)
{
	_Alignas(16) volatile char vector[16] = { 0 };

	*(bool *)arg = is_aligned((uintptr_t)__builtin_frame_address(0)) &&
		       is_aligned((uintptr_t)vector);
	fiber_leave(&guest, &home);
}

TEST(the_stack_is_aligned_at_the_first_call)
{
	for (size_t odd = 0; odd < 32; odd += 8) {
		bool aligned = false;

		adopt();
		fiber_init(&guest, stacks[0], STACK_SIZE - odd, check_alignment,
			   &aligned);
		fiber_switch(&home, &guest);
		fiber_fini(&guest);
		assert_true(aligned);
	}
}

/* Keeps the compiler from knowing the values, so they have to live somewhere: more of them
 * than there are registers, of either kind. */
#define LIVE(L) L(0) L(1) L(2) L(3) L(4) L(5) L(6) L(7) L(8) L(9) L(10) L(11) L(12) L(13)

#define LIVE_MAKE(i)                       \
	uint64_t word##i = start + (i);    \
	double real##i = (double)(start * 100 + (i)); \
	__asm__("" : "+r"(word##i));       \
	__asm__("" : "+" LIVE_REAL(real##i));
#define LIVE_CHECK(i) \
	sum += word##i == start + (i) && real##i == (double)(start * 100 + (i));

#ifdef __x86_64__
#define LIVE_REAL(x) "x"(x)
#else
#define LIVE_REAL(x) "w"(x)
#endif

/* How many pairs have survived three switches. */
static int keep_values(uint64_t start, struct fiber *self, struct fiber *next)
{
	int sum = 0;
	LIVE(LIVE_MAKE)

	for (int i = 0; i < 3; i++)
		fiber_switch(self, next);
	LIVE(LIVE_CHECK)
	return sum;
}

static void keep_other_values(void *arg)
{
	*(int *)arg = keep_values(5000, &guest, &home);
	fiber_leave(&guest, &home);
}

TEST(all_registers_survive_a_switch)
{
	int at_home, abroad = 0;

	adopt();
	init(&guest, 0, keep_other_values, &abroad);
	at_home = keep_values(70, &home, &guest);
	fiber_switch(&home, &guest);
	fiber_fini(&guest);

	assert_int_equal(at_home, 14);
	assert_int_equal(abroad, 14);
}

/* Rounding modes, set without <fenv.h>, which would want another library. */
#ifdef __x86_64__
static void set_rounding(bool up)
{
	uint16_t x87 = up ? 0x0b7f : 0x037f;

	__builtin_ia32_ldmxcsr(up ? 0x5f80 : 0x1f80);
	__asm__ volatile("fldcw %0" : : "m"(x87));
}
#else
static void set_rounding(bool up)
{
	__asm__ volatile("msr fpcr, %0" : : "r"(up ? (uint64_t)1 << 22 : 0));
}
#endif

/* One and next to nothing, rounded; x86-64 computes the one and the other in different
 * units. */
struct sums {
	double d;
	long double ld;
};

/* A call, since compilers move arithmetic over a change of the rounding mode. */
__attribute__((noinline))
static struct sums sums(void)
{
	volatile double one = 1, little = 1e-40;
	volatile long double long_one = 1, long_little = 1e-40L;

	return (struct sums){ one + little, long_one + long_little };
}

static bool are_equal(struct sums a, struct sums b)
{
	return a.d == b.d && a.ld == b.ld;
}

struct roundings {
	struct sums at_first, after_switch;
};

static void round_up(void *arg)
{
	struct roundings *ret = arg;

	ret->at_first = sums();
	set_rounding(true);
	fiber_switch(&guest, &home);
	ret->after_switch = sums();
	fiber_leave(&guest, &home);
}

TEST(a_rounding_mode_belongs_to_its_fiber)
{
	struct sums nearest = sums();
	struct roundings abroad;

	adopt();
	init(&guest, 0, round_up, &abroad);
	fiber_switch(&home, &guest);
	assert_true(are_equal(sums(), nearest));
	fiber_switch(&home, &guest);
	assert_true(are_equal(sums(), nearest));
	fiber_fini(&guest);

	assert_true(are_equal(abroad.at_first, nearest));
	assert_true(abroad.after_switch.d > nearest.d);
	assert_true(abroad.after_switch.ld > nearest.ld);
}

TEST(a_fiber_inherits_the_rounding_mode_of_its_maker)
{
	struct sums nearest = sums(), up;
	struct roundings abroad;

	adopt();
	set_rounding(true);
	up = sums();
	init(&guest, 0, round_up, &abroad);
	set_rounding(false);
	fiber_switch(&home, &guest);
	fiber_fini(&guest);

	assert_true(are_equal(sums(), nearest));
	assert_true(are_equal(abroad.at_first, up));
}

/* Frames */

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

	adopt();
	init(&guest, 0, stop_in_the_deep, NULL);
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

	adopt();
	init(&guest, 0, leave_home, NULL);

	assert_int_equal(fiber_backtrace(&guest, pcs, FRAMES_MAX), 1);
	assert_true(is_in_first_frame(pcs[0]));
	assert_false(pcs[0] == (uintptr_t)fiber_start);
	fiber_fini(&guest);
}

TEST(the_walk_stores_no_more_than_there_is_room_for)
{
	uintptr_t pcs[4] = { 0, 0, 0, 7 };

	adopt();
	init(&guest, 0, stop_in_the_deep, NULL);
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

	adopt();
	init(&guest, 0, walk_here, &frames);
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

	adopt();
	assert_int_equal(fiber_backtrace_here(pcs, FRAMES_MAX, 100000), 0);
}

TEST(the_stack_of_the_thread_can_be_walked)
{
	uintptr_t pcs[FRAMES_MAX];
	size_t n;

	adopt();
	n = fiber_backtrace_here(pcs, FRAMES_MAX, 0);

	assert_true(n > 1);
	assert_true(is_in(pcs[0], (const void *)test_the_stack_of_the_thread_can_be_walked));
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

	words[0] = (uintptr_t)&words[4];
	words[1] = 0x1000;
	words[5] = 0x2000;

	words[4] = 0; /* the end, as the first frame has it */
	assert_int_equal(fiber_walk(low, low, high, pcs, FRAMES_MAX), 2);
	assert_true(pcs[0] == 0x1000 && pcs[1] == 0x2000);
	words[4] = low; /* a circle */
	assert_int_equal(fiber_walk(low, low, high, pcs, FRAMES_MAX), 2);
	words[4] = (uintptr_t)&words[7]; /* half inside */
	assert_int_equal(fiber_walk(low, low, high, pcs, FRAMES_MAX), 2);
	words[4] = high;
	assert_int_equal(fiber_walk(low, low, high, pcs, FRAMES_MAX), 2);
	words[4] = UINTPTR_MAX - 7;
	assert_int_equal(fiber_walk(low, low, high, pcs, FRAMES_MAX), 2);
	words[4] = (uintptr_t)&words[6] + 1;
	assert_int_equal(fiber_walk(low, low, high, pcs, FRAMES_MAX), 2);
	words[5] = 0; /* nothing to return to */
	assert_int_equal(fiber_walk(low, low, high, pcs, FRAMES_MAX), 1);
	assert_int_equal(fiber_walk(low, low + 8, high, pcs, FRAMES_MAX), 0);
	assert_int_equal(fiber_walk(0, 0, 0, pcs, FRAMES_MAX), 0);
}

static void unwind_here(void *arg)
{
	struct frames *frames = arg;

	frames->n = (size_t)backtrace((void **)frames->pcs, FRAMES_MAX);
	fiber_leave(&guest, &home);
}

/* Pinned: an unwinder goes by the tables of the compiler, and stops where the return address
 * is undefined (kernel-facts K52). */
TEST(an_unwinder_stops_at_the_first_frame)
{
	static struct frames frames;

	adopt();
	init(&guest, 0, unwind_here, &frames);
	fiber_switch(&home, &guest);
	fiber_fini(&guest);

	assert_in_range(frames.n, 2, 5); /* a sanitizer has frames of its own */
	assert_true(is_in_first_frame(frames.pcs[frames.n - 1]));
}
