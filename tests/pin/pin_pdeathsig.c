/* SPDX-License-Identifier: MIT */
/* pin_pdeathsig.c - when a child is told that its parent has died. */
/*
 * kernel-facts K1 to K4, on bare calls, without the code that leans on them (be_exec.c,
 * spawner.c). Facts are relied on: a failure here is a failure of ours. A hazard is worked
 * around: its test passes also when it is gone, and says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/test.h"

enum { SOON = 2, CERTAINLY = 20 }; /* seconds */

#define NOBODY 65534

int acre_boot_if_actor(int argc, char **argv);

/* This program, executed with --pdeathsig: ends with what is armed. */
int acre_boot_if_actor(int argc, char **argv)
{
	int armed = 0;

	if (argc < 2 || strcmp(argv[1], "--pdeathsig") != 0)
		return 0;
	prctl(PR_GET_PDEATHSIG, &armed);
	_exit(armed);
}

static void tell(int fd, int number)
{
	if (write(fd, &number, sizeof number) != sizeof number)
		abort();
}

/* -1: the other end is closed. */
static int listen_to(int fd)
{
	int number;

	return read(fd, &number, sizeof number) == sizeof number ? number : -1;
}

/* A child of the calling thread, tied to it; answers what it is told. */
struct tied {
	pid_t pid;
	int pidfd, to, from;
};

static void answer(int from, int to)
{
	int number;

	while ((number = listen_to(from)) >= 0)
		tell(to, number);
	for (;;)
		pause();
}

static struct tied tie(void)
{
	struct tied t;
	int there[2], back[2];

	assert_int_equal(pipe2(there, O_CLOEXEC), 0);
	assert_int_equal(pipe2(back, O_CLOEXEC), 0);
	t.pid = fork();
	if (t.pid == 0) {
		close(there[1]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		tell(back[1], 0);
		answer(there[0], back[1]);
	}
	assert_true(t.pid > 0);
	close(there[0]);
	close(back[1]);
	t.to = there[1];
	t.from = back[0];
	assert_int_equal(listen_to(t.from), 0); /* it is armed */
	t.pidfd = pidfd_open(t.pid, 0);
	assert_true(t.pidfd >= 0);
	return t;
}

static bool answers(const struct tied *t)
{
	tell(t->to, 42);
	return listen_to(t->from) == 42;
}

/* How it ended, if it does not live. */
static int untie(struct tied *t)
{
	siginfo_t info = { 0 };

	pidfd_send_signal(t->pidfd, SIGTERM, NULL, 0);
	assert_int_equal(waitid(P_PIDFD, (id_t)t->pidfd, &info, WEXITED), 0);
	close(t->pidfd);
	close(t->to);
	close(t->from);
	return info.si_status;
}

/* K1 */

static void *tie_and_end(void *ret)
{
	*(struct tied *)ret = tie();
	return NULL;
}

/* A hazard: processes must be made by a thread that does not end. */
TEST(fires_when_creating_thread_ends)
{
	struct tied t;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, tie_and_end, &t), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);

	if (test_wait_pidfd(t.pidfd, SOON) != 0)
		test_note("gone: a child outlives the thread that made it");
	else
		assert_int_equal(untie(&t), SIGKILL);
}

struct immortal {
	struct tied tied;
	sem_t has_tied, may_end;
};

static void *tie_and_wait(void *arg)
{
	struct immortal *self = arg;

	self->tied = tie();
	sem_post(&self->has_tied);
	sem_wait(&self->may_end);
	return NULL;
}

static void *end(void *arg)
{
	return arg;
}

TEST(lives_while_creating_thread_lives)
{
	struct immortal immortal;
	pthread_t thread, other;

	sem_init(&immortal.has_tied, 0, 0);
	sem_init(&immortal.may_end, 0, 0);
	assert_int_equal(pthread_create(&thread, NULL, tie_and_wait, &immortal), 0);
	sem_wait(&immortal.has_tied);
	assert_int_equal(pthread_create(&other, NULL, end, NULL), 0);
	assert_int_equal(pthread_join(other, NULL), 0);

	assert_true(answers(&immortal.tied));
	assert_int_equal(untie(&immortal.tied), SIGTERM);
	sem_post(&immortal.may_end);
	assert_int_equal(pthread_join(thread, NULL), 0);
	sem_destroy(&immortal.has_tied);
	sem_destroy(&immortal.may_end);
}

/* K2 */

/* A process that ties a child to its main thread, says its pid, and does fn in the end. */
static pid_t make_parent(void (*fn)(void), int *ret_child_pidfd)
{
	int pair[2];
	pid_t pid, child;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0); /* the child comes to us */
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		tell(pair[1], tie().pid);
		listen_to(pair[1]); /* until we have a pidfd */
		fn();
		_exit(1);
	}
	assert_true(pid > 0);
	close(pair[1]);
	child = listen_to(pair[0]);
	*ret_child_pidfd = pidfd_open(child, 0);
	assert_true(*ret_child_pidfd >= 0);
	tell(pair[0], 0);
	close(pair[0]);
	return pid;
}

