/* SPDX-License-Identifier: MIT */
/* contain.h - a cgroup around everything below the root, which nothing leaves. */
#pragma once

#include "actor/guard.h"
#include "core/loop.h"

/*
 * The root makes a cgroup (version 2, no controller needed: kernel-facts K44) below its
 * own and its children are born in it, or enter it before they do anything else where they
 * are forked. So all that they start is there too, daemons of daemons included: no fork,
 * exec or setsid leads out (K45). Writing to its cgroup.kill ends all of it. The root does
 * that at its end; the guard does when the root is killed. Threads of the root's process
 * are with the root, and what they make is in the cgroup.
 *
 * Two processes that must both die before anything is left: whoever kills the root and
 * the guard at once still has the death signals of all that acre has made.
 */
struct containment {
	bool is_on;
	bool is_made;  /* there is a cgroup to remove */
	int dir_fd;    /* the cgroup; for clone3 */
	int kill_fd;   /* its cgroup.kill */
	int parent_fd; /* the cgroup that it was made in */
	char name[64];
	struct guard guard;
	struct watch guard_watch;
};

/* Of the root, before its first child. EOPNOTSUPP with the reason, filed. */
int contain_open(struct containment *c, const char *uuid);
/* Ends what is left in it, and removes it. When all children were reaped. Idempotent. */
void contain_close(struct containment *c);
