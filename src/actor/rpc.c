/* SPDX-License-Identifier: MIT */
/* rpc.c - the callee's side: a Start becomes a task that runs an endpoint, and its end becomes an answer. */
#include <string.h>

#include "actor/context.h"
#include "actor/endpoint.h"
#include "actor/payload.h"
#include "actor/runtime.h"
#include "actor/schema.h"
#include "actor/self.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/util.h"

/*
 * Each Start gets exactly one answer: an Error at once (refused), or a StartAck and then
 * a Return or an Error. The task runs inside a scope that a Cancel frame cancels and that
 * has the caller's remaining time as its deadline. A Start whose time is over is answered
 * as one that expired and never begun.
 *
 * The endpoint's failure is the caller's business: it travels, and does not fell this
 * actor.
 */

void rpc_refuse(struct acre_actor *from, struct slice cid, int r)
{
	struct report *rep = report_take(r);

	acre_ignore(story_write(from, cid, rep));
	report_unref(rep);
}

static int send_first(struct acre_context *ctx, const struct acre_msg_kind *type,
		      const void *value)
{
	struct buf *out = link_queue(&ctx->peer->link, MSG_STARTED);
	struct msg_frame f;
	int r;

	if (!out)
		return acre_fail(ACRE_ECLOSED, "the link to %s is closed",
				 ctx->peer->name);
	msg_begin(&f, out, MSG_STARTED, context_cid(ctx));
	schema_write(&f.pack, type, value);
	r = msg_end(&f);
	if (r < 0)
		return schema_unwritten(type, value, r, "invalid `Started` msg payload");
	link_written(&ctx->peer->link);
	return 0;
}

int acre_started_(struct acre_context *ctx, const struct acre_msg_kind *kind,
		  const void *value)
{
	int r = checkpoint(sched_task("acre_started"));

	if (r < 0)
		return r;
	if (ctx->is_opener)
		return acre_fail(EINVAL, "acre_started() is for the callee of %s",
				 ctx->endpoint_name);
	if (ctx->is_oneshot)
		return acre_fail(EPROTO,
				 "%s is a one-shot endpoint: it has no first value",
				 ctx->endpoint_name);
	if (ctx->started_sent)
		return acre_fail(EPROTO,
				 "%s called acre_started() twice, or after an item",
				 ctx->endpoint_name);
	r = payload_check_sent(ctx, ctx->types->started, kind, value, "Started");
	if (r >= 0)
		r = send_first(ctx, kind, value);
	if (r < 0)
		return r;
	ctx->started_sent = true;
	return 0;
}

int acre_return_(struct acre_context *ctx, const struct acre_msg_kind *kind,
		 const void *value)
{
	struct pack_writer w;
	int r;

	if (ctx->is_opener)
		return acre_fail(EINVAL, "acre_return() is for the callee of %s",
				 ctx->endpoint_name);
	if (ctx->result_given)
		return acre_fail(EPROTO, "%s called acre_return() twice",
				 ctx->endpoint_name);
	r = payload_check_sent(ctx, ctx->types->returns, kind, value, "Return");
	if (r < 0)
		return r;
	buf_consume(&ctx->result, buf_len(&ctx->result));
	pack_writer_init(&w, &ctx->result, &wire_limits_default);
	schema_write(&w, kind, value);
	r = pack_writer_result(&w);
	if (r < 0)
		return schema_unwritten(kind, value, r, "invalid `Return` msg payload");
	ctx->result_given = true;
	return 0;
}

/* The endpoint was cancelled, or its time was over: who began it, and why. */
static int cancelled_failure(struct acre_context *ctx)
{
	bool itself = !strcmp(ctx->canceller_uuid, runtime_this->uuid);

	if (!ctx->reason)
		ctx->reason = ACRE_REASON_PARENT;
	if (!ctx->canceller[0])
		context_set_canceller(ctx, runtime_uid());
	return acre_fail(ACRE_ECTXC, "%s was cancelled by %s (%s)", ctx->endpoint_name,
			 itself ? "itself" : ctx->canceller, reason_word(ctx->reason));
}

