/* SPDX-License-Identifier: MIT */
/* reference.c - cancelling, overruns and calls as the reference has them. */
#include "actor/reference.h"

#include <string.h>

#include "actor/runtime.h"
#include "actor/self.h"
#include "base/fault.h"

/*
 * A Start that cancels has a cid of its own, and its answers bear that: the StartAck says that
 * it was heard, the CancelAck comes when the target is over. Nothing is kept for it. For a
 * context that cid is the target's with another version digit (ours are uuids of version 4,
 * and 8 is for uses like this one); for the actor, which is asked once, it is the actor's
 * uuid. So the way back is the same step again.
 */
#define VERSION_AT     14
#define VERSION	       '4'
#define CANCEL_VERSION '8'

/* A uuid as text in a map of one key. */
#define KWARGS_MAX (UUID_SIZE + 16)

static struct slice pack_target(struct buf *room, struct slice cid)
{
	struct pack_writer w;

	pack_writer_init(&w, room, &wire_limits_default);
	pack_map(&w, cid.p ? 1 : 0);
	if (cid.p) {
		pack_cstr(&w, "cid");
		pack_str(&w, cid.p, cid.len);
	}
	acre_ignore(pack_writer_result(&w)); /* it has room */
	return (struct slice){ (const char *)buf_bytes(room), buf_len(room) };
}

static void with_version(char ret[UUID_SIZE], struct slice cid, char version)
{
	memcpy(ret, cid.p, UUID_SIZE - 1);
	ret[UUID_SIZE - 1] = '\0';
	ret[VERSION_AT] = version;
}

void reference_cancel(struct acre_actor *a, struct slice cid)
{
	uint8_t bytes[KWARGS_MAX];
	struct buf room = { .data = bytes, .cap = sizeof bytes, .max = sizeof bytes };
	struct msg m = { .kind = MSG_START, .cid = slice_of(a->uuid) };
	char own_cid[UUID_SIZE];

	if (!cid.p && a->was_asked_to_end)
		return;
	if (cid.p) {
		with_version(own_cid, cid, CANCEL_VERSION);
		m.cid = slice_of(own_cid);
	} else {
		a->was_asked_to_end = true;
	}
	m.start = (struct msg_start){
		.ns = slice_of("self"),
		.func = slice_of(cid.p ? "_cancel_task" : "cancel"),
		.kwargs = pack_target(&room, cid),
		.uid = runtime_uid(),
		.remaining_us = -1,
	};
	acre_ignore(link_send(&a->link, &m));
}

bool reference_heard(struct acre_actor *a, const struct msg *m)
{
	struct msg ack = { .kind = MSG_CANCEL_ACK };
	struct acre_context *ctx;
	char target[UUID_SIZE];

	if (m->kind != MSG_START_ACK && m->kind != MSG_CANCEL_ACK)
		return false;
	if (a->was_asked_to_end && slice_is(m->cid, a->uuid)) {
		actor_acked(a);
		return true;
	}
	if (m->cid.len != UUID_SIZE - 1 || m->cid.p[VERSION_AT] != CANCEL_VERSION)
		return false;
	with_version(target, m->cid, VERSION);
	ack.cid = slice_of(target);
	ctx = peer_context(a, ack.cid);
	if (ctx && ctx->is_opener)
		context_frame(ctx, &ack);
	return true;
}

/* Who does not read the answers gets no more of them. */
static void answer_overrun(struct acre_context *ctx)
{
	struct uid who = { slice_of(ctx->peer->name), slice_of(ctx->peer->uuid) };
	struct report *rep;

	if (link_is_full(&ctx->peer->link))
		return;
	rep = report_take(acre_fail(ACRE_EOVERRUN,
				    "%s of %s holds %u unread items and takes no more",
				    ctx->endpoint_name, runtime_this->name,
				    ctx->n_inbox));
	if (rep) {
		struct acre_report *p = report_public(rep);

		acre_ignore(
			report_set_text(rep, &p->canceller, who.name.p, who.name.len));
		acre_ignore(report_set_text(rep, &p->canceller_uuid, who.uuid.p,
					    who.uuid.len));
	}
	acre_ignore(story_write(ctx->peer, context_cid(ctx), rep));
	report_unref(rep);
}

bool reference_overran(struct acre_context *ctx)
{
	const struct wire_limits *limits = &wire_limits_default;

	if ((ctx->n_inbox < limits->credit_items &&
	     buf_len(&ctx->inbox) < limits->credit_bytes) ||
	    PLANTED(OVERRUN_HELD))
		return false;
	answer_overrun(ctx);
	return true;
}

bool reference_was_overrun(const struct acre_context *ctx, const struct msg_error *e)
{
	return !peer_has(ctx->peer, MSG_FEATURE(CREDIT)) &&
	       story_class(e) == ACRE_EOVERRUN &&
	       slice_is(e->sender.uuid, runtime_this->uuid);
}

int reference_may_call(const struct acre_actor *a, const char *ns, const char *name)
{
	if (!a->introduced || peer_is_acre(a) || strcmp(ns, "self") != 0 ||
	    self_has(name))
		return 0;
	return acre_fail(ACRE_ENOTEXPOSED,
			 "self.%s: %s is an actor of the reference, and would die of it",
			 name, a->name);
}
