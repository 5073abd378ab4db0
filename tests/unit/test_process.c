/* SPDX-License-Identifier: MIT */
/* test_process.c - handles of child processes: rows S03 and S04 of the reference. */
#define _GNU_SOURCE
#include "core/process.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/sys.h"
#include "lib/run.h"

enum { SOON = 20 }; /* seconds: a guard against hanging */

/* A child that ends at once with a status, or by a signal. */
static pid_t make_child(int status, int sig)
{
	pid_t pid = fork();

	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
		if (sig) {
			sigaction(sig, &(struct sigaction){ .sa_handler = SIG_DFL },
				  NULL); /* a sanitizer's */
			raise(sig);
		}
		_exit(status);
	}
	assert_true(pid > 0);
	return pid;
}

/* A child that lives until it is killed. */
static pid_t make_sleeper(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	assert_true(pid > 0);
	return pid;
}

static struct acre_process *open_sleeper(void)
{
	struct acre_process *p = NULL;

	assert_ok(acre_process_open(&p, make_sleeper()));
	return p;
}

static void assert_collected(pid_t pid)
{
	errno = 0;
	assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/*
 * S03
 */

TEST_TASK(s03_a_status_is_told_in_these_words)
{
	static const struct {
		int status, signal;
		bool ok;
		const char *words;
	} rows[] = {
		{ 0, 0, true, "rc=0" },
		{ 7, 0, false, "rc=7" },
		{ 255, 0, false, "rc=255" },
		{ 0, SIGABRT, false, "signal=SIGABRT" },
		{ 0, SIGSEGV, false, "signal=SIGSEGV" },
		{ 0, SIGKILL, false, "signal=SIGKILL" },
		{ 0, SIGTERM, false, "signal=SIGTERM" },
	};
	char words[ACRE_STATUS_MAX];

	for (size_t i = 0; i < ARRAY_N(rows); i++)
		for (int expect = 0; expect < 2; expect++) {
			pid_t pid = make_child(rows[i].status, rows[i].signal);
			int r = acre_wait_child(pid, expect, words);

			assert_int_equal(r, rows[i].ok == (expect != 0));
			assert_string_equal(words, rows[i].words);
			assert_collected(pid);
		}
	return 0;
}

TEST_TASK(s03_the_words_may_be_left_out)
{
	assert_int_equal(acre_wait_child(make_child(0, 0), true, NULL), 1);
	assert_int_equal(acre_wait_child(make_child(3, 0), false, NULL), 1);
	return 0;
}

TEST_TASK(s03_a_core_dump_is_the_same_signal)
{
	const struct acre_death death = { .signal = SIGABRT, .core = true };
	char words[ACRE_STATUS_MAX];

	assert_string_equal(acre_process_status(&death, words), "signal=SIGABRT");
	return 0;
}

TEST_TASK(s03_who_is_no_child_cannot_be_waited_for)
{
	pid_t gone = make_child(0, 0);

	assert_int_equal(acre_wait_child(gone, true, NULL), 1);
	assert_class(acre_wait_child(getppid(), true, NULL), ECHILD);
	assert_class(acre_wait_child(gone, true, NULL), ESRCH);
	assert_class(acre_wait_child(0, true, NULL), ESRCH);
	assert_class(acre_wait_child(-1, true, NULL), ESRCH);
	return 0;
}

struct waiting {
	struct acre_process *process;
	pid_t pid;
	char words[ACRE_STATUS_MAX];
	struct acre_death death;
	int r;
};

ACRE_TASK(wait_by_number, struct waiting *w)
{
	w->r = acre_wait_child(w->pid, false, w->words);
	return w->r < 0 ? w->r : 0;
}

TEST_TASK(s03_a_cancelled_wait_may_be_called_again)
{
	struct waiting w = { .pid = make_sleeper() };
	int r = 0;

	for (int i = 0; i < 3; i++) {
		ACRE_NURSERY(n, r) {
			r = acre_go(&n, wait_by_number, &w);
			test_settle();
			acre_nursery_cancel(&n);
		}
		assert_ok(r);
		assert_int_equal(w.r, -ECANCELED);
	}
	assert_int_equal(kill(w.pid, SIGTERM), 0);
	assert_int_equal(acre_wait_child(w.pid, false, w.words), 1);

	assert_string_equal(w.words, "signal=SIGTERM");
	assert_collected(w.pid);
	return 0;
}

/*
 * S04
 */

TEST_TASK(s04_a_handle_knows_its_process)
{
	pid_t pid = make_sleeper();
	struct acre_process *p = NULL;
	struct acre_death death = { .status = 99 };

	assert_ok(acre_process_open(&p, pid));
	assert_int_equal(acre_process_pid(p), pid);
	assert_int_equal(acre_process_poll(p, &death), 0);
	assert_int_equal(death.status, 99); /* untouched while it lives */
	assert_ok(acre_process_signal(p, 0));
	acre_process_free(p);

	assert_collected(pid);
	return 0;
}

TEST_TASK(s04_a_status_is_kept_once_it_is_collected)
{
	struct acre_process *p = NULL;
	struct acre_death death = { 0 };
	pid_t pid = make_child(7, 0);

	assert_ok(acre_process_open(&p, pid));
	assert_ok(acre_process_wait(p, &death));
	assert_int_equal(death.status, 7);
	assert_int_equal(death.signal, 0);
	assert_collected(pid);

	for (int i = 0; i < 2; i++) {
		death = (struct acre_death){ 0 };
		assert_ok(acre_process_wait(p, &death));
		assert_int_equal(death.status, 7);
		death = (struct acre_death){ 0 };
		assert_int_equal(acre_process_poll(p, &death), 1);
		assert_int_equal(death.status, 7);
	}
	assert_int_equal(acre_process_pid(p), pid);
	acre_process_free(p);
	return 0;
}

TEST_TASK(s04_a_poll_sees_the_end_and_collects)
{
	struct acre_process *p = open_sleeper();
	struct acre_death death = { 0 };
	int pidfd = sys_pidfd_open(acre_process_pid(p), 0);

	assert_ok(acre_process_kill(p));
	assert_int_equal(test_wait_pidfd(pidfd, SOON), 0);
	assert_ok(sys_close(pidfd));

	assert_int_equal(acre_process_poll(p, &death), 1);
	assert_int_equal(death.signal, SIGKILL);
	assert_true(death.hard_kill);
	assert_collected(acre_process_pid(p));
	acre_process_free(p);
	return 0;
}

TEST_TASK(s04_signals_reach_the_process)
{
	static const int signals[] = { SIGUSR1, SIGTERM, SIGKILL };
	struct acre_death death;

	for (size_t i = 0; i < ARRAY_N(signals); i++) {
		struct acre_process *p = open_sleeper();

		switch (signals[i]) {
		case SIGTERM:
			assert_ok(acre_process_terminate(p));
			break;
		case SIGKILL:
			assert_ok(acre_process_kill(p));
			break;
		default:
			assert_ok(acre_process_signal(p, signals[i]));
		}
		assert_ok(acre_process_wait(p, &death));
		assert_int_equal(death.signal, signals[i]);
		assert_int_equal(death.hard_kill, signals[i] == SIGKILL);
		acre_process_free(p);
	}
	return 0;
}

TEST_TASK(s04_ending_what_has_ended_is_fine)
{
	struct acre_process *p = NULL;

	assert_ok(acre_process_open(&p, make_child(0, 0)));
	assert_ok(acre_process_kill(p)); /* alive, or a zombie */
	assert_ok(acre_process_wait(p, NULL));

	assert_ok(acre_process_kill(p));
	assert_ok(acre_process_terminate(p));
	assert_class(acre_process_signal(p, SIGTERM), ESRCH);
	acre_process_free(p);
	return 0;
}

TEST_TASK(s04_a_signal_that_is_none_is_refused)
{
	struct acre_process *p = open_sleeper();

	assert_class(acre_process_signal(p, 1000), EINVAL);
	acre_process_free(p);
	return 0;
}

ACRE_TASK(wait_for_process, struct waiting *w)
{
	w->r = acre_process_wait(w->process, &w->death);
	return w->r;
}

TEST_TASK(s04_two_tasks_wait_and_both_are_told)
{
	struct acre_process *p = open_sleeper();
	struct waiting w[3] = { { .process = p }, { .process = p }, { .process = p } };
	int r = 0;

	ACRE_NURSERY(n, r) {
		for (size_t i = 0; i < ARRAY_N(w) && r >= 0; i++)
			r = acre_go(&n, wait_for_process, &w[i]);
		test_settle();
		assert_ok(acre_process_terminate(p));
	}
	for (size_t i = 0; i < ARRAY_N(w); i++) {
		assert_ok(w[i].r);
		assert_int_equal(w[i].death.signal, SIGTERM);
	}
	acre_process_free(p);
	return r;
}

TEST_TASK(s04_a_wait_is_cancelled_and_another_goes_on)
{
	struct acre_process *p = open_sleeper();
	struct waiting stays = { .process = p }, leaves = { .process = p };
	int r = 0;

	ACRE_NURSERY(outer, r) {
		r = acre_go(&outer, wait_for_process, &stays);
		ACRE_NURSERY(n, r) {
			r = acre_go(&n, wait_for_process, &leaves);
			test_settle();
			acre_nursery_cancel(&n);
		}
		assert_int_equal(leaves.r, -ECANCELED);
		assert_int_equal(acre_process_poll(p, NULL), 0);
		assert_ok(acre_process_kill(p));
	}
	assert_int_equal(stays.death.signal, SIGKILL);
	assert_ok(acre_process_wait(p, &leaves.death)); /* entered again */
	assert_int_equal(leaves.death.signal, SIGKILL);
	acre_process_free(p);
	return r;
}

TEST_TASK(s04_a_deadline_ends_a_wait)
{
	struct acre_process *p = open_sleeper();
	int r = 0;

	ACRE_WITHIN(acre_ms(1), r)
		r = acre_process_wait(p, NULL);

	assert_class(r, ETIMEDOUT);
	assert_int_equal(acre_process_poll(p, NULL), 0);
	acre_process_free(p);
	return 0;
}

TEST_TASK(s04_a_cancelled_task_loses_no_status)
{
	struct acre_process *p = NULL;
	struct acre_death death = { 0 };
	struct acre_scope s;
	int r;

	assert_ok(acre_process_open(&p, make_child(5, 0)));
	acre_scope_open(&s);
	acre_scope_cancel(&s);
	r = acre_process_wait(p, NULL);
	assert_int_equal(r, -ECANCELED);
	assert_int_equal(acre_scope_close(&s, r), 0);

	assert_ok(acre_process_wait(p, &death));
	assert_int_equal(death.status, 5);
	acre_process_free(p);
	return 0;
}

TEST_TASK(s04_what_somebody_else_collected_is_said)
{
	struct acre_process *p = NULL;
	pid_t pid = make_child(0, 0);

	assert_ok(acre_process_open(&p, pid));
	assert_int_equal(waitpid(pid, NULL, 0), pid);

	assert_class(acre_process_wait(p, NULL), ECHILD);
	assert_class(acre_process_poll(p, NULL), ECHILD);
	assert_ok(acre_process_kill(p));
	acre_process_free(p);
	return 0;
}

TEST_TASK(s04_a_handle_is_of_no_use_in_a_child_of_fork)
{
	struct acre_process *p = open_sleeper();
	pid_t pid = fork();

	if (pid == 0) {
		bool refused = acre_is(acre_process_wait(p, NULL), ECHILD) &&
			       acre_is(acre_process_poll(p, NULL), ECHILD) &&
			       acre_is(acre_process_kill(p), ECHILD);

		acre_process_free(p);
		_exit(refused ? 0 : 1);
	}
	assert_int_equal(acre_wait_child(pid, true, NULL), 1);
	assert_int_equal(acre_process_poll(p, NULL), 0); /* it was not hit */
	acre_process_free(p);
	return 0;
}

TEST_TASK(s04_freeing_a_handle_leaves_no_process)
{
	pid_t pid = make_sleeper();
	struct acre_process *p = NULL;
	struct acre_scope s;
	int r;

	assert_ok(acre_process_open(&p, pid));
	acre_scope_open(&s);
	acre_scope_cancel(&s); /* cancelled or not */
	acre_process_free(p);
	r = acre_scope_close(&s, 0);

	assert_collected(pid);
	acre_process_free(NULL);
	return r;
}

TEST_TASK(s04_only_children_can_be_held)
{
	struct acre_process *p = NULL;

	assert_class(acre_process_open(&p, getppid()), ECHILD);
	assert_class(acre_process_open(&p, 0), ESRCH);
	assert_null(p);
	return 0;
}
