/* SPDX-License-Identifier: MIT */
/* test_fault.c - fault points and planted bugs. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "lib/test.h"

static void need_fault_points(void)
{
#ifdef NDEBUG
	test_skip("a release build has no fault points");
#endif
}

TEST(a_point_does_not_fail_by_itself)
{
	for (int i = 0; i < 3; i++)
		assert_false(FAULT(ALLOC));
}

TEST(a_point_fails_the_nth_time_and_only_then)
{
	need_fault_points();
	assert_int_equal(fault_set("ALLOC", 3), 0);

	for (int i = 1; i <= 6; i++)
		assert_int_equal(FAULT(ALLOC), i == 3);
}

TEST(a_point_can_be_turned_off)
{
	assert_int_equal(fault_set("ALLOC", 1), 0);
	assert_int_equal(fault_set("ALLOC", 0), 0);

	assert_false(FAULT(ALLOC));
}

TEST(a_point_that_does_not_exist_is_refused)
{
	assert_int_equal(fault_set("NO_SUCH_POINT", 1), -ENOENT);
	assert_int_equal(fault_set("", 1), -ENOENT);
}

enum { N_THREADS = 4, N_PASSES = 10000 };

static void *pass(void *failed)
{
	for (int i = 0; i < N_PASSES; i++)
		if (FAULT(ALLOC))
			atomic_fetch_add((_Atomic int *)failed, 1);
	return NULL;
}

TEST(of_many_threads_exactly_one_fails)
{
	pthread_t threads[N_THREADS];
	_Atomic int failed = 0;

	need_fault_points();
	assert_int_equal(fault_set("ALLOC", N_THREADS * N_PASSES), 0);
	for (int i = 0; i < N_THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, pass, &failed), 0);
	for (int i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);

	assert_int_equal(failed, 1);
}

#ifndef ACRE_PLANTS

TEST(no_bug_is_planted_in_a_normal_build)
{
	setenv("ACRE_PLANT", "LEAK_FD", 1);

	assert_false(PLANTED(LEAK_FD));
}

#else

TEST(the_bug_that_the_environment_names_is_planted_and_no_other)
{
	setenv("ACRE_PLANT", "LEAK_FD", 1);

	assert_true(PLANTED(LEAK_FD));
	assert_true(PLANTED(LEAK_FD));
	assert_false(PLANTED(ZOMBIE_LEFT));
}

TEST(without_a_name_no_bug_is_planted)
{
	unsetenv("ACRE_PLANT");

	assert_false(PLANTED(MAILBOX_NO_RECHECK));
	assert_false(PLANTED(LEAK_FD));
}

TEST_FAILS(a_name_that_the_list_lacks_is_a_bug, "ACRE_PLANT=LEEK_FD")
{
	setenv("ACRE_PLANT", "LEEK_FD", 1);

	assert_false(PLANTED(LEAK_FD));
}

#endif
