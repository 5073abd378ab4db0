/* SPDX-License-Identifier: MIT */
/* ring.c - a ring of bytes in shared memory, whose two ends wake each other through a context. */
#include <acre/ring.h>

#include <stdatomic.h>
#include <string.h>

#include <acre/error.h>

#include "actor/context.h"
#include "actor/shm.h"
#include "base/fault.h"
#include "base/util.h"
#include "core/report.h"
#include "core/sched.h"

/*
 * The reader counts what was taken, the writer what was put; what lies between is to be read.
 * Neither ever waits for the other's memory, and each copies before it counts.
 *
 * Whoever has to wait says how much of room, or of bytes, it wants, and looks once more, since
 * the other side may have looked just before. The other side takes that word back when there is
 * as much, and sends an item: so there is one item for a wait, and none without. A wait that is
 * cancelled takes its word back itself; if it was too late for that, the item that comes wakes
 * a later wait for nothing.
 *
 * A writer wants half the ring, or what it has left: with one byte it would be woken, and wait
 * again, for each read.
 */

#define MAGIC UINT64_C(0x31676e69725f6361) /* "ac_ring1": the last byte counts versions */
#define LINE_SIZE \
	128 /* two cache lines, which processors fetch together: one side's alone */

struct ring {
	uint64_t magic;
	_Alignas(LINE_SIZE) _Atomic uint64_t taken; /* the reader's */
	_Atomic uint64_t reader_wants;
	_Alignas(LINE_SIZE) _Atomic uint64_t put; /* the writer's */
	_Atomic uint64_t writer_wants;
	_Alignas(LINE_SIZE) uint8_t bytes[];
};

/* Of either end. The size is that of the segment: what memory says anybody may change. */
struct end {
	struct ring *ring;
	size_t size;
	struct acre_shm *shm;
	struct acre_context *ctx;
	bool writes;
};

static _Atomic uint64_t *wants_of(const struct end *e, bool writer)
{
	return writer ? &e->ring->writer_wants : &e->ring->reader_wants;
}

/* What lies in it; more than its size if somebody wrote nonsense. */
static uint64_t n_lying(const struct end *e)
{
	uint64_t put = atomic_load(&e->ring->put);

	return put - atomic_load(&e->ring->taken);
}

/* Bytes to be read, or room to write: of the reader, or the writer. */
static uint64_t amount_for(const struct end *e, bool writer)
{
	return writer ? e->size - n_lying(e) : n_lying(e);
}

int acre_ring_create(struct acre_shm **ret, size_t size)
{
	const size_t head = sizeof(struct ring);
	size_t all;
	int r;

	if (!size || __builtin_add_overflow(size, head, &all))
		return acre_fail(EINVAL, "a ring of %zu bytes", size);
	r = acre_shm_create(ret, .element_size = 1, .n = all);
	if (r < 0)
		return r;
	((struct ring *)shm_memory(*ret))->magic = MAGIC;
	return 0;
}

static bool is_ring(const struct end *e)
{
	return acre_shm_element_size(e->shm) == 1 &&
	       acre_shm_n(e->shm) > sizeof *e->ring && e->ring->magic == MAGIC;
}

/* Of a callee it is its start, as an item is: the opener waits for that, and bytes alone are no
 * news to it. */
static int begin(struct end *e, const char *call)
{
	int r = checkpoint(sched_task(call));

	if (r >= 0)
		r = shm_may_write(e->shm);
	if (r < 0)
		return r;
	e->ring = shm_memory(e->shm);
	e->size = acre_shm_n(e->shm) - sizeof *e->ring; /* if it is one */
	if (!is_ring(e))
		return acre_fail(EINVAL, "shared memory %s is no ring",
				 acre_shm_token(e->shm));
	if (!e->ctx->is_opener && !e->ctx->started_sent)
		return acre_started(e->ctx, acre_nil);
	return 0;
}

/* How many bytes can be copied now, at most n, and from where on. */
static int look(const struct end *e, size_t n, size_t *ret_n, uint64_t *ret_at)
{
	uint64_t lies = n_lying(e);

	if (lies > e->size && !PLANTED(RING_UNCHECKED))
		return acre_fail(EPROTO,
				 "in the ring %s of %zu bytes lie %llu, it is said",
				 acre_shm_token(e->shm), e->size,
				 (unsigned long long)lies);
	lies = lies > e->size ? e->size : lies;
	*ret_n = size_min(n, (size_t)(e->writes ? e->size - lies : lies));
	*ret_at = atomic_load(e->writes ? &e->ring->put : &e->ring->taken);
	return 0;
}

