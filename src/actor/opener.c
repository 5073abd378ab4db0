/* SPDX-License-Identifier: MIT */
/* opener.c - the side that opens a context: start, first value, result, cancel, leaving. */
#include <string.h>

#include "actor/context.h"
#include "actor/patience.h"
#include "actor/payload.h"
#include "actor/reference.h"
#include "actor/runtime.h"
#include "actor/schema.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/util.h"

/*
 * Every wait here ends: with a frame of the callee, with the end of the link
 * (context_link_lost), or with cancellation. Leaving waits for the callee's end as long as
 * that takes, and a cancellation meanwhile cancels the callee too. A callee that was
 * cancelled has the patience that a child has, LIFE_ACK_NS for the ack and LIFE_TOTAL_NS
 * for its end; then the context ends without it.
 *
 * The law of absorption: a cancellation of the callee that we asked for is no failure of
 * ours.
 */

static void send_cancel(struct acre_context *ctx, enum acre_reason reason)
{
	if (ctx->cancel_called || ctx->state == CONTEXT_DONE)
		return;
	ctx->cancel_called = true;
	ctx->cancel_req = ++ctx->peer->next_req;
	ctx->reason = reason;
	context_set_canceller(ctx, runtime_uid());
	context_set_state(ctx, CONTEXT_ENDING);
	peer_send_cancel(ctx->peer, context_cid(ctx), ctx->cancel_req, reason,
			 LIFE_TOTAL_NS);
}

/* What came back for a Start, or the failure that the callee sent. */
static void take_error(struct acre_context *ctx, const struct msg_error *e)
{
	struct report *rep = story_read(e, ctx->peer->name);
	int class = rep ? report_public(rep)->code : story_class(e);

	if (reference_was_overrun(ctx, e)) { /* the callee goes on, and must not */
		context_reject(ctx, class, rep);
		send_cancel(ctx, ACRE_REASON_LIMIT);
		return;
	}
	if (class == ACRE_ECTXC && e->canceller.name.p) {
		const char *reason = rep ? report_public(rep)->reason : NULL;

		context_set_canceller(ctx, e->canceller);
		if (!ctx->reason && reason)
			ctx->reason = reason_of_word(reason, strlen(reason));
	}
	context_end(ctx, class, rep);
}

static void keep(struct acre_context *ctx, struct buf *to, struct slice packed)
{
	buf_consume(to, buf_len(to));
	if (buf_append(to, packed.p, packed.len) < 0)
		link_close(&ctx->peer->link, acre_fail(ENOMEM, "no memory for a value of %s",
						       ctx->endpoint_name));
}

/* What comes after the outcome changes nothing: not even the result that lies here. */
void opener_frame(struct acre_context *ctx, const struct msg *m)
{
	bool is_over = ctx->state == CONTEXT_DONE && !PLANTED(TWO_OUTCOMES);

	if (is_over && m->kind != MSG_CANCEL_ACK)
		return;
	switch ((int)m->kind) {
	case MSG_START_ACK:
		if (m->start_ack.credit.given)
			ctx->may_send = stream_may_send(ctx->peer, m->start_ack.credit);
		unpark_all(&ctx->credit_waits, 0);
		if (ctx->drains && slice_is(m->start_ack.functype, "context"))
			stream_finish_soon(ctx);
		return;
	case MSG_STARTED:
		keep(ctx, &ctx->first, m->pld);
		if (ctx->state == CONTEXT_OPENING)
			context_set_state(ctx, CONTEXT_OPEN);
		unpark_all(&ctx->end_waits, 0);
		return;
	case MSG_RETURN:
		keep(ctx, &ctx->result, m->pld);
		context_end(ctx, 0, NULL);
		return;
	case MSG_ERROR:
		take_error(ctx, &m->error);
		return;
	case MSG_CANCEL_ACK:
		ctx->cancel_acked = true;
		unpark_all(&ctx->end_waits, 0);
		return;
	default:
		return;
	}
}

static int64_t remaining_us(const struct task *t)
{
	int64_t deadline = scope_deadline(t->scope);

	if (deadline == ACRE_NEVER_NS_)
		return -1;
	deadline = deadline - clock_now();
	return deadline > 0 ? deadline / 1000 + 1
			    : 0; /* rounded up: never over there first */
}