/* The parent is killed, and both are reaped. */
static void end_parent(pid_t pid, int child_pidfd)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(test_wait_pidfd(child_pidfd, CERTAINLY), 0);
	assert_true(waitpid(-1, NULL, 0) > 0);
	close(child_pidfd);
}

static void check_that_it_fires(void (*fn)(void), const char *gone)
{
	int child_pidfd, pidfd;
	pid_t pid = make_parent(fn, &child_pidfd);

	pidfd = pidfd_open(pid, 0);
	if (test_wait_pidfd(child_pidfd, SOON) != 0)
		test_note("gone: %s", gone);
	assert_int_equal(test_wait_pidfd(pidfd, 0),
			 -ETIMEDOUT); /* the process lives on */
	close(pidfd);
	end_parent(pid, child_pidfd);
}

static void *live_on(void *unused)
{
	while (pause() < 0)
		;
	return unused;
}

static void leave_by_pthread_exit(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, live_on, NULL) == 0)
		pthread_exit(NULL);
}

TEST(fires_on_main_pthread_exit)
{
	check_that_it_fires(leave_by_pthread_exit, "a child outlives the main thread");
}

static void *execute_sleep(void *unused)
{
	(void)unused;
	execl("/bin/sleep", "sleep", "1000", (char *)NULL);
	_exit(1);
}

static void execute_in_another_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, execute_sleep, NULL) == 0)
		pthread_join(thread, NULL);
}

TEST(fires_when_other_thread_execs)
{
	check_that_it_fires(execute_in_another_thread,
			    "a child outlives another thread's exec");
}

/* K3 */

/* Arms only when its parent is dead; says whether it noticed. */
static void arm_late(pid_t parent, int until_dead, int to)
{
	char byte;

	if (read(until_dead, &byte, 1) != 0)
		_exit(1);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	tell(to, getppid() == parent ? 0 : 1);
	_exit(0);
}

TEST(window_is_closed_by_the_check)
{
	int lifeline[2], said[2], status;
	pid_t pid;

	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	assert_int_equal(pipe2(lifeline, O_CLOEXEC), 0);
	assert_int_equal(pipe2(said, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		pid_t self = getpid();

		if (fork() == 0) {
			close(lifeline[1]);
			arm_late(self, lifeline[0], said[1]);
		}
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(lifeline[1]); /* the last write end: now it arms */

	assert_int_equal(listen_to(said[0]), 1); /* nothing was sent, but it can see it */
	assert_true(waitpid(-1, &status, 0) > 0);
	assert_int_equal(status, 0);
	close(lifeline[0]);
	close(said[0]);
	close(said[1]);
}

/* K4 */

/* What is armed in this program after it was executed by a child that had armed SIGKILL. */
static int armed_after_exec(const char *path, bool no_new_privs)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (no_new_privs)
			prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		execl(path, path, "--pdeathsig", (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

TEST(kept_over_exec)
{
	assert_int_equal(armed_after_exec("/proc/self/exe", false), SIGKILL);
	assert_int_equal(armed_after_exec("/proc/self/exe", true), SIGKILL);
}

static void copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	char bytes[65536];
	ssize_t n;

	assert_true(in >= 0 && out >= 0);
	while ((n = read(in, bytes, sizeof bytes)) > 0)
		assert_int_equal(write(out, bytes, (size_t)n), n);
	close(in);
	close(out);
}

TEST(kept_over_suid_exec_with_nnp)
{
	struct statvfs fs;
	char path[4096];

	if (geteuid() != 0)
		test_skip("only root can make a set-user-id file of somebody else");
	assert_int_equal(statvfs(test_dir(), &fs), 0);
	if (fs.f_flag & (ST_NOSUID | ST_NOEXEC))
		test_skip("%s is mounted without set-user-id files", test_dir());
	snprintf(path, sizeof path, "%s/suid", test_dir());
	copy_file("/proc/self/exe", path);
	assert_int_equal(chown(path, NOBODY, NOBODY), 0);
	assert_int_equal(chmod(path, 04755), 0);

	assert_int_equal(armed_after_exec(path, true), SIGKILL);
	if (armed_after_exec(path, false) != 0) /* a hazard */
		test_note("gone: a set-user-id program keeps it");
}

TEST(not_inherited)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int armed = -1;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pid = fork();
		if (pid == 0) {
			prctl(PR_GET_PDEATHSIG, &armed);
			_exit(armed);
		}
		waitpid(pid, &status, 0);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 255);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}