/* The other side, if there is as much as it wants. What cannot be told it still wants: nobody waits
 * before that has been tried again, or both would wait. */
static int wake_other(const struct end *e)
{
	_Atomic uint64_t *wants = wants_of(e, !e->writes);
	uint64_t wanted = atomic_load(wants);
	int r;

	if (!wanted || amount_for(e, !e->writes) < wanted ||
	    !atomic_compare_exchange_strong(wants, &wanted, 0))
		return 0;
	r = acre_send(e->ctx, acre_nil);
	if (r < 0)
		atomic_store(wants, wanted);
	return r;
}

/* Waits until there are so many bytes, or is so much room: 1 (or for nothing), 0: the other side
 * sends no more items, and so wakes nobody. */
static int await(const struct end *e, uint64_t wanted)
{
	_Atomic uint64_t *wants = wants_of(e, e->writes);
	struct acre_nil nil;
	int r = wake_other(e);

	if (r < 0 && report_class(r) != ACRE_ECLOSED) /* if so, nobody waits there */
		return r;
	atomic_store(wants, wanted);
	if (amount_for(e, e->writes) >= wanted && atomic_exchange(wants, 0))
		return 1; /* and nobody has seen that we want it */
	r = acre_recv(e->ctx, acre_nil, &nil);
	if (r <= 0)
		atomic_store(wants, 0);
	return r;
}

static void copy_in(const struct end *e, uint64_t at, const uint8_t *from, size_t n)
{
	size_t i = (size_t)(at % e->size), first = size_min(n, e->size - i);

	memcpy(e->ring->bytes + i, from, first);
	memcpy(e->ring->bytes, from + first, n - first);
}

static void copy_out(const struct end *e, uint64_t at, uint8_t *to, size_t n)
{
	size_t i = (size_t)(at % e->size), first = size_min(n, e->size - i);

	memcpy(to, e->ring->bytes + i, first);
	memcpy(to + first, e->ring->bytes, n - first);
}

/* As many as have room. */
static int write_some(const struct end *e, const uint8_t *bytes, size_t n, size_t *ret_n)
{
	uint64_t at = 0;
	int r = look(e, n, ret_n, &at);

	if (r < 0 || !*ret_n)
		return r;
	copy_in(e, at, bytes, *ret_n);
	atomic_store(&e->ring->put, at + *ret_n);
	return wake_other(e);
}

int acre_ring_write(struct acre_shm *ring, struct acre_context *ctx, const void *bytes,
		    size_t n)
{
	struct end e = { .shm = ring, .ctx = ctx, .writes = true };
	const uint8_t *p = bytes;
	size_t part = 0;
	int r = begin(&e, "acre_ring_write");

	while (r >= 0 && n) {
		r = write_some(&e, p, n, &part);
		if (r < 0)
			break;
		p += part;
		n -= part;
		if (!n)
			break;
		r = await(&e, size_min(n, e.size / 2 + 1));
		if (r == 0) {
			ctx->send_refused = true; /* if it has left, that is no failure */
			return acre_fail(ACRE_ECLOSED,
					 "%s of %s reads no more of the ring",
					 ctx->endpoint_name, ctx->peer->name);
		}
	}
	return r < 0 ? r : 0;
}

/* What lies there. */
static int read_some(const struct end *e, void *to, size_t n, size_t *ret_n)
{
	uint64_t at = 0;
	int r = look(e, n, ret_n, &at);

	if (r < 0 || !*ret_n)
		return r;
	copy_out(e, at, to, *ret_n);
	atomic_store(&e->ring->taken, at + *ret_n);
	acre_ignore(wake_other(e)); /* what was taken is given first */
	return 0;
}

/* The end of the writer, or its failure, comes behind what it had put before. */
ssize_t acre_ring_read(struct acre_shm *ring, struct acre_context *ctx, void *ret,
		       size_t n)
{
	struct end e = { .shm = ring, .ctx = ctx, .writes = false };
	size_t part = 0;
	int waited = 1, r = begin(&e, "acre_ring_read");

	if (r >= 0 && !n)
		r = acre_fail(EINVAL, "a read of no byte from a ring");
	while (r >= 0) {
		r = read_some(&e, ret, n, &part);
		if (r >= 0 && part)
			return (ssize_t)part;
		if (r >= 0 && waited <= 0)
			return waited;
		if (r >= 0)
			waited = await(&e, 1);
		if (report_class(waited) == ECANCELED)
			return waited;
	}
	return r;
}
