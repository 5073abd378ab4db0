/* SPDX-License-Identifier: MIT */
/* newborn.c - the first steps of a process that we made, in the order that closes each window. */
#include "actor/newborn.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "actor/pidns.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/line.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/class.h"

/*
 * PDEATHSIG before the parent check: a parent that died in between is seen by the one or
 * the other (kernel-facts K3, pinned by tests/pin/pin_pdeathsig.c). NO_NEW_PRIVS before
 * exec: a set-user-id image would clear PDEATHSIG (K4). Its own process group: one ^C
 * reaches the root only (K33); and what one has sent to the parent's group since the clone
 * is forgotten, or it would end the child at the next step. Default dispositions, which
 * clone3 has set but for what we ignore, and an empty mask: both survive exec, and a
 * blocked SIGTERM would make that rung useless (K29). close_range behind the declared
 * descriptors: nothing else of ours goes along (K40, pinned by tests/pin/pin_fds.c).
 */

static bool has_parent_in_child(const struct newborn *n)
{
	struct pollfd parent = { .fd = n->parent_pidfd, .events = POLLIN };

	return sys_getppid() == n->parent && (n->parent || sys_poll(&parent, 1, 0) == 0);
}

static int die_with_parent_in_child(const struct newborn *n)
{
	int r = sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);

	if (r >= 0 && !PLANTED(NO_PARENT_CHECK) && !has_parent_in_child(n))
		r = -ESRCH;
	return r;
}

static const struct sigaction ignore = { .sa_handler = SIG_IGN };
static const struct sigaction dfl = { .sa_handler = SIG_DFL };

/* What is ignored is not pending any more. */
static void forget_signal_in_child(int sig, bool keeps)
{
	struct sigaction old = dfl;

	acre_ignore(sys_sigaction(sig, &ignore, &old));
	acre_ignore(sys_sigaction(sig, keeps ? &old : &dfl, NULL));
}

static int reset_signals_in_child(const struct newborn *n)
{
	static const int keyboard[] = { SIGINT, SIGQUIT, SIGTSTP };
	bool keeps = n->keeps_dispositions || n->ignores_nothing;
	struct sigaction old;
	sigset_t none;

	for (size_t i = 0; i < ARRAY_N(keyboard); i++)
		forget_signal_in_child(keyboard[i], n->keeps_dispositions);
	for (int sig = 1; !keeps && sig < NSIG; sig++) /* EINVAL for libc's own two */
		if (sys_sigaction(sig, NULL, &old) >= 0 &&
		    (n->forgets_handlers || old.sa_handler == SIG_IGN))
			acre_ignore(sys_sigaction(sig, &dfl, NULL));
	sigemptyset(&none);
	return sys_sigmask(SIG_SETMASK, &none, NULL);
}

/* Places are taken in order. What is in an earlier one, or in its own, is moved out of the way
 * first, so that none is taken while it holds what is still needed. */
static int place_fds_in_child(struct newborn *n)
{
	int moved[NEWBORN_FDS_MAX], r = 0;

	for (int i = 0; r >= 0 && i < n->n_fds; i++) {
		moved[i] = n->fds[i];
		if (n->fds[i] <= i)
			r = moved[i] = sys_fcntl(n->fds[i], F_DUPFD_CLOEXEC,
						 NEWBORN_FDS_MAX);
	}
	for (int i = 0; r >= 0 && i < n->n_fds; i++) {
		r = sys_dup3(moved[i], i, 0);
		if (r >= 0)
			n->fds[i] = i; /* what it was may be another one now */
	}
	if (r >= 0 && !PLANTED(FD_WITHOUT_CLOEXEC))
		r = sys_close_range((unsigned int)n->n_fds, ~0U, 0);
	return r;
}

/* By itself, where no clone3 could have it born there. Its parent's end is its own by now. */
static int enter_cgroup_in_child(int cgroup_fd)
{
	int fd, r;

	if (cgroup_fd < 0)
		return 0;
	fd = sys_openat(cgroup_fd, "cgroup.procs", O_WRONLY, 0);
	if (fd < 0)
		return fd;
	r = (int)sys_write(fd, "0", 1);
	acre_ignore(sys_close(fd));
	return r;
}

