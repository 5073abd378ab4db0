/* SPDX-License-Identifier: MIT */
/* pidns.c - a PID namespace around everything below the root, which ends with its init. */
#include "actor/pidns.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "actor/sweep.h"
#include "base/fault.h"
#include "base/sys.h"
#include "base/util.h"

#define PATH_SIZE 64 /* /proc/4194304/setgroups */
#define MAP_SIZE  48 /* two numbers of users, and 1 */
/* What is left in the namespace is killed at once, but reaped in our sweeps */
#define SWEEP_PIECE_NS 1000000

/*
 * The init: a copy of the root, whose other threads are not there, so it makes calls of
 * base/sys.h only. It reaps by not minding SIGCHLD, and blocks all other signals.
 */

static const struct sigaction ignore = { .sa_handler = SIG_IGN };

/* The same as in each child of the root, tried out where the reason can be told. */
static int own_proc(void)
{
	int r = sys_mount(NULL, "/proc", NULL,
			  MS_SLAVE); /* ours is not to be seen outside */

	return r < 0 ? r
		     : sys_mount("proc", "/proc", "proc",
				 MS_NOSUID | MS_NODEV | MS_NOEXEC);
}

static int begin_init(int root_pidfd)
{
	struct pollfd root = { .fd = root_pidfd, .events = POLLIN };
	int r = 0;

	if (!PLANTED(INIT_UNTIED))
		r = sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (r >= 0 && sys_poll(&root, 1, 0) > 0)
		r = -ESRCH; /* it died before that (kernel-facts K3) */
	if (r >= 0)
		r = own_proc();
	if (r >= 0)
		r = sys_sigaction(SIGCHLD, &ignore, NULL);
	if (r >=
	    0) /* who is in the namespace may not trace it, and untie it from the root */
		r = sys_prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return r;
}

static _Noreturn void be_init(int root_pidfd, int control)
{
	struct pollfd root = { .fd = root_pidfd, .events = POLLIN };
	int r = 0;

	acre_ignore(sys_prctl(PR_SET_NAME, (uintptr_t) "acre-init", 0, 0, 0));
	acre_ignore(sys_setpgid(0, 0)); /* no ^C is for it */
	acre_ignore(sys_chdir("/"));
	if (sys_read(control, &r, sizeof r) !=
	    sizeof r) /* bound: the root's end closes it */
		_exit(1);
	r = begin_init(root_pidfd);
	acre_ignore(sys_write(control, &r, sizeof r));
	if (r < 0)
		_exit(1);
	if (root_pidfd > 0)
		acre_ignore(sys_close_range(0, (unsigned)root_pidfd - 1, 0));
	acre_ignore(sys_close_range((unsigned)root_pidfd + 1, ~0U, 0));
	while (PLANTED(INIT_UNTIED) || sys_poll(&root, 1, -1) <= 0)
		; /* for ever: that is what it is for */
	_exit(0);
}

/*
 * How the root makes it.
 */

/* What is closed is what the child must not have of our end: EOF is our death. */
static pid_t fork_init(struct pidns *ns, uint64_t flags, const int control[2])
{
	int pidfd = -1;
	struct clone_args args = { .flags = flags | CLONE_PIDFD,
				   .pidfd = (uintptr_t)&pidfd,
				   .exit_signal = SIGCHLD };
	sigset_t all, before;
	pid_t pid;

	sigfillset(&all);
	sys_sigmask(SIG_SETMASK, &all, &before);
	child_table_lock();
	pid = sys_clone3(&args, sizeof args);
	if (pid == 0) {
		sys_close(control[0]);
		be_init(ns->root_pidfd, control[1]);
	}
	if (pid > 0) {
		ns->init = (struct pidref){ .pid = pid, .fd = pidfd };
		child_table_add(&ns->entry, pid, pidfd, CHILD_HELPER);
	}
	child_table_unlock();
	sys_sigmask(SIG_SETMASK, &before, NULL);
	return pid < 0 ? pid : 0;
}

static int open_of_init(const struct pidns *ns, const char *name, int flags)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof path, "/proc/%d/%s", (int)ns->init.pid, name);
	return sys_openat(AT_FDCWD, path, flags, 0);
}

static int tell_of_init(const struct pidns *ns, const char *name, const char *text)
{
	auto_close int fd = open_of_init(ns, name, O_WRONLY);

	return fd < 0 ? fd : (int)sys_write(fd, text, strlen(text));
}

/* Who we are is the only one there, under the same number: all that one may do without
 * privileges. Files of others look as if they were nobody's. */
