/* SPDX-License-Identifier: MIT */
/* test_pidref.c - a process that cannot be mistaken for another. */
#define _GNU_SOURCE
#include "base/pidref.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/util.h"
#include "lib/test.h"

/* A child that waits to be killed. */
static struct pidref make_child(uint64_t exit_signal)
{
	struct clone_args args = { .exit_signal = exit_signal };
	struct pidref p = PIDREF_NULL;
	pid_t pid = sys_clone3(&args, sizeof args);

	if (pid == 0)
		for (;;)
			pause();
	assert_ok(pid);
	assert_ok(pidref_open(&p, pid));
	assert_int_equal(p.pid, pid);
	return p;
}

static void kill_and_reap(struct pidref *p)
{
	assert_ok(pidref_signal(p, SIGKILL));
	assert_int_equal(pidref_reap(p, NULL, 0), 1);
	pidref_fini(p);
}

TEST(this_process_can_be_referred_to)
{
	struct pidref self = PIDREF_NULL;

	assert_ok(pidref_self(&self));

	assert_int_equal(self.pid, getpid());
	assert_int_equal(sys_fcntl(self.fd, F_GETFD, 0), FD_CLOEXEC);
	assert_false(pidref_is_dead(&self));
	assert_ok(pidref_signal(&self, 0));
	pidref_fini(&self);
}

TEST(a_child_lives_is_killed_and_reaped)
{
	struct pidref p = make_child(SIGCHLD);
	siginfo_t info;

	assert_false(pidref_is_dead(&p));
	assert_int_equal(pidref_reap(&p, &info, WNOHANG), 0);

	assert_ok(pidref_signal(&p, SIGTERM));
	assert_int_equal(test_wait_pidfd(p.fd, 10), 0);
	assert_true(pidref_is_dead(&p));

	assert_int_equal(pidref_reap(&p, &info, WNOHANG), 1);
	assert_int_equal(info.si_pid, p.pid);
	assert_int_equal(info.si_code, CLD_KILLED);
	assert_int_equal(info.si_status, SIGTERM);
	pidref_fini(&p);
}

TEST(what_says_how_it_ended_is_written_only_when_it_has_ended)
{
	struct pidref p = make_child(SIGCHLD);
	siginfo_t info = { .si_status = 77 };

	assert_int_equal(pidref_reap(&p, &info, WNOHANG), 0);

	assert_int_equal(info.si_status, 77);
	kill_and_reap(&p);
}

TEST(a_child_can_be_looked_at_before_it_is_reaped)
{
	struct pidref p = make_child(SIGCHLD);
	siginfo_t info;

	assert_ok(pidref_signal(&p, SIGKILL));
	assert_int_equal(pidref_reap(&p, &info, WNOWAIT), 1);
	assert_int_equal(info.si_status, SIGKILL);
	assert_int_equal(pidref_reap(&p, &info, 0), 1);
	assert_int_equal(pidref_reap(&p, &info, 0), -ECHILD);
	pidref_fini(&p);
}

/* kernel-facts K16: children of a forkserver have no exit signal and need __WALL. */
TEST(a_child_without_an_exit_signal_is_reaped_too)
{
	struct pidref p = make_child(0);

	kill_and_reap(&p);
}

TEST(who_was_reaped_is_dead_and_cannot_be_signalled)
{
	struct pidref p = make_child(SIGCHLD);

	assert_ok(pidref_signal(&p, SIGKILL));
	assert_int_equal(pidref_reap(&p, NULL, 0), 1);

	assert_true(pidref_is_dead(&p));
	assert_int_equal(pidref_signal(&p, SIGKILL), -ESRCH);
	pidref_fini(&p);
}

TEST(a_process_has_one_id_and_two_processes_have_two)
{
	struct pidref a = make_child(SIGCHLD), b = make_child(SIGCHLD),
		      again = PIDREF_NULL;

	if (!sys_has(SYS_HAS_PIDFD_INODE)) {
		kill_and_reap(&a);
		kill_and_reap(&b);
		test_skip("this kernel has no inodes of pidfds");
	}
	assert_ok(pidref_open(&again, a.pid));

	assert_int_not_equal(a.id, 0);
	assert_int_equal(again.id, a.id);
	assert_int_not_equal(a.id, b.id);
	pidref_fini(&again);
	kill_and_reap(&a);
	kill_and_reap(&b);
}

TEST(without_inodes_the_id_is_0)
{
	struct pidref self = PIDREF_NULL;

	sys_hide(SYS_HAS_PIDFD_INODE, true);
	assert_ok(pidref_self(&self));

	assert_int_equal(self.id, 0);
	pidref_fini(&self);
}

TEST(a_taken_pidfd_is_closed_also_if_it_cannot_be_looked_at)
{
	int fd = sys_pidfd_open(getpid(), 0);
	struct pidref p = PIDREF_NULL;

	if (!sys_has(SYS_HAS_PIDFD_INODE)) {
		assert_ok(sys_close(fd));
		test_skip("this kernel has no inodes of pidfds");
	}
	sys_use(&sys_fault);
	sys_fault_at(1, EIO, false);

	assert_int_equal(pidref_take(&p, getpid(), fd), -EIO);

	assert_int_equal(p.fd, -1);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

TEST(nobody_is_dead_and_has_nothing_to_signal_or_reap)
{
	struct pidref nobody = PIDREF_NULL;

	assert_true(pidref_is_dead(&nobody));
	assert_int_equal(pidref_signal(&nobody, SIGKILL), -ESRCH);
	assert_int_equal(pidref_reap(&nobody, NULL, 0), -ECHILD);
	pidref_fini(&nobody);
}

TEST(fini_closes_once_and_leaves_nobody)
{
	struct pidref self = PIDREF_NULL;

	assert_ok(pidref_self(&self));
	pidref_fini(&self);
	pidref_fini(&self);

	assert_int_equal(self.fd, -1);
	assert_int_equal(self.pid, 0);
}

/* A child that leads a group of its own, with a member that has the pipe open, too. */
static pid_t make_group(int hold)
{
	pid_t leader = fork();

	if (leader == 0) {
		char byte = 0;

		setpgid(0, 0);
		if (fork() != 0)
			acre_ignore(write(hold, &byte, 1));
		for (;;)
			pause();
	}
	assert_true(leader > 0);
	return leader;
}

TEST(a_group_is_signalled_while_its_leader_is_not_reaped)
{
	struct pidref p = PIDREF_NULL;
	char byte;
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_ok(pidref_open(&p, make_group(ends[1])));
	close(ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 1);

	assert_ok(pidref_signal(&p, SIGKILL));
	assert_int_equal(pidref_reap(&p, NULL, WNOWAIT), 1);
	assert_ok(pidref_signal_group(&p, SIGKILL));
	assert_int_equal(read(ends[0], &byte, 1), 0); /* its member is gone, too */

	assert_int_equal(pidref_reap(&p, NULL, 0), 1);
	assert_int_equal(pidref_signal_group(&p, SIGKILL), -ESRCH);
	pidref_fini(&p);
	assert_int_equal(pidref_signal_group(&p, SIGKILL), -ESRCH);
	close(ends[0]);
}
