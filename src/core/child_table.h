/* SPDX-License-Identifier: MIT */
/* child_table.h - which processes are children of ours on purpose. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * The sweep (actor/sweep.h) ends each child that is not in this table, so whoever makes a
 * process holds the lock from before it exists until it is in the table (kernel-facts
 * K12), and takes it out after it was reaped and before its pidfd is closed:
 *
 *	child_table_lock();
 *	...clone3...
 *	child_table_add(&entry, pid, pidfd, CHILD_PROGRAM);
 *	child_table_unlock();
 *	...
 *	...reap...
 *	child_table_remove(&entry);
 *	...close the pidfd...
 *
 * Where it takes longer to know the child, the lock is not held but for the entry, and a
 * birth is announced before and over after that. An entry lies with its owner: nothing is
 * allocated here. Any thread; the lock is never held while something is waited for, and not
 * at rest (barrier.h). In a child of fork the table is empty.
 */
enum child_kind {
	CHILD_ACTOR, /* a sub-reaper itself: what it leaves comes to us when it ends */
	/* held by a handle: what it leaves may come to us at any time */
	CHILD_PROGRAM,
	CHILD_THREAD, /* an actor on a thread of this process: no child, but told like one */
	CHILD_HELPER, /* ours, like a forkserver: no cancel is passed on to it */
};

struct child_entry {
	struct child_entry *next; /* in its bucket */
	pid_t pid;		  /* 0: not in the table */
	int pidfd;		  /* borrowed; -1 of a thread */
	enum child_kind kind;
	/* Of a thread: asks it to end. Called under the table's lock, by any thread. */
	void (*ask)(struct child_entry *e);
	const char *name; /* borrowed: of an actor, where it is known; or NULL */
	/* The watchdog has passed an interrupt on to it. To be read when it was removed. */
	bool was_told;
};

void child_table_lock(void);
void child_table_unlock(void);
/* Under the lock. */
void child_table_add(struct child_entry *e, pid_t pid, int pidfd, enum child_kind kind);
bool child_table_has(pid_t pid);
/* Around the making of a child that something has to be waited for, without the lock, until
 * its entry is in. True: a sweep was put off meanwhile, and is to be made now. */
void child_table_begin_birth(void);
bool child_table_end_birth(void);
/* Under the lock, by a sweep: there are births, so it cannot tell who is a stranger. */
bool child_table_puts_off_sweep(void);
/* Takes the lock. Idempotent. What the child left is swept soon afterwards. */
void child_table_remove(struct child_entry *e);

/* Sends a signal to all but helpers and marks them as told; how many. A thread is asked to
 * end; it cannot be killed. Who gets SIGKILL, or should, is named in the log. Takes the
 * lock. */
size_t child_table_tell(int sig);
/* Whether one is of the kind that leaves something at any time. Takes the lock. */
bool child_table_has_programs(void);

/* What to call when there is a reason to sweep: one has ended, or may leave something at any
 * time. NULL: nobody. It is called by any thread, also under the lock. */
void child_table_tell_changes(void (*changed)(void));