static int map_ourselves(const struct pidns *ns)
{
	char user[MAP_SIZE], group[MAP_SIZE];
	int r = tell_of_init(ns, "setgroups", "deny");

	snprintf(user, sizeof user, "%u %u 1", sys_geteuid(), sys_geteuid());
	snprintf(group, sizeof group, "%u %u 1", sys_getegid(), sys_getegid());
	if (r >= 0)
		r = tell_of_init(ns, "uid_map", user);
	return r < 0 ? r : tell_of_init(ns, "gid_map", group);
}

static int fork_init_somehow(struct pidns *ns, const int control[2], bool *ret_with_user,
			     const char **ret_why)
{
	const uint64_t flags = CLONE_NEWPID | CLONE_NEWNS;
	int r = fork_init(ns, flags, control);

	*ret_with_user = r == -EPERM;
	if (r == -EPERM)
		r = fork_init(ns, flags | CLONE_NEWUSER, control);
	if (r == -ENOSPC)
		*ret_why =
			"user.max_user_namespaces or user.max_pid_namespaces allows no "
			"more namespaces, or they are nested too deep";
	else if (r == -EPERM)
		*ret_why = "this user may make no user namespace";
	else if (r == -EINVAL)
		*ret_why = "this kernel was built without PID or user namespaces";
	else
		*ret_why = "the init of a PID namespace cannot be started";
	return r;
}

static int hold_namespaces(struct pidns *ns, bool with_user)
{
	int r = with_user ? map_ourselves(ns) : 0;

	if (r >= 0)
		r = ns->pid_fd = open_of_init(ns, "ns/pid", O_RDONLY);
	if (r >= 0 && with_user)
		r = ns->user_fd = open_of_init(ns, "ns/user", O_RDONLY);
	return r;
}

/* What it says when it could begin. */
static int await_init(int control)
{
	int r = 0;

	if (sys_write(control, &r, sizeof r) != sizeof r ||
	    sys_read(control, &r, sizeof r) !=
		    sizeof r) /* bound: two mounts, or its end */
		return -ESRCH;
	return r;
}

static int make_init(struct pidns *ns, const char **ret_why)
{
	bool with_user = false;
	int control[2], r;

	*ret_why = "there is no socket pair for its init";
	r = sys_socketpair(AF_UNIX, SOCK_SEQPACKET, 0, control);
	if (r < 0)
		return r;
	r = fork_init_somehow(ns, control, &with_user, ret_why);
	sys_close(control[1]);
	if (r >= 0) {
		*ret_why = "its namespaces cannot be set up";
		r = hold_namespaces(ns, with_user);
		ns->drops = with_user && sys_geteuid() != 0;
	}
	if (r >= 0) {
		*ret_why =
			"its own /proc cannot be mounted (does a container hide a part "
			"of ours?)";
		r = await_init(control[0]);
	}
	sys_close(control[0]);
	return r;
}

int pidns_open(struct pidns *ns, int root_pidfd, const char **ret_why)
{
	int r;

	*ns = (struct pidns){
		.init = PIDREF_NULL, .pid_fd = -1, .user_fd = -1, .root_pidfd = root_pidfd
	};
	r = make_init(ns, ret_why);
	if (r < 0)
		pidns_close(ns);
	else
		sweep_children_of_init(ns->init.pid);
	return r;
}

void pidns_close(struct pidns *ns)
{
	struct pollfd init = { .fd = ns->init.fd, .events = POLLIN };

	sweep_children_of_init(0);
	acre_ignore(pidref_signal(&ns->init, SIGKILL));
	/* It is dead when all in the namespace are reaped; bound: SIGKILL of them all */
	while (ns->init.fd >= 0 && sys_poll(&init, 1, SWEEP_PIECE_NS) == 0)
		acre_ignore((int)sweep());
	acre_ignore(pidref_reap(&ns->init, NULL, 0)); /* bound: it has ended */
	child_table_remove(&ns->entry);
	pidref_fini(&ns->init);
	sys_close(TAKE_FD(ns->pid_fd));
	sys_close(TAKE_FD(ns->user_fd));
}

/*
 * In what the root makes.
 */

int pidns_enter_in_child(const struct pidns *ns)
{
	int r = pidref_is_dead(&ns->init) ? -ESRCH : 0;

	if (r >= 0 && ns->user_fd >= 0)
		r = sys_setns(ns->user_fd, CLONE_NEWUSER);
	return r < 0 ? r : sys_setns(ns->pid_fd, CLONE_NEWPID);
}

int pidns_settle_in_child(const struct pidns *ns)
{
	int r = sys_unshare(CLONE_NEWNS);

	if (r >= 0)
		r = own_proc();
	return r < 0 || !ns->drops ? r : sys_drop_capabilities();
}
