/* SPDX-License-Identifier: MIT */
/* ring.h - bytes from one actor to another through memory that both map. */
#ifndef ACRE_RING_H
#define ACRE_RING_H

/*
 * For many bytes at a time: they are copied into shared memory and out of it, and no frame
 * carries them. A ring is a shared array (shm.h) of another shape: its token is sent, and
 * attached with ACRE_SHM_WRITE, and it is closed as one.
 *
 *	r = acre_ring_create(&ring, 10 << 20); // the opener, who writes
 *	ACRE_OPEN(ctx, r, a, consume, (&(struct acre_text){ acre_shm_token(ring) })) {
 *		r = acre_ring_write(ring, ctx, frame, sizeof frame);
 *		if (r >= 0)
 *			r = acre_finish(ctx); // no more comes
 *	}
 *
 *	ACRE_CONTEXT(consume, acre_text) // the callee, who reads
 *	{
 *		r = acre_shm_attach(&ring, in->value, ACRE_SHM_WRITE);
 *		while (r >= 0 && (n = acre_ring_read(ring, ctx, bytes, sizeof bytes)) > 0)
 *			use(bytes, n);
 *	}
 *
 * Whoever finds it empty, or full, waits on the context whose bytes these are, and is woken
 * by an item of it. So a wait ends as any wait on a context does: with what it waits for, a
 * cancellation, the end of the other side, the loss of the link.
 *
 * Three rules. One task writes and one reads, in the two actors of one context, of which
 * either may be the opener. The items of that context are the ring's: send and receive none,
 * and only the writer finishes. A callee that writes or reads has started, as with an item.
 * Bytes have no borders: a read gives what is there, up to what was asked for.
 *
 * (tractor's RingBuf.)
 *
 * THREADS: as contexts. FORK: the parent's; -ECHILD.
 */

#include <acre/context.h>
#include <acre/shm.h>

ACRE_BEGIN_

/* Makes a ring in which `size` bytes lie at most. EINVAL: 0, or more than an address space
 * has; else the failures of acre_shm_create(). Not a checkpoint. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_ring_create(struct acre_shm **ret, size_t size);

/*
 * Writes all n bytes, also more than the ring holds, waiting for room. On return they lie in the
 * ring: that its reader has gone is told by a write that waits, at the latest. ACRE_ECLOSED: the
 * reader has left its stream or ended, which is no failure of an endpoint that returns it, or the
 * link has ended; its failure, if it has failed; EINVAL: that is no ring; EACCES: it was attached
 * without ACRE_SHM_WRITE; EPROTO: somebody wrote nonsense into it. A checkpoint: on a failure or
 * -ECANCELED a part of the bytes may have gone.
 */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_ring_write(struct acre_shm *ring,
						struct acre_context *ctx,
						const void *bytes, size_t n);

/*
 * Reads up to n bytes, n > 0: how many, at least 1; 0 at the end, again and again: the writer
 * has finished (acre_finish()) or ended, and all is read. Failures as above; what was written
 * before one is read before it is told. A checkpoint: on -ECANCELED nothing was taken.
 */
ACRE_PUBLIC_ ACRE_MUST_USE_ ssize_t acre_ring_read(struct acre_shm *ring,
						   struct acre_context *ctx, void *ret,
						   size_t n);

ACRE_END_
#endif
