/* SPDX-License-Identifier: MIT */
/* test_forked.c - what a child of fork is born with, and how it dies: row S01 of the reference. */
#define _GNU_SOURCE
#include "unit/forks.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/sys.h"

static int return_it(void *arg)
{
	return *(int *)arg;
}

TEST_TASK(s01_the_status_is_the_result_of_the_function)
{
	int results[] = { 0, 7, 255 };

	assert_status(return_it, &results[0], "rc=0");
	assert_status(return_it, &results[1], "rc=7");
	assert_status(return_it, &results[2], "rc=255");
	assert_status(NULL, NULL, "rc=0");
	assert_no_child();
	return 0;
}

/* What is said on stderr meanwhile, to be freed. */
static char *stderr_of(int (*fn)(void *), void *arg, const char *status)
{
	int saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3), said[2];
	char *text = calloc(1, 4096);

	assert_non_null(text);
	assert_int_equal(pipe2(said, O_CLOEXEC), 0);
	assert_int_equal(dup2(said[1], STDERR_FILENO), STDERR_FILENO);
	close(said[1]);
	assert_string_equal(status_of(fn, arg, 0), status);
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	close(saved);
	assert_true(read(said[0], text, 4095) >= 0);
	close(said[0]);
	return text;
}

static int fail_with_a_story(void *arg)
{
	return acre_fail(ENOENT, "no %s here", (const char *)arg);
}

TEST_TASK(s01_a_failure_is_the_status_2_and_is_said)
{
	char what[] = "treasure", *said;
	int plain = -EIO, too_much = 256;

	said = stderr_of(fail_with_a_story, what, "rc=2");
	assert_text_has(said, "failed: ENOENT: no treasure here\n");
	free(said);
	said = stderr_of(return_it, &plain, "rc=2");
	assert_text_has(said, "failed: EIO: ");
	free(said);
	said = stderr_of(return_it, &too_much, "rc=2");
	assert_text_has(said, "returned 256, which is no status\n");
	free(said);
	return 0;
}

static int crash(void *arg)
{
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
	raise(*(int *)arg);
	return 0;
}

TEST_TASK(s01_a_signal_is_told_as_a_signal)
{
	int signals[] = { SIGABRT, SIGSEGV, SIGTERM, SIGKILL };

	assert_status(crash, &signals[0], "signal=SIGABRT");
	assert_status(crash, &signals[1], "signal=SIGSEGV");
	assert_status(crash, &signals[2], "signal=SIGTERM");
	assert_status(crash, &signals[3], "signal=SIGKILL");
	return 0;
}

/*
 * What the child is born with.
 */

TEST_TASK(s01_only_0_1_2_are_open_in_the_child)
{
	int careless = open("/dev/zero", O_RDONLY); /* as a library does: no O_CLOEXEC */

	assert_int_equal(fcntl(careless, F_DUPFD, 500), 500);

	assert_status(tell_fds, NULL, "rc=3");
	close(500);
	close(careless);
	return 0;
}

/* Three pipes, of which the first and the last are declared. */
struct pipes {
	int fds[3][2];
};

static int use_declared(void *arg)
{
	struct pipes *p = arg;

	if (write(p->fds[0][1], "a", 1) != 1 || write(p->fds[2][1], "c", 1) != 1)
		return 100;
	return write(p->fds[1][1], "b", 1) == 1 ? 101 : count_fds();
}

TEST_TASK(s01_declared_descriptors_stay_under_their_numbers)
{
	struct acre_process *p = NULL;
	struct acre_death death = { 0 };
	struct pipes pipes;
	char byte = 0;

	for (int i = 0; i < 3; i++)
		assert_int_equal(pipe2(pipes.fds[i], O_CLOEXEC), 0);
	assert_ok(acre_fork_from_worker(&p, use_declared, &pipes, .flags = STRANGERS,
					.fds = (int[]){ pipes.fds[2][1], 1,
							pipes.fds[0][1] },
					.n_fds = 3));
	assert_ok(acre_process_wait(p, &death));
	acre_process_free(p);

	assert_int_equal(death.signal, 0);
	assert_int_equal(death.status, 5);
	assert_int_equal(read(pipes.fds[0][0], &byte, 1), 1);
	assert_int_equal(byte, 'a');
	assert_int_equal(read(pipes.fds[2][0], &byte, 1), 1);
	assert_int_equal(byte, 'c');
	for (int i = 0; i < 3; i++) {
		close(pipes.fds[i][0]);
		close(pipes.fds[i][1]);
	}
	return 0;
}

static void on_signal(int sig)
{
	(void)sig;
}

static int tell_signals(void *unused)
{
	struct sigaction action;
	sigset_t mask;

	(void)unused;
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	for (int sig = 1; sig <= SIGRTMAX; sig++) {
		if (sigismember(&mask, sig) == 1)
			return sig;
		if (sigaction(sig, NULL, &action) == 0 && action.sa_handler != SIG_DFL)
			return 100 + sig;
	}
	return 0;
}