static void say_canceller(struct acre_context *ctx, struct report *rep)
{
	const char *reason = reason_word(ctx->reason);
	struct acre_report *p = report_public(rep);

	acre_ignore(report_set_text(rep, &p->reason, reason, strlen(reason)));
	acre_ignore(report_set_text(rep, &p->canceller, ctx->canceller,
				    strlen(ctx->canceller)));
	acre_ignore(report_set_text(rep, &p->canceller_uuid, ctx->canceller_uuid,
				    strlen(ctx->canceller_uuid)));
}

static void send_failure(struct acre_context *ctx, int r)
{
	struct report *rep;

	if (report_class(r) == ECANCELED)
		r = cancelled_failure(ctx);
	rep = report_take(r);
	if (rep && report_class(r) == ACRE_ECTXC)
		say_canceller(ctx, rep);
	acre_ignore(story_write(ctx->peer, context_cid(ctx), rep));
	report_unref(rep);
}

/* A result that cannot go (too large for a frame, no memory) is answered as the failure that
 * it is: the caller waits for one or the other. */
static void send_result(struct acre_context *ctx)
{
	struct msg m = { .kind = MSG_RETURN,
			 .cid = context_cid(ctx),
			 .pld = { "\xc0", 1 } }; /* nil */
	int r;

	if (ctx->result_given)
		m.pld = (struct slice){ (const char *)buf_bytes(&ctx->result),
					buf_len(&ctx->result) };
	r = peer_send(ctx->peer, &m);
	if (r < 0)
		send_failure(ctx, r);
}

static int run_endpoint(struct acre_context *ctx, const void *in)
{
	struct scope s;
	int r;

	if (ctx->deadline <= clock_now()) { /* never begun: it would only be cancelled */
		ctx->reason = ctx->reason ? ctx->reason : ACRE_REASON_DEADLINE;
		return -ECANCELED;
	}
	scope_push(&s, task_this(), ctx->endpoint->file, ctx->endpoint->line);
	ctx->scope = &s;
	if (ctx->deadline != ACRE_NEVER_NS_)
		acre_scope_deadline((struct acre_scope *)(void *)&s,
				    (acre_instant){ .ns = ctx->deadline });
	if (ctx->reason && !PLANTED(CANCEL_BEFORE_START_LOST)) /* before it began */
		scope_cancel(&s, ctx->reason);
	r = ctx->endpoint->run(ctx, in);
	if (s.reason == ACRE_REASON_DEADLINE && !ctx->reason)
		ctx->reason = ACRE_REASON_DEADLINE;
	if (report_class(r) == ECANCELED && !s.covered)
		r = acre_fail(EPROTO,
			      "endpoint %s returned -ECANCELED without being cancelled",
			      ctx->endpoint_name);
	ctx->scope = NULL;
	scope_pop(&s);
	return r;
}

static int serve(struct acre_context *ctx)
{
	const struct acre_msg_kind *kind = ctx->endpoint->in();
	struct arena arrays = { 0 };
	uint8_t *in = mem_zalloc(kind->size ? kind->size : 1);
	int r;

	if (!in)
		return acre_fail(ENOMEM, "no memory for the argument of %s",
				 ctx->endpoint_name);
	r = schema_read_argument(kind,
				 &(struct schema_packed){ buf_bytes(&ctx->argument),
							  buf_len(&ctx->argument),
							  &arrays },
				 in);
	if (r >= 0)
		r = run_endpoint(ctx, in);
	if (r < 0)
		r = acre_note(r, "serving %s of %s", ctx->endpoint_name, ctx->peer->name);
	mem_free(in);
	arena_fini(&arrays);
	/* the caller left its stream and we stopped for that: no failure */
	if (ctx->send_refused && ctx->peer_left && report_class(r) == ACRE_ECLOSED)
		r = 0;
	return r;
}

