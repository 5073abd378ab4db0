/* SPDX-License-Identifier: MIT */
/* guard.h - the process that empties a contained tree when its root has died. */
#pragma once

#include "core/child_table.h"
#include "base/pidref.h"

/*
 * It waits for one thing, the end of the root, then writes one byte and removes the
 * cgroup. Between its birth and its end it allocates nothing, parses nothing and takes no
 * lock; it holds four descriptors and blocks all signals. It is a fork of the root, made
 * before the tree is, and is not in the cgroup itself.
 */
struct guard_job {
	int root_pidfd;	  /* all borrowed */
	int kill_fd;	  /* cgroup.kill, open for writing */
	int parent_fd;	  /* the directory that holds the cgroup */
	const char *name; /* of the cgroup there */
};

struct guard {
	struct pidref pid;
	struct child_entry entry;
};

/* Any thread. -EAGAIN, -ENOMEM ... */
int guard_start(struct guard *g, const struct guard_job *job);
/* It has ended, or is to: by SIGKILL. Idempotent. */
void guard_end(struct guard *g);
