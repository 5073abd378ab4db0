/* SPDX-License-Identifier: MIT */
/* stream.c - the items of a context: sending on credit, receiving, granting. */
#include <string.h>

#include "actor/context.h"
#include "actor/payload.h"
#include "actor/reference.h"
#include "actor/schema.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/util.h"
#include "core/trace.h"

/*
 * Each direction of a stream has a credit in items and bytes that the receiver grants. A
 * sender spends it and waits when it has none; a receiver grants again what its consumer
 * has taken, in one Credit per half window. So what lies unread here is bounded by the
 * window, nothing is dropped, and control frames never queue behind data.
 *
 * The window in items is small at first and widens for a consumer that is held up by the
 * way there and back (doc/rfc/001-wider-windows.md). The window in bytes never does, so
 * what lies here unread has the same bound in memory.
 *
 * A peer of the reference has no credits: nobody waits, and what is beyond the first window is
 * answered with a failure (reference.c).
 *
 * An item that arrives is copied into the context's inbox, one after the other, so that a
 * frame's memory can be used for the next read. A reader that borrows texts has its item
 * moved aside first.
 */

#define ITEM_HEAD sizeof(uint32_t)
/* A consumer that works longer on half a window than this would win little by a wider one:
 * the way there and back takes tens of microseconds. And its items would grow old. */
#define FAST_TURN_NS (1000 * 1000)

static struct msg_credit as_msg(struct credit c)
{
	struct msg_credit m = { .given = true,
				.items = (uint64_t)c.items,
				.bytes = (uint64_t)c.bytes };

	return m;
}

struct msg_credit stream_window(struct acre_context *ctx)
{
	return as_msg(ctx->window);
}

static bool is_on_credit(const struct acre_context *ctx)
{
	return peer_has(ctx->peer, MSG_FEATURE(CREDIT));
}

/* More than anyone sends in a life. */
#define WITHOUT_END (INT64_MAX / 2)

struct credit stream_may_send(const struct acre_actor *peer, struct msg_credit given)
{
	if (!peer_has(peer, MSG_FEATURE(CREDIT)))
		return (struct credit){ WITHOUT_END, WITHOUT_END };
	return given.given ? (struct credit){ (int64_t)given.items, (int64_t)given.bytes }
			   : (struct credit){ (int64_t)peer->credit.items,
					      (int64_t)peer->credit.bytes };
}

static bool has_credit(const struct acre_context *ctx)
{
	return ctx->may_send.items >= 1 && ctx->may_send.bytes > 0;
}

/* Grants again what was taken. */
static void grant(struct acre_context *ctx)
{
	struct msg m = { .kind = MSG_CREDIT, .cid = context_cid(ctx) };

	if (ctx->state == CONTEXT_DONE || ctx->peer_finished || ctx->left)
		return;
	m.credit = as_msg(ctx->taken);
	if (peer_answer(ctx->peer, &m) < 0)
		return; /* the link is ending, and with it this context */
	link_flush(&ctx->peer->link); /* the sender may go on while we consume the rest */
	ctx->granted.items += ctx->taken.items;
	ctx->granted.bytes += ctx->taken.bytes;
	ctx->taken = (struct credit){ 0, 0 };
}

/* One Credit for half of the window, in items or bytes. */
static void consumed(struct acre_context *ctx, uint32_t len)
{
	if (!is_on_credit(ctx))
		return;
	ctx->taken.items++;
	ctx->taken.bytes += len;
	if (ctx->taken.items * 2 >= ctx->window.items ||
	    ctx->taken.bytes * 2 >= ctx->window.bytes)
		grant(ctx);
}

/* Our consumer has nothing to take and is about to wait. If it took half of the window in
 * one go, and fast, then the sender sends as much as it may in one go and waits as well: the
 * window is what holds both up. */
static void widen(struct acre_context *ctx)
{
	int64_t more = PLANTED(WINDOW_WITHOUT_END) ? INT64_MAX
						   : ctx->window_max - ctx->window.items;

	if (more <= 0 || ctx->turn_items * 2 < ctx->window.items)
		return;
	if (!is_on_credit(ctx))
		return; /* it has a window of its own, which no Credit reaches */
	if (clock_now() - ctx->turn_begun > FAST_TURN_NS)
		return;
	more = int64_min(more, ctx->window.items);
	ctx->window.items += more;
	ctx->taken.items += more;
	grant(ctx);
}

static int wait_for_item(struct acre_context *ctx)
{
	int r;

	widen(ctx);
	r = context_wait(ctx, &ctx->recv_waits, WAIT_RECV);
	ctx->turn_items = 0;
	ctx->turn_begun = clock_now();
	return r;
}

