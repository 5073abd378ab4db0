/* SPDX-License-Identifier: MIT */
/* forked.c - a child of fork from its first step to its last. */
#include "core/forked.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/line.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/barrier.h"
#include "core/report.h"
#include "core/thread_stay.h"

/*
 * It is alone: behind the barrier all locks of libc are free, and all of ours are made
 * anew. It has no loop, since it is a copy of a thread that had none. The order of its
 * steps is that of be_exec.c, and so are the reasons.
 *
 * A child waits at a gate, a pipe, until its parent has it in hand, and ends when the gate
 * is closed instead. So its function has not begun if acre_fork_from_worker() fails.
 */

#define EXIT_FAILED 2 /* as in the reference: the function failed, or did not begin */
#define STATUS_MAX  255

#define FD_FIRST    3 /* beyond the standard ones, which stay */

static int die_with_parent_in_child(pid_t parent)
{
	int r = sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);

	if (r >= 0 && sys_getppid() != parent && !PLANTED(NO_PARENT_CHECK))
		r = -ESRCH;
	return r;
}

/* All that lies between those it keeps. */
static int close_fds_in_child(const int *fds, size_t n_fds)
{
	unsigned int first = FD_FIRST;
	int r = 0;

	if (PLANTED(FORK_KEEPS_FDS))
		return 0;
	for (size_t i = 0; r >= 0 && i < n_fds; i++) {
		unsigned int kept = (unsigned int)fds[i];

		if (kept > first)
			r = sys_close_range(first, kept - 1, 0);
		if (kept >= first)
			first = kept + 1;
	}
	return r < 0 ? r : sys_close_range(first, ~0U, 0);
}

/* Bound: the parent answers, or closes the gate, also by its death. */
static int pass_gate_in_child(struct forked *child)
{
	char byte;
	ssize_t n = sys_read(child->gate[0], &byte, 1);

	acre_ignore(sys_close(TAKE_FD(child->gate[0])));
	return n == 1 ? 0 : -EPIPE;
}

/* Who forks blocks all signals, so none of the parent's handlers has run here. */
static int reset_signals_in_child(void)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++) /* EINVAL for the two that libc keeps */
		acre_ignore(sys_sigaction(sig, &dfl, NULL));
	sigemptyset(&none);
	return sys_sigmask(SIG_SETMASK, &none, NULL);
}

int forked_begin_in_child(pid_t parent, const int *fds, size_t n_fds)
{
	int r = die_with_parent_in_child(parent);

	if (r >= 0)
		r = close_fds_in_child(fds, n_fds);
	return r < 0 ? r : reset_signals_in_child();
}

/* Not by stdio: it has what the parent had not written yet. */
static int say_failure_in_child(int r)
{
	struct line l = { .len = 0 };

	line_text(&l, "acre: the function that was forked as process ");
	line_decimal(&l, (uint64_t)sys_getpid());
	if (r < 0) {
		line_text(&l, " failed: ");
		line_text(&l, acre_class_name(report_class(r)));
		line_text(&l, ": ");
		line_text(&l, acre_why(r)->message);
	} else {
		line_text(&l, " returned ");
		line_decimal(&l, (uint64_t)r);
		line_text(&l, ", which is no status");
	}
	line_write(&l, STDERR_FILENO);
	return EXIT_FAILED;
}

static int run_in_child(const struct forked *child)
{
	int r = child->fn ? child->fn(child->arg) : 0;

	return r < 0 || r > STATUS_MAX ? say_failure_in_child(r) : r;
}

/* A gate that was closed and a parent that has died are no news to anybody. */
static int not_begun_in_child(int r)
{
	struct line l = { .len = 0 };

	if (r == -EPIPE || r == -ESRCH)
		return EXIT_FAILED;
	line_text(&l, "acre: the forked process ");
	line_decimal(&l, (uint64_t)sys_getpid());
	line_text(&l, " could not begin: ");
	line_text(&l, acre_class_name(-r));
	line_write(&l, STDERR_FILENO);
	return EXIT_FAILED;
}

void forked_live(struct forked *child)
{
	int r = barrier_is_broken() ? -EPIPE : die_with_parent_in_child(child->parent);

	barrier_forget();
	if (r >= 0)
		r = thread_stay_begin("the function that was forked");
	acre_ignore(sys_close(TAKE_FD(child->gate[1])));
	if (r >= 0)
		r = close_fds_in_child(child->fds, child->n_fds);
	if (r >= 0)
		r = pass_gate_in_child(child);
	if (r >= 0)
		r = reset_signals_in_child();
	_exit(r < 0 ? not_begun_in_child(r) : run_in_child(child));
}
