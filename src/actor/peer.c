/* SPDX-License-Identifier: MIT */
/* peer.c - another actor: introductions, and handing each frame to whom it concerns. */
#include "actor/peer.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "actor/context.h"
#include "actor/hello.h"
#include "actor/portal.h"
#include "actor/reference.h"
#include "actor/runtime.h"
#include "actor/self.h"
#include "actor/server.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/util.h"
#include "core/trace.h"

/*
 * The first frame of a link is an Aid, both ways; a second one, or another kind first, is
 * a link error. After it a frame either names a context (by cid), or starts one, or
 * cancels, or concerns the actor as a whole.
 *
 * When the link ends every context over it ends with it, in the same turn of the loop:
 * nothing stays parked.
 */

static const struct link_ops ops;

#define OUR_FEATURES                                                          \
	(MSG_FEATURE(CANCEL) | MSG_FEATURE(CREDIT) | MSG_FEATURE(REMAINING) | \
	 MSG_FEATURE(TREE))

static int send_aid(struct acre_actor *a)
{
	struct msg m = { .kind = MSG_AID };
	int r;

	m.aid = (struct msg_aid){
		.uid = runtime_uid(),
		.pid = runtime_this->self.pid,
		.is_registrar = runtime_this->is_registrar,
		.acre_version = 1,
		.features = OUR_FEATURES,
		.credit = { true, wire_limits_default.credit_items,
			    wire_limits_default.credit_bytes },
	};
	r = hello_prove(a, &m.aid);
	return r < 0 ? r : peer_send(a, &m);
}

struct acre_actor *peer_new(enum peer_role role, const char *name)
{
	static _Atomic uint64_t n_peers;
	struct acre_actor *a = mem_zalloc(sizeof *a);

	if (!a)
		return NULL;
	a->role = role;
	a->end_number = atomic_fetch_add_explicit(&n_peers, 1, memory_order_relaxed) + 1;
	a->link.fd = -1;
	snprintf(a->name, sizeof a->name, "%s", name);
	list_init(&a->end_waits);
	list_init(&a->kept_results);
	list_init(&a->self_waits);
	map_init(&a->contexts);
	a->credit = (struct msg_credit){ true, wire_limits_default.credit_items,
					 wire_limits_default.credit_bytes };
	return a;
}

int peer_open(struct acre_actor *a, int take_fd, const char *name)
{
	int r = link_open(&a->link, take_fd, name, &ops, &wire_limits_default);

	return r < 0 || a->role == PEER_CALLER ? r : send_aid(a);
}

int peer_open_memory(struct acre_actor *a, struct memory_end *take_end, const char *name)
{
	link_open_memory(&a->link, take_end, name, &ops, &wire_limits_default);
	return send_aid(a);
}

void peer_fini(struct acre_actor *a)
{
	a->ready_probe = context_free(a->ready_probe);
	a->link_error = report_unref(a->link_error);
	link_fini(&a->link);
	call_drop_results(a);
	map_fini(&a->contexts);
}

/* Whoever does not read our last words is not waited for. */
static void goodbye_is_over(struct timer *t)
{
	struct acre_actor *a = container_of(t, struct acre_actor, hello);

	link_close(&a->link, acre_fail(ACRE_ECLOSED, "%s did not read what came last", a->name));
}

void peer_say_goodbye(struct acre_actor *a)
{
	if (a->link.closed)
		return;
	if (!PLANTED(GOODBYE_WITHOUT_END))
		timer_set(&a->hello, clock_now() + PEER_GOODBYE_NS, goodbye_is_over);
	link_finish(&a->link);
}

void peer_free(struct acre_actor *a)
{
	loop_undefer(&a->burial);
	timer_stop(&a->hello);
	list_remove(&a->node);
	peer_fini(a);
	mem_free(a);
}

static void bury(struct deferred *d)
{
	peer_free(container_of(d, struct acre_actor, burial));
}

/* A stranger's memory may be that of the link whose callback runs: it goes at the end of the
 * round. */
void peer_let_go(struct acre_actor *a)
{
	if (a->n_contexts)
		return;
	if (!a->is_buried)
		portal_is_idle(a);
	else if (peer_is_stranger(a))
		loop_defer(&a->burial, bury);
	else
		actor_free(a);
}

void peer_bury(struct acre_actor *a)
{
	a->is_buried = true;
	peer_let_go(a);
}

