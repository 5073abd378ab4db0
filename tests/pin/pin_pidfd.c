/* SPDX-License-Identifier: MIT */
/* pin_pidfd.c - what a pidfd names when its process is gone and its number is somebody else's. */
/*
 * kernel-facts K37, on bare calls, without the code that leans on it (pidref.c). A failure
 * here is a failure of ours.
 */
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/test.h"

/* A process that waits, with this number; 0: any. -errno. */
static pid_t make(pid_t number)
{
	struct clone_args args = { .exit_signal = SIGCHLD,
				   .set_tid = number ? (uintptr_t)&number : 0,
				   .set_tid_size = number ? 1 : 0 };
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);

	if (pid == 0)
		for (;;)
			pause();
	return pid < 0 ? -errno : pid;
}

static void end(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static int signal_by(int pidfd)
{
	return pidfd_send_signal(pidfd, 0, NULL, 0) == 0 ? 0 : -errno;
}

TEST(reaped_is_esrch)
{
	pid_t pid = make(0);
	int pidfd = pidfd_open(pid, 0);

	assert_true(pidfd >= 0);
	assert_int_equal(signal_by(pidfd), 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(test_wait_pidfd(pidfd, 20), 0);
	assert_int_equal(signal_by(pidfd), 0); /* dead, but not reaped: still its own */
	assert_int_equal(waitpid(pid, NULL, 0), pid);

	assert_int_equal(signal_by(pidfd), -ESRCH);
	close(pidfd);
}

TEST(reuse_is_not_hit)
{
	pid_t pid = make(0), stranger;
	int pidfd = pidfd_open(pid, 0);

	assert_true(pidfd >= 0);
	end(pid);
	stranger = make(pid);
	if (stranger == -EPERM || stranger == -EEXIST) {
		close(pidfd);
		test_skip("a process number cannot be chosen here: %s",
			  stranger == -EPERM ? "not privileged" : "taken at once");
	}
	assert_int_equal(stranger, pid);

	assert_int_equal(kill(pid, 0), 0); /* the number hits the stranger */
	assert_int_equal(signal_by(pidfd), -ESRCH);
	assert_int_equal(test_wait_pidfd(pidfd, 0), 0);
	end(stranger);
	close(pidfd);
}