static int send_start(struct acre_context *ctx, const char *ns, struct slice kwargs)
{
	struct task *t = task_this();
	struct msg m = { .kind = MSG_START, .cid = context_cid(ctx) };

	m.start = (struct msg_start){
		.ns = slice_of(ns),
		.func = slice_of(ctx->endpoint_name),
		.kwargs = kwargs,
		.uid = runtime_uid(),
		.remaining_us = t && peer_has(ctx->peer, MSG_FEATURE(REMAINING))
					? remaining_us(t)
					: -1,
	};
	return peer_send(ctx->peer, &m);
}

/* How it ended, if that is known already, is the cause. */
static int is_gone(const struct acre_actor *a, const char *name)
{
	int r = acre_fail(ACRE_ECLOSED, "calling %s: the link to %s is closed", name,
			  a->name);
	struct report *rep = report_find(report_home_here(), r);

	if (rep) {
		rep->of_end = a->end_number;
		if (a->failure)
			acre_ignore(report_add_member(rep, report_ref(a->failure)));
	}
	return r;
}

int opener_start_packed(struct acre_context **ret, struct acre_actor *a, const char *ns,
			const char *name, struct slice kwargs)
{
	struct acre_context *ctx;
	char cid[UUID_SIZE];
	int r = reference_may_call(a, ns, name);

	if (r < 0)
		return r;
	if (strlen(ns) + strlen(name) > wire_limits_default.endpoint)
		return acre_fail(EINVAL, "the endpoint name %s is longer than %u bytes",
				 name, wire_limits_default.endpoint);
	if (a->link_lost)
		return is_gone(a, name);
	if (a->n_contexts >= wire_limits_default.ctx)
		return acre_fail(EAGAIN, "%u contexts with %s are open already",
				 a->n_contexts, a->name);
	ctx = context_new(a, true);
	if (!ctx)
		return acre_fail(ENOMEM, "no memory for a context with %s", a->name);
	runtime_cid(runtime_this, cid);
	ctx->endpoint_name = name;
	ctx->may_send = stream_may_send(a, (struct msg_credit){ .given = false });
	r = context_file(ctx, cid, UUID_SIZE - 1);
	if (r >= 0)
		r = send_start(ctx, ns, kwargs);
	if (r < 0) {
		context_free(ctx);
		return r;
	}
	*ret = ctx;
	return 0;
}

int opener_start(struct acre_context **ret, struct acre_actor *a, const char *ns,
		 const char *name, const struct acre_msg_kind *kind, const void *arg)
{
	struct pack_writer w;
	struct buf packed;
	int r;

	if (!arg && kind->n_fields)
		return acre_fail(EINVAL, "calling %s of %s with NULL, not a struct %s", name,
				 a->name, kind->name);
	buf_init(&packed, wire_limits_default.frame);
	pack_writer_init(&w, &packed, &wire_limits_default);
	schema_write_argument(&w, kind, arg);
	r = pack_writer_result(&w);
	if (r >= 0)
		r = opener_start_packed(ret, a, ns, name,
					(struct slice){ (const char *)buf_bytes(&packed),
							buf_len(&packed) });
	else
		r = acre_note(schema_unwritten(kind, arg, r,
					       "invalid `Start` msg payload"),
			      "sending the argument of %s to %s", name, a->name);
	buf_fini(&packed);
	return r;
}

/* The callee has been asked to end and does not: the context ends here, whatever it goes on doing
 * there. */
static void give_up(struct acre_context *ctx)
{
	int r = acre_fail(ACRE_ETOOSLOW, "%s of %s %s", ctx->endpoint_name,
			  ctx->peer->name, patience_words(ctx->cancel_acked));

	context_end(ctx, ACRE_ETOOSLOW, report_take(r));
}

/* Not a checkpoint: it was cancelled, and has this long to end, or until `acked` to say that it
 * will. */
static void await_cancelled(struct acre_context *ctx, int64_t span_ns, bool acked)
{
	struct patience p;

	patience_begin(&p, &ctx->end_waits, span_ns);
	while (ctx->state != CONTEXT_DONE && !p.over && ctx->cancel_acked == acked) {
		struct wait w = { .task = task_this() };

		list_push(&ctx->end_waits, &w.node);
		park_begin_naming(ctx->peer->name, ctx->endpoint_name);
		park_shielded_on(WAIT_RESULT, ctx, &w, 1);
		park_end_naming();
	}
	patience_end(&p);
}

