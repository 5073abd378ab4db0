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
 * The plain fields are those of the reference (doc/PROTOCOL.md, A3 and A8), and filled for every
 * peer: one that does not know the map `acre` may be further down the line. An Error says
 * at most `error_text` bytes in all; the map has what the plain fields leave.
 *
 * Nothing may keep an answer from its reader. Without memory an Error goes out that says the class
 * and little else, made on the stack; if even that finds no room in the queue, the link
 * is closed, which is an answer, too.
 */
#define ERROR_MAX   ((size_t)16 * 1024)	   /* the limit `error_text` */
#define KEYS_MAX    (512 + STORY_NAME_MAX) /* keys, type names and the cid */
#define UIDS_MAX    ((REPORT_HOPS_MAX + 3) * (ACTOR_NAME_MAX + UUID_SIZE + 5))
#define MESSAGE_MAX 2048
#define TRACE_MAX   2048 /* with a map; without one it is all there is, and has its bytes */
#define TEXT_MIN    16

_Static_assert(STORY_TREE_MIN + KEYS_MAX + UIDS_MAX + MESSAGE_MAX + TRACE_MAX <=
		       ERROR_MAX,
	       "the largest tree has its classes told");

struct teller {
	struct buf room; /* reserved as a whole, so that nothing in it moves */
	struct buf tree; /* packed: the map */
	size_t left;	 /* bytes for what is still to be told */
	struct msg_error error;
};

/* What was appended to the room since then. */
static struct slice take(struct teller *t, size_t mark)
{
	size_t len = buf_len(&t->room) - mark;

	t->left -= len;
	return (struct slice){ (const char *)buf_bytes(&t->room) + mark, len };
}

static struct slice tell_text(struct teller *t, const char *text, size_t max)
{
	size_t mark = buf_len(&t->room);

	story_append_text(&t->room, text ? text : "", max);
	return take(t, mark);
}

static struct uid tell_uid(struct teller *t, const char *name, const char *uuid)
{
	struct uid uid = {
		.name = tell_text(t, name, ACTOR_NAME_MAX),
		.uuid = tell_text(t, uuid, UUID_SIZE),
	};

	return uid;
}

/*
 * The plain fields.
 */

/* Those who have packed it, the origin first, and us. Of those between the report has the
 * names only. */
static struct slice tell_path(struct teller *t, const struct acre_report *why)
{
	struct uid uids[REPORT_HOPS_MAX + 1];
	size_t n = story_count_hops(why), mark;
	struct pack_writer w;

	for (size_t i = 0; i < n; i++)
		uids[i] = tell_uid(t, why->hops[i],
				   strcmp(why->hops[i], why->actor) == 0 ? why->actor_uuid
									 : "");
	uids[n++] = tell_uid(t, runtime_this->name, runtime_this->uuid);
	t->error.src_uid = uids[0];
	mark = buf_len(&t->room);
	pack_writer_init(&w, &t->room, &wire_limits_default);
	pack_array(&w, n);
	for (size_t i = 0; i < n; i++) {
		pack_array(&w, 2);
		pack_str(&w, uids[i].name.p, uids[i].name.len);
		pack_str(&w, uids[i].uuid.p, uids[i].uuid.len);
	}
	return pack_writer_result(&w) < 0 ? (struct slice){ "\x90", 1 } : take(t, mark);
}

static struct slice tell_type(struct teller *t, const struct acre_report *why)
{
	const char *name = story_name_of(why->code);

	if (name)
		return slice_of(name);
	if (why->code < ACRE_EREMOTE)
		return slice_of(STORY_OS_ERROR);
	return tell_text(t, why->name, STORY_NAME_MAX - 1);
}

static struct slice tell_message(struct teller *t, const struct acre_report *why)
{
	size_t mark = buf_len(&t->room);
	char head[sizeof STORY_OS_ERROR_HEAD + 16];

	if (slice_is(t->error.src_type, STORY_OS_ERROR)) {
		snprintf(head, sizeof head, STORY_OS_ERROR_HEAD "%d] ", why->code);
		story_append_text(&t->room, head, sizeof head);
	}
	story_append_text(&t->room, why->message, MESSAGE_MAX);
	return take(t, mark);
}

