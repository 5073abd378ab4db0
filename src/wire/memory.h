/* SPDX-License-Identifier: MIT */
/* memory.h - the way to a peer in the same process: bytes that no kernel carries. */
#pragma once

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

/*
 * Two ends, each of one loop and used by its thread only; what is written to one is read from the
 * other, as over a connected stream socket that does not block. Bytes are copied twice, into a
 * ring and out of it, and who has something to see is told by a letter to its loop: while that
 * runs, nothing is asked of the kernel. Two thirds of the time of a socketpair, for calls and for
 * items of 16 kB alike (two shared cores).
 */

/* Bytes that lie unread for one end: about what a socketpair takes. */
#define MEMORY_ROOM (128 * 1024)

struct memory_end;

/* -ENOMEM. Both are owned by the caller. */
int memory_pair(struct memory_end *ret[2]);
/* From now on fn(owner) is called on this thread's loop, by itself, when there are bytes, or the
 * end, or room after a write that found too little; until the end is closed, also by fn. */
void memory_watch(struct memory_end *e, void (*fn)(void *owner), void *owner);
/* How many bytes went; -EAGAIN: none for now; -EPIPE: the other end is closed. */
ssize_t memory_write(struct memory_end *e, const struct iovec *iov, int n);
/* How many bytes came; 0: none ever will, the other end is closed; -EAGAIN: none for now. */
ssize_t memory_read(struct memory_end *e, void *bytes, size_t len);
/* What was written is still read by the other end. NULL: nothing is done. Returns NULL. */
struct memory_end *memory_close(struct memory_end *e);
