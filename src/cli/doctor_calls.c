/* SPDX-License-Identifier: MIT */
/* doctor_calls.c - what the kernel does with processes, found out by doing it. */
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <acre/error.h>

#include "actor/contain.h"
#include "base/clock.h"
#include "base/pidref.h"
#include "base/sys.h"
#include "base/util.h"
#include "cli/doctor.h"

/* Longer than a death takes on a busy machine; what takes longer does not happen */
#define PATIENCE_NS INT64_C(3000000000)

/* Of Linux 7.1, like what they stand for. */
#define CLONE_AUTOREAP_	      (UINT64_C(1) << 34)
#define CLONE_NNP_	      (UINT64_C(1) << 35)
#define CLONE_PIDFD_AUTOKILL_ (UINT64_C(1) << 36)

static void say(struct doctor_finding *ret, int r, const char *what)
{
	if (r < 0)
		doctor_found(ret, DOCTOR_MISSING, "%s: %s", what, strerror(-r));
	else
		doctor_found(ret, DOCTOR_OK, "%s", what);
}

/* This command has one thread, so its children may do what they like. */
static pid_t fork_with(uint64_t flags, int exit_signal, struct pidref *ret)
{
	int pidfd = -1;
	struct clone_args args = { .flags = flags | CLONE_PIDFD,
				   .pidfd = (uintptr_t)&pidfd,
				   .exit_signal = (unsigned)exit_signal };
	pid_t pid = sys_clone3(&args, sizeof args);

	*ret = PIDREF_NULL;
	if (pid > 0)
		*ret = (struct pidref){ .pid = pid, .fd = pidfd };
	return pid;
}

static void end(struct pidref *p)
{
	acre_ignore(pidref_signal(p, SIGKILL));
	acre_ignore(pidref_reap(p, NULL, 0)); /* bound: SIGKILL */
	pidref_fini(p);
}

static _Noreturn void stay(void)
{
	for (;;)
		acre_ignore(sys_poll(NULL, 0, -1)); /* bound: SIGKILL */
}

void doctor_pidfd(struct doctor_finding *ret)
{
	struct pollfd p = { .events = POLLIN };
	struct pidref self = PIDREF_NULL;
	siginfo_t info = { 0 };
	int r = pidref_self(&self);

	if (r >= 0)
		r = pidref_signal(&self, 0);
	p.fd = self.fd;
	if (r >= 0)
		r = sys_poll(&p, 1, 0);
	if (r >= 0) {
		r = sys_waitid(P_PIDFD, (id_t)self.fd, &info, WEXITED | WNOHANG);
		r = r == -ECHILD ? 0 : r; /* we are no child of ours */
		pidref_fini(&self);
	}
	say(ret, r, "opened, polled, signalled and waited for");
}

void doctor_clone3(struct doctor_finding *ret)
{
	struct pidref child;
	pid_t pid = fork_with(0, SIGCHLD, &child);

	if (pid == 0)
		stay();
	say(ret, pid, "a process with a pidfd from birth");
	end(&child);
}

/* In a child: makes a sibling, which ends at once; tells how that went. */
static _Noreturn void make_sibling(int tell_fd)
{
	pid_t pid = sys_fork_sibling();

	if (pid != 0)
		acre_ignore(sys_write(tell_fd, &pid, sizeof pid));
	_exit(0);
}

void doctor_clone_parent(struct doctor_finding *ret)
{
	struct pidref child;
	siginfo_t info = { 0 };
	pid_t sibling = -ECHILD;
	int pipe[2], r = sys_pipe2(pipe, 0);

	if (r < 0) {
		say(ret, r, "a pipe");
		return;
	}
	r = fork_with(0, SIGCHLD, &child);
	if (r == 0)
		make_sibling(pipe[1]);
	sys_close(pipe[1]);
	if (r > 0 && sys_read(pipe[0], &sibling, sizeof sibling) == sizeof sibling)
		r = sibling;
	sys_close(pipe[0]);
	if (r > 0) /* bound: it ends at once */
		r = sys_waitid(P_PID, (id_t)sibling, &info, WEXITED | __WALL);
	say(ret, r, "a process made for its maker's parent");
	end(&child);
}

void doctor_close_range(struct doctor_finding *ret)
{
	bool has_cloexec = sys_has(SYS_HAS_CLOSE_RANGE_CLOEXEC);

	/* of a range that holds no descriptor */
	say(ret, sys_close_range(~0U, ~0U, 0),
	    has_cloexec ? "at once and at exec" : "at once");
}

/* What is left of a process whose parent ends. */
struct orphan {
	int r;		/* -errno: it could not be tried */
	bool is_killed; /* by its death signal */
	bool is_ours;	/* it came to us, not to init */
};

/* It holds the pipe open until it has ended. */
static _Noreturn void be_orphan(int tell_fd, pid_t parent)
{
	int r = sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);

	if (r < 0 || sys_getppid() != parent)
		_exit(1);
	acre_ignore(sys_write(tell_fd, "!", 1));
	acre_ignore(sys_poll(NULL, 0, PATIENCE_NS)); /* not for ever, if nobody ends it */
	_exit(1);
}

static _Noreturn void leave_orphan(const int pipe[2], int tell_fd)
{
	struct pidref leaf;
	pid_t self = sys_getpid(), pid = fork_with(0, SIGCHLD, &leaf);
	char ready;

	if (pid == 0) {
		sys_close(pipe[0]);
		be_orphan(pipe[1], self);
	}
	sys_close(pipe[1]);
	if (pid > 0 && sys_read(pipe[0], &ready, 1) == 1)
		acre_ignore(sys_write(tell_fd, &pid, sizeof pid));
	_exit(0);
}

