/* SPDX-License-Identifier: MIT */
/* context.c - what both sides of a context share: birth, the one outcome, and waking who waits for it. */
#include "actor/context.h"

#include <string.h>

#include "actor/schema.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/util.h"
#include "core/trace.h"

/*
 * A context ends once, in context_end(): by the callee's result or failure, by the loss
 * of the link, or because nobody answered a cancel. Everyone who waits on it is woken in
 * that call, and finds the outcome, whatever it waited for. Items that came before the
 * end stay readable after it.
 */

struct acre_context *context_new(struct acre_actor *peer, bool is_opener)
{
	struct acre_context *ctx = mem_zalloc(sizeof *ctx);
	const struct wire_limits *limits = &wire_limits_default;

	if (!ctx)
		return NULL;
	ctx->peer = peer;
	ctx->is_opener = is_opener;
	ctx->deadline = ACRE_NEVER_NS_;
	list_init(&ctx->recv_waits);
	list_init(&ctx->credit_waits);
	list_init(&ctx->end_waits);
	/* a window, overdrawn by one item, with the heads of its items */
	buf_init(&ctx->inbox, (size_t)limits->frame + 2 * (size_t)limits->credit_bytes);
	schema_held_init(&ctx->held);
	buf_init(&ctx->first, limits->frame);
	buf_init(&ctx->result, limits->frame);
	buf_init(&ctx->argument, limits->frame);
	ctx->window = (struct credit){ limits->credit_items, limits->credit_bytes };
	ctx->window_max = limits->credit_items_max;
	ctx->granted = ctx->window;
	return ctx;
}

struct acre_context *context_free(struct acre_context *ctx)
{
	struct acre_actor *peer = ctx ? ctx->peer : NULL;

	if (!ctx)
		return NULL;
	if (ctx->n_cancelling) {
		ctx->is_closed = true;
		return NULL;
	}
	if (peer->last_named == ctx)
		peer->last_named = NULL;
	loop_undefer(&ctx->finish);
	CHECK(list_is_empty(&ctx->recv_waits) && list_is_empty(&ctx->credit_waits) &&
	      list_is_empty(&ctx->end_waits));
	buf_fini(&ctx->inbox);
	schema_held_fini(&ctx->held);
	buf_fini(&ctx->first);
	buf_fini(&ctx->result);
	buf_fini(&ctx->argument);
	report_unref(ctx->failure);
	report_unref(ctx->rejection);
	if (ctx->by_cid.key) {
		map_remove(&peer->contexts, &ctx->by_cid);
		peer->n_contexts--;
		peer_let_go(peer);
	}
	return mem_free(ctx);
}

int context_file(struct acre_context *ctx, const char *cid, size_t len)
{
	struct acre_actor *a = ctx->peer;

	memcpy(ctx->cid, cid, len);
	ctx->cid[len] = '\0';
	ctx->cid_len = (uint8_t)len;
	if (!map_insert(&a->contexts, &ctx->by_cid, ctx->cid, len)) {
		ctx->by_cid.key = NULL;
		return -EEXIST;
	}
	a->n_contexts++;
	return 0;
}

void context_set_state(struct acre_context *ctx, enum context_state state)
{
	ctx->state = state;
	trace(ACRE_EVENT_CONTEXT_STATE, (uintptr_t)ctx, state);
}

static void copy_text(char *to, size_t size, struct slice text)
{
	size_t len = size_min(text.len, size - 1);

	memcpy(to, text.p, len);
	to[len] = '\0';
}

void context_set_canceller(struct acre_context *ctx, struct uid uid)
{
	if (uid.name.p)
		copy_text(ctx->canceller, sizeof ctx->canceller, uid.name);
	if (uid.uuid.p)
		copy_text(ctx->canceller_uuid, sizeof ctx->canceller_uuid, uid.uuid);
}

static void wake_all(struct acre_context *ctx)
{
	unpark_all(&ctx->recv_waits, 0);
	unpark_all(&ctx->credit_waits, 0);
	unpark_all(&ctx->end_waits, 0);
}

void context_end(struct acre_context *ctx, int class, struct report *take_failure)
{
	if (ctx->state == CONTEXT_DONE && !PLANTED(TWO_OUTCOMES)) {
		report_unref(take_failure);
		return;
	}
	report_unref(ctx->failure);
	ctx->r = -class;
	ctx->failure = take_failure;
	if (ctx->is_opener && ctx->rejected) {
		report_unref(ctx->failure);
		ctx->r = ctx->rejected;
		ctx->failure = report_ref(ctx->rejection);
	}
	context_set_state(ctx, CONTEXT_DONE);
	wake_all(ctx);
}

