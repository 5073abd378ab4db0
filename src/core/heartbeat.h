/* SPDX-License-Identifier: MIT */
/* heartbeat.h - how another thread sees whether a loop goes round. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/sys.h"

/*
 * A loop counts its turns, and says when it waits: then it may stand still for as long as
 * it likes. A watcher compares the count between two looks. It looks only while the loop
 * is at work: before it sleeps it says so, looks once more whether the loop waits, and
 * the loop rings it when it goes on (kernel-facts K48: an idle program makes no
 * wake-ups). Both say first and look then, so one of them sees the other.
 */
struct heartbeat {
	_Atomic uint32_t turns;
	_Atomic bool waits;	     /* in its poll, or outside of acre_step() */
	_Atomic bool watcher_sleeps; /* ring before going on */
	_Atomic int ring_fd;	     /* eventfd of the watcher; read only if it sleeps */
};

static inline void heartbeat_waits(struct heartbeat *h)
{
	atomic_store(&h->waits, true);
}

static inline void heartbeat_goes_on(struct heartbeat *h)
{
	uint64_t one = 1;

	atomic_store(&h->waits, false);
	if (likely(!atomic_load(&h->watcher_sleeps)))
		return;
	if (atomic_exchange(&h->watcher_sleeps, false))
		acre_ignore(sys_write(atomic_load(&h->ring_fd), &one, sizeof one));
}

static inline void heartbeat_turn(struct heartbeat *h)
{
	uint32_t n = atomic_load_explicit(&h->turns, memory_order_relaxed);

	atomic_store_explicit(&h->turns, n + 1, memory_order_relaxed);
}

/* The watcher's: true if the loop waits and will ring; false: look again later. */
static inline bool heartbeat_may_sleep(struct heartbeat *h, int ring_fd)
{
	if (!atomic_load(&h->waits))
		return false;
	atomic_store(&h->ring_fd, ring_fd);
	atomic_store(&h->watcher_sleeps, true);
	if (atomic_load(&h->waits))
		return true;
	atomic_store(&h->watcher_sleeps, false);
	return false;
}
