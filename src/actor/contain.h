/* SPDX-License-Identifier: MIT */
/* contain.h - a fence around everything below the root, which nothing leaves. */
#pragma once

#include "actor/guard.h"
#include "actor/pidns.h"
#include "actor/spawner.h"
#include "core/loop.h"

/*
 * There are two kinds: a cgroup, or a PID namespace (pidns.h) where it was asked for or
 * no cgroup may be made.
 *
 * The root makes a cgroup (version 2, no controller needed: kernel-facts K44) below its
 * own and its children are born in it, or enter it before they do anything else where
 * they are forked. So all that they start is there too, daemons of daemons included: no
 * fork, exec or setsid leads out (K45). Writing to its cgroup.kill ends all of it. The
 * root does that at its end; the guard does when the root is killed. Threads of the
 * root's process are with the root, and what they make is in the cgroup.
 *
 * Two processes that must both die before anything is left: whoever kills the root and
 * the guard at once still has the death signals of all that acre has made. In a PID
 * namespace nothing is left then either.
 */
struct containment {
	bool is_on;
	bool is_made;  /* there is a cgroup to remove */
	int error;     /* why there is none: an errno value, 0 */
	int dir_fd;    /* the cgroup; for clone3 */
	int kill_fd;   /* its cgroup.kill */
	int parent_fd; /* the cgroup that it was made in */
	char name[64];
	struct guard guard;
	struct watch guard_watch;
	bool is_pidns; /* that, and nothing of the above */
	struct pidns pidns;
};

/* Of the root, before its first child; with or without a look at cgroups. EOPNOTSUPP with
 * the reason, filed. */
int contain_open(struct containment *c, const char *uuid, bool only_pidns);
/* Whether a cgroup can be made below ours, and where that is, if one is mounted. 0, or
 * EOPNOTSUPP with the reason, filed. */
int contain_probe_cgroup(char *ret_path, size_t size);
/* What it means for a process to be made. `c` may be NULL: none. */
void contain_birth(const struct containment *c, struct spawn_request *q);
/* Ends what is left in it, and removes it. When all children were reaped. Idempotent. */
void contain_close(struct containment *c);
