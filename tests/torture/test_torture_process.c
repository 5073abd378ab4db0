/* SPDX-License-Identifier: MIT */
/* test_torture_process.c - processes that are no actors, and armed dumps, while things fail. */
#include "torture/torture.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <acre/dump.h>
#include <acre/process.h>

/* The child has not begun: it says so on stderr, and its status is not that of its function. */
#define IN_CHILD ECHILD

static const int process_may[] = { IN_CHILD, 0 };

enum { STATUS = 9 };

static int tell_status(void *unused)
{
	(void)unused;
	return STATUS;
}

static int wait_for_a_signal(void *unused)
{
	(void)unused;
	pause(); /* it has none that it would survive */
	return 0;
}

static int judge_status(int r, const struct acre_death *death)
{
	char words[ACRE_STATUS_MAX];

	if (r < 0 || (!death->signal && death->status == STATUS))
		return r;
	return acre_fail(IN_CHILD, "the child has ended with %s",
			 acre_process_status(death, words));
}

TORTURE(a_forked_function, .may = process_may)
{
	struct acre_process *p = NULL;
	struct acre_death death = { 0 };
	int r = acre_fork_from_worker(&p, tell_status, NULL);

	if (r < 0) {
		assert_null(p);
		return r;
	}
	assert_true(acre_process_pid(p) > 0);
	r = judge_status(acre_process_wait(p, &death), &death);
	acre_process_free(p);
	return r;
}

TORTURE(a_forked_function_with_no_luck, .may = process_may, .in_actors = true)
{
	struct acre_process *p = NULL;
	struct acre_death death = { 0 };
	int r = acre_fork_from_worker(&p, tell_status, NULL);

	if (r >= 0)
		r = judge_status(acre_process_wait(p, &death), &death);
	acre_process_free(p);
	return r;
}

TORTURE(two_forked_functions_of_one_loop, .may = process_may)
{
	struct acre_process *p[2] = { NULL, NULL };
	struct acre_death death = { 0 };
	int r = 0;

	for (int i = 0; i < 2 && r >= 0; i++)
		r = acre_fork_from_worker(&p[i], tell_status, NULL);
	for (int i = 0; i < 2; i++) {
		if (r >= 0)
			r = judge_status(acre_process_wait(p[i], &death), &death);
		acre_process_free(p[i]);
	}
	return r;
}

/* Whether or not it could be asked to end, none is left. ESRCH: it had not begun. */
TORTURE(a_forked_function_that_is_ended, .may = (const int[]){ ESRCH, 0 })
{
	struct acre_process *p = NULL;
	int r = acre_fork_from_worker(&p, wait_for_a_signal, NULL);

	if (r >= 0)
		r = acre_process_poll(p, NULL);
	if (r >= 0)
		r = acre_process_signal(p, SIGCONT);
	if (r >= 0)
		r = acre_process_terminate(p);
	if (r >= 0)
		r = acre_process_kill(p);
	if (r >= 0)
		r = acre_process_wait(p, NULL);
	acre_process_free(p);
	return r;
}

/* Of the program itself; it waits until it is let go. */
static pid_t fork_plainly(int gate[2])
{
	char byte;
	pid_t pid;

	assert_int_equal(pipe(gate), 0);
	pid = fork();
	if (pid == 0) {
		close(gate[1]);
		_exit(read(gate[0], &byte, 1) == 0 ? STATUS : 1);
	}
	assert_true(pid > 0);
	close(gate[0]);
	return pid;
}

/* What acre could not collect is still the program's. */
static void collect(pid_t pid)
{
	assert_true(waitpid(pid, NULL, 0) == pid || errno == ECHILD);
}

TORTURE(a_child_that_is_held, .may = process_may)
{
	struct acre_process *p = NULL;
	struct acre_death death = { 0 };
	int gate[2], r;
	pid_t pid = fork_plainly(gate);

	r = acre_process_open(&p, pid);
	close(gate[1]);
	if (r >= 0)
		r = judge_status(acre_process_wait(p, &death), &death);
	acre_process_free(p);
	collect(pid);
	return r;
}

TORTURE(a_child_known_by_its_number, .may = process_may)
{
	char words[ACRE_STATUS_MAX];
	int gate[2], r;
	pid_t pid = fork_plainly(gate);

	close(gate[1]);
	r = acre_wait_child(pid, false, words);
	assert_true(r < 0 || r == 1);
	collect(pid);
	return r;
}

TORTURE(a_dump_that_is_not_needed)
{
	struct acre_hang hang;
	int r = acre_dump_on_hang(&hang, acre_secs(3600), .path = "/dev/null");

	if (r >= 0)
		assert_null(acre_hang_path(&hang));
	return acre_hang_close(&hang, r);
}