/* bound: PATIENCE_NS, after which it ends by itself */
static void see_end(struct orphan *ret, pid_t pid)
{
	siginfo_t info = { 0 };
	int r = sys_waitid(P_PID, (id_t)pid, &info, WEXITED | __WALL);

	ret->is_ours = r >= 0;
	ret->is_killed =
		r >= 0 && info.si_code == CLD_KILLED && info.si_status == SIGKILL;
}

/* Where there is no sub-reaper its end is seen by the pidfd only, not how it was. */
static void see_stranger_end(struct orphan *ret, pid_t pid)
{
	struct pollfd p = { .fd = sys_pidfd_open(pid, 0), .events = POLLIN };

	ret->is_killed = p.fd < 0 || sys_poll(&p, 1, PATIENCE_NS / 2) > 0;
	sys_close(p.fd);
}

static struct orphan try_orphan(void)
{
	struct orphan o = { .r = 0 };
	struct pidref middle;
	int tell[2], pipe[2], was = 0;
	pid_t leaf = 0;

	if ((o.r = sys_pipe2(tell, 0)) < 0)
		return o;
	if ((o.r = sys_pipe2(pipe, 0)) < 0) {
		sys_close(tell[0]);
		sys_close(tell[1]);
		return o;
	}
	acre_ignore(sys_prctl(PR_GET_CHILD_SUBREAPER, (uintptr_t)&was, 0, 0, 0));
	acre_ignore(sys_prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
	o.r = fork_with(0, SIGCHLD, &middle);
	if (o.r == 0)
		leave_orphan(pipe, tell[1]);
	sys_close(pipe[0]);
	sys_close(pipe[1]);
	sys_close(tell[1]);
	if (o.r > 0 && sys_read(tell[0], &leaf, sizeof leaf) != sizeof leaf)
		o.r = -ECHILD;
	sys_close(tell[0]);
	acre_ignore(pidref_reap(&middle, NULL, 0)); /* bound: it has told us, and ends */
	pidref_fini(&middle);
	if (leaf > 0)
		see_end(&o, leaf);
	if (leaf > 0 && !o.is_ours)
		see_stranger_end(&o, leaf);
	acre_ignore(sys_prctl(PR_SET_CHILD_SUBREAPER, (unsigned)was, 0, 0, 0));
	return o;
}

void doctor_death_signal(struct doctor_finding *ret)
{
	struct orphan o = try_orphan();

	say(ret,
	    o.r < 0	  ? o.r
	    : o.is_killed ? 0
			  : -ETIMEDOUT,
	    "a child dies with its parent");
}

void doctor_subreaper(struct doctor_finding *ret)
{
	struct orphan o = try_orphan();

	say(ret,
	    o.r < 0	? o.r
	    : o.is_ours ? 0
			: -ECHILD,
	    "orphans come to the actor above");
}

void doctor_cgroup(struct doctor_finding *ret)
{
	char path[256];
	int r = contain_probe_cgroup(path, sizeof path);

	const char *why = r < 0 ? strchr(acre_why(r)->message, ':') : NULL;

	if (r < 0)
		doctor_found(ret, DOCTOR_MISSING, "%s%s%s", why ? why + 2 : "no reason",
			     *path ? ", in " : "", path);
	else
		doctor_found(ret, DOCTOR_OK, "one can be made in %s, with cgroup.kill",
			     path);
}

void doctor_pidns(struct doctor_finding *ret)
{
	const char *why = "no pidfd of ourselves";
	struct pidref self = PIDREF_NULL;
	struct pidns ns;
	int r = pidref_self(&self);

	if (r >= 0)
		r = pidns_open(&ns, self.fd, &why);
	if (r < 0)
		doctor_found(ret, DOCTOR_MISSING, "%s: %s", why, strerror(-r));
	else
		doctor_found(ret, DOCTOR_OK, "with its own /proc, %s a user namespace",
			     ns.user_fd >= 0 ? "in" : "without");
	if (r >= 0)
		pidns_close(&ns);
	pidref_fini(&self);
}

/* Whether it ends when its pidfd is closed: seen by the pipe, for nobody can wait for it. */
static bool ends_with_pidfd(struct pidref *child, int pipe[2])
{
	struct pollfd p = { .fd = pipe[0], .events = POLLIN };

	sys_close(TAKE_FD(pipe[1]));
	pidref_fini(child);
	return sys_poll(&p, 1, PATIENCE_NS) > 0;
}

void doctor_autokill(struct doctor_finding *ret)
{
	struct pidref child;
	int pipe[2], r = sys_pipe2(pipe, 0);

	if (r < 0) {
		say(ret, r, "a pipe");
		return;
	}
	r = fork_with(CLONE_AUTOREAP_ | CLONE_NNP_ | CLONE_PIDFD_AUTOKILL_, 0, &child);
	if (r == 0) {
		acre_ignore(sys_poll(NULL, 0, 2 * PATIENCE_NS)); /* if nobody ends it */
		_exit(0);
	}
	if (r > 0 && !ends_with_pidfd(&child, pipe))
		r = -ETIMEDOUT;
	say(ret, r, "a process dies when its pidfd is closed");
	sys_close(pipe[0]);
	sys_close(pipe[1]);
}

void doctor_guards(struct doctor_finding *ret)
{
	bool has = sys_has(SYS_HAS_GUARD_INSTALL);

	doctor_found(ret, has ? DOCTOR_OK : DOCTOR_LIMITED, "%s",
		     has ? "guard pages without a mapping each"
			 : "not here: mprotect is used");
}