static int serve_task(void *arg)
{
	struct acre_context *ctx = arg;
	int r;

	ctx->task = task_this();
	r = serve(ctx);
	ctx->task = NULL;
	if (ctx->state != CONTEXT_DONE && !ctx->peer->link_lost) {
		if (r < 0)
			send_failure(ctx, r);
		else {
			if (!ctx->started_sent && !ctx->is_oneshot)
				acre_ignore(send_first(ctx, acre_nil_msg_(), NULL));
			send_result(ctx);
		}
	}
	context_end(ctx, 0, NULL);
	context_free(ctx);
	return 0;
}

static const struct acre_task_kind serve_kind = { "serve", serve_task, __FILE__,
						  __LINE__ };

static void send_start_ack(struct acre_context *ctx)
{
	struct msg m = { .kind = MSG_START_ACK, .cid = context_cid(ctx) };

	m.start_ack.functype = slice_of(ctx->is_oneshot ? "asyncfunc" : "context");
	if (!ctx->is_oneshot && (ctx->peer->features & MSG_FEATURE(CREDIT)))
		m.start_ack.credit = stream_window(ctx);
	acre_ignore(peer_send(ctx->peer, &m));
}

static int start_task(struct acre_context *ctx)
{
	const struct acre_endpoint *e = ctx->endpoint;

	if (e->stack_size > STACK_SIZE_MAX)
		return acre_fail_at_(
			e->file, e->line, EINVAL,
			"endpoint %s: a stack has at most %zu bytes, not %zu", e->name,
			STACK_SIZE_MAX, e->stack_size);
	return task_start(runtime_this->service, &serve_kind, ctx,
			  &(const struct acre_task_options){
				  .name = e->name, .stack_size = e->stack_size });
}

static int accept_start(struct acre_actor *from, const struct msg *m,
			struct acre_context **ret)
{
	const struct acre_endpoint *e;
	struct acre_context *ctx;
	int r = endpoint_find(&e, &runtime_this->exposed, m->start.ns, m->start.func);

	if (r < 0)
		return r;
	if (!runtime_this->service)
		return acre_fail(ACRE_ECLOSED, "%s serves no more calls",
				 runtime_this->name);
	if (m->cid.len >= UUID_SIZE || from->n_contexts >= wire_limits_default.ctx)
		return acre_fail(EAGAIN, "%u contexts are open, or a cid of %zu bytes",
				 from->n_contexts, m->cid.len);
	ctx = context_new(from, false);
	if (!ctx)
		return acre_fail(ENOMEM, "no memory for a call of %s", e->name);
	ctx->endpoint = e;
	ctx->types = e;
	ctx->endpoint_name = e->name;
	ctx->is_oneshot = e->kind == ACRE_ENDPOINT_ONESHOT;
	ctx->may_send = stream_may_send(from, m->start.credit);
	if (m->start.remaining_us >= 0)
		ctx->deadline = clock_now() + m->start.remaining_us * 1000;
	r = buf_append(&ctx->argument, m->start.kwargs.p, m->start.kwargs.len);
	if (r >= 0)
		r = context_file(ctx, m->cid.p, m->cid.len);
	if (r >= 0)
		r = start_task(ctx);
	if (r < 0) {
		context_free(ctx);
		return r == -EEXIST
			       ? acre_fail(EPROTO, "the cid of a call of %s is in use",
					   e->name)
			       : r;
	}
	context_set_state(ctx, CONTEXT_OPEN);
	*ret = ctx;
	return 0;
}

void rpc_start(struct acre_actor *from, const struct msg *m)
{
	struct acre_context *ctx = NULL;
	int r;

	if (!slice_is(m->start.uid.uuid, from->uuid)) {
		link_refuse(&from->link, "a Start in the name of another actor");
		return;
	}
	if (slice_is(m->start.ns, "self")) {
		self_start(from, m);
		return;
	}
	r = accept_start(from, m, &ctx);
	if (ctx)
		send_start_ack(ctx);
	else
		rpc_refuse(from, m->cid, r);
}

static void ack(struct acre_actor *from, const struct msg *m, bool reached)
{
	struct msg answer = { .kind = MSG_CANCEL_ACK,
			      .cid = m->cid.p ? m->cid : slice_of("") };

	answer.cancel_ack.pld = reached;
	answer.cancel_ack.has_req = true;
	answer.cancel_ack.req = m->cancel.req;
	acre_ignore(peer_send(from, &answer));
}

