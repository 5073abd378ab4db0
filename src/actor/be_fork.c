/* SPDX-License-Identifier: MIT */
/* be_fork.c - an actor as a process with our memory as it was: fork, behind the barrier. */
#include <fcntl.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <unistd.h>

#include "actor/birth.h"
#include "actor/child.h"
#include "actor/newborn.h"
#include "actor/spawner.h"
#include "actor/title.h"
#include "actor/tty.h"
#include "actor/watchdog.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/barrier.h"
#include "core/debug.h"

/*
 * The spawner thread forks, while all other threads of ours stand still where they hold no
 * lock (core/barrier.h), and goes on in the child as its only thread. It has never had a
 * loop or a runtime, so those of the parent are mere memory there; what belongs to the
 * process and not to a runtime is made anew by who needs it (base/forkonce.h), or forgotten
 * below. What is kept is what one
 * forks for: the program's memory, registered endpoints, loaded modules, and the
 * dispositions of signals, which may be handlers in that memory.
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
_Noreturn static void live_in_child(struct newborn *n, const char *title)
{
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
	status = child_live_in_process(title);
	fflush(stdout);
	_exit(status);
}

static void spawn_fork(struct spawn_request *q)
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
	n.keeps_dispositions = true;
	n.cgroup_fd = q->is_contained ? q->cgroup_fd : -1;
	pid = sys_fork_process();
	if (pid == 0)
		live_in_child(&n, q->title);
	if (pid < 0) {
		spawn_failed(q, "forking", pid);
		return;
	}
	acre_ignore(sys_close(TAKE_FD(null_fd))); /* there is room for one more, now */
	r = pidref_open(&q->pid, pid);
	if (r < 0) {
		q->pid = PIDREF_NULL;
		spawn_failed(q, "holding the forked process", r);
		newborn_let_end(q, pid);
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
		return acre_fail(EINVAL, "%s: another program is for the backend exec only",
				 birth->title);
	fflush(stdout); /* or the child would have it, too */
	return birth_of_process(life, birth, &q);
}
