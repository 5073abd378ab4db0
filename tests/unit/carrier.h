/* SPDX-License-Identifier: MIT */
/* carrier.h - carries reports from actor to actor, for tests of stories. */
#pragma once

/*
 * There is one link, of which only the queue is used: be() says which actor writes a
 * frame, and what is read from it is what the next one knows.
 */
#include <stdio.h>
#include <string.h>

#include "actor/context.h"
#include "actor/runtime.h"
#include "lib/test.h"

#define ALL_FEATURES MSG_FEATURE(TREE)
#define ROOT_UUID    "0b8ed1f2-4b5c-4a6f-9c60-7d2f3a1e5b90"
#define BRANCH_UUID  "9e8d7c6b-5a49-4838-a726-150403020100"
#define CHILD_UUID   "c3a9d5e0-1f2b-4c7d-8e9f-a0b1c2d3e4f5"

static struct runtime here;
static struct acre_actor peer;
static int closed_with;

static void closed(struct link *l, int r)
{
	(void)l;
	closed_with = r;
}

static const struct link_ops ops = { .closed = closed };

static inline void open_peer(uint32_t features)
{
	peer = (struct acre_actor){ .name = "peer", .features = features };
	peer.link = (struct link){ .fd = -1, .ops = &ops };
	peer.link.watch.events =
		EPOLLOUT; /* as if the socket was full: nothing is flushed */
	buf_init(&peer.link.data, 1024 * 1024);
	closed_with = 0;
}

static inline void close_peer(void)
{
	link_fini(&peer.link);
}

static inline void be(const char *name, const char *uuid)
{
	snprintf(here.name, sizeof here.name, "%s", name);
	snprintf(here.uuid, sizeof here.uuid, "%s", uuid);
	runtime_this = &here;
	report_set_actor(here.name, here.uuid);
}

/* The Error that lies in the queue. */
static inline struct msg written(void)
{
	const uint8_t *frame = buf_bytes(&peer.link.data);
	struct msg_fault fault;
	struct msg m;

	assert_true(buf_len(&peer.link.data) > 4);
	if (msg_read(&m, frame + 4, buf_len(&peer.link.data) - 4, &wire_limits_default,
		     &fault) < 0)
		fail_msg("%s", fault.text);
	assert_int_equal(m.kind, MSG_ERROR);
	return m;
}

static inline struct msg write_error(struct report *rep)
{
	buf_consume(&peer.link.data, buf_len(&peer.link.data));
	assert_ok(story_write(&peer, slice_of("cid"), rep));
	return written();
}

/* What the next actor knows of it; takes the report. */
static inline struct report *carry(struct report *take_report)
{
	struct msg m = write_error(take_report);
	struct report *rep = story_read(&m.error, here.name);

	assert_non_null(rep);
	report_unref(take_report);
	return rep;
}

static inline struct report *carry_plainly(struct report *take_report)
{
	peer.features = 0;
	take_report = carry(take_report);
	peer.features = ALL_FEATURES;
	return take_report;
}

static inline void set(struct report *rep, const char **field, const char *text)
{
	assert_ok(report_set_text(rep, field, text, strlen(text)));
}

static inline struct report *report_with(int code, const char *message)
{
	struct report *rep = report_new(code);

	assert_non_null(rep);
	set(rep, &report_public(rep)->message, message);
	return rep;
}
