/* SPDX-License-Identifier: MIT */
/* test_census.c - counting what a stretch of a test has taken. */
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "lib/test.h"

static void *wait_for_a_byte(void *arg)
{
	char byte;

	assert_int_equal(read(*(int *)arg, &byte, 1), 1);
	return NULL;
}

TEST(a_census_counts_what_there_is_more_of)
{
	struct test_census before = test_census(), now;
	pthread_t thread;
	int fds[2];

	assert_true(before.threads >= 1); /* a sanitizer may have one */
	assert_int_equal(before.processes, 0);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pthread_create(&thread, NULL, wait_for_a_byte, &fds[0]);
	now = test_census();
	assert_int_equal(now.threads, before.threads + 1);
	assert_int_equal(now.fds, before.fds + 2);
	test_tell_deltas("pipe and thread", &before);
	assert_int_equal(write(fds[1], "", 1), 1);
	pthread_join(thread, NULL);
	close(fds[0]);
	close(fds[1]);
	assert_no_growth(&before);
}

TEST_FAILS(growth_is_told_with_its_numbers, ", processes 0->0, socket files 0->0")
{
	struct test_census before = test_census();

	assert_int_not_equal(open("/dev/null", O_RDWR | O_CLOEXEC), -1);
	assert_no_growth(&before);
}
