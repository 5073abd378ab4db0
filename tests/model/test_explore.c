/* SPDX-License-Identifier: MIT */
/* test_explore.c - the explorer finds what is there, and visits each schedule once. */
#include "lib/test.h"

#include <string.h>

#include "model/explore.h"

static unsigned counter, n_accesses;
static bool flags[2], turns_taken;

static void begin(void)
{
	counter = 0;
	flags[0] = flags[1] = false;
	turns_taken = false;
}

static const char *judge_nothing(void)
{
	return NULL;
}

static void only_access(unsigned i)
{
	(void)i;
	for (unsigned n = 0; n < n_accesses; n++)
		explore_step();
}

static uint64_t count_runs(unsigned n_threads, unsigned accesses, unsigned preemptions)
{
	const struct explore_program program = { n_threads, begin, only_access,
						 judge_nothing };
	struct explore_result result;

	n_accesses = accesses;
	explore(&program, preemptions, &result);
	assert_null(result.wrong);
	return result.n_runs;
}

/* A thread of k accesses is k + 1 pieces: before the first one, and after each. */
TEST(two_threads_have_as_many_schedules_as_their_pieces_have_orders)
{
	assert_int_equal(count_runs(2, 1, 99), 6);   /* 4 over 2 */
	assert_int_equal(count_runs(2, 2, 99), 20);  /* 6 over 3 */
	assert_int_equal(count_runs(2, 4, 99), 252); /* 10 over 5 */
	assert_int_equal(count_runs(3, 1, 99), 90);  /* 6! / 2!^3 */
}

TEST(without_a_preemption_only_the_order_of_the_threads_is_left)
{
	assert_int_equal(count_runs(2, 5, 0), 2);
	assert_int_equal(count_runs(3, 5, 0), 6);
}

/* One preemption: one of two threads is first and is left after one of its 5 accesses, or
 * not at all. */
TEST(a_preemption_can_be_at_each_access)
{
	assert_int_equal(count_runs(2, 5, 1), 2 * (5 + 1));
}

static void add_one_in_two_accesses(unsigned i)
{
	unsigned seen;

	(void)i;
	explore_step();
	seen = counter;
	explore_step();
	counter = seen + 1;
}

static const char *judge_counter(void)
{
	return counter == 2 ? NULL : "an addition is lost";
}

TEST(a_lost_update_needs_one_preemption_and_is_found_with_it)
{
	static const struct explore_program program = { 2, begin, add_one_in_two_accesses,
							judge_counter };
	struct explore_result result;

	explore(&program, 0, &result);
	assert_null(result.wrong);
	assert_int_equal(result.n_runs, 2);

	explore(&program, 1, &result);
	assert_string_equal(result.wrong, "an addition is lost");
}

static bool second_flag(void)
{
	return flags[1];
}

static bool first_flag(void)
{
	return flags[0];
}

static void wait_for_each_other(unsigned i)
{
	explore_wait(i == 0 ? second_flag : first_flag);
	flags[i] = true;
}

TEST(threads_that_wait_for_each_other_are_found)
{
	static const struct explore_program program = { 2, begin, wait_for_each_other,
							judge_nothing };
	struct explore_result result;

	explore(&program, 0, &result);
	assert_string_equal(result.wrong, "a thread waits for ever");
	assert_int_equal(result.n_runs, 1);
}

static void signal_or_wait(unsigned i)
{
	if (i == 1) {
		explore_step();
		flags[1] = true;
		return;
	}
	explore_wait(second_flag);
	turns_taken = true;
}

static const char *judge_turns(void)
{
	return turns_taken ? NULL : "a thread did not go on";
}

TEST(a_thread_that_waits_goes_on_when_it_may)
{
	static const struct explore_program program = { 2, begin, signal_or_wait,
							judge_turns };
	struct explore_result result;

	explore(&program, 9, &result);
	assert_null(result.wrong);
	assert_true(result.n_runs > 1);
}

static void spin(unsigned i)
{
	(void)i;
	for (;;)
		explore_step();
}

TEST(a_thread_that_spins_is_found)
{
	static const struct explore_program program = { 1, begin, spin, judge_nothing };
	struct explore_result result;

	explore(&program, 0, &result);
	assert_string_equal(result.wrong, "a thread never ends");
	assert_int_equal(strlen(result.schedule), EXPLORE_STEPS_MAX);
}