int peer_send(struct acre_actor *a, const struct msg *m)
{
	int r = link_send(&a->link, m);

	if (r < 0)
		return acre_fail(report_class(r), "sending a %s to %s", msg_name(m->kind),
				 a->name);
	return 0;
}

/* A link that has ended has told everyone; one that is being finished still writes. */
int peer_answer(struct acre_actor *a, const struct msg *m)
{
	int r = peer_send(a, m);

	if (r < 0 && report_class(r) != ACRE_ECLOSED)
		link_close(&a->link, r);
	return r;
}

void peer_send_cancel(struct acre_actor *a, struct slice cid, uint64_t req,
		      enum acre_reason reason, int64_t remaining_ns)
{
	struct msg m = { .kind = MSG_CANCEL, .cid = cid };

	if (!peer_has(a, MSG_FEATURE(CANCEL)) && !PLANTED(CANCEL_FOR_REFERENCE)) {
		reference_cancel(a, cid);
		return;
	}
	m.cancel = (struct msg_cancel){
		.req = req,
		.reason = slice_of(reason_word(reason)),
		.canceller = runtime_uid(),
		.remaining_us = remaining_ns < 0 ? -1 : remaining_ns / 1000,
	};
	acre_ignore(link_send(&a->link, &m));
}

static void take_text(char *to, size_t size, struct slice text)
{
	size_t len = size_min(text.len, size - 1);

	memcpy(to, text.p, len);
	to[len] = '\0';
}

bool peer_may_stay(struct acre_actor *a, const struct msg_aid *aid)
{
	if (aid->acre_version || runtime_this->discovery.reference_peers ||
	    PLANTED(REFERENCE_ADMITTED))
		return true;
	link_close(
		&a->link,
		acre_fail(EPROTO,
			  "%.*s is an actor of the reference, which this tree does not "
			  "admit (.reference_peers of its root)",
			  (int)aid->uid.name.len, aid->uid.name.p));
	return false;
}

/* Who is made by us is known before; others say who they are. */
static void introduce(struct acre_actor *a, const struct msg_aid *aid)
{
	int r;

	if (a->introduced) {
		link_refuse(&a->link, "a second Aid");
		return;
	}
	if (peer_is_child(a) && !slice_is(aid->uid.uuid, a->uuid)) {
		link_refuse(&a->link, "an Aid with the uuid of another actor");
		return;
	}
	if (a->role == PEER_CALLER && !server_admits(a, aid))
		return;
	if (a->role == PEER_CALLED && !(peer_may_stay(a, aid) && portal_admits(a, aid)))
		return;
	a->introduced = true;
	if (!peer_is_child(a)) {
		take_text(a->name, sizeof a->name, aid->uid.name);
		take_text(a->uuid, sizeof a->uuid, aid->uid.uuid);
		a->pid = (pid_t)aid->pid;
	}
	a->is_acre = aid->acre_version > 0;
	a->is_registrar = aid->is_registrar;
	a->features = a->is_acre ? aid->features & OUR_FEATURES : 0;
	if (aid->credit.given)
		a->credit = aid->credit;
	if (a->role == PEER_CALLER) {
		r = send_aid(a);
		if (r < 0) {
			link_close(&a->link, r);
			return;
		}
		server_welcome(a, aid->is_probe);
	}
	unpark_all(&a->end_waits, 0);
}

struct acre_context *peer_context(struct acre_actor *a, struct slice cid)
{
	struct acre_context *last = a->last_named;
	struct map_node *node;

	if (last && slice_equal(context_cid(last), cid))
		return last;
	node = map_find(&a->contexts, cid.p, cid.len);
	if (!node)
		return NULL;
	return a->last_named = container_of(node, struct acre_context, by_cid);
}

static void to_context(struct acre_actor *a, const struct msg *m)
{
	struct acre_context *ctx = peer_context(a, m->cid);

	if (ctx)
		context_frame(ctx, m);
	else
		trace(ACRE_EVENT_FRAME_DROPPED, (uintptr_t)&a->link, m->kind);
}

/* The ready probe has no task: its answer is an event in the child's life. One that cannot
 * answer, for want of memory, would never be ready. */
