/* SPDX-License-Identifier: MIT */
/* context.h - contexts from inside: two tasks of two actors in dialogue. */
#pragma once

#include <acre/context.h>

#include "actor/peer.h"
#include "actor/schema.h"
#include "base/buf.h"
#include "base/map.h"
#include "core/loop.h"
#include "core/sched.h"
#include "core/scope.h"
#include "wire/msg.h"

/* state, what it means; an opener's and a callee's context go the same way */
#define CONTEXT_STATES(S)                                            \
	S(OPENING, "the Start is on its way; nothing has come back") \
	S(OPEN, "started: items flow")                               \
	S(ENDING, "a cancel was asked for; the end has not come")    \
	S(DONE, "it has its outcome")

#define CONTEXT_STATE_ENUM(name, text) CONTEXT_##name,
enum context_state { CONTEXT_STATES(CONTEXT_STATE_ENUM) N_CONTEXT_STATE };
#undef CONTEXT_STATE_ENUM

/* What a stream may still carry in one direction. */
struct credit {
	int64_t items;
	int64_t bytes; /* one item may overdraw it */
};

struct acre_context {
	struct map_node by_cid; /* in peer->contexts, until done on both sides */
	char cid[UUID_SIZE];
	uint8_t cid_len;
	struct acre_actor *peer; /* borrowed: stays while it has contexts */
	bool is_opener;
	bool is_oneshot; /* neither Started nor items */
	enum context_state state;
	const char *endpoint_name; /* borrowed: for reports */
	const struct acre_endpoint *types; /* borrowed: what may travel; NULL: anything */

	struct buf inbox; /* items unread: u32 length, packed value */
	uint32_t n_inbox;
	struct schema_held held; /* the item whose texts the reader may still use */
	struct buf first;    /* packed first value, empty if none came */
	struct buf result;   /* packed result */
	bool result_matches; /* opener: what the endpoint declares */
	struct buf argument; /* callee: the packed argument */
	bool drains;	     /* a call: items are dropped as they come, with credit */
	struct deferred finish; /* a call: that no items will come is to be said */
	bool peer_finished;  /* it sends no more */
	bool peer_left;	     /* nor does it read */
	bool finished;	     /* we send no more, and said so */
	bool left;	     /* nor do we read */
	bool send_refused;   /* a send failed because of peer_left */
	struct credit may_send;
	struct credit granted; /* what the other side may still send us */
	struct credit window;  /* what we grant at the start, and what it has become */
	int64_t window_max;    /* items it may widen to */
	int64_t turn_begun;    /* when our consumer last went on after a wait */
	int64_t turn_items;    /* what it has taken since then */
	struct credit taken;   /* read by our consumer and not granted again yet */

	struct list recv_waits;
	struct list credit_waits;
	struct list end_waits; /* for the first value, the result, an ack */

	int r;			/* outcome once DONE: 0 or -class */
	struct report *failure; /* owned: the story of r */
	int rejected; /* 0, or -class: the other side could not take what we sent */
	struct report *rejection; /* owned: the story of that */
	bool cancel_called;
	bool cancel_acked;
	uint64_t cancel_req;
	/* tasks that cancel it and wait for the ack; another may close it meanwhile */
	uint32_t n_cancelling;
	bool is_closed; /* it goes with the last of them */
	enum acre_reason reason;
	char canceller[ACTOR_NAME_MAX];
	char canceller_uuid[UUID_SIZE];

	/* callee only */
	const struct acre_endpoint *endpoint;
	/* around the endpoint while its task runs, on that task's stack */
	struct scope *scope;
	struct task *task; /* borrowed: that runs the endpoint; NULL before and after */
	bool started_sent;
	bool result_given;
	int64_t deadline; /* of the opener, on our clock */
};

static inline struct slice context_cid(const struct acre_context *ctx)
{
	struct slice cid = { ctx->cid, ctx->cid_len };

	return cid;
}