void context_reject(struct acre_context *ctx, int class, struct report *take_why)
{
	if (ctx->state == CONTEXT_DONE || ctx->rejected) {
		report_unref(take_why);
		return;
	}
	ctx->rejected = -class;
	ctx->rejection = take_why;
	wake_all(ctx);
}

/* The callee says that its time was over: it was ours, which it was given. It is never over there
 * before it is over here, so our own scope is cancelled by now, and decides what its block
 * returns. */
static bool is_our_deadline(const struct acre_context *ctx)
{
	struct task *t = task_this();

	return ctx->r == -ACRE_ECTXC && ctx->reason == ACRE_REASON_DEADLINE && t &&
	       t->scope->covered;
}

int context_failure(struct acre_context *ctx)
{
	if (ctx->rejected && ctx->state != CONTEXT_DONE)
		return report_file(report_ref(ctx->rejection), -ctx->rejected);
	if (ctx->r >= 0)
		return 0;
	if (is_our_deadline(ctx))
		return -ECANCELED;
	return report_file(report_ref(ctx->failure), -ctx->r);
}

int context_wait(struct acre_context *ctx, struct list *waits, enum wait_what what)
{
	struct wait w = { .task = task_this() };
	int r;

	list_push(waits, &w.node);
	park_begin_naming(ctx->peer->name, ctx->endpoint_name);
	r = park_on(what, ctx, &w, 1);
	park_end_naming();
	return r;
}

void context_frame(struct acre_context *ctx, const struct msg *m)
{
	switch (m->kind) {
	case MSG_YIELD:
		stream_item(ctx, m);
		return;
	case MSG_CREDIT:
		stream_credit(ctx, m);
		return;
	case MSG_STOP:
		stream_stop(ctx, m);
		return;
	case MSG_START_ACK:
	case MSG_STARTED:
	case MSG_RETURN:
	case MSG_ERROR:
	case MSG_CANCEL_ACK:
		if (ctx->is_opener) {
			opener_frame(ctx, m);
			return;
		}
		if (m->kind == MSG_ERROR) {
			context_reject(ctx, story_class(&m->error),
				       story_read(&m->error, ctx->peer->name));
			return;
		}
		break;
	case MSG_NONE:
	case MSG_AID:
	case MSG_SPAWN_SPEC:
	case MSG_START:
	case MSG_CANCEL:
	case N_MSG:
		break;
	}
	trace(ACRE_EVENT_FRAME_DROPPED, (uintptr_t)&ctx->peer->link, m->kind);
}

/* What is served for it is cancelled, also if its task has yet to begin. */
void context_link_lost(struct acre_context *ctx, struct report *why)
{
	if (!ctx->is_opener && ctx->scope)
		scope_cancel(ctx->scope, ACRE_REASON_DIED);
	else if (!ctx->is_opener && !ctx->reason)
		ctx->reason = ACRE_REASON_DIED;
	context_end(ctx, ACRE_ECLOSED, report_ref(why));
}

void context_actor_cancelled(struct acre_actor *a, enum acre_reason reason,
			     struct uid canceller)
{
	struct map_node *node = NULL;

	while ((node = map_next(&a->contexts, node))) {
		struct acre_context *ctx =
			container_of(node, struct acre_context, by_cid);

		if (ctx->is_opener || ctx->reason)
			continue;
		ctx->reason = reason;
		context_set_canceller(ctx, canceller);
	}
}

struct acre_outcome acre_outcome(const struct acre_context *ctx)
{
	struct acre_outcome o = {
		.done = ctx->state == CONTEXT_DONE,
		.r = ctx->r,
		.cancel_called = ctx->cancel_called,
		.cancel_acked = ctx->cancel_acked,
		.reason = ctx->reason,
	};

	memcpy(o.canceller, ctx->canceller, sizeof o.canceller);
	return o;
}

struct acre_actor *acre_context_peer(const struct acre_context *ctx)
{
	return ctx->peer;
}

int context_read(struct acre_context *ctx, const struct buf *packed,
		 const struct acre_msg_kind *kind, void *ret, const char *where)
{
	int r;

	if (buf_len(packed) == 0 || schema_is_nil(buf_bytes(packed), buf_len(packed)))
		return 0;
	/* a copy: reading spoils it, and it may be read again */
	r = schema_hold(&ctx->held, buf_bytes(packed), buf_len(packed));
	if (r < 0)
		return acre_fail(report_class(r), "no memory for a value of %zu bytes",
				 buf_len(packed));
	r = schema_read_held(kind, &ctx->held, ret, where);
	return r < 0 ? r : 1;
}