/* An item came, of the credit that the other side has. */
static bool spend(struct acre_context *ctx, uint32_t len)
{
	if (ctx->granted.items < 1 || ctx->granted.bytes <= 0)
		return false;
	ctx->granted.items--;
	ctx->granted.bytes -= len;
	return true;
}

void stream_item(struct acre_context *ctx, const struct msg *m)
{
	uint32_t len = (uint32_t)m->pld.len;

	if (is_on_credit(ctx) && !spend(ctx, len)) {
		link_refuse(&ctx->peer->link, "a Yield without credit");
		return;
	}
	if (ctx->drains || ctx->left || ctx->state == CONTEXT_DONE) {
		consumed(ctx, len);
		return;
	}
	if (!is_on_credit(ctx) && reference_overran(ctx))
		return;
	if (ctx->state == CONTEXT_OPENING) /* an endpoint that sends has started */
		context_set_state(ctx, CONTEXT_OPEN);
	if (buf_reserve(&ctx->inbox, ITEM_HEAD + len) < 0) {
		link_close(&ctx->peer->link,
			   acre_fail(ENOMEM, "no memory for an item of %s",
				     ctx->endpoint_name));
		return;
	}
	memcpy(buf_tail(&ctx->inbox), &len, ITEM_HEAD);
	memcpy(buf_tail(&ctx->inbox) + ITEM_HEAD, m->pld.p, len);
	buf_grow(&ctx->inbox, ITEM_HEAD + len);
	ctx->n_inbox++;
	unpark_all(&ctx->recv_waits, 0);
}

void stream_credit(struct acre_context *ctx, const struct msg *m)
{
	if (m->credit.items > INT32_MAX || m->credit.bytes > INT64_MAX / 4) {
		link_refuse(&ctx->peer->link, "a Credit of more than any window");
		return;
	}
	ctx->may_send.items = int64_add(ctx->may_send.items, (int64_t)m->credit.items);
	ctx->may_send.bytes = int64_add(ctx->may_send.bytes, (int64_t)m->credit.bytes);
	if (has_credit(ctx))
		unpark_all(&ctx->credit_waits, 0);
}

void stream_stop(struct acre_context *ctx, const struct msg *m)
{
	ctx->peer_finished = true;
	/* a reference peer that closes its stream neither sends nor reads */
	ctx->peer_left = ctx->peer_left || m->stop_left || !ctx->peer->features;
	unpark_all(&ctx->recv_waits, 0);
	unpark_all(&ctx->credit_waits, 0);
}

static bool is_linked(const struct acre_context *ctx)
{
	return ctx->peer->role == PEER_SELF;
}

/* Of a linked pair one half counts on the other until that has said that it sends no more. */
static int has_left(const struct acre_context *ctx)
{
	return ctx->is_opener
		       ? acre_fail(ACRE_EGUESTEXIT, "the guest's half, %s, has ended",
				   ctx->endpoint_name)
		       : acre_fail(ACRE_EHOSTEXIT, "the host's half of %s has ended",
				   ctx->endpoint_name);
}

/* Nothing comes any more. */
static int end_of_items(const struct acre_context *ctx)
{
	bool has_said_so = ctx->is_opener ? ctx->peer_finished : !ctx->peer_left;

	return is_linked(ctx) && !ctx->left && !has_said_so ? has_left(ctx) : 0;
}

/* Why nothing can be sent any more; 0 if it can. */
static int refused(struct acre_context *ctx)
{
	if (ctx->is_oneshot)
		return acre_fail(EPROTO, "%s is a one-shot endpoint: it has no items",
				 ctx->endpoint_name);
	if (context_has_failed(ctx))
		return context_failure(ctx);
	if (is_linked(ctx) && !ctx->finished &&
	    (ctx->state == CONTEXT_DONE || ctx->peer_left))
		return has_left(ctx);
	if (ctx->state == CONTEXT_DONE || ctx->finished || ctx->peer_left) {
		ctx->send_refused = true;
		return acre_fail(ACRE_ECLOSED, "the stream of %s with %s is closed %s",
				 ctx->endpoint_name, ctx->peer->name,
				 ctx->finished ? "by this side" : "by the other side");
	}
	return 0;
}

/* Waits until an item may go: credit of the receiver, room in the link. */
static int wait_to_send(struct acre_context *ctx)
{
	int r = refused(ctx);

	while (r >= 0 && !has_credit(ctx)) {
		r = context_wait(ctx, &ctx->credit_waits, WAIT_CREDIT);
		if (r >= 0)
			r = refused(ctx);
	}
	while (r >= 0 && !ctx->peer->link.closed && link_is_full(&ctx->peer->link)) {
		r = link_wait_room(&ctx->peer->link);
		if (r >= 0)
			r = refused(ctx);
	}
	return r;
}

