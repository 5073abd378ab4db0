/* SPDX-License-Identifier: MIT */
/* story_write.c - a report becomes an Error and goes out. */
#include <stdio.h>
#include <string.h>

#include "actor/context.h"
#include "actor/runtime.h"
#include "actor/story.h"
#include "base/util.h"
#include "core/report.h"

/*
 * The plain fields are those of the reference (doc/PROTOCOL.md, A3 and A8), and filled
 * for every peer: one that does not know the map `acre` may be further down the line.
 * An Error says at most `error_text` bytes in all; the map has what the plain fields
 * leave.
 *
 * Nothing may keep an answer from its reader. Without memory an Error goes out that
 * says the class and little else, made on the stack; if even that finds no room in the
 * queue, the link is closed, which is an answer, too.
 */
#define AS_DEFAULT(number, name, value, unit, reason) DEFAULT_##number = (value),
enum { WIRE_LIMITS(AS_DEFAULT) };

#define ERROR_MAX   ((size_t)DEFAULT_ERROR_TEXT)
#define KEYS_MAX    (512 + STORY_NAME_MAX) /* keys, type names and the cid */
#define UIDS_MAX    ((REPORT_HOPS_MAX + 3) * (ACTOR_NAME_MAX + UUID_SIZE + 5))
#define MESSAGE_MAX 2048
#define TRACE_MAX   2048 /* where there is a map; else it has the bytes of the map */
#define TEXT_MIN    16

_Static_assert(STORY_TREE_MIN + KEYS_MAX + UIDS_MAX + MESSAGE_MAX + TRACE_MAX <=
		       ERROR_MAX,
	       "the largest tree has its classes told");

struct draft {
	struct buf room; /* reserved as a whole, so that nothing in it moves */
	struct buf tree; /* packed: the map */
	struct msg_error error;
};

/* What was appended to the room since then. */
static struct slice since(const struct draft *d, size_t mark)
{
	return (struct slice){ (const char *)buf_bytes(&d->room) + mark,
			       buf_len(&d->room) - mark };
}

static struct uid tell_uid(struct draft *d, const char *name, const char *uuid)
{
	struct uid uid = {
		.name = story_append_text(&d->room, name, ACTOR_NAME_MAX),
		.uuid = story_append_text(&d->room, uuid ? uuid : "", UUID_SIZE),
	};

	return uid;
}

static size_t uid_len(struct uid uid)
{
	return uid.name.len + uid.uuid.len;
}

/* Bytes that are left for what has not been told yet. */
static size_t left(const struct msg_error *e)
{
	return ERROR_MAX - KEYS_MAX - uid_len(e->src_uid) - e->relay_path.len -
	       e->message.len - uid_len(e->canceller) - uid_len(e->sender) - e->tb.len;
}

/*
 * The plain fields.
 */

/* The uuid of a hop. Of an origin that came by its name it may be known otherwise. */
static const char *uuid_of_hop(const struct acre_report *why, size_t i)
{
	if (!*why->hop_uuids[i] && !strcmp(why->hops[i], why->actor))
		return why->actor_uuid;
	return why->hop_uuids[i];
}

/* Those who have packed it, the origin first, and us. */
static struct slice tell_path(struct draft *d, const struct acre_report *why)
{
	struct uid uids[REPORT_HOPS_MAX + 1];
	size_t n = story_count_hops(why), mark;
	struct pack_writer w;

	for (size_t i = 0; i < n; i++)
		uids[i] = tell_uid(d, why->hops[i], uuid_of_hop(why, i));
	uids[n++] = tell_uid(d, runtime_this->name, runtime_this->uuid);
	d->error.src_uid = uids[0];
	mark = buf_len(&d->room);
	pack_writer_init(&w, &d->room, &wire_limits_default);
	pack_array(&w, n);
	for (size_t i = 0; i < n; i++) {
		pack_array(&w, 2);
		pack_str(&w, uids[i].name.p, uids[i].name.len);
		pack_str(&w, uids[i].uuid.p, uids[i].uuid.len);
	}
	return pack_writer_result(&w) < 0 ? (struct slice){ "\x90", 1 } : since(d, mark);
}

static struct slice tell_type(struct draft *d, const struct acre_report *why)
{
	const char *name = story_name_of(why->code);

	if (name)
		return slice_of(name);
	if (why->code > 0 && why->code < ACRE_EREMOTE)
		return slice_of(STORY_OS_ERROR);
	return story_append_text(&d->room, why->name, STORY_NAME_MAX - 1);
}

static struct slice tell_message(struct draft *d, const struct acre_report *why)
{
	size_t mark = buf_len(&d->room);
	char head[sizeof STORY_OS_ERROR_HEAD + 16];

	if (slice_is(d->error.src_type, STORY_OS_ERROR)) {
		snprintf(head, sizeof head, STORY_OS_ERROR_HEAD "%d] ", why->code);
		story_append_text(&d->room, head, sizeof head);
	}
	story_append_text(&d->room, why->message, MESSAGE_MAX);
	return since(d, mark);
}

/* The trace, line by line. */
struct lines {
	struct draft *draft;
	size_t indent;
	size_t left; /* bytes that the trace may still have */
	bool is_first;
};

static void add_text(struct lines *l, const char *text)
{
	if (l->left > 2 * TEXT_MIN)
		l->left -= story_append_text(&l->draft->room, text, l->left / 2).len;
}