/* Waits for the callee's end, cancelling it if `r` says so or the wait is cancelled; `r` as it
 * is then. */
static int await_end(struct acre_context *ctx, int r)
{
	while (r >= 0 && !ctx->cancel_called && ctx->state != CONTEXT_DONE)
		r = context_wait(ctx, &ctx->end_waits, WAIT_RESULT);
	if (ctx->state == CONTEXT_DONE)
		return r;
	send_cancel(ctx, report_class(r) == ECANCELED ? scope_why(task_this()->scope)
						      : ACRE_REASON_PARENT);
	if (!ctx->cancel_acked)
		await_cancelled(ctx, LIFE_ACK_NS, false);
	if (ctx->cancel_acked)
		await_cancelled(ctx, LIFE_TOTAL_NS - LIFE_ACK_NS, true);
	if (ctx->state != CONTEXT_DONE)
		give_up(ctx);
	return r;
}

/* Whether the outcome is a cancellation that this side asked for. */
static bool is_absorbed(const struct acre_context *ctx)
{
	return ctx->cancel_called && ctx->r == -ACRE_ECTXC &&
	       !strcmp(ctx->canceller_uuid, runtime_this->uuid);
}

/* Waits for the first value; a checkpoint. */
static int await_first(struct acre_context *ctx)
{
	int r = 0;

	while (r >= 0 && ctx->state == CONTEXT_OPENING)
		r = context_wait(ctx, &ctx->end_waits, WAIT_FIRST);
	if (r >= 0 && context_has_failed(ctx))
		r = context_failure(ctx);
	return r;
}

/* Everything up to the Start. */
static int begin(struct acre_context **ret, struct acre_actor *actor,
		 const char *name_space, const char *name,
		 const struct acre_msg_kind *kind, const void *arg)
{
	int r = checkpoint(sched_task("acre_open"));

	if (r < 0)
		return r;
	if (!name_space || !name)
		return acre_fail(EINVAL, "a context without a name or a namespace");
	if (!actor)
		return acre_fail(EINVAL,
				 "Invalid Operation: a context of %s with oneself", name);
	return opener_start(ret, actor, name_space, name, kind, arg);
}

static int await_open(struct acre_context **ret, struct acre_context *ctx)
{
	int r = await_first(ctx);

	if (r >= 0 && ctx->types)
		r = payload_check_came(ctx, ctx->types->started, buf_bytes(&ctx->first),
				       buf_len(&ctx->first), "Started");
	if (r < 0)
		return acre_context_close(&ctx, r);
	*ret = ctx;
	return 0;
}

int acre_open_named(struct acre_context **ret, struct acre_actor *actor,
		    const char *name_space, const char *name,
		    const struct acre_msg_kind *kind, const void *arg)
{
	struct acre_context *ctx = NULL;
	int r = begin(&ctx, actor, name_space, name, kind, arg);

	return ctx ? await_open(ret, ctx) : r;
}

int acre_open_(struct acre_context **ret, struct acre_actor *actor,
	       const struct acre_endpoint *endpoint, const void *arg)
{
	struct acre_context *ctx = NULL;
	int r = begin(&ctx, actor, endpoint->name_space ? endpoint->name_space : "main",
		      endpoint->name, endpoint->in(), arg);

	if (!ctx)
		return r;
	ctx->types = endpoint;
	return await_open(ret, ctx);
}

struct acre_context *acre_open_block_(struct acre_context **ret, int *r,
				      struct acre_actor *actor,
				      const struct acre_endpoint *endpoint,
				      const void *arg)
{
	if (*r >= 0)
		*r = acre_open_(ret, actor, endpoint, arg);
	return *ret;
}

/* A failure of the callee's own, from before a cancel reached it. */
static bool has_failed_itself(const struct acre_context *ctx)
{
	return ctx->r != -ACRE_ETOOSLOW && ctx->r != -ACRE_ECLOSED &&
	       ctx->r != -ACRE_ECTXC;
}

