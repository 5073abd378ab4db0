/* SPDX-License-Identifier: MIT */
/* test_util.c - the handful of words that C lacks. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/util.h"
#include "lib/test.h"

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

TEST(the_container_of_a_member_is_found)
{
	struct thing {
		int before;
		char member;
	} thing;
	const char *p = &thing.member;

	assert_ptr_equal(container_of(&thing.member, struct thing, member), &thing);
	assert_ptr_equal(container_of(p, struct thing, member), &thing);
}

TEST(an_array_knows_how_many_items_it_has)
{
	int three[3];
	char text[] = "abc";

	assert_int_equal(ARRAY_N(three), 3);
	assert_int_equal(ARRAY_N(text), 4);
}

TEST(a_taken_pointer_leaves_null_behind)
{
	int x = 5, *p = &x, *taken = TAKE_PTR(p);

	assert_ptr_equal(taken, &x);
	assert_null(p);
}

TEST(a_descriptor_is_closed_where_its_block_is_left)
{
	int seen;

	{
		auto_close int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

		seen = fd;
		assert_true(is_open(seen));
	}
	assert_false(is_open(seen));
}

TEST(a_taken_descriptor_is_not_closed)
{
	int taken;

	{
		auto_close int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

		taken = TAKE_FD(fd);
		assert_int_equal(fd, -1);
	}
	assert_true(is_open(taken));
	close(taken);
}

TEST(the_smaller_and_the_larger_are_found)
{
	assert_int_equal(size_min(1, 2), 1);
	assert_int_equal(size_min(2, 1), 1);
	assert_true(size_max(1, SIZE_MAX) == SIZE_MAX);
	assert_int_equal(int64_min(-1, 1), -1);
	assert_int_equal(int64_max(-1, 1), 1);
}

TEST(a_sum_that_does_not_fit_stops_at_the_end_of_the_range)
{
	assert_int_equal(int64_add(2, -5), -3);
	assert_true(int64_add(INT64_MAX, 1) == INT64_MAX);
	assert_true(int64_add(1, INT64_MAX) == INT64_MAX);
	assert_true(int64_add(INT64_MIN, -1) == INT64_MIN);
	assert_true(int64_add(INT64_MAX, INT64_MIN) == -1);
}
