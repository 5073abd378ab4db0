/* SPDX-License-Identifier: MIT */
/* share.h - one thing for many tasks: broadcast of a source, resources opened once, gathered blocks. */
#ifndef ACRE_SHARE_H
#define ACRE_SHARE_H

/*
 * Three helpers made of what task.h and chan.h offer. Three rules. All are for tasks of
 * one loop; none is for other threads. What a subscriber or a user of a resource began,
 * it ends: acre_unsubscribe(), acre_cache_leave(), cancelled or not. Callbacks are called
 * in the task that needs them, so its scopes and deadlines hold in them.
 */

#include <acre/task.h>

ACRE_BEGIN_

/*
 * Broadcast: every subscriber receives every item of one source, each at its own pace, as
 * long as it stays within the window. Whoever receives first pulls the next item from the
 * source (any call that yields items); the others find it in the window. A subscriber
 * that falls out of it gets ACRE_ELAGGED once and goes on at the oldest item that is
 * left; with `ignore_lag` it goes on silently. (tractor's trionics.broadcast_receiver,
 * and tokio's broadcast before it.)
 *
 *	r = acre_broadcast_open(&b, (struct acre_broadcast_options){
 *		.item_size = sizeof item, .window = 64, .next = next_item, .source = ctx });
 *	r = acre_subscribe(&sub, b);
 *	while ((r = acre_subscriber_recv(sub, &item)) > 0)
 *		...
 *	sub = acre_unsubscribe(sub);
 *	r = acre_broadcast_close(&b, r);
 */
struct acre_broadcast;	/* ours */
struct acre_subscriber; /* ours */

struct acre_broadcast_options {
	size_t item_size;
	size_t window; /* items kept */
	int (*next)(
		void *source,
		void *item); /* > 0 an item, 0 the end, < 0 a failure; may be a checkpoint */
	void *source;
	bool ignore_lag;
	uint64_t reserved[2];
};

/* EINVAL: no item size, window or next; ENOMEM. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int
acre_broadcast_open(struct acre_broadcast **ret, struct acre_broadcast_options options);
/* Ends it: subscribers read what is in the window and then get ACRE_ECLOSED, those
 * that wait at once. A call of next() that is under way is cancelled, and has ended on
 * return: nothing uses the source any more. Subscribers stay valid until they are
 * ended. Sets the pointer to NULL; takes NULL. Hands `r` on. Not a checkpoint. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_broadcast_close(struct acre_broadcast **broadcast,
						     int r);

/* A new cursor, at the next item of the source. For one task at a time (else BUG).
 * ACRE_ECLOSED after the close, when `broadcast` is NULL; ENOMEM. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_subscribe(struct acre_subscriber **ret,
					       struct acre_broadcast *broadcast);
/* A new cursor at the place of `other`. ACRE_ECLOSED, ENOMEM. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_subscribe_like(struct acre_subscriber **ret,
						    const struct acre_subscriber *other);
/* Returns NULL; takes NULL. */
ACRE_PUBLIC_ struct acre_subscriber *acre_unsubscribe(struct acre_subscriber *subscriber);

/* The next item: 1; 0 at the end; ACRE_ELAGGED with the number of lost items in the
 * report; ACRE_ECLOSED; the source's failure, which every subscriber gets once, and
 * then the end. A checkpoint; cancelled, nothing is lost. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_subscriber_recv(struct acre_subscriber *subscriber,
						     void *item);

/* Items in the window that this subscriber has not read. */
ACRE_PUBLIC_ size_t acre_subscriber_n(const struct acre_subscriber *subscriber);

/*
 * A cache of resources: tasks that ask for the same key share one resource, which is
 * opened by the first and closed by the last user, who waits for the close and gets its
 * failure. (tractor's maybe_open_context.)
 */
struct acre_cache; /* ours */

struct acre_resource {
	const char *key; /* borrowed for the call */
	/* May be a checkpoint. May not leave a scope or nursery open (a BUG): another
	 * task may close. */
	int (*open)(void *arg, void **ret_value);
	/* Takes the result so far. In a cancelled task it is shielded for at most 3 s. */
	int (*close)(void *arg, void *value, int r);
	void *arg; /* for both; of the user who opened it: it stays until the close */
};

ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_cache_open(struct acre_cache **ret);
/* All users must have left (else BUG). */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_cache_close(struct acre_cache **cache, int r);
/* 1: this call opened it (a miss); 0: it was open (a hit); *ret is the value. A failed
 * open is its first user's failure; the next one tries again. Waits while another one
 * opens or closes it. ENOMEM. A checkpoint. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_cache_enter(struct acre_cache *cache,
						 const struct acre_resource *resource,
						 void **ret);
/* Leaves it; the last one closes it. Waits even if cancelled, in bounded time. Returns
 * r, or the failure of the close if r >= 0 or r is a cancellation. Leaving what nobody
 * uses is a BUG. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_cache_leave(struct acre_cache *cache,
						 const char *key, int r);

/*
 * Gather: enters `n` blocks at the same time and runs `body` when all are entered;
 * values[i] is what enter gave. Each block lives in a task of its own: enter, wait,
 * leave. A failure of one, or of the body, cancels all. What was entered is left, with r
 * = -ECANCELED if it was cancelled before the body had ended, else 0. EINVAL for n = 0. A
 * checkpoint. (tractor's gather_contexts.)
 */
struct acre_block {
	int (*enter)(void *arg, void **ret_value);
	int (*leave)(void *arg, void *value,
		     int r); /* takes the result so far; not shielded */
	void *arg;
};

ACRE_PUBLIC_ ACRE_MUST_USE_ int
acre_gather(const struct acre_block *blocks, size_t n,
	    int (*body)(void *arg, void **values, size_t n), void *arg);

ACRE_END_
#endif