int acre_send_(struct acre_context *ctx, const struct acre_msg_kind *kind,
	       const void *value)
{
	struct task *t = sched_task("acre_send");
	struct link *link = &ctx->peer->link;
	struct msg_frame f;
	struct buf *out;
	int r = checkpoint(t);

	if (r >= 0 && !ctx->is_opener && !ctx->started_sent)
		r = acre_started_(ctx, acre_nil_msg_(), NULL);
	if (r >= 0)
		r = payload_check_sent(ctx, payload_of_items(ctx, true), kind, value,
				       "Yield");
	if (r >= 0)
		r = wait_to_send(ctx);
	if (r < 0)
		return r;
	out = link_queue(link, MSG_YIELD);
	if (!out)
		return acre_fail(ACRE_ECLOSED, "the link to %s is closed",
				 ctx->peer->name);
	msg_begin(&f, out, MSG_YIELD, context_cid(ctx));
	schema_write(&f.pack, kind, value);
	r = msg_end(&f);
	if (r < 0)
		return acre_note(schema_unwritten(kind, value, r,
						  "invalid `Yield` msg payload"),
				 "sending an item of %s to %s", ctx->endpoint_name,
				 ctx->peer->name);
	ctx->may_send.items--;
	ctx->may_send.bytes -= r;
	link_written(link);
	return 0;
}

/* Takes the first item of the inbox: its packed value, valid until the next item is
 * taken. */
static int take(struct acre_context *ctx, const struct acre_msg_kind *kind, void *ret)
{
	struct schema_packed packed = { .arrays = &ctx->held.arrays };
	payload_type declared = payload_of_items(ctx, false);
	uint32_t len;
	int r = 0;

	memcpy(&len, buf_bytes(&ctx->inbox), ITEM_HEAD);
	packed.bytes = buf_bytes(&ctx->inbox) + ITEM_HEAD;
	packed.len = len;
	if (schema_borrows(kind)) {
		/* the inbox moves when more comes: what is borrowed must not */
		r = schema_hold(&ctx->held, packed.bytes, len);
		packed.bytes = buf_bytes(&ctx->held.packed);
	}
	if (r < 0)
		return acre_fail(report_class(r), "no memory for an item of %u bytes",
				 len);
	if (payload_differs(declared, kind))
		r = payload_check_came(ctx, declared, packed.bytes, len, "Yield");
	if (r >= 0)
		r = schema_read(kind, &packed, ret, "item");
	buf_consume(&ctx->inbox, ITEM_HEAD + len);
	ctx->n_inbox--;
	ctx->turn_items++;
	consumed(ctx, len);
	return r < 0 ? r : 1;
}

int acre_recv_(struct acre_context *ctx, const struct acre_msg_kind *kind, void *ret)
{
	int r = checkpoint(sched_task("acre_recv"));

	if (r >= 0 && !ctx->is_opener && !ctx->started_sent)
		r = acre_started_(ctx, acre_nil_msg_(), NULL);
	if (r >= 0 && ctx->is_oneshot)
		r = refused(ctx);
	while (r >= 0) {
		if (ctx->n_inbox)
			return take(ctx, kind, ret);
		if (context_has_failed(ctx))
			return context_failure(ctx);
		if (ctx->state == CONTEXT_DONE || ctx->peer_finished || ctx->left)
			return end_of_items(ctx);
		r = wait_for_item(ctx);
	}
	return r;
}

/* The other side waits for it: it ends the link if it cannot be written. */
static int say_stop(struct acre_context *ctx)
{
	struct msg m = { .kind = MSG_STOP, .cid = context_cid(ctx) };

	ctx->finished = true;
	if (ctx->state == CONTEXT_DONE || ctx->is_oneshot)
		return 0;
	m.stop_left = ctx->left && ctx->peer->features;
	return peer_answer(ctx->peer, &m);
}

int acre_finish(struct acre_context *ctx)
{
	sched_task("acre_finish");
	return ctx->finished ? 0 : say_stop(ctx);
}

static void finish_call(struct deferred *d)
{
	struct acre_context *ctx = container_of(d, struct acre_context, finish);

	if (!ctx->finished && ctx->state != CONTEXT_DONE)
		acre_ignore(say_stop(ctx)); /* if it fails, the link ends and all is told */
}

void stream_finish_soon(struct acre_context *ctx)
{
	loop_defer(&ctx->finish, finish_call);
}

int acre_stop(struct acre_context *ctx)
{
	sched_task("acre_stop");
	if (ctx->left)
		return 0;
	ctx->left = true;
	buf_consume(&ctx->inbox, buf_len(&ctx->inbox));
	ctx->n_inbox = 0;
	unpark_all(&ctx->recv_waits, 0);
	return say_stop(ctx);
}