/* context.c: shared by both sides */
struct acre_context *context_new(struct acre_actor *peer, bool is_opener);
struct acre_context *context_free(struct acre_context *ctx);
/* The one terminal transition: sets the outcome, wakes everyone. Takes the report.
 * Later ones are ignored. */
void context_end(struct acre_context *ctx, int class, struct report *take_failure);
void context_set_state(struct acre_context *ctx, enum context_state state);
/* The other side could not take what we sent. Nothing more can be sent or received, though
 * it has not ended: an opener's end will be this failure. Takes the report. */
void context_reject(struct acre_context *ctx, int class, struct report *take_why);
static inline bool context_has_failed(const struct acre_context *ctx)
{
	return ctx->rejected || (ctx->state == CONTEXT_DONE && ctx->r < 0);
}
/* -class with the report filed in the running home, if it has failed. */
int context_failure(struct acre_context *ctx);
/* Enters it into the peer's table under its cid; -EEXIST. */
int context_file(struct acre_context *ctx, const char *cid, size_t len);
void context_set_canceller(struct acre_context *ctx, struct uid uid);
/* Parks the running task until the list is woken; a checkpoint. */
int context_wait(struct acre_context *ctx, struct list *waits, enum wait_what what);
/* Reads a packed value: 1, 0 if it is nil or none came, < 0. `where` names it in the
 * failure. */
int context_read(struct acre_context *ctx, const struct buf *packed,
		 const struct acre_msg_kind *kind, void *ret, const char *where);
/* Frames that name a context. */
void context_frame(struct acre_context *ctx, const struct msg *m);
void context_link_lost(struct acre_context *ctx, struct report *why);
/* This whole actor is asked to end: every call that it serves for that peer will say who
 * began it. */
void context_actor_cancelled(struct acre_actor *a, enum acre_reason reason,
			     struct uid canceller);

/* opener.c */
void opener_frame(struct acre_context *ctx, const struct msg *m);
/* Everything up to the Start; on failure nothing is left. No task waits: `ctx` ends by itself. */
int opener_start(struct acre_context **ret, struct acre_actor *a, const char *ns,
		 const char *name, const struct acre_msg_kind *kind, const void *arg);
/* The same with a packed map of arguments. */
int opener_start_packed(struct acre_context **ret, struct acre_actor *a, const char *ns,
			const char *name, struct slice kwargs);
/* Waits until the outcome is there; a checkpoint. */
int opener_await(struct acre_context *ctx);

/* rpc.c: the callee */
void rpc_start(struct acre_actor *from, const struct msg *m);
void rpc_cancel(struct acre_actor *from, const struct msg *m);
void rpc_cancel_self(struct acre_context *ctx);
/* An Error for a Start that is not served. */
void rpc_refuse(struct acre_actor *from, struct slice cid, int r);
/* The same as rpc_cancel(), for a peer without part B, which is acknowledged elsewhere. */
void rpc_cancel_task(struct acre_actor *from, struct slice cid, struct uid canceller);
/* This whole actor is to end: rpc_cancel_actor() acknowledges it first. */
void rpc_cancel_actor(struct acre_actor *from, const struct msg *m);
void rpc_end_actor(struct acre_actor *from, const struct msg_cancel *c);

/* stream.c: items, credits */
void stream_item(struct acre_context *ctx, const struct msg *m);
void stream_credit(struct acre_context *ctx, const struct msg *m);
void stream_stop(struct acre_context *ctx, const struct msg *m);
struct msg_credit stream_window(struct acre_context *ctx);
/* Of a call: says that no items come, unless it is over by the end of this round. */
void stream_finish_soon(struct acre_context *ctx);
/* At the start, `given` by the frame that opens this direction, or by its Aid. */
struct credit stream_may_send(const struct acre_actor *peer, struct msg_credit given);

/* call.c: the texts of results that tasks may still read */
void call_drop_results(struct acre_actor *a);

/* story_write.c, story_read.c: reports on the wire */
int story_write(struct acre_actor *to, struct slice cid, struct report *rep);
struct report *story_read(const struct msg_error *e, const char *from);
/* Its class, which needs no memory. */
int story_class(const struct msg_error *e);
