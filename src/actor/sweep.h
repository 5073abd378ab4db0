/* SPDX-License-Identifier: MIT */
/* sweep.h - ending the strangers that became our children. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/*
 * An actor is a sub-reaper: what a descendant of it has left behind becomes its child.
 * One sweep sends SIGKILL to each child that is a stranger and reaps those that are dead;
 * it says how many it found, dead or alive. It is to be made again until it finds none,
 * since what a stranger leaves comes next; 1, too, if it was put off by a birth. Uses no
 * memory but its stack's; any thread.
 *
 * A stranger is a child that is not in the child table and is of another process group
 * than we are. All that acre makes has a group of its own, and what is forked there
 * inherits it. A child of our own group is one that the program has forked itself, by
 * system(3) or in a library: it is not touched here, and ends when it becomes our
 * parent's stranger.
 */
size_t sweep(void);

/* The init of a PID namespace, a child of ours, is the sub-reaper of what is left in
 * there (kernel-facts K11): all its children are strangers, too. 0: there is none. */
void sweep_children_of_init(pid_t init);
