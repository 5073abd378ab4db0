/* SPDX-License-Identifier: MIT */
/* newborn.h - the first steps of a process that we made, whatever made it. */
#pragma once

#include <sys/wait.h>

#include "actor/spawner.h"

#define NEWBORN_FD_FIRST 3 /* the child's first descriptor beyond the standard ones */
#define NEWBORN_FDS_MAX	 (NEWBORN_FD_FIRST + SPAWN_FDS_MAX)

struct newborn {
	pid_t parent;	  /* whose child it must still be; 0: who is not seen from */
	int parent_pidfd; /* its PID namespace, but through this; borrowed */
	const struct pidns *pidns; /* that it is in, and to settle in; borrowed; NULL */
	int fds[NEWBORN_FDS_MAX];  /* what becomes its descriptors 0, 1, 2 ...; borrowed */
	int n_fds;
	int cgroup_fd; /* that it is to enter; borrowed; -1: it is where it is to be */
	bool ignores_nothing;	 /* its maker has looked: no signal is to be reset */
	const char *directory;	 /* borrowed; NULL: where it is */
	bool is_subreaper;
	bool keeps_dispositions; /* of signals: it has the memory of their handlers */
	bool forgets_handlers; /* of signals: it has that memory, and they are not its own */
	const char *step; /* the last one begun: what failed */
};

/* By the parent, before. stdin is `null_fd`, stdout ours if we have one. */
void newborn_plan(struct newborn *n, const struct spawn_request *q, int null_fd);

/* By the child, before anything else: it dies with its parent, has its own process group,
 * default signals, and the planned descriptors, without FD_CLOEXEC, and no others. 0, or
 * -errno of n->step. Makes calls of base/sys.h only, uses no memory but its own. */
int newborn_begin_in_child(struct newborn *n);
/* Where its memory is not the parent's: that step and error are the words that it dies
 * with, on the stderr that its parent reads. */
void newborn_say_failure(const struct newborn *n, int r);

/* By the parent, whose child it is but who cannot hold it: its link is shut, so it
 * ends by itself, or it is killed if it has none; and it is reaped here. What is not
 * gone after a second is left to the sweep, which kills. `q` is the request that it
 * was made for; `kind` and `id` are as for waitid(): a number, or a pidfd where that
 * is not known. */
void newborn_let_end(const struct spawn_request *q, idtype_t kind, int id);
