/* SPDX-License-Identifier: MIT */
/* snap_object.c - what a parked task waits on, in words. */
/*
 * A wait has an object: a lock has a holder, a context a name and a peer. That is what explains
 * a deadlock, so it is followed as far as one step.
 */
#include <acre/chan.h>
#include <acre/share.h>

#include "actor/context.h"
#include "actor/snap.h"
#include "base/clock.h"
#include "base/line.h"
#include "base/util.h"
#include "core/lock.h"

#include <string.h>

/* Without stdio: it runs in a child that borrows our memory. */
static void put(struct snap_task *t, struct line *l)
{
	size_t len = size_min(l->len, sizeof t->about - 1);

	memcpy(t->about, l->text, len);
	t->about[len] = '\0';
}

static void describe_lock(const struct snap *s, struct snap_task *t)
{
	char name[TASK_NAME_MAX];
	struct line l = { .len = 0 };
	struct task holder;
	struct lock lock;

	if (!peek_all(&s->memory, t->object, &lock, sizeof lock) ||
	    !peek_all(&s->memory, (uintptr_t)lock.holder, &holder, sizeof holder))
		return;
	peek_text(&s->memory, (uintptr_t)holder.name, name, sizeof name);
	line_text(&l, "held by task ");
	line_decimal(&l, holder.id);
	line_text(&l, " ");
	line_text(&l, name);
	put(t, &l);
}

static void describe_context(const struct snap *s, struct snap_task *t)
{
	char name[ACTOR_NAME_MAX];
	struct line l = { .len = 0 };
	struct acre_context ctx;

	if (!peek_all(&s->memory, t->object, &ctx, sizeof ctx))
		return;
	peek_text(&s->memory, (uintptr_t)ctx.endpoint_name, name, sizeof name);
	line_text(&l, name[0] ? name : "?");
	line_text(&l, ctx.is_opener ? " in actor " : ", called by actor ");
	peek_text(&s->memory, (uintptr_t)ctx.peer + offsetof(struct acre_actor, name),
		  name, sizeof name);
	line_text(&l, name);
	put(t, &l);
}

static void describe_actor(const struct snap *s, struct snap_task *t)
{
	char name[ACTOR_NAME_MAX];
	struct line l = { .len = 0 };

	peek_text(&s->memory, t->object + offsetof(struct acre_actor, name), name,
		  sizeof name);
	line_text(&l, name);
	put(t, &l);
}

static void describe_fd(const struct snap *s, struct snap_task *t)
{
	struct line l = { .len = 0 };
	struct acre_case c;

	if (!peek_all(&s->memory, t->object, &c, sizeof c) || c.fd < 0)
		return;
	line_text(&l, "fd ");
	line_decimal(&l, (uint64_t)c.fd);
	put(t, &l);
}

static void describe_nursery(const struct snap *s, struct snap_task *t)
{
	struct line l = { .len = 0 };
	struct nursery n;

	if (!peek_all(&s->memory, t->object, &n, sizeof n))
		return;
	line_decimal(&l, n.n_tasks);
	line_text(&l, " tasks and ");
	line_decimal(&l, n.n_others);
	line_text(&l, " actors are left in it");
	put(t, &l);
}

static void describe_sleep(const struct snap *s, struct snap_task *t)
{
	struct line l = { .len = 0 };
	struct timer timer;
	int64_t left;

	if (!peek_all(&s->memory, t->object, &timer, sizeof timer))
		return;
	left = int64_add(heap_key(&timer.node), -clock_now());
	line_text(&l, "for ");
	line_decimal(&l, left > 0 ? (uint64_t)left / 1000000 : 0);
	line_text(&l, " ms more");
	put(t, &l);
}

static void (*const describe[N_WAIT])(const struct snap *s, struct snap_task *t) = {
	[WAIT_SLEEP] = describe_sleep,	      [WAIT_LOCK] = describe_lock,
	[WAIT_FIRST] = describe_context,      [WAIT_RECV] = describe_context,
	[WAIT_CREDIT] = describe_context,     [WAIT_RESULT] = describe_context,
	[WAIT_CANCEL_ACK] = describe_context, [WAIT_ACTOR_END] = describe_actor,
	[WAIT_SERVE] = describe_actor,	      [WAIT_FD] = describe_fd,
	[WAIT_NURSERY] = describe_nursery,
};

void snap_describe(const struct snap *s, struct snap_task *t)
{
	if ((unsigned)t->what < N_WAIT && describe[t->what] && t->object)
		describe[t->what](s, t);
}
