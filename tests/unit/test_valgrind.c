/* SPDX-License-Identifier: MIT */
/* test_valgrind.c - a program with tasks is clean under valgrind, which is told of their stacks. */
/*
 * The program runs one of its own tests again, under memcheck. So what valgrind is told is
 * tested in every build that it can run, and the planted bug is found without a job of
 * its own.
 */
#define _GNU_SOURCE
#include <sys/wait.h>
#include <unistd.h>

#include "lib/run.h"

enum { CROWD = 20, TURNS = 5, DEPTH = 8 };

/* Linked into a program that valgrind cannot run. */
void __asan_init(void) __attribute__((weak));
void __tsan_init(void) __attribute__((weak));
void __msan_init(void) __attribute__((weak));

/* The status that valgrind ended with, -1 if it died; its end is in our output. */
static int run_under_valgrind(const char *program, const char *test)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execlp("valgrind", "valgrind", "-q", "--error-exitcode=99", program,
		       "--no-fork", test, (char *)NULL);
		_exit(127);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* It does not start without the symbols of libc (libc6-dbg). */
static void skip_without_valgrind(void)
{
	if (__asan_init || __tsan_init || __msan_init)
		test_skip("valgrind does not run what a sanitizer is in");
	if (run_under_valgrind("true", "") != 0)
		test_skip("there is no valgrind here, or it cannot start");
}

/* Has a frame at each depth with a number in it that must be there after the switch. */
__attribute__((noinline))
static int descend_and_yield(int depth)
{
	volatile int mine = depth;
	int r = depth < DEPTH ? descend_and_yield(depth + 1) : acre_yield();

	assert_int_equal(mine, depth);
	return r;
}

ACRE_TASK(take_turns, void *unused)
{
	int r = 0;

	(void)unused;
	for (int i = 0; i < TURNS && r >= 0; i++)
		r = descend_and_yield(0);
	return r;
}

TEST_TASK(tasks_that_take_turns_keep_their_stacks)
{
	struct acre_nursery n;
	int r = 0;

	acre_nursery_open(&n);
	for (int i = 0; i < CROWD && r >= 0; i++)
		r = acre_go(&n, take_turns, NULL);
	return acre_nursery_close(&n, r);
}

TEST(g20_memcheck_has_nothing_to_say_of_tasks_that_take_turns)
{
	static const char inner[] = "tasks_that_take_turns_keep_their_stacks";
	char self[4096];
	ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);

	skip_without_valgrind();
	assert_in_range(len, 1, sizeof self - 1);
	self[len] = '\0';

	assert_int_equal(run_under_valgrind(self, inner), 0);
}
