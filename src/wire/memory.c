/* SPDX-License-Identifier: MIT */
/* memory.c - two rings of bytes between two loops of a process, and letters that tell of them. */
#include "wire/memory.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/fault.h"
#include "base/mem.h"
#include "base/util.h"
#include "core/loop.h"

/*
 * A ring has one writer and one reader, so two counters are enough: `put` is the writer's,
 * `taken` the reader's, and each looks at the other's.
 *
 * An end has one letter. While that is under way, and while who is called by it looks, it is
 * `is_told` and nobody posts it again. Nothing that came is missed for that:
 *
 *	writer				reader, at the end of news()
 *	put = ...			is_told = false
 *	is_told? else post		nothing new? else post
 *
 * Each side writes one word and reads the other's, and all four are sequentially consistent, so
 * one of the two sees the other (mailbox.c tells the same of a sleeping loop). It is so for
 * room, too (`wants_room` and `taken`), and for the end (`is_closed`). What was left unread is
 * told again, as with a descriptor that is level-triggered.
 *
 * The lock of an end is what mailbox.h asks of a poster: the loop is posted to under it, and an
 * end that is closed has none. No byte is copied under it, or who was woken would wait for it.
 */

struct memory_end {
	struct memory *memory;
	struct letter letter;
	void (*fn)(void *owner);
	void *owner; /* borrowed, while it is watched */
	pthread_mutex_t lock;
	struct loop *
		loop; /* where it is watched; NULL: nowhere, or closed; set under the lock */
	_Atomic bool is_told; /* becomes true under the lock only, or by its own thread */
	_Atomic bool wants_room; /* a write found too little of it */
	_Atomic bool is_closed;
	/* What this end has to read: all that was ever put, and taken, and the bytes between. */
	_Atomic uint64_t put, taken;
	uint8_t ring[MEMORY_ROOM];
};

struct memory {
	_Atomic int n_left; /* ends that somebody has still to do with */
	struct memory_end ends[2];
};

static struct memory_end *other_of(struct memory_end *e)
{
	return &e->memory->ends[e == &e->memory->ends[0]];
}

static size_t unread_of(struct memory_end *e)
{
	return (size_t)(atomic_load(&e->put) - atomic_load(&e->taken));
}

/* By the thread of the other end. The loops of a child of fork are copies that nobody runs. */
static void tell(struct memory_end *e)
{
	if (atomic_load(&e->is_told))
		return;
	pthread_mutex_lock(&e->lock);
	if (e->loop && !loop_is_forked(e->loop) && !atomic_exchange(&e->is_told, true))
		mailbox_post(&e->loop->mailbox, &e->letter);
	pthread_mutex_unlock(&e->lock);
}

/* By its own, to which alone its loop is there without the lock. */
static void look_again(struct memory_end *e)
{
	struct memory_end *other = other_of(e);
	bool has_news = unread_of(e) || atomic_load(&other->is_closed) ||
			(atomic_load(&e->wants_room) && unread_of(other) < MEMORY_ROOM);

	if (has_news && e->loop && !atomic_exchange(&e->is_told, true))
		mailbox_post(&e->loop->mailbox, &e->letter);
}

/* One end is over: nobody reads its letters any more, and none is under way. */
static void release(struct memory_end *e)
{
	struct memory *m = e->memory;

	if (atomic_fetch_sub(&m->n_left, 1) > 1)
		return;
	pthread_mutex_destroy(&m->ends[0].lock);
	pthread_mutex_destroy(&m->ends[1].lock);
	mem_free(m);
}

static void news(struct letter *letter)
{
	struct memory_end *e = container_of(letter, struct memory_end, letter);

	atomic_store(&e->wants_room, false);
	if (!atomic_load(&e->is_closed))
		e->fn(e->owner);
	if (atomic_load(&e->is_closed)) {
		release(e);
		return;
	}
	atomic_store(&e->is_told, false);
	look_again(e);
}

int memory_pair(struct memory_end *ret[2])
{
	struct memory *m = mem_zalloc(sizeof *m);

	if (!m)
		return -ENOMEM;
	atomic_init(&m->n_left, 2);
	for (int i = 0; i < 2; i++) {
		m->ends[i].memory = m;
		m->ends[i].letter.fn = news;
		pthread_mutex_init(&m->ends[i].lock, NULL);
		ret[i] = &m->ends[i];
	}
	return 0;
}

void memory_watch(struct memory_end *e, void (*fn)(void *owner), void *owner)
{
	e->fn = fn;
	e->owner = owner;
	pthread_mutex_lock(&e->lock);
	e->loop = loop_this;
	pthread_mutex_unlock(&e->lock);
	look_again(e);
}

/* At most what the ring has room for. */
static size_t put_some(struct memory_end *to, const uint8_t *bytes, size_t len)
{
	size_t n = size_min(len, MEMORY_ROOM - unread_of(to));
	size_t at = (size_t)(atomic_load(&to->put) % MEMORY_ROOM);
	size_t first = size_min(n, MEMORY_ROOM - at);

	if (n == 0)
		return 0;
	memcpy(to->ring + at, bytes, first);
	memcpy(to->ring, bytes + first, n - first);
	atomic_fetch_add(&to->put, n);
	return n;
}

static size_t put_all(struct memory_end *to, const struct iovec *iov, int n,
		      size_t *ret_total)
{
	size_t written = 0, done;

	*ret_total = 0;
	for (int i = 0; i < n; i++) {
		done = *ret_total == written /* nothing was left out before */
			       ? put_some(to, iov[i].iov_base, iov[i].iov_len)
			       : 0;
		written += done;
		*ret_total += iov[i].iov_len;
	}
	return written;
}

ssize_t memory_write(struct memory_end *e, const struct iovec *iov, int n)
{
	struct memory_end *to = other_of(e);
	size_t total, written;

	if (atomic_load(&to->is_closed))
		return -EPIPE;
	written = put_all(to, iov, n, &total);
	if (written && !PLANTED(MEMORY_UNTOLD))
		tell(to);
	if (written < total) {
		atomic_store(&e->wants_room, true);
		look_again(e); /* it may have read just now */
	}
	return written || !total ? (ssize_t)written : -EAGAIN;
}

ssize_t memory_read(struct memory_end *e, void *bytes, size_t len)
{
	struct memory_end *other = other_of(e);
	bool is_end =
		atomic_load(&other->is_closed); /* before the look at what it wrote */
	size_t n = size_min(len, unread_of(e));
	size_t at = (size_t)(atomic_load(&e->taken) % MEMORY_ROOM);
	size_t first = size_min(n, MEMORY_ROOM - at);

	if (n == 0)
		return is_end ? 0 : -EAGAIN;
	memcpy(bytes, e->ring + at, first);
	memcpy((uint8_t *)bytes + first, e->ring, n - first);
	atomic_fetch_add(&e->taken, n);
	if (atomic_load(&other->wants_room))
		tell(other);
	return (ssize_t)n;
}

struct memory_end *memory_close(struct memory_end *e)
{
	if (!e)
		return NULL;
	atomic_store(&e->is_closed, true);
	pthread_mutex_lock(&e->lock); /* who posts just now has done so */
	e->loop = NULL;
	pthread_mutex_unlock(&e->lock);
	tell(other_of(e));
	if (!atomic_load(&e->is_told)) /* else its letter leads here */
		release(e);
	return NULL;
}
