/* SPDX-License-Identifier: MIT */
/* chan.h - what tasks of one loop wait for each other with: channels, events, locks, select. */
#ifndef ACRE_CHAN_H
#define ACRE_CHAN_H

/*
 * All of these live in the caller's memory, usually in the block that owns the nursery of
 * the tasks that use them; none allocates, and blocking on one allocates nothing either.
 * An item is handed to exactly one receiver; a wait that is cancelled has taken and given
 * nothing.
 *
 *	int ring[16];
 *	struct acre_chan c;
 *
 *	acre_chan_init(&c, sizeof *ring, ring, 16);
 *	...
 *	r = acre_chan_send(&c, &i);                // in one task
 *	...
 *	while ((r = acre_chan_recv(&c, &i)) > 0)   // in another: 0 is the end
 *		use(i);
 *
 * Three rules. Only tasks of the loop's thread use them. Memory of one that a task waits
 * on stays until the wait has ended (the nursery sees to that). Waiting order is first
 * come, first served.
 */

#include <acre/scope.h>

ACRE_BEGIN_

struct acre_chan {
	uint64_t private_[12];
};

/* A channel of `n` items of `item_size` bytes, kept in `ring` (n * item_size bytes,
 * owned by the caller). With n = 0 (ring NULL) it is unbuffered: a send ends when a
 * receiver has the item. */
ACRE_PUBLIC_ void acre_chan_init(struct acre_chan *chan, size_t item_size, void *ring,
				 size_t n);

/* Sends one item, waiting for room. 0, ACRE_ECLOSED, -ECANCELED (nothing sent). A
 * checkpoint. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_chan_send(struct acre_chan *chan, const void *item);

/* Receives one item: 1 with an item, 0 at the end (closed and empty), -ECANCELED
 * (nothing taken). A checkpoint. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_chan_recv(struct acre_chan *chan, void *item);

/* The same without waiting: -EAGAIN instead. Not checkpoints. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_chan_try_send(struct acre_chan *chan,
						   const void *item);
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_chan_try_recv(struct acre_chan *chan, void *item);

/* No more sends: waiting senders fail with ACRE_ECLOSED, receivers get what is left
 * and then the end. Idempotent. */
ACRE_PUBLIC_ void acre_chan_close(struct acre_chan *chan);

/* Items in the ring now. */
ACRE_PUBLIC_ size_t acre_chan_n(const struct acre_chan *chan);

/* A flag that tasks wait for. */
struct acre_event {
	uint64_t private_[4];
};

ACRE_PUBLIC_ void acre_event_init(struct acre_event *event);
/* Sets it and wakes all who wait; idempotent. */
ACRE_PUBLIC_ void acre_event_set(struct acre_event *event);
ACRE_PUBLIC_ void acre_event_reset(struct acre_event *event);
ACRE_PUBLIC_ bool acre_event_is_set(const struct acre_event *event);
/* 0 once it is set, or -ECANCELED. A checkpoint. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_event_wait(struct acre_event *event);

/* A lock between tasks, handed on in order of arrival. */
struct acre_lock {
	uint64_t private_[4];
};

ACRE_PUBLIC_ void acre_lock_init(struct acre_lock *lock);
/* 0 with the lock held; -ECANCELED without it. Taking it twice is a BUG. A checkpoint. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_lock_acquire(struct acre_lock *lock);
/* Only by the task that holds it, else BUG. */
ACRE_PUBLIC_ void acre_lock_release(struct acre_lock *lock);

/* One of several things to wait for. */
enum acre_case_kind {
	ACRE_CASE_RECV,	 /* chan, item */
	ACRE_CASE_SEND,	 /* chan, item */
	ACRE_CASE_EVENT, /* event */
	ACRE_CASE_FD	 /* fd, events; the events that came are stored in `result` */
};

struct acre_case {
	enum acre_case_kind kind;
	struct acre_chan *chan;
	struct acre_event *event;
	void *item; /* read for a send */
	int fd;
	int events;
	int result; /* of the case that happened: what the plain call would have returned */
};

/* Waits until one of at most 32 cases happens, does it, and returns its index; no
 * other has taken or given anything. Of several that are ready the first in order
 * wins. EINVAL: n is 0 or over 32. A checkpoint. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_select(struct acre_case *cases, size_t n);

ACRE_END_
#endif
