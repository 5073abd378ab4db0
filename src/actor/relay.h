/* SPDX-License-Identifier: MIT */
/* relay.h - what a command writes, written again to our own stdout or stderr. */
#pragma once

#include "base/buf.h"
#include "core/loop.h"

/*
 * Bytes go into a queue, line by line with a label before each, and out of it as our reader
 * takes them; nothing here waits. Who fills the queue stops while it has no room, so a slow
 * reader of ours makes the program slow, as it would without us.
 */

/* Bytes that wait for our reader before no more is read: a pipe's usual size */
#define RELAY_MOST (64 * 1024)
/* A partial line waits for its end up to this; a longer one is passed on in pieces. One that
 * has all the room must be: nothing more could come, and nothing go. */
#define RELAY_LINE_MOST RELAY_MOST

struct relay {
	int fd; /* a copy of our own descriptor, owned; -1: nothing is relayed (any more) */
	struct watch watch; /* of fd, while it does not take what is there */
	const char *label;  /* borrowed; "": bytes as they come, without lines */
	const char *stream; /* "out" or "err" */
	struct buf queue;
	size_t n_ready; /* bytes of the queue that may go out: whole lines, mostly */
	bool is_in_line; /* the last byte in the queue, or that was in it, ended no line */
	void (*went_on)(struct relay *r); /* after it took something later on */
};

/* fd: STDOUT_FILENO or STDERR_FILENO. Without such a descriptor nothing is relayed. -EMFILE,
 * -ENFILE. */
int relay_open(struct relay *r, int fd, const char *label,
	       void (*went_on)(struct relay *r));
static inline bool relay_has_room(const struct relay *r)
{
	return buf_len(&r->queue) < RELAY_MOST;
}
static inline bool relay_is_idle(const struct relay *r)
{
	return r->fd < 0 || r->n_ready == 0;
}
/* -ENOMEM: these bytes, or a part of them, are lost. */
int relay_say(struct relay *r, const char *bytes, size_t n);
/* There is no more: a line that was not ended is. -ENOMEM. */
int relay_end_line(struct relay *r);
/* Writes what our reader takes at once; the rest goes later. 0, or a failure: nobody reads
 * it, or nobody can be told when to go on. Then nothing more is relayed. */
int relay_write(struct relay *r);
/* Idempotent. What is in the queue is lost. */
void relay_fini(struct relay *r);
