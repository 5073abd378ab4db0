/* SPDX-License-Identifier: MIT */
/* call.c - the one-shot forms: a call, and a call that makes its own actor. */
#include <acre/call.h>

#include <string.h>

#include "actor/context.h"
#include "actor/schema.h"
#include "base/mem.h"
#include "core/sched.h"

/*
 * A call is a context whose items nobody reads and whose first value nobody waits for. It sends
 * none either, and says so (stream_finish_soon()) to a callee that has not answered at once: one
 * that reads its stream would wait for ever. Which endpoint may read, its StartAck tells.
 *
 * Its result may borrow texts from the context, which ends with the call. So the packed
 * result is kept for the task that called and the actor that it called: until that task
 * calls that actor again and gets texts, and no longer than either of them lives.
 */

struct kept_result {
	struct task_kept of_task;
	struct list of_actor; /* in actor->kept_results */
	struct acre_actor *actor;
	struct schema_held held;
};

static void drop_result(struct task_kept *k)
{
	struct kept_result *kept = container_of(k, struct kept_result, of_task);

	list_remove(&kept->of_task.node);
	list_remove(&kept->of_actor);
	schema_held_fini(&kept->held);
	mem_free(kept);
}

void call_drop_results(struct acre_actor *a)
{
	struct list *node;

	while ((node = list_first(&a->kept_results)))
		drop_result(&list_entry(node, struct kept_result, of_actor)->of_task);
}

/* The one of this task and this actor; NULL: there is no memory for it. */
static struct kept_result *kept_result(struct task *t, struct acre_actor *a)
{
	struct kept_result *kept;
	struct task_kept *k;

	list_for_each(k, &t->kept, node) {
		kept = container_of(k, struct kept_result, of_task);
		if (k->drop == drop_result && kept->actor == a)
			return kept;
	}
	kept = mem_zalloc(sizeof *kept);
	if (!kept)
		return NULL;
	kept->of_task.drop = drop_result;
	kept->actor = a;
	schema_held_init(&kept->held);
	list_push(&t->kept, &kept->of_task.node);
	list_push(&a->kept_results, &kept->of_actor);
	return kept;
}

/* The value that was read stays borrowed from its packed form. */
static int keep_result(struct acre_context *ctx)
{
	struct kept_result *kept = kept_result(task_this(), ctx->peer);
	struct schema_held old;

	if (!kept)
		return acre_fail(ENOMEM, "no memory to keep the result of %s",
				 ctx->endpoint_name);
	old = kept->held;
	kept->held = ctx->held;
	ctx->held = old;
	return 0;
}

/* Waits for the result of a context that was started, and leaves it. */
static int take_result(struct acre_context *ctx, const struct acre_msg_kind *kind,
		       void *ret)
{
	int value, kept;

	ctx->drains = true;
	value = acre_result_(ctx, kind, ret);
	kept = value > 0 && schema_borrows(kind) ? keep_result(ctx) : 0;
	return acre_context_close(&ctx, kept < 0 ? kept : value);
}

int acre_call_(struct acre_actor *actor, const struct acre_endpoint *endpoint,
	       const void *arg, const struct acre_msg_kind *kind, void *ret)
{
	struct acre_context *ctx;
	int r = checkpoint(sched_task("acre_call"));

	if (r < 0)
		return r;
	if (endpoint->kind == ACRE_ENDPOINT_STREAM)
		return acre_fail(ACRE_ETYPE,
				 "%s is a stream endpoint: open it, it cannot be called",
				 endpoint->name);
	if (!actor)
		return acre_fail(EINVAL, "Invalid Operation: a call of %s with oneself",
				 endpoint->name);
	r = opener_start(&ctx, actor,
			 endpoint->name_space ? endpoint->name_space : "main",
			 endpoint->name, endpoint->in(), arg);
	if (r < 0)
		return r;
	ctx->types = endpoint;
	return take_result(ctx, kind, ret);
}

int acre_call_named(struct acre_actor *actor, const char *name_space, const char *name,
		    struct acre_value arg, struct acre_value *ret)
{
	struct acre_any result, as_any = { arg };
	struct acre_context *ctx;
	int r = checkpoint(sched_task("acre_call"));

	if (r < 0)
		return r;
	if (!name_space || !name)
		return acre_fail(EINVAL, "a call without a name or a namespace");
	if (!actor)
		return acre_fail(EINVAL, "Invalid Operation: a call of %s with oneself",
				 name);
	r = opener_start(&ctx, actor, name_space, name, acre_any_msg_(), &as_any);
	if (r >= 0)
		r = take_result(ctx, acre_any_msg_(), &result);
	if (r > 0)
		*ret = result.value;
	return r;
}

/* A call whose result outlives the actor. */
static int call_and_own(struct acre_actor *a, const struct acre_endpoint *e,
			const void *arg, const struct acre_msg_kind *kind, void *ret)
{
	int r = acre_call_(a, e, arg, kind, ret);
	int owned = r > 0 ? schema_own(kind, ret) : 0;

	return owned < 0 ? owned : r;
}

/* Spawns, calls, ends the actor: it is reaped on return, also if the call was cancelled.
 * A result that has come is not lost because its actor was slow to end. */
static int in_nursery(struct acre_nursery *n, const struct acre_endpoint *e,
		      const void *arg, const struct acre_msg_kind *kind, void *ret,
		      const struct acre_spawn_options *spawn)
{
	struct acre_actor *a;
	int r = acre_spawn_(n, &a, spawn);

	if (r < 0)
		return r;
	r = call_and_own(a, e, arg, kind, ret);
	actor_end(a);
	return r;
}

void acre_msg_free_(const struct acre_msg_kind *kind, void *value)
{
	schema_free(kind, value);
}

int acre_oneshot_(const struct acre_endpoint *endpoint, const void *arg,
		  const struct acre_msg_kind *kind, void *ret,
		  const struct acre_oneshot_options *o)
{
	struct acre_nursery own = { { 0 } };
	struct acre_spawn_options spawn = o->spawn;
	int value = 0, r;

	if (o->nursery && o->actor)
		return acre_fail(EINVAL, "%s: give .nursery or .actor, not both",
				 endpoint->name);
	if (o->reserved[0] || o->reserved[1])
		return acre_fail(EINVAL, "%s: reserved options must be 0",
				 endpoint->name);
	if (endpoint->kind == ACRE_ENDPOINT_STREAM)
		return acre_fail(ACRE_ETYPE,
				 "%s is a stream endpoint: open it, it cannot be called",
				 endpoint->name);
	if (!spawn.name)
		spawn.name = endpoint->name;
	if (o->actor)
		return call_and_own(o->actor, endpoint, arg, kind, ret);
	if (o->nursery)
		return in_nursery(o->nursery, endpoint, arg, kind, ret, &spawn);
	acre_nursery_open(&own);
	value = in_nursery(&own, endpoint, arg, kind, ret, &spawn);
	r = acre_nursery_close(&own, value < 0 ? value : 0);
	return r < 0 ? r : value;
}
