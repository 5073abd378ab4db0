/* SPDX-License-Identifier: MIT */
/* test_fiber.c - fibers take turns and keep what is theirs. */
/*
 * Run in every build kind: at -O0 and -O2, by both compilers, with each sanitizer, for
 * both processors, and under valgrind. What those find is part of what is tested here:
 * that they say nothing.
 */
#include "core/fiber.h"

#include <pthread.h>
#include <string.h>

#include "base/util.h"
#include "lib/test.h"

enum { STACK_SIZE = 64 << 10 };

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

/* For all the compiler knows, each byte matters. */
static void use(char *room, size_t len)
{
	memset(room, 1, len);
	__asm__ volatile("" : : "r"(room) : "memory");
}

static void count_and_leave(void *arg)
{
	char room[1024];

	++*(int *)arg;
	use(room, sizeof room);
	fiber_leave(&guest, &home);
}

/* ThreadSanitizer has room for some thousands at a time. */
TEST(a_stack_serves_thousands_of_fibers_one_by_one)
{
	int n = 0;

	adopt();
	for (int i = 0; i < 10000; i++) {
		init(&guest, 0, count_and_leave, &n);
		fiber_switch(&home, &guest);
		fiber_fini(&guest);
	}

	assert_int_equal(n, 10000);
}

/* Deep down, in frames that AddressSanitizer fences. */
__attribute__((noinline))
static void stop_below(int depth)
{
	char room[64];

	use(room, sizeof room);
	if (depth > 0)
		stop_below(depth - 1);
	else
		fiber_switch(&guest, &home);
	use(room, sizeof room);
}

static void stop_in_the_deep(void *unused)
{
	(void)unused;
	stop_below(50);
	fiber_leave(&guest, &home);
}

/* Red zones around its rooms, which AddressSanitizer would find; its calls that never
 * return, of which ThreadSanitizer would keep account. */
TEST(fibers_thrown_away_half_way_leave_nothing_behind)
{
	adopt();
	for (int i = 0; i < 2000; i++) {
		init(&guest, 0, stop_in_the_deep, NULL);
		fiber_switch(&home, &guest);
		fiber_fini(&guest);
		use((char *)stacks[0], STACK_SIZE);
	}
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
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);
	struct fiber own;

	assert_null(fiber_running);
	fiber_adopt(&own);
	*(bool *)ret = here - (uintptr_t)own.low < own.size;
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

/* Pinned: an initial stack pointer that is 8 off crashes only where the compiler happens
 * to use aligned vector stores (kernel-facts K52). */
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

/* Values that the compiler cannot know, so they have to live somewhere; of each kind
 * there are more than the processor has registers. */
/* clang-format off */
#define LIVE(L)                                                                   \
	L(0) L(1) L(2) L(3) L(4) L(5) L(6) L(7) L(8) L(9) L(10) L(11)             \
	L(12) L(13) L(14) L(15) L(16) L(17) L(18) L(19) L(20) L(21) L(22) L(23)   \
	L(24) L(25) L(26) L(27) L(28) L(29) L(30) L(31) L(32) L(33) L(34) L(35)
/* clang-format on */

enum { N_LIVE = 36 };

#define LIVE_MAKE(i)                                  \
	uint64_t word##i = start + (i);               \
	double real##i = (double)(start * 100 + (i)); \
	__asm__("" : "+r"(word##i));                  \
	__asm__("" : "+" LIVE_REAL(real##i));
#define LIVE_CHECK(i) \
	n_alike += word##i == start + (i) && real##i == (double)(start * 100 + (i));

#ifdef __x86_64__
#define LIVE_REAL(x) "x"(x)
#else
#define LIVE_REAL(x) "w"(x)
#endif

/* How many pairs have survived three switches. */
static int keep_values(uint64_t start, struct fiber *self, struct fiber *next)
{
	int n_alike = 0;
	LIVE(LIVE_MAKE)

	for (int i = 0; i < 3; i++)
		fiber_switch(self, next);
	LIVE(LIVE_CHECK)
	return n_alike;
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

	assert_int_equal(at_home, N_LIVE);
	assert_int_equal(abroad, N_LIVE);
}

/* Rounding modes as the processor has them: <fenv.h> would want another library, and
 * reads only one of the two that x86-64 has. */
enum rounding { NEAREST, UP, MIXED };

#ifdef __x86_64__
static void set_rounding(enum rounding mode)
{
	uint16_t x87 = mode == UP ? 0x0b7f : 0x037f;

	__builtin_ia32_ldmxcsr(mode == UP ? 0x5f80 : 0x1f80);
	__asm__ volatile("fldcw %0" : : "m"(x87));
}

static enum rounding rounding(void)
{
	uint32_t sse = __builtin_ia32_stmxcsr() >> 13 & 3;
	uint16_t x87 = 0; /* MemorySanitizer does not see what assembler writes */

	__asm__ volatile("fnstcw %0" : "=m"(x87));
	if (sse != (x87 >> 10 & 3U))
		return MIXED;
	return sse == 2 ? UP : sse == 0 ? NEAREST : MIXED;
}
#else
static void set_rounding(enum rounding mode)
{
	__asm__ volatile("msr fpcr, %0" : : "r"(mode == UP ? (uint64_t)1 << 22 : 0));
}

static enum rounding rounding(void)
{
	uint64_t fpcr;

	__asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
	return (fpcr >> 22 & 3) == 1 ? UP : (fpcr >> 22 & 3) == 0 ? NEAREST : MIXED;
}
#endif

struct roundings {
	enum rounding at_first, after_switch;
};

static void round_up(void *arg)
{
	struct roundings *ret = arg;

	ret->at_first = rounding();
	set_rounding(UP);
	fiber_switch(&guest, &home);
	ret->after_switch = rounding();
	fiber_leave(&guest, &home);
}

TEST(a_rounding_mode_belongs_to_its_fiber)
{
	struct roundings abroad;

	adopt();
	init(&guest, 0, round_up, &abroad);
	fiber_switch(&home, &guest);
	assert_int_equal(rounding(), NEAREST);
	fiber_switch(&home, &guest);
	assert_int_equal(rounding(), NEAREST);
	fiber_fini(&guest);

	assert_int_equal(abroad.at_first, NEAREST);
	assert_int_equal(abroad.after_switch, UP);
}

TEST(a_fiber_inherits_the_rounding_mode_of_its_maker)
{
	struct roundings abroad;

	adopt();
	set_rounding(UP);
	init(&guest, 0, round_up, &abroad);
	set_rounding(NEAREST);
	fiber_switch(&home, &guest);
	fiber_fini(&guest);

	assert_int_equal(rounding(), NEAREST);
	assert_int_equal(abroad.at_first, UP);
}
