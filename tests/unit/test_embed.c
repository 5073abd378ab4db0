/* SPDX-License-Identifier: MIT */
/* test_embed.c - the loop inside another one: a pollable fd and acre_step(). */
#include <poll.h>
#include <string.h>
#include <sys/resource.h>

#include <acre/run.h>
#include <acre/error.h>
#include <acre/task.h>

#include "core/report.h"
#include "lib/test.h"
#include "unit/forks.h"

static int sleeps_thrice(void *arg)
{
	int *count = arg;
	int r = 0;

	while (r >= 0 && *count < 3) {
		r = acre_sleep(acre_ms(5));
		++*count;
	}
	return r < 0 ? r : 42;
}

/* A foreign loop: it waits for the fd, and for nothing else. */
static int drive(void)
{
	int steps = 0, r;

	while ((r = acre_step()) > 0) {
		struct pollfd p = { .fd = acre_fd(), .events = POLLIN };

		assert_int_equal(poll(&p, 1, 10000), 1);
		steps++;
	}
	assert_int_equal(r, 0);
	return steps;
}

TEST(a_tree_runs_inside_a_foreign_loop)
{
	int count = 0;

	assert_ok(acre_begin(sleeps_thrice, &count, NULL));
	assert_true(drive() >= 3);
	assert_int_equal(acre_end(), 42);
	assert_int_equal(count, 3);
}

static int double_it(void *arg)
{
	return *(int *)arg * 2;
}

static int blocks(void *arg)
{
	return acre_blocking(double_it, arg);
}

TEST(a_letter_of_another_thread_wakes_the_foreign_loop)
{
	int seven = 7;

	assert_ok(acre_begin(blocks, &seven, NULL));
	drive();
	assert_int_equal(acre_end(), 14);
}

static int forks(void *result)
{
	struct acre_process *p;
	struct acre_death death = { 0 };
	int r = acre_fork_from_worker(&p, double_it, result, .flags = STRANGERS);

	if (r < 0)
		return r;
	r = acre_process_wait(p, &death);
	acre_process_free(p);
	return r < 0 ? r : death.status;
}

TEST(s01_a_loop_in_a_foreign_one_comes_to_rest_for_a_fork)
{
	int seven = 7;

	assert_ok(acre_begin(forks, &seven, NULL));
	drive();
	assert_int_equal(acre_end(), 14);
}

static int fails(void *unused)
{
	(void)unused;
	return acre_fail(ENOENT, "the root's failure");
}

TEST(the_roots_failure_outlives_the_loop)
{
	int r;

	assert_ok(acre_begin(fails, NULL, NULL));
	drive();
	r = acre_end();
	assert_class(r, ENOENT);
	assert_string_equal(acre_why(r)->message, "the root's failure");
	report_thread_fini();
}

TEST(calls_without_a_runtime_say_so)
{
	assert_class(acre_fd(), ACRE_ENORUNTIME);
	assert_class(acre_step(), ACRE_ENORUNTIME);
	assert_class(acre_end(), ACRE_ENORUNTIME);
	assert_class(acre_at_end(NULL, NULL), ACRE_ENORUNTIME);
	report_thread_fini();
}

static int stack_has_room_for_a_mebibyte(void *arg)
{
	char room[1 << 20];

	memset(room, 1, sizeof room);
	return room[sizeof room / 2] == 1 && !arg ? 0 : -EIO;
}

TEST(the_environment_gives_a_root_its_numbers_or_it_does_not_begin)
{
	static const char *const wrong[] = { "abc", "12abc", "-1",
					     " 7",  "0x",    "99999999999999999999999" };
	int r;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		setenv("ACRE_SEED", wrong[i], 1);
		r = acre_run(fails, NULL, NULL);
		assert_class(r, EINVAL);
		assert_text_has(acre_why(r)->message, wrong[i]);
		assert_text_has(acre_why(r)->message, "expected a number");
	}
	setenv("ACRE_SEED", "", 1); /* is none */
	setenv("ACRE_STACK_SIZE", "2097152", 1);
	assert_ok(acre_run(stack_has_room_for_a_mebibyte, NULL, NULL));
	setenv("ACRE_STACK_SIZE", "2M", 1);
	r = acre_run(stack_has_room_for_a_mebibyte, NULL, NULL);
	assert_class(r, EINVAL);
	assert_text_has(acre_why(r)->message, "ACRE_STACK_SIZE is \"2M\"");
	report_thread_fini();
}

/* What is told beyond the class: a message of its own, or what was being done. */
static bool says_the_step(int r)
{
	const struct acre_report *why = acre_why(r);

	return why->notes || strcmp(why->message, acre_class_text(why->code)) != 0;
}

static int ends_at_once(void *arg)
{
	(void)arg;
	return 0;
}

TEST(a_root_without_descriptors_says_at_which_step)
{
	struct acre_run_options signals = { .signals = true };
	struct rlimit limit, old;
	int free_fd = dup(STDERR_FILENO), n_failed = 0, r = -EMFILE;

	close(free_fd);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	limit = old;
	for (limit.rlim_cur = (rlim_t)free_fd; r < 0 && n_failed < 64; limit.rlim_cur++) {
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
		r = acre_run(ends_at_once, NULL, &signals);
		n_failed += r < 0;
		assert_true(r >= 0 || says_the_step(r));
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_ok(r);
	assert_true(n_failed >= 4);
	report_thread_fini();
}

TEST(bad_options_of_a_root_are_refused)
{
	char long_name[200];

	memset(long_name, 'x', sizeof long_name - 1);
	long_name[sizeof long_name - 1] = '\0';
	assert_class(acre_run(fails, NULL, &(struct acre_run_options){ .flags = 1 }),
		     EINVAL);
	assert_class(acre_run(fails, NULL,
			      &(struct acre_run_options){ .stack_size = SIZE_MAX }),
		     EINVAL);
	assert_class(acre_run(fails, NULL,
			      &(struct acre_run_options){ .reserved = { 1 } }),
		     EINVAL);
	assert_class(acre_run(fails, NULL, &(struct acre_run_options){ .name = "" }),
		     EINVAL);
	assert_class(acre_run(fails, NULL, &(struct acre_run_options){ .name = "\xff" }),
		     EINVAL);
	assert_class(acre_run(NULL, NULL, NULL), EINVAL);
	assert_class(acre_run(fails, NULL,
			      &(struct acre_run_options){ .name = long_name }),
		     EINVAL);
	assert_class(acre_run(fails, NULL,
			      &(struct acre_run_options){ .backend = "telepathy" }),
		     EINVAL);
	assert_class(acre_run(fails, NULL,
			      &(struct acre_run_options){ .backend = "subint" }),
		     EOPNOTSUPP);
	report_thread_fini();
}