/* PR_SET_CHILD_SUBREAPER is kept over an exec. */
static int be_subreaper_in_child(const struct newborn *n)
{
	return n->is_subreaper && !PLANTED(ORPHANS_SWEPT)
		       ? sys_prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
		       : 0;
}

static int enter_directory_in_child(const struct newborn *n)
{
	return n->directory ? sys_chdir(n->directory) : 0;
}

static int be_a_leader_in_child(const struct newborn *n)
{
	int r = sys_setpgid(0, 0);

	return r < 0 ? r : be_subreaper_in_child(n);
}

int newborn_begin_in_child(struct newborn *n)
{
	int r;

	n->step = "tying its life to the parent's";
	r = die_with_parent_in_child(n);
	if (r < 0)
		return r;
	n->step = "entering the cgroup of its tree";
	r = enter_cgroup_in_child(n->cgroup_fd);
	if (r < 0)
		return r;
	n->step = "settling in the PID namespace of its tree";
	r = n->pidns ? pidns_settle_in_child(n->pidns) : 0;
	if (r < 0)
		return r;
	n->step = "giving up new privileges";
	r = sys_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (r < 0)
		return r;
	n->step = "making its process group";
	r = be_a_leader_in_child(n);
	if (r < 0)
		return r;
	n->step = "resetting its signals";
	r = reset_signals_in_child(n);
	if (r < 0)
		return r;
	n->step = "entering its directory";
	r = enter_directory_in_child(n);
	if (r < 0)
		return r;
	n->step = "placing its descriptors";
	return place_fds_in_child(n);
}

void newborn_say_failure(const struct newborn *n, int r)
{
	struct line l = { .len = 0 };

	line_text(&l, "acre: ");
	line_text(&l, n->step);
	line_text(&l, " failed: ");
	line_text(&l, acre_class_name(-r));
	line_write(&l, n->fds[STDERR_FILENO]);
}

/* A standard output that is closed, or is a descriptor of ours, is not one to inherit. */
static bool is_to_inherit(int fd)
{
	return sys_fcntl(fd, F_GETFD, 0) == 0;
}

void newborn_plan(struct newborn *n, const struct spawn_request *q, int null_fd)
{
	*n = (struct newborn){ .parent = q->pidns ? 0 : sys_getpid(),
			       .parent_pidfd = q->pidns ? q->pidns->root_pidfd : -1,
			       .pidns = q->pidns,
			       .n_fds = NEWBORN_FD_FIRST,
			       .cgroup_fd = -1,
			       .directory = q->directory,
			       .is_subreaper = q->is_subreaper };
	n->fds[STDIN_FILENO] = null_fd;
	n->fds[STDOUT_FILENO] = is_to_inherit(STDOUT_FILENO) ? STDOUT_FILENO : null_fd;
	n->fds[STDERR_FILENO] = q->stderr_fd;
	if (q->stderr_fd < 0)
		n->fds[STDERR_FILENO] = is_to_inherit(STDERR_FILENO) ? STDERR_FILENO : null_fd;
	for (int i = 0; q->standard && i < NEWBORN_FD_FIRST; i++)
		n->fds[i] = q->standard[i];
	for (int i = 0; i < q->n_fds; i++)
		n->fds[n->n_fds++] = q->fds[i];
}

/* A boot that finds no parent takes milliseconds */
#define LET_END_NS  1000000000
#define LOOK_END_NS 1000000 /* there is nothing to wait for: no pidfd could be had */

/* Only we reap it, so its number is still its own. */
void newborn_let_end(const struct spawn_request *q, idtype_t kind, int id)
{
	int64_t end = int64_add(clock_real(), LET_END_NS);
	siginfo_t info = { .si_pid = 0 };
	int r = 0;

	if (q->n_fds > 0)
		r = sys_shutdown(q->fds[0], SHUT_RDWR);
	else if (kind == P_PID) /* it leads its group since before its exec */
		acre_ignore(sys_kill_group(id, SIGKILL));
	while (r >= 0 && clock_real() < end) {
		r = sys_waitid(kind, (id_t)id, &info, WEXITED | WNOHANG | __WALL);
		if (r < 0 || info.si_pid)
			return;
		r = sys_poll(NULL, 0, LOOK_END_NS);
	}
}
