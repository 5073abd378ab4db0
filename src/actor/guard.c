/* SPDX-License-Identifier: MIT */
/* guard.c - the process that empties a contained tree when its root has died. */
#include "actor/guard.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/sys.h"
#include "base/util.h"

/* A cgroup cannot be removed before the last of it is gone: looks at it, in all 30 s */
#define REMOVE_PIECE_NS 5000000
#define REMOVE_PIECES	6000

enum place { NOTHING_0, NOTHING_1, NOTHING_2, ROOT, KILL, PARENT, N_PLACES };

#define N_KEPT (N_PLACES - ROOT)

/* All that lies between these three. */
static void close_all_but(const int keep[N_KEPT])
{
	unsigned int first = 0;

	for (int i = 0; i < N_KEPT; i++) {
		unsigned int next = ~0U;

		for (int k = 0; k < N_KEPT; k++)
			if ((unsigned int)keep[k] >= first &&
			    (unsigned int)keep[k] < next)
				next = (unsigned int)keep[k];
		if (next > first)
			acre_ignore(sys_close_range(first, next - 1, 0));
		first = next + 1;
	}
	acre_ignore(sys_close_range(first, ~0U, 0));
}

/* The root may have all descriptors that it is allowed: so what is not needed goes first. */
static void place_fds(const struct guard_job *job)
{
	const int kept[N_KEPT] = { job->root_pidfd, job->kill_fd, job->parent_fd };
	int fds[N_PLACES], null_fd, moved[N_PLACES];

	close_all_but(kept);
	null_fd = sys_openat(AT_FDCWD, "/dev/null", O_RDWR, 0);
	for (int i = 0; i < N_PLACES; i++)
		fds[i] = i < ROOT ? null_fd : kept[i - ROOT];
	for (int i = 0; i < N_PLACES; i++)
		moved[i] = sys_fcntl(fds[i], F_DUPFD_CLOEXEC, N_PLACES);
	for (int i = 0; i < N_PLACES; i++)
		if (sys_dup3(moved[i], i, O_CLOEXEC) < 0)
			_exit(1);
	acre_ignore(sys_close_range(N_PLACES, ~0U, 0));
}

static void empty(const char *name)
{
	int r;

	acre_ignore(sys_write(KILL, "1", 1));
	for (int i = 0; i < REMOVE_PIECES; i++) {
		r = sys_unlinkat(PARENT, name, AT_REMOVEDIR);
		if (r != -EBUSY)
			return;
		acre_ignore(sys_poll(NULL, 0, REMOVE_PIECE_NS));
	}
}

/* In a copy of the root, whose other threads are not there: calls of base/sys.h only. */
static _Noreturn void guard_main(const struct guard_job *job)
{
	struct pollfd root = { .fd = ROOT, .events = POLLIN };

	acre_ignore(sys_prctl(PR_SET_NAME, (uintptr_t) "acre-guard", 0, 0, 0));
	acre_ignore(sys_setpgid(0, 0)); /* no ^C is for it */
	acre_ignore(sys_chdir("/"));
	place_fds(job);
	while (sys_poll(&root, 1, -1) <= 0) /* for ever: that is what it is for */
		;
	empty(job->name);
	_exit(0);
}

int guard_start(struct guard *g, const struct guard_job *job)
{
	struct clone_args args = { .flags = CLONE_PIDFD, .exit_signal = SIGCHLD };
	int pidfd = -1;
	sigset_t all, before;
	pid_t pid;

	*g = (struct guard){ .pid = PIDREF_NULL };
	if (PLANTED(NO_GUARD))
		return 0;
	args.pidfd = (uintptr_t)&pidfd;
	sigfillset(&all);
	sys_sigmask(SIG_SETMASK, &all, &before);
	child_table_lock();
	pid = sys_clone3(&args, sizeof args);
	if (pid == 0)
		guard_main(job);
	if (pid > 0) {
		g->pid = (struct pidref){ .pid = pid, .fd = pidfd };
		child_table_add(&g->entry, pid, pidfd, CHILD_HELPER);
	}
	child_table_unlock();
	sys_sigmask(SIG_SETMASK, &before, NULL);
	return pid < 0 ? pid : 0;
}

void guard_end(struct guard *g)
{
	acre_ignore(pidref_signal(&g->pid, SIGKILL));
	acre_ignore(pidref_reap(&g->pid, NULL, 0)); /* bound: SIGKILL */
	child_table_remove(&g->entry);
	pidref_fini(&g->pid);
}
