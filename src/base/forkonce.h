/* SPDX-License-Identifier: MIT */
/* forkonce.h - what each process makes for itself, also one that has a copy by fork. */
#pragma once

#include <stdatomic.h>
#include <sys/types.h>

#include "base/util.h"

/*
 * A process made by fork has a copy of our tables and none of our threads, and their locks
 * are in whatever state they were in at that moment. So such a table is made anew by the
 * first thread that needs it:
 *
 *	static struct { _Atomic pid_t pid; pthread_mutex_t lock; ... } table;
 *
 *	fork_once(&table.pid, sys_getpid(), make_table);
 *
 * `pid` begins as 0, and is -pid while the table is made.
 */
void fork_once_make(_Atomic pid_t *pid, pid_t self, void (*make)(void));

static inline void fork_once(_Atomic pid_t *pid, pid_t self, void (*make)(void))
{
	if (unlikely(atomic_load_explicit(pid, memory_order_acquire) != self))
		fork_once_make(pid, self, make);
}
