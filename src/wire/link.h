/* SPDX-License-Identifier: MIT */
/* link.h - a connection between two actors: frames in, frames out, one end. */
#pragma once

#include "base/buf.h"
#include "base/list.h"
#include "core/loop.h"
#include "core/sched.h"
#include "core/timer.h"
#include "wire/limits.h"
#include "wire/memory.h"
#include "wire/msg.h"
#include "wire/transport.h"

/*
 * A link reads whenever its descriptor is readable, cuts the bytes into frames and hands
 * each to ops->frame, on the loop's fiber. What is written is queued: control frames in
 * one queue, data in another, and flushed once per round of the loop, control first, so
 * that a control frame waits for at most the one data frame that is being written.
 *
 * A link ends once, for one reason: ops->closed is called exactly once, on whichever
 * comes first: EOF, an error of the socket, a link error (a frame that must not be), or
 * link_close(). After it nothing is read or written. A frame under way is not left half
 * written if the socket takes its rest: a reference peer dies of half a frame.
 *
 * If the socket is full, the peer sees half a frame and then the end. That cannot be
 * otherwise where the end must come now: the rest would have to wait for a peer that does
 * not read. An acre peer serves the whole frames before it and tells how the link ended;
 * nothing behind the cut was written, so no half frame is ever taken for another one. Who
 * closes a link in good order uses link_finish(), which leaves no half frame; who closes
 * it at once has given the peer up: it is being killed, it has read nothing for
 * LINK_CONTROL_HIGH bytes, it broke a rule, or there is no memory to answer it.
 *
 * Not here: who may connect, what frames mean, reconnecting.
 */

/* Bytes of data queued beyond which senders wait: a few socket buffers. */
#define LINK_QUEUE_HIGH (256 * 1024)
/* Bytes of control frames that a peer may leave unread before it is given up. */
#define LINK_CONTROL_HIGH (4 * 1024 * 1024)
/* Bytes asked for per read, and reads before the other descriptors have their turn. */
#define LINK_READ_SIZE	     (64 * 1024)
#define LINK_READS_PER_EVENT 4
/* From the first byte written until it is asked whether the peer's host has taken it; then as
 * often as transport_look() says. */
#define LINK_FIRST_LOOK_NS (500 * INT64_C(1000000))

struct link;

struct link_ops {
	/* `m` is borrowed for the call, which may close the link. */
	void (*frame)(struct link *l, const struct msg *m);
	/* r: why, < 0; a report is filed with the running home. */
	void (*closed)(struct link *l, int r);
};

struct link {
	int fd; /* owned; -1 once closed, or over memory */
	struct memory_end *memory; /* owned; NULL once closed, or over a descriptor */
	struct watch watch; /* over memory only its events count, for what is wanted */
	struct deferred flush;
	const struct link_ops *ops;
	const struct wire_limits *limits;
	struct buf in;
	struct buf control;
	struct buf data;
	/* Bytes of the frame that is being written; of one queue at most. */
	size_t control_left;
	size_t data_left;
	struct list room; /* waits of tasks for LINK_QUEUE_HIGH */
	int broken;	  /* writing failed with it: what came before is still read */
	bool closed;
	bool mute;	   /* nothing is said to the peer, not even why it is refused */
	bool finishing;	   /* closes once everything queued has been written */
	bool has_said_all; /* and it has: over TCP the peer is still to end it */
	/* over TCP: whether the peer's host still answers while bytes wait for it */
	const struct transport_options *look_by; /* borrowed; NULL: nobody looks */
	struct timer look;
	struct transport_health health;
	char name[48]; /* of the peer, for reports */
};

/* Takes the descriptor (a connected stream socket, made non-blocking here). Frames
 * come from the next turn on. */
int link_open(struct link *l, int take_fd, const char *name, const struct link_ops *ops,
	      const struct wire_limits *limits);
/* The same in memory of this process; takes the end. Cannot fail. */
void link_open_memory(struct link *l, struct memory_end *take_end, const char *name,
		      const struct link_ops *ops, const struct wire_limits *limits);
/* Its peer's host may die without a word: from now on that is noticed, also while its window is
 * full. For TCP; the descriptor was made with these options, which are borrowed. */
void link_look_at_host(struct link *l, const struct transport_options *options);
/* Ends it now with this reason; idempotent. What was queued is dropped, but for what the
 * socket takes at once of a frame under way. */
void link_close(struct link *l, int r);
/* Ends it once all that is queued has been written, and over TCP has been read: the peer ends
 * it then. Further writes are refused. A peer that does not read makes this wait: whoever asks
 * for it bounds it by link_close(). */
void link_finish(struct link *l);
/* Ends it for a fault of the peer: sends an Error without cid that says so, before
 * anything that was queued, then closes with EPROTO. `why` is UTF-8. */
void link_refuse(struct link *l, const char *why);
/* Reads and serves all that the socket holds, then closes the link if that did not:
 * the peer is known to be gone. */
void link_drain(struct link *l);
/* Frees buffers; after closed. */
void link_fini(struct link *l);

/* The queue for a frame of that kind; after appending whole frames call
 * link_written(). NULL if the link is closed. */
struct buf *link_queue(struct link *l, enum msg_kind kind);
void link_written(struct link *l);
/* Writes what is queued now instead of at the end of the round: for what the other side
 * waits for while this round goes on. */
void link_flush(struct link *l);
/* Appends one frame: msg_write() and link_written(). ACRE_ECLOSED. */
int link_send(struct link *l, const struct msg *m);

/* Whether a sender of data must wait; then it waits with link_wait_room(), a
 * checkpoint. */
static inline bool link_is_full(const struct link *l)
{
	return buf_len(&l->data) >= LINK_QUEUE_HIGH;
}
int link_wait_room(struct link *l);
