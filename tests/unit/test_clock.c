/* SPDX-License-Identifier: MIT */
/* test_clock.c - real time and the time of tests. */
#include <time.h>

#include "base/clock.h"
#include "base/util.h"
#include "lib/test.h"

static int64_t monotonic(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

TEST(the_real_clock_is_the_monotonic_one)
{
	int64_t before = monotonic(), now = clock_now(), after = monotonic();

	assert_false(clock_is_virtual());
	assert_true(before <= now && now <= after);
}

TEST(a_virtual_clock_moves_only_when_it_is_told_to)
{
	clock_use_virtual(1000);

	assert_true(clock_is_virtual());
	assert_int_equal(clock_now(), 1000);
	assert_int_equal(clock_now(), 1000);
	clock_advance(50);
	assert_int_equal(clock_now(), 1050);
	clock_advance(0);
	assert_int_equal(clock_now(), 1050);
}

TEST(the_real_clock_may_come_back)
{
	int64_t before = monotonic();

	clock_use_virtual(1000);
	clock_use_real();

	assert_false(clock_is_virtual());
	assert_true(clock_now() >= before);
}

TEST_FAILS(no_clock_goes_back, "CHECK")
{
	clock_use_virtual(1000);
	clock_advance(-1);
}

TEST_FAILS(the_real_clock_cannot_be_advanced, "CHECK")
{
	clock_advance(1);
}
