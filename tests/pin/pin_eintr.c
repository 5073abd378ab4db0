/* SPDX-License-Identifier: MIT */
/* pin_eintr.c - which calls a stop and continue interrupts, in a process without any handler. */
/*
 * kernel-facts K36: what every ^Z and each attach of a debugger does. The code that leans on
 * it is base/sys.c, where an interrupted call is made again.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/sys.h"
#include "lib/test.h"

static int wait_on_epoll(int fd)
{
	struct epoll_event event = { .events = EPOLLIN };
	int set = epoll_create1(EPOLL_CLOEXEC);

	epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
	return (int)syscall(SYS_epoll_pwait, set, &event, 1, -1, NULL, 0L);
}

static int wait_on_ours(int fd)
{
	struct epoll_event event = { .events = EPOLLIN };
	int set = epoll_create1(EPOLL_CLOEXEC);

	epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
	return sys_epoll_wait(set, &event, 1, -1);
}

static int wait_in_poll(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return ppoll(&p, 1, NULL, NULL);
}

static int wait_in_read(int fd)
{
	char byte;

	return (int)read(fd, &byte, 1);
}

static int wait_in_recv_with_timeout(int fd)
{
	struct timeval hour = { .tv_sec = 3600 };
	char byte;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &hour, sizeof hour);
	return (int)recv(fd, &byte, 1, 0);
}

/* The number of the call that the process sleeps in; -1: it runs. */
static long call_of(pid_t pid)
{
	char path[64], text[32] = "";
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/syscall", (int)pid);
	f = fopen(path, "re");
	if (!f || !fgets(text, sizeof text, f))
		text[0] = 'r';
	if (f)
		fclose(f);
	return text[0] == 'r' ? -1 : atol(text);
}

static bool can_see_calls(void)
{
	return access("/proc/self/syscall", R_OK) == 0;
}

static void wait_until_in(pid_t pid, long call)
{
	while (call_of(pid) != call)
		sched_yield();
}

static void stop_and_continue(pid_t pid)
{
	siginfo_t info;

	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WSTOPPED), 0);
	assert_int_equal(kill(pid, SIGCONT), 0);
}

/* A process waits in that call, is stopped and continued, and then what it waits for comes.
 * Returns the errno that its wait ended with; 0: it got it. */
static int after_stop_and_continue(int (*wait)(int fd), long call)
{
	int pair[2], status;
	pid_t pid;

	if (!can_see_calls())
		test_skip("/proc/PID/syscall cannot be read");
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	pid = fork();
	if (pid == 0)
		_exit(wait(pair[0]) < 0 ? errno : 0);
	wait_until_in(pid, call);
	stop_and_continue(pid);
	assert_int_equal(write(pair[1], "x", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	close(pair[0]);
	close(pair[1]);
	return WEXITSTATUS(status);
}

TEST(stop_cont_interrupts_epoll_wait)
{
	assert_int_equal(after_stop_and_continue(wait_on_epoll, SYS_epoll_pwait), EINTR);
}

TEST(stop_cont_interrupts_recv_with_a_timeout)
{
	assert_int_equal(after_stop_and_continue(wait_in_recv_with_timeout, SYS_recvfrom),
			 EINTR);
}

TEST(stop_cont_restarts_poll_and_read)
{
	assert_int_equal(after_stop_and_continue(wait_in_poll, SYS_ppoll), 0);
	assert_int_equal(after_stop_and_continue(wait_in_read, SYS_read), 0);
}

/* In libc for a wait without an end: epoll_wait() or epoll_pwait(). */
TEST(our_epoll_wait_is_made_again)
{
#ifdef SYS_epoll_wait
	assert_int_equal(after_stop_and_continue(wait_on_ours, SYS_epoll_wait), 0);
#else
	assert_int_equal(after_stop_and_continue(wait_on_ours, SYS_epoll_pwait), 0);
#endif
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Stopped again and again it still ends when it is due: the deadline is absolute. */
TEST(a_wait_made_again_is_not_longer)
{
	enum { WAIT_MS = 300, LATE_MS = 2000 };
	int64_t begun = now_ms();
	pid_t pid = fork();
	int status, pidfd;

	if (pid == 0) {
		struct epoll_event event;
		int set = epoll_create1(EPOLL_CLOEXEC);

		_exit(sys_epoll_wait(set, &event, 1, WAIT_MS * 1000000LL) == 0 ? 0 : 1);
	}
	pidfd = pidfd_open(pid, 0);
	while (test_wait_pidfd(pidfd, 0) != 0 && now_ms() - begun < WAIT_MS + LATE_MS) {
		kill(pid, SIGSTOP);
		kill(pid, SIGCONT);
		sched_yield();
	}
	assert_true(now_ms() - begun >= WAIT_MS);
	assert_int_equal(test_wait_pidfd(pidfd, 0), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(pidfd);
}