TEST_TASK(s01_signals_are_fresh_in_the_child)
{
	sigset_t usr2;

	sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = on_signal }, NULL);
	sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
	sigemptyset(&usr2);
	sigaddset(&usr2, SIGUSR2);
	sigprocmask(SIG_BLOCK, &usr2, NULL);

	assert_status(tell_signals, NULL, "rc=0");
	sigprocmask(SIG_UNBLOCK, &usr2, NULL);
	sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	return 0;
}

static int tell_pdeathsig(void *unused)
{
	int sig = 0;

	(void)unused;
	prctl(PR_GET_PDEATHSIG, &sig);
	return sig;
}

static char left_by_atexit[4096];

static void leave_a_file(void)
{
	int fd = open(left_by_atexit, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
}

TEST_TASK(s01_no_exit_handler_of_the_parent_runs_in_the_child)
{
	snprintf(left_by_atexit, sizeof left_by_atexit, "%s/left", test_dir());
	assert_int_equal(atexit(leave_a_file), 0);

	assert_status(NULL, NULL, "rc=0");
	assert_int_equal(access(left_by_atexit, F_OK), -1);
	return 0;
}

static int use_parents_objects(void *arg)
{
	if (loop_this)
		return 1;
	if (!acre_is(acre_process_poll(arg, NULL), ECHILD))
		return 3;
	if (!acre_is(acre_process_kill(arg), ECHILD))
		return 4;
	acre_process_free(arg);
	return 0;
}

static int sleep_for_ever(void *unused)
{
	(void)unused;
	for (;;)
		pause();
	return 0;
}

TEST_TASK(s01_what_is_the_parents_is_refused_in_the_child)
{
	struct acre_process *p = NULL;

	assert_ok(acre_fork_from_worker(&p, sleep_for_ever, NULL, .flags = STRANGERS));
	assert_status(use_parents_objects, p, "rc=0");
	assert_int_equal(acre_process_poll(p, NULL), 0); /* it was not hit */
	acre_process_free(p);
	assert_no_child();
	return 0;
}

static int set_flag(void *arg)
{
	*(bool *)arg = true;
	return 0;
}

static int call_in_child(void *unused)
{
	bool has_run = false;
	int r = acre_blocking(set_flag, &has_run);

	(void)unused;
	return r < 0 || !has_run ? -EIO : 0;
}

static const struct acre_task_kind child_kind = { "root", call_in_child, __FILE__,
						  __LINE__ };

static int live_with_a_loop(void *unused)
{
	struct loop *loop = NULL;
	int r = loop_open(&loop, &(const struct loop_options){ .seed = 0 });

	(void)unused;
	if (r >= 0)
		r = loop_run(loop, &child_kind, NULL);
	if (loop)
		loop_free(loop);
	return r < 0 ? 9 : 0;
}

TEST_TASK(s01_a_child_may_have_a_loop_of_its_own)
{
	bool has_run = false;

	if (is_tsan())
		return 0; /* it starts no threads after a fork of several */
	assert_ok(acre_blocking(set_flag,
				&has_run)); /* a pool that the child must not use */
	assert_status(live_with_a_loop, NULL, "rc=0");
	return 0;
}

/*
 * Death.
 */

TEST_TASK(s01_the_child_is_tied_to_its_parent)
{
	assert_status(tell_pdeathsig, NULL, "rc=9");
	return 0;
}

static int to_test; /* of the parent below */

static int tell_pid_and_sleep(void *unused)
{
	pid_t self = getpid();

	if (write(to_test, &self, sizeof self) != sizeof self)
		return 1;
	return sleep_for_ever(unused);
}

static int fork_and_sleep(void *unused)
{
	struct acre_process *p;
	int r = acre_fork_from_worker(&p, tell_pid_and_sleep, NULL, .fds = &to_test,
				      .n_fds = 1, .flags = STRANGERS);

	(void)unused;
	return r < 0 ? r : acre_process_wait(p, NULL);
}

static const struct acre_task_kind parent_kind = { "root", fork_and_sleep, __FILE__,
						   __LINE__ };

/* C076's promise, one level down: nothing survives a parent that was killed. */
TEST(s01_a_killed_parent_leaves_no_child)
{
	int told[2], pidfd;
	pid_t parent, child = 0;

	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0); /* the child comes to us */
	assert_int_equal(pipe2(told, O_CLOEXEC), 0);
	to_test = told[1];
	parent = fork();
	if (parent == 0) {
		test_run_task(&parent_kind);
		_exit(1);
	}
	close(told[1]);
	assert_int_equal(read(told[0], &child, sizeof child), sizeof child);
	pidfd = sys_pidfd_open(child, 0);
	assert_true(pidfd >= 0);

	assert_int_equal(kill(parent, SIGKILL), 0);

	assert_int_equal(test_wait_pidfd(pidfd, SOON), 0);
	assert_int_equal(waitpid(parent, NULL, 0), parent);
	assert_int_equal(waitpid(child, NULL, 0), child);
	close(pidfd);
	close(told[0]);
}

TEST_TASK(s01_a_handle_that_is_freed_ends_the_child)
{
	struct acre_process *p = NULL;

	for (int i = 0; i < 3; i++) {
		assert_ok(acre_fork_from_worker(&p, sleep_for_ever, NULL,
						.flags = STRANGERS));
		acre_process_free(p);
		assert_no_child();
	}
	return 0;
}
