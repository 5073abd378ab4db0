/* SPDX-License-Identifier: MIT */
/* watchdog.h - the thread that needs no loop: death of the parent, strangers, stuck loops. */
#pragma once

#include <stdbool.h>

struct runtime;

/*
 * One in each process actor, from before anything of its program runs to its end, and one in
 * the root: of a root that takes signals from the beginning, else from its first actor on. It
 * shares no lock with the loop but that of the child table, uses no heap, and so works while the
 * loop is stuck in a task. It
 *
 *	- polls the pidfds of the parent and of the root: when either ends, so do we, by
 *	  SIGKILL; all of a tree at once, not level by level (kernel-facts K9);
 *	- makes the process a sub-reaper, and sweeps (sweep.h) when a child has ended, but
 *	  in a root that has never had an actor: what its program starts is its own;
 *	- looks whether the loop goes round while it is at work, and traces what blocked it;
 *	- has SIGUSR1 answered by a dump (dumper.h);
 *	- in the root, lends its terminal and takes it back (tty.h);
 *	- takes SIGINT while the loop does not: the first is passed on to the children, the
 *	  second kills them, the third us.
 */

/* Starts it for the process's first runtime; idempotent. The loop's thread. A failure is
 * filed. It sweeps from the second on. */
int watchdog_start(struct runtime *rt);
int watchdog_start_sweeping(struct runtime *rt);
/* Sweeps until there are no strangers, ends and joins it. Before the loop is freed, by the
 * runtime that it was started for; nothing for another one. */
void watchdog_stop(const struct runtime *rt);

/* In a process made by fork: the thread and its descriptors are its parent's. Before those
 * are closed. */
void watchdog_forget(void);

/* Whether a SIGINT that the loop reads now belongs to one that the watchdog has taken
 * just before, while the loop was stuck. The loop's thread. */
bool watchdog_has_taken_interrupt(void);