/* A line of the trace, or several, below its report. */
struct line {
	struct teller *teller;
	size_t indent;
	size_t left; /* bytes that the trace may still have */
};

static void add_text(struct line *l, const char *text)
{
	if (l->left > 2 * TEXT_MIN)
		l->left -= story_append_text(&l->teller->room, text, l->left / 2).len;
}

static void add_line(struct line *l, const char *what, const char *text)
{
	char indent[REPORT_DEPTH_MAX * 4 + 4];

	snprintf(indent, sizeof indent, "\n%*s", (int)l->indent, "");
	add_text(l, indent);
	add_text(l, what);
	add_text(l, text);
}

static void add_place(struct line *l, const char *file, int line)
{
	char number[16];

	if (!*file)
		return;
	snprintf(number, sizeof number, ":%d", line);
	add_line(l, "at ", file);
	add_text(l, number);
}

static void add_report(struct line *l, const struct acre_report *why)
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
static struct slice tell_trace(struct teller *t, const struct acre_report *first,
			       size_t max)
{
	size_t mark = buf_len(&t->room);
	struct line l = { .teller = t, .left = max };
	const struct acre_report *why;
	struct report_walk walk;

	report_walk_begin(&walk, first);
	while ((why = report_walk_next(&walk))) {
		l.indent = (size_t)walk.depth * 4;
		add_report(&l, why);
	}
	return take(t, mark);
}

/* A relay of another one is a RemoteActorError; these a reference peer knows by their own type. */
static bool keeps_its_type(int class)
{
	return class == ACRE_ECTXC || class == ACRE_ETYPE;
}

static void tell_plainly(struct teller *t, const struct acre_report *why, bool has_tree)
{
	struct msg_error *e = &t->error;

	e->relay_path = tell_path(t, why);
	e->src_type = tell_type(t, why);
	e->boxed_type = why->remote && !keeps_its_type(why->code)
				? slice_of("RemoteActorError")
				: e->src_type;
	e->message = tell_message(t, why);
	if (why->canceller && why->code == ACRE_EOVERRUN)
		e->sender = tell_uid(t, why->canceller, why->canceller_uuid);
	else if (why->canceller)
		e->canceller = tell_uid(t, why->canceller, why->canceller_uuid);
	e->tb = tell_trace(t, why, has_tree ? TRACE_MAX : t->left);
}

/*
 * Sending.
 */

static int tell(struct teller *t, struct report *rep, bool has_tree)
{
	int r = buf_reserve(&t->room, 2 * ERROR_MAX);

	if (r < 0)
		return r;
	tell_plainly(t, report_public(rep), has_tree);
	if (!has_tree)
		return 0;
	r = story_tree_write(&t->tree, rep, t->left);
	if (r < 0)
		return r;
	t->error.acre =
		(struct slice){ (const char *)buf_bytes(&t->tree), buf_len(&t->tree) };
	return 0;
}

static int send_whole(struct acre_actor *to, struct slice cid, struct report *rep)
{
	struct teller t = { .left = ERROR_MAX - KEYS_MAX };
	struct msg m = { .kind = MSG_ERROR, .cid = cid };
	int r;

	buf_init(&t.room, 2 * ERROR_MAX);
	buf_init(&t.tree, ERROR_MAX);
	r = tell(&t, rep, to->features & MSG_FEATURE(TREE));
	if (r >= 0) {
		m.error = t.error;
		r = peer_send(to, &m);
	}
	buf_fini(&t.room);
	buf_fini(&t.tree);
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

	e->src_uid = (struct uid){ slice_of(runtime_this->name),
				   slice_of(runtime_this->uuid) };
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

int story_write(struct acre_actor *to, struct slice cid, struct report *rep)
{
	int r = rep ? send_whole(to, cid, rep) : -ENOMEM;

	if (r < 0 && !to->link.closed)
		r = send_least(to, cid, rep ? report_public(rep)->code : ENOMEM);
	if (r < 0)
		link_close(&to->link, r);
	return r;
}