/* A result that came is what the endpoint declares. */
static int check_result(struct acre_context *ctx)
{
	int r = 0;

	if (ctx->types && !ctx->result_matches && ctx->state == CONTEXT_DONE &&
	    ctx->r >= 0)
		r = payload_check_came(ctx, ctx->types->returns, buf_bytes(&ctx->result),
				       buf_len(&ctx->result), "Return");
	ctx->result_matches = r >= 0;
	return r;
}

int acre_context_close(struct acre_context **ctx, int r)
{
	struct acre_context *c = TAKE_PTR(*ctx);

	if (!c)
		return r;
	if (loop_this && loop_is_forked(loop_this)) /* the parent's, and goes on there */
		return -ECHILD;
	sched_task("acre_context_close");
	if (r >= 0)
		acre_ignore(acre_stop(c));
	r = await_end(c, r);
	if (c->r < 0 && !is_absorbed(c) &&
	    (r >= 0 || (report_class(r) == ECANCELED && has_failed_itself(c))))
		r = context_failure(c);
	if (r >= 0) {
		int matches = check_result(c);

		r = matches < 0 ? matches : r;
	}
	context_free(c);
	return r;
}

void acre_context_abandon_(struct acre_context **ctx)
{
	int r = acre_context_close(ctx, *ctx ? -ECANCELED : 0);

	if (r < 0 && report_class(r) != ECANCELED)
		nursery_fail(task_this()->member.nursery, r);
}

static int opener_cancel(struct acre_context *ctx)
{
	struct patience p;
	int r = 0;

	send_cancel(ctx, ACRE_REASON_ASKED);
	patience_begin(&p, &ctx->end_waits, LIFE_ACK_NS);
	while (r >= 0 && ctx->state != CONTEXT_DONE && !ctx->cancel_acked && !p.over)
		r = context_wait(ctx, &ctx->end_waits, WAIT_CANCEL_ACK);
	patience_end(&p);
	if (r >= 0 && ctx->state == CONTEXT_DONE && ctx->peer->link_lost &&
	    ctx->r == -ACRE_ECLOSED)
		r = context_failure(ctx); /* nobody is left to be asked */
	if (r >= 0 && p.over && !ctx->cancel_acked && ctx->state != CONTEXT_DONE)
		r = acre_fail(ACRE_ETOOSLOW, "%s of %s %s", ctx->endpoint_name,
			      ctx->peer->name, patience_words(false));
	return r;
}

/* Whose block it is may close it while we wait. */
static int cancel_held(struct acre_context *ctx)
{
	int r;

	ctx->n_cancelling++;
	r = opener_cancel(ctx);
	ctx->n_cancelling--;
	if (ctx->is_closed && !ctx->n_cancelling)
		context_free(ctx);
	return r;
}

int acre_context_cancel(struct acre_context *ctx)
{
	int r = checkpoint(sched_task("acre_context_cancel"));

	if (!ctx->is_opener && r != -ECHILD) {
		rpc_cancel_self(ctx);
		return 0;
	}
	return r < 0 ? r : cancel_held(ctx);
}

int acre_first_(struct acre_context *ctx, const struct acre_msg_kind *kind, void *ret)
{
	if (!ctx->is_opener)
		return acre_fail(EINVAL, "acre_first() is for the opener of %s",
				 ctx->endpoint_name);
	return context_read(ctx, &ctx->first, kind, ret, "Started");
}

int opener_await(struct acre_context *ctx)
{
	int r = 0;

	while (r >= 0 && ctx->state != CONTEXT_DONE && !ctx->rejected)
		r = context_wait(ctx, &ctx->end_waits, WAIT_RESULT);
	if (r >= 0 && context_has_failed(ctx) && !is_absorbed(ctx))
		r = context_failure(ctx);
	return r;
}

int acre_result_(struct acre_context *ctx, const struct acre_msg_kind *kind, void *ret)
{
	int r = checkpoint(sched_task("acre_result"));

	if (!ctx->is_opener)
		return acre_fail(EINVAL, "acre_result() is for the opener of %s",
				 ctx->endpoint_name);
	if (r >= 0)
		r = opener_await(ctx);
	if (r >= 0 && ctx->types && payload_differs(ctx->types->returns, kind))
		r = check_result(ctx);
	if (r >= 0)
		r = context_read(ctx, &ctx->result, kind, ret, "Return");
	ctx->result_matches = r >= 0;
	return r;
}