/* An ack that the parent has not asked for: a peer of ours has cancelled us, so that we end is
 * no failure. */
static void tell_parent_of_end(struct acre_actor *parent)
{
	struct msg m = { .kind = MSG_CANCEL_ACK, .cid = slice_of("") };

	m.cancel_ack.pld = true;
	acre_ignore(peer_send(parent, &m));
}

/* The context of a Start that this peer sent; NULL: none, or not of this peer. */
static struct acre_context *served(struct acre_actor *from, struct slice cid)
{
	struct map_node *node = map_find(&from->contexts, cid.p, cid.len);
	struct acre_context *ctx =
		node ? container_of(node, struct acre_context, by_cid) : NULL;

	return ctx && !ctx->is_opener ? ctx : NULL;
}

static void cancel_served(struct acre_context *ctx, enum acre_reason reason,
			  struct uid canceller)
{
	if (ctx->state == CONTEXT_DONE)
		return; /* over already: its answer is on the way */
	if (!ctx->reason) {
		ctx->reason = reason ? reason : ACRE_REASON_ASKED;
		context_set_canceller(ctx, canceller);
	}
	if (ctx->scope)
		scope_cancel(ctx->scope, ctx->reason);
}

static enum acre_reason reason_of(const struct msg_cancel *c)
{
	return reason_of_word(c->reason.p, c->reason.len);
}

void rpc_cancel(struct acre_actor *from, const struct msg *m)
{
	struct acre_context *ctx = served(from, m->cid);

	/* a context that we have opened is not theirs to cancel; one that is unknown is over */
	ack(from, m, ctx || !map_find(&from->contexts, m->cid.p, m->cid.len));
	if (ctx)
		cancel_served(ctx, reason_of(&m->cancel), m->cancel.canceller);
	else
		self_cancel(from, m->cid);
}

void rpc_cancel_task(struct acre_actor *from, struct slice cid, struct uid canceller)
{
	struct acre_context *ctx = served(from, cid);

	if (ctx)
		cancel_served(ctx, ACRE_REASON_ASKED, canceller);
	else
		self_cancel(from, cid);
}

/* Deadlines nest: our children's ladders are over before our own is. */
static void end_before_parent(int64_t remaining_us)
{
	int64_t remaining_ns = int64_min(remaining_us, INT64_MAX / 1000) * 1000;

	life_end_before(int64_add(clock_now(), remaining_ns - LIFE_MARGIN_NS),
			runtime_this->shown_status != NULL);
}

void rpc_end_actor(struct acre_actor *from, const struct msg_cancel *c)
{
	enum acre_reason reason = reason_of(c) ? reason_of(c) : ACRE_REASON_ASKED;
	struct runtime *rt = runtime_this;
	struct acre_actor *a;

	if (rt->parent && from != rt->parent && peer_is_acre(rt->parent))
		tell_parent_of_end(rt->parent);
	link_flush(&from->link); /* before the tasks say their goodbyes */
	if (from->role == PEER_PARENT && c->remaining_us >= 0)
		end_before_parent(c->remaining_us);
	if (rt->parent)
		context_actor_cancelled(rt->parent, reason, c->canceller);
	list_for_each(a, &rt->children, node)
		context_actor_cancelled(a, reason, c->canceller);
	list_for_each(a, &rt->strangers, node)
		context_actor_cancelled(a, reason, c->canceller);
	scope_cancel(&rt->loop->root.scope, reason);
}

void rpc_cancel_actor(struct acre_actor *from, const struct msg *m)
{
	ack(from, m, true);
	rpc_end_actor(from, &m->cancel);
}

void rpc_cancel_self(struct acre_context *ctx)
{
	if (ctx->reason)
		return;
	ctx->cancel_called = true;
	ctx->reason = ACRE_REASON_ASKED;
	context_set_canceller(ctx, runtime_uid());
	scope_cancel(ctx->scope, ctx->reason);
}