static void add_line(struct lines *l, const char *what, const char *text)
{
	char indent[REPORT_DEPTH_MAX * 4 + 4];

	snprintf(indent, sizeof indent, "%s%*s", l->is_first ? "" : "\n", (int)l->indent,
		 "");
	l->is_first = false;
	add_text(l, indent);
	add_text(l, what);
	add_text(l, text);
}

static void add_place(struct lines *l, const char *file, int line)
{
	char number[16];

	if (!*file)
		return;
	snprintf(number, sizeof number, ":%d", line);
	add_line(l, "at ", file);
	add_text(l, number);
}

static void add_report(struct lines *l, const struct acre_report *why)
{
	add_line(l, why->name, ": ");
	add_text(l, why->message);
	l->indent += 2;
	add_place(l, why->file, why->line);
	if (*why->task)
		add_line(l, "in task ", why->task);
	if (*why->actor)
		add_line(l, "in actor ", why->actor);
	for (const struct acre_note *note = why->notes; note; note = note->next) {
		add_line(l, "while ", note->text);
		add_place(l, note->file, note->line);
	}
	if (why->death && *why->death->last_words)
		add_line(l, "last words: ", why->death->last_words);
	if (*why->trace)
		add_line(l, "", why->trace);
}

/* The story as a text: a reference peer shows it as it is. */
static struct slice tell_trace(struct draft *d, const struct acre_report *first,
			       size_t max)
{
	size_t mark = buf_len(&d->room);
	struct lines l = { .draft = d, .left = max, .is_first = true };
	const struct acre_report *why;
	struct report_walk walk;

	report_walk_begin(&walk, first);
	while ((why = report_walk_next(&walk))) {
		l.indent = (size_t)walk.depth * 4;
		add_report(&l, why);
	}
	return since(d, mark);
}

/* What is relayed is a RemoteActorError, but for these: a reference peer asks for their
 * type. */
static bool keeps_its_type(int class)
{
	return class == ACRE_ECTXC || class == ACRE_ETYPE;
}

static void tell_plainly(struct draft *d, const struct acre_report *why, bool has_tree)
{
	struct msg_error *e = &d->error;

	e->relay_path = tell_path(d, why);
	e->src_type = tell_type(d, why);
	e->boxed_type = why->remote && !keeps_its_type(why->code)
				? slice_of("RemoteActorError")
				: e->src_type;
	e->message = tell_message(d, why);
	if (why->canceller && why->code == ACRE_EOVERRUN)
		e->sender = tell_uid(d, why->canceller, why->canceller_uuid);
	else if (why->canceller)
		e->canceller = tell_uid(d, why->canceller, why->canceller_uuid);
	e->tb = tell_trace(d, why, has_tree ? TRACE_MAX : left(e));
}

/*
 * Sending.
 */

static int tell(struct draft *d, struct report *rep, bool has_tree)
{
	int r = buf_reserve(&d->room, 2 * ERROR_MAX);

	if (r < 0)
		return r;
	tell_plainly(d, report_public(rep), has_tree);
	if (!has_tree)
		return 0;
	r = story_tree_write(&d->tree, rep, left(&d->error));
	if (r < 0)
		return r;
	d->error.acre =
		(struct slice){ (const char *)buf_bytes(&d->tree), buf_len(&d->tree) };
	return 0;
}

static int send_whole(struct acre_actor *to, struct slice cid, struct report *rep)
{
	struct draft d = { 0 };
	struct msg m = { .kind = MSG_ERROR, .cid = cid };
	int r;

	buf_init(&d.room, 2 * ERROR_MAX);
	buf_init(&d.tree, ERROR_MAX);
	r = tell(&d, rep, to->features & MSG_FEATURE(TREE));
	if (r >= 0) {
		m.error = d.error;
		r = peer_send(to, &m);
	}
	buf_fini(&d.room);
	buf_fini(&d.tree);
	return r;
}

/* The class, and that there was no memory for more. */
static int send_least(struct acre_actor *to, struct slice cid, int class)
{
	const char *name = story_name_of(class);
	uint8_t bytes[ACTOR_NAME_MAX + UUID_SIZE + 8];
	struct buf path = { .data = bytes, .cap = sizeof bytes, .max = sizeof bytes };
	struct msg m = { .kind = MSG_ERROR, .cid = cid };
	struct msg_error *e = &m.error;
	struct pack_writer w;

	e->src_uid = runtime_uid();
	e->src_type = slice_of(name ? name : acre_class_name(class));
	e->boxed_type = e->src_type;
	e->message = slice_of("(no memory for the story of this failure)");
	pack_writer_init(&w, &path, &wire_limits_default); /* full, but never enlarged */
	pack_array(&w, 1);
	pack_array(&w, 2);
	pack_str(&w, e->src_uid.name.p, e->src_uid.name.len);
	pack_str(&w, e->src_uid.uuid.p, e->src_uid.uuid.len);
	e->relay_path = pack_writer_result(&w) < 0
				? (struct slice){ "\x90", 1 }
				: (struct slice){ (const char *)bytes, buf_len(&path) };
	return peer_send(to, &m);
}

/* A link that has ended has told everyone already; one that is being finished still
 * writes. */
static bool is_for_want_of_room(int r)
{
	return r < 0 && report_class(r) != ACRE_ECLOSED;
}

int story_write(struct acre_actor *to, struct slice cid, struct report *rep)
{
	int r = rep ? send_whole(to, cid, rep) : -ENOMEM;

	if (is_for_want_of_room(r))
		r = send_least(to, cid, rep ? report_public(rep)->code : ENOMEM);
	if (is_for_want_of_room(r))
		link_close(&to->link, r);
	return r;
}