static void check_probe(struct acre_actor *a)
{
	struct acre_context *probe = a->ready_probe;

	if (!probe || probe->state != CONTEXT_DONE)
		return;
	if (probe->r >= 0)
		actor_booted(a);
	else
		actor_cannot_boot(a, TAKE_PTR(probe->failure));
	a->ready_probe = context_free(probe);
}

static void without_cid(struct acre_actor *a, const struct msg *m)
{
	if (m->kind == MSG_ERROR && peer_is_child(a))
		actor_boot_error(a, story_read(&m->error, a->name));
	else if (m->kind == MSG_ERROR)
		trace(ACRE_EVENT_FRAME_DROPPED, (uintptr_t)&a->link, m->kind);
	else if (m->kind == MSG_CANCEL && !peer_is_child(a))
		rpc_cancel_actor(a, m);
	else if (m->kind == MSG_CANCEL)
		link_refuse(&a->link, "a child may not cancel its parent");
	else
		link_refuse(&a->link, "a frame without cid");
}

static void on_frame(struct link *l, const struct msg *m)
{
	struct acre_actor *a = container_of(l, struct acre_actor, link);

	if (m->kind == MSG_AID) {
		introduce(a, &m->aid);
		return;
	}
	if (!a->introduced) {
		link_refuse(l, "the first frame is no Aid");
		return;
	}
	if (m->kind == MSG_SPAWN_SPEC) {
		if (a->role != PEER_PARENT || a->spec_came)
			link_refuse(l, "a SpawnSpec that nobody waits for");
		else
			child_spec_came(a, m);
		return;
	}
	if (!peer_has(a, MSG_FEATURE(CANCEL)) && reference_heard(a, m))
		return;
	if (m->kind == MSG_CANCEL_ACK && m->cid.p && m->cid.len == 0)
		actor_acked(a);
	else if (!m->cid.p)
		without_cid(a, m);
	else if (m->kind == MSG_START && runtime_this->boot_failed)
		return; /* the parent has been told why, and will see us end */
	else if (m->kind == MSG_START)
		rpc_start(a, m);
	else if (m->kind == MSG_CANCEL)
		rpc_cancel(a, m);
	else
		to_context(a, m);
	check_probe(a);
}

/* Every context that is not over ends now; the walk begins anew, since an end may free
 * one. */
static void end_contexts(struct acre_actor *a, struct report *why)
{
	struct map_node *node = NULL;

	while ((node = map_next(&a->contexts, node))) {
		struct acre_context *ctx =
			container_of(node, struct acre_context, by_cid);

		if (!PLANTED(ORPHANED_LINK))
			context_link_lost(ctx, why);
	}
}

/* What whoever waits on it is told: that the link is closed, with the reason as its cause. */
static struct report *closed_by(struct acre_actor *a, struct report *cause)
{
	struct report *rep = report_new(ACRE_ECLOSED);
	char text[ACTOR_NAME_MAX + 32];

	if (!rep)
		return NULL;
	snprintf(text, sizeof text, "the link to %s is closed", a->name);
	acre_ignore(
		report_set_text(rep, &report_public(rep)->message, text, strlen(text)));
	report_public(rep)->file = __FILE__;
	report_public(rep)->line = __LINE__;
	report_say_who(rep);
	report_say_pid(rep);
	acre_ignore(report_add_member(rep, report_ref(cause)));
	return rep;
}

static void on_closed(struct link *l, int r)
{
	struct acre_actor *a = container_of(l, struct acre_actor, link);
	struct report *why = report_take(r);

	a->link_lost = true;
	if (report_class(r) != ACRE_ECLOSED) {
		a->link_error = why;
		why = why ? closed_by(a, why) : NULL;
	}
	if (why)
		why->of_end = a->end_number;
	if (a->role != PEER_PARENT || !child_outlives_parent)
		end_contexts(a, why);
	self_link_lost(a);
	unpark_all(&a->end_waits, 0);
	switch (a->role) {
	case PEER_CHILD:
		actor_link_lost(a);
		break;
	case PEER_PARENT:
		child_lost_parent(a);
		break;
	case PEER_CALLER:
		server_caller_lost(a);
		break;
	case PEER_SELF:
		break; /* guest_pair_end() is at it */
	case PEER_CALLED:
	case N_PEER_ROLE:
		portal_link_lost(a);
		break;
	}
	report_unref(why);
}

static const struct link_ops ops = { .frame = on_frame, .closed = on_closed };
