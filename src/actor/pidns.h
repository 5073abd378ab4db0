/* SPDX-License-Identifier: MIT */
/* pidns.h - a PID namespace around everything below the root, which ends with its init. */
#pragma once

#include "core/child_table.h"
#include "base/pidref.h"

/*
 * The root stays where it is, with its terminal, its signals and its exit status. It
 * makes one process, the init of a new PID namespace, and all that it makes afterwards is
 * born in there: its children are still its children. When the init ends the kernel kills
 * all that is in the namespace, daemons of daemons included, and lets nothing new begin
 * (kernel-facts K21). The init has a death signal and so ends with the root. So there are
 * no two processes that must both live: who kills root, init or both at once has ended it
 * all.
 *
 * The way in is one for processes with a single thread, and holds for what they make
 * afterwards only: so between the spawner and a child there is a process that enters,
 * makes the child as its sibling (CLONE_PARENT), and ends.
 *
 * Where the root is not privileged a user namespace goes along, in which it owns the
 * other one. Each child of the root has a mount namespace of its own, a copy but for
 * /proc, which tells of the PID namespace; directory and root directory stay as they
 * were.
 *
 * In there numbers of processes are others. What comes out is a pidfd; a number is asked
 * of /proc (proc.h). The root and its process have the number 0.
 */
struct pidns {
	struct pidref init;
	struct child_entry entry;
	int pid_fd;	 /* owned; -1: not open */
	int user_fd;	 /* owned; -1: the root is privileged */
	int root_pidfd;	 /* borrowed */
	bool drops;	 /* who is in has no privileges in the user namespace either */
};

/* By the root's own thread. 0, or -errno and what could not be had. */
int pidns_open(struct pidns *ns, int root_pidfd, const char **ret_why);
/* Ends what is in it. All children of the root in it must have been reaped, or be
 * strangers, which are swept here. Idempotent. */
void pidns_close(struct pidns *ns);

/* In a process with one thread, which may share our memory: what it makes is in the
 * namespace. -ESRCH: that has ended. */
int pidns_enter_in_child(const struct pidns *ns);
/* In what was made so, before anything else that needs /proc: it gets its own, and
 * drops its privileges. */
int pidns_settle_in_child(const struct pidns *ns);
