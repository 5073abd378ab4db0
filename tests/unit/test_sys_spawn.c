/* SPDX-License-Identifier: MIT */
/* test_sys_spawn.c - a child that borrows our memory. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/util.h"
#include "lib/test.h"

enum { STACK_LEN = 64 << 10 };

_Alignas(16) static char stack[STACK_LEN];

static pid_t spawn(int (*child)(void *), void *arg, int *ret_pidfd)
{
	struct sys_spawn_args args = {
		.stack = stack,
		.stack_len = sizeof stack,
		.ret_pidfd = ret_pidfd,
	};
	sigset_t all, old;
	pid_t pid;

	sigfillset(&all);
	sys_sigmask(SIG_SETMASK, &all, &old);
	pid = sys_spawn(&args, child, arg);
	sys_sigmask(SIG_SETMASK, &old, NULL);
	return pid;
}

static siginfo_t reap(int pidfd)
{
	siginfo_t info = { 0 };

	assert_ok(sys_waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED));
	assert_ok(sys_close(pidfd));
	return info;
}

static int return_what_it_gets(void *arg)
{
	return *(int *)arg;
}

TEST(a_child_ends_with_what_its_function_returns)
{
	int pidfd = -1, status = 42;
	pid_t pid = spawn(return_what_it_gets, &status, &pidfd);
	siginfo_t info;

	assert_true(pid > 0);
	assert_int_equal(sys_fcntl(pidfd, F_GETFD, 0), FD_CLOEXEC);
	info = reap(pidfd);
	assert_int_equal(info.si_pid, pid);
	assert_int_equal(info.si_code, CLD_EXITED);
	assert_int_equal(info.si_status, 42);
}

struct seen {
	pid_t pid, parent;
	int failure;
	uintptr_t local;
	bool is_aligned;
};

static int look_around(void *arg)
{
	struct seen *seen = arg;
	_Alignas(16) volatile char local[16] = { 0 };

	seen->pid = sys_getpid();
	seen->parent = sys_getppid();
	seen->failure = sys_chdir("/no/such/directory");
	seen->local = (uintptr_t)&local[0];
	seen->is_aligned = (uintptr_t)__builtin_frame_address(0) % 16 == 0;
	return 0;
}

TEST(a_child_shares_our_memory_and_runs_on_the_stack_it_was_given)
{
	struct seen seen = { 0 };
	int pidfd = -1;
	pid_t pid = spawn(look_around, &seen, &pidfd);

	assert_int_equal(seen.pid, pid);
	assert_int_equal(seen.parent, getpid());
	assert_int_equal(seen.failure, -ENOENT);
	assert_true(seen.is_aligned);
	assert_true(seen.local > (uintptr_t)stack);
	assert_true(seen.local < (uintptr_t)stack + STACK_LEN);
	assert_int_equal(reap(pidfd).si_status, 0);
}

static int execute(void *arg)
{
	char *const *argv = arg;

	return -sys_execve(argv[0], argv, (char *[]){ NULL });
}

TEST(a_child_becomes_another_program)
{
	char *argv[] = { (char[]){ "/bin/sh" }, (char[]){ "-c" }, (char[]){ "exit 7" },
			 NULL };
	int pidfd = -1;

	assert_ok(spawn(execute, argv, &pidfd));

	assert_int_equal(reap(pidfd).si_status, 7);
}

TEST(a_child_whose_exec_fails_goes_on)
{
	char *argv[] = { (char[]){ "/no/such/program" }, NULL };
	int pidfd = -1;

	assert_ok(spawn(execute, argv, &pidfd));

	assert_int_equal(reap(pidfd).si_status, ENOENT);
}

static int crash(void *arg)
{
	(void)arg;
	abort();
}

TEST(a_child_that_crashes_leaves_us_alone)
{
	int pidfd = -1;

	assert_ok(spawn(crash, NULL, &pidfd));

	assert_int_equal(reap(pidfd).si_status, SIGABRT);
}

TEST(a_spawn_that_fails_makes_nothing)
{
	int pidfd = -1, status = 1;
	struct sys_spawn_args args = {
		.flags = CLONE_SIGHAND | CLONE_CLEAR_SIGHAND,
		.stack = stack,
		.stack_len = sizeof stack,
		.ret_pidfd = &pidfd,
	};

	assert_int_equal(sys_spawn(&args, return_what_it_gets, &status), -EINVAL);
	assert_int_equal(pidfd, -1);
	sys_use(&sys_fault);
	sys_fault_at(1, EAGAIN, false);
	assert_int_equal(spawn(return_what_it_gets, &status, &pidfd), -EAGAIN);
	assert_int_equal(pidfd, -1);
}

TEST_FAILS(a_stack_that_is_not_aligned_is_a_bug, "CHECK")
{
	int pidfd, status = 1;
	struct sys_spawn_args args = {
		.stack = stack,
		.stack_len = sizeof stack - 8,
		.ret_pidfd = &pidfd,
	};

	acre_ignore(sys_spawn(&args, return_what_it_gets, &status));
}

/* The faults of a child are counted with ours, for its memory is ours. */
TEST(a_call_of_the_child_can_be_made_to_fail)
{
	char *argv[] = { (char[]){ "/bin/true" }, NULL };
	int pidfd = -1;

	sys_use(&sys_fault);
	sys_fault_only("execve");
	sys_fault_at(1, ENOMEM, false);
	assert_ok(spawn(execute, argv, &pidfd));

	assert_int_equal(sys_fault_calls(), 1);
	assert_int_equal(reap(pidfd).si_status, ENOMEM);
}

/* What the compiler keeps in registers over the call is there afterwards. */
TEST(a_thousand_children_leave_our_registers_and_stack_alone)
{
	int pidfd = -1, sum = 0;
	double product = 1;

	for (int i = 0; i < 1000; i++) {
		int status = i % 128;

		assert_ok(spawn(return_what_it_gets, &status, &pidfd));
		sum += reap(pidfd).si_status;
		product *= 1.001;
	}

	assert_int_equal(sum, 1000 / 128 * (127 * 128 / 2) + 103 * 104 / 2);
	assert_true(product > 2.71 && product < 2.72);
}

static void *kill_it(void *thread)
{
	pthread_kill(*(pthread_t *)thread, SIGURG);
	return NULL;
}

/* libc knows its one thread by the number that it has: what is sent to that comes. */
static _Noreturn void be_sibling(void)
{
	const struct timespec guard = { .tv_sec = 30 };
	pthread_t self = pthread_self(), other;
	sigset_t urgent;

	sigemptyset(&urgent);
	sigaddset(&urgent, SIGURG);
	if (sys_sigmask(SIG_BLOCK, &urgent, NULL) < 0 ||
	    pthread_create(&other, NULL, kill_it, &self) != 0 ||
	    sigtimedwait(&urgent, NULL, &guard) != SIGURG || pthread_join(other, NULL) != 0)
		_exit(1);
	_exit(0);
}

TEST(a_sibling_gets_the_signals_that_are_sent_to_its_thread)
{
	siginfo_t info = { 0 };
	pid_t pid = sys_fork_process();

	if (pid == 0) {
		pid = sys_fork_sibling();
		if (pid == 0)
			be_sibling();
		_exit(pid < 0);
	}
	assert_true(pid > 0);
	for (int i = 0; i < 2; i++) {
		assert_ok(sys_waitid(P_ALL, 0, &info, WEXITED | __WALL));
		assert_int_equal(info.si_code, CLD_EXITED);
		assert_int_equal(info.si_status, 0);
	}
}
