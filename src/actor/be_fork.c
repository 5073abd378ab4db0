/* SPDX-License-Identifier: MIT */
/* be_fork.c - an actor as a process with our memory as it was: fork, behind the barrier. */
#include <fcntl.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <unistd.h>

#include "actor/birth.h"
#include "actor/child.h"
#include "actor/guest_life.h"
#include "actor/newborn.h"
#include "actor/pidns.h"
#include "actor/spawner.h"
#include "actor/title.h"
#include "actor/tty.h"
#include "actor/watchdog.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/barrier.h"
#include "core/debug.h"

/*
 * The spawner thread forks, while all other threads of ours stand still where they hold
 * no lock (core/barrier.h), and goes on in the child as its only thread. It has never had
 * a loop or a runtime, so those of the parent are mere memory there; what belongs to the
 * process and not to a runtime is made anew by who needs it (base/forkonce.h), or
 * forgotten below. What is kept is what one forks for: the program's memory, registered
 * endpoints, loaded modules, and the dispositions of signals, which may be handlers in
 * that memory.
 *
 * Descriptors are not kept, but for those that every actor gets: an epoll set would wake
 * the parent (kernel-facts K30), a link would have two readers.
 *
 * It costs what the parent has resident: 14 to 56 ms a GiB (K24).
 */

/* The order is free: there is one thread, and none of them looks at another. */
static void forget_parent_in_child(void)
{
	barrier_forget();
	debug_forget();
	watchdog_forget();
	tty_forget();
	__fpurge(stdout); /* what it had not written yet, it writes itself */
}

/* No handler of atexit() runs: they are the parent's. */
_Noreturn static void live_in_child(struct newborn *n, const struct spawn_request *q)
{
	const char *title = q->title;
	int status, r;

	if (barrier_is_broken()) /* and the plan's descriptors may be anything by now */
		_exit(EXIT_FAILURE);
	forget_parent_in_child();
	r = newborn_begin_in_child(n);
	if (r < 0) {
		newborn_say_failure(n, r);
		_exit(EXIT_FAILURE);
	}
	acre_ignore(title_show(title)); /* else ps shows its parent's command line */
	if (q->python)
		guest_live(q->python, title);
	status = child_live_in_process(title, NULL);
	fflush(stdout);
	_exit(status);
}

/*
 * Into a PID namespace it is two steps, see pidns.h: what is forked enters, forks its
 * sibling, tells us its number, and ends. The sibling is the actor. It tells us whether
 * it can be: its number in the namespace must not be the one that we have here, for that
 * is how all that is made anew in a child of fork knows that it is in one.
 */
struct word {
	bool is_of_child;
	int32_t value; /* a number or -errno; of the child: 1, if it can be */
};

#define TRIES 3 /* numbers go round: two in a row are not the same */

static void tell_in_child(int fd, bool is_of_child, int value)
{
	struct word w = { .is_of_child = is_of_child, .value = value };

	acre_ignore(sys_write(fd, &w, sizeof w));
}

/* Returns in the sibling only. */
static void become_sibling_in_child(const struct spawn_request *q, int fd, pid_t parent)
{
	int r;

	if (barrier_is_broken()) /* the tree may be gone by now, and its namespace */
		_exit(EXIT_FAILURE);
	r = pidns_enter_in_child(q->pidns);
	if (r >= 0)
		r = sys_fork_sibling();
	if (r != 0) {
		tell_in_child(fd, false, r);
		_exit(EXIT_SUCCESS);
	}
	tell_in_child(fd, true, sys_getpid() != parent);
	if (sys_getpid() == parent)
		_exit(EXIT_FAILURE);
}

/* The number of the sibling, or 0: one that is like ours, and has ended. */
static pid_t hear_of_sibling(int fd)
{
	pid_t pid = -ECONNRESET;
	bool can_be = false;
	struct word w;

	for (int i = 0; i < 2 && sys_read(fd, &w, sizeof w) == sizeof w; i++) {
		if (!w.is_of_child)
			pid = w.value;
		can_be |= w.is_of_child && w.value;
		if (pid < 0 && !w.is_of_child)
			return pid;
	}
	return pid < 0 || can_be ? pid : 0; /* bound: both have ended or told */
}

static pid_t fork_into_pidns(const struct spawn_request *q, struct newborn *n)
{
	pid_t parent = sys_getpid(), pid = 0;
	auto_close int ours = -1;
	auto_close int theirs = -1;
	struct pidref between;
	int pipe[2], r = sys_pipe2(pipe, 0);

	if (r < 0)
		return r;
	ours = pipe[0];
	theirs = pipe[1];
	pid = sys_fork_process();
	if (pid < 0)
		return pid;
	if (pid == 0) {
		become_sibling_in_child(q, theirs, parent);
		live_in_child(n, q);
	}
	sys_close(TAKE_FD(theirs));
	r = pidref_open(&between, pid);
	pid = hear_of_sibling(ours);
	if (r >= 0) { /* else the next sweep reaps it */
		acre_ignore(
			pidref_reap(&between, NULL, 0)); /* bound: it has told us all */
		pidref_fini(&between);
	}
	return pid;
}

static pid_t fork_child(const struct spawn_request *q, struct newborn *n)
{
	pid_t pid = 0;

	for (int i = 0; q->pidns && pid == 0 && i < TRIES; i++)
		pid = fork_into_pidns(q, n);
	if (q->pidns)
		return pid ? pid : -EAGAIN;
	pid = sys_fork_process();
	if (pid == 0)
		live_in_child(n, q);
	return pid;
}

void spawn_fork(struct spawn_request *q)
{
	auto_close int null_fd = sys_openat(AT_FDCWD, "/dev/null", O_RDWR, 0);
	struct newborn n;
	pid_t pid;
	int r;

	if (null_fd < 0) {
		spawn_failed(q, "opening /dev/null", null_fd);
		return;
	}
	newborn_plan(&n, q, null_fd);
	n.keeps_dispositions = !q->python;
	n.forgets_handlers = q->python;
	n.cgroup_fd = q->is_contained ? q->cgroup_fd : -1;
	pid = fork_child(q, &n);
	if (pid < 0) {
		spawn_failed(q, "forking", pid);
		return;
	}
	acre_ignore(sys_close(TAKE_FD(null_fd))); /* there is room for one more, now */
	r = pidref_open(&q->pid, pid);
	if (r < 0) {
		q->pid = PIDREF_NULL;
		spawn_failed(q, "holding the forked process", r);
		newborn_let_end(q, P_PID, pid);
	}
}

int be_fork_make(struct life *life, const struct birth *birth)
{
	struct spawn_request q = { .make = spawn_fork,
				   .path = "the running program",
				   .title = birth->title,
				   .is_fork = true,
				   .with_strangers = birth->with_strangers };

	if (birth->program)
		return acre_fail(EINVAL,
				 "actor %s: another program is for the backend exec only",
				 birth->name);
	fflush(stdout); /* or the child would have it, too */
	return birth_of_process(life, birth, &q);
}
