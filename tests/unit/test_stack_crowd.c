/* SPDX-License-Identifier: MIT */
/* test_stack_crowd.c - fifty thousand tasks at once, each with a guard that names it: G19. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <acre/chan.h>

#include "base/sys.h"
#include "core/crash.h"
#include "unit/forks.h"

/* With guards that are mappings there can be 32,754 (kernel-facts K49). */
enum { CROWD = 50000 };

struct crowd {
	struct acre_event end;
	int n_waiting;
};

ACRE_TASK(wait_for_the_end, struct crowd *c)
{
	c->n_waiting++;
	return acre_event_wait(&c->end);
}

static int gather_crowd(struct acre_nursery *n, struct crowd *c)
{
	int r = 0;

	*c = (struct crowd){ .n_waiting = 0 };
	acre_event_init(&c->end);
	for (int i = 0; i < CROWD && r >= 0; i++)
		r = acre_go(n, wait_for_the_end, c);
	while (r >= 0 && c->n_waiting < CROWD)
		r = acre_yield();
	return r;
}

static void needs_guards_without_mappings(void)
{
	if (!sys_has(SYS_HAS_GUARD_INSTALL))
		test_skip("this kernel has no MADV_GUARD_INSTALL");
	if (is_sanitized())
		test_skip("a sanitizer keeps a megabyte for each task");
}

static long n_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	long n = 0;
	int c;

	assert_non_null(maps);
	while ((c = fgetc(maps)) != EOF)
		n += c == '\n';
	fclose(maps);
	return n;
}

TEST_TASK(g19_fifty_thousand_tasks_take_few_mappings)
{
	long before = n_mappings(), with = 0;
	struct crowd crowd;
	int r = 0;

	needs_guards_without_mappings();
	ACRE_NURSERY(n, r) {
		r = gather_crowd(&n, &crowd);
		with = n_mappings();
		acre_event_set(&crowd.end);
	}
	test_note("%ld mappings, and %ld before", with, before);
	assert_in_range(with, before, before + 500);
	return r;
}

/* An overflow among them. */

static volatile int bottom = -1;

static int dig(int depth)
{
	volatile char room[100];

	room[0] = (char)depth;
	return depth == bottom ? 0 : dig(depth + 1) + room[0];
}

ACRE_TASK(dig_deep, struct crowd *c)
{
	return dig(c->n_waiting > 0);
}

/* Stacks on both sides of the one that overflows are in use. */
static int overflow_in_crowd(void *unused)
{
	struct crowd crowd;
	int r = 0;

	(void)unused;
	ACRE_NURSERY(n, r) {
		r = gather_crowd(&n, &crowd);
		if (r >= 0)
			r = acre_go(&n, dig_deep, &crowd, .name = "digger");
		for (int i = 0; i < 100 && r >= 0; i++)
			r = acre_go(&n, wait_for_the_end, &crowd);
	}
	return r;
}

static _Noreturn void crash_in_crowd(int err)
{
	static const struct acre_task_kind kind = { "root", overflow_in_crowd, __FILE__,
						    __LINE__ };
	struct loop *loop = NULL;

	dup2(err, STDERR_FILENO);
	if (loop_open(&loop, &(const struct loop_options){ .seed = 0 }) < 0 ||
	    crash_catch() < 0)
		_exit(1);
	_exit(loop_run(loop, &kind, NULL) < 0);
}

TEST(g19_an_overflow_among_fifty_thousand_is_named)
{
	static char said[16384];
	int err[2], status = 0;
	size_t n = 0;
	ssize_t r;
	pid_t pid;

	needs_guards_without_mappings();
	assert_int_equal(pipe(err), 0);
	pid = fork();
	if (pid == 0)
		crash_in_crowd(err[1]);
	close(err[1]);
	while ((r = read(err[0], said + n, sizeof said - 1 - n)) > 0)
		n += (size_t)r;
	close(err[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSEGV);
	assert_text_has(said, "acre: stack overflow in task root/digger: 64 KiB used up");
}
