/* SPDX-License-Identifier: MIT */
/* forkonce.c - what each process makes for itself, also one that has a copy by fork. */
#include "base/forkonce.h"

#include <sched.h>

/* Bound: another thread's make(). */
void fork_once_make(_Atomic pid_t *pid, pid_t self, void (*make)(void))
{
	pid_t seen = atomic_load_explicit(pid, memory_order_acquire);

	while (seen != self) {
		if (seen == -self) {
			sched_yield();
			seen = atomic_load_explicit(pid, memory_order_acquire);
		} else if (atomic_compare_exchange_weak(pid, &seen, -self)) {
			make();
			atomic_store_explicit(pid, self, memory_order_release);
			return;
		}
	}
}
