/* SPDX-License-Identifier: MIT */
/* story_tree.c - a report and all below it become the map `acre` of an Error. */
#include <string.h>

#include "actor/runtime.h"
#include "actor/story.h"
#include "base/panic.h"
#include "base/util.h"
#include "core/class.h"
#include "core/report.h"

/*
 * The map has a limit in bytes. Each report gets an equal share of what those before it
 * have left, and within it what matters most is kept first: so "what failed" is never
 * lost to a long backtrace, and the last of 256 reports still has its class.
 *
 * A report is told in two steps. Its texts and parts are laid out in a room, as far as
 * its share goes; then the map of what is there is packed. The room never moves, so
 * what lies in it can be pointed to; that of a node is used again for the next one.
 */
#define KEY_COST     10	 /* a key and the head of its value, at most */
#define NODE_COST    28	 /* class, up, more, and the head of the map */
#define TEXT_MIN     16	 /* less of a text says nothing */
#define LINE_MAX_LEN 512 /* of a text in a note */
#define PATH_MAX_LEN 256 /* of a module */
#define STEP_MAX_LEN 64

struct teller {
	struct buf room;    /* reserved: twice the limit, since parts are made of texts */
	struct buf scratch; /* one text at a time */
	size_t left;	    /* bytes for the reports that are still to be told */
	size_t share;	    /* bytes left for the one that is being told */
};

static const struct slice none = { NULL, 0 };

/* No text takes more than half of what is left, so there is some for the next one. */
static struct slice keep_text(struct teller *t, const char *text)
{
	size_t max = t->share > KEY_COST ? (t->share - KEY_COST) / 2 : 0;
	struct slice kept;

	if (!text || !*text || max < TEXT_MIN)
		return none;
	kept = story_append_text(&t->room, text, max);
	t->share -= KEY_COST + kept.len;
	return kept;
}

static uint32_t keep_number(struct teller *t, int number)
{
	if (number <= 0 || t->share < KEY_COST)
		return 0;
	t->share -= KEY_COST;
	return (uint32_t)number;
}

/*
 * Parts: packed by themselves. One that does not fit is left out.
 */

static void begin_part(struct teller *t, struct pack_writer *w)
{
	pack_writer_init(w, &t->room, &wire_limits_default);
}

static struct slice end_part(struct teller *t, struct pack_writer *w)
{
	size_t len = buf_len(&t->room) - w->mark;

	if (pack_writer_result(w) < 0)
		return none;
	if (len + KEY_COST > t->share) {
		t->room.end -= len;
		return none;
	}
	t->share -= len + KEY_COST;
	return (struct slice){ (const char *)buf_bytes(&t->room) + w->mark, len };
}

static void pack_text(struct teller *t, struct pack_writer *w, const char *text,
		      size_t max)
{
	struct slice s;

	buf_consume(&t->scratch, buf_len(&t->scratch));
	s = story_append_text(&t->scratch, text ? text : "", max);
	pack_str(w, s.p, s.len);
}

static void pack_uid(struct teller *t, struct pack_writer *w, const char *name,
		     const char *uuid)
{
	pack_array(w, 2);
	pack_text(t, w, name, ACTOR_NAME_MAX);
	pack_text(t, w, uuid, UUID_SIZE);
}

static struct slice keep_source(struct teller *t, const struct acre_report *why)
{
	struct pack_writer w;

	begin_part(t, &w);
	if (*why->actor)
		pack_uid(t, &w, why->actor, why->actor_uuid);
	else
		pack_uid(t, &w, runtime_this->name, runtime_this->uuid);
	return end_part(t, &w);
}

static uint32_t as_number(int value)
{
	return value > 0 ? (uint32_t)value : 0;
}

static struct slice keep_death(struct teller *t, const struct acre_death *death)
{
	struct story_death told;
	struct pack_writer w;

	if (!death)
		return none;
	told = (struct story_death){
		.signal = as_number(death->signal),
		.status = as_number(death->status),
		.core = death->core,
		.kill = death->hard_kill,
		.oom = death->oom,
		.error = as_number(death->error),
	};
	if (death->step)
		told.step = story_append_text(&t->room, death->step, STEP_MAX_LEN);
	if (t->share / 2 > TEXT_MIN)
		told.last_words =
			story_append_text(&t->room, death->last_words, t->share / 2);
	begin_part(t, &w);
	story_map_write(&w, &story_map_of_death, &told);
	return end_part(t, &w);
}

static struct slice keep_cancel(struct teller *t, const struct acre_report *why)
{
	struct pack_writer w;

	if (!why->reason && !why->canceller)
		return none;
	begin_part(t, &w);
	pack_map(&w, (size_t)((why->reason != NULL) + (why->canceller != NULL)));
	if (why->reason) {
		pack_cstr(&w, "reason");
		pack_text(t, &w, why->reason, LINE_MAX_LEN);
	}
	if (why->canceller) {
		pack_cstr(&w, "canceller");
		pack_uid(t, &w, why->canceller, why->canceller_uuid);
	}
	return end_part(t, &w);
}

static size_t cost_of_note(const struct acre_note *note)
{
	return 4 * 3 + size_min(strlen(note->text), LINE_MAX_LEN) +
	       size_min(strlen(note->file), LINE_MAX_LEN) +
	       size_min(strlen(note->task), LINE_MAX_LEN);
}

/* Those that fit, the innermost first. */
static struct slice keep_notes(struct teller *t, const struct acre_note *notes)
{
	const struct acre_note *end = notes;
	struct pack_writer w;
	size_t n = 0, cost = 2 * KEY_COST;

	for (; end && cost + cost_of_note(end) <= t->share; end = end->next, n++)
		cost += cost_of_note(end);
	if (n == 0)
		return none;
	begin_part(t, &w);
	pack_array(&w, n);
	for (const struct acre_note *note = notes; note != end; note = note->next) {
		pack_array(&w, 4);
		pack_text(t, &w, note->text, LINE_MAX_LEN);
		pack_text(t, &w, note->file, LINE_MAX_LEN);
		pack_u64(&w, as_number(note->line));
		pack_text(t, &w, note->task, LINE_MAX_LEN);
	}
	return end_part(t, &w);
}

/* The actors that a node has passed; the first report has the Error's relay_path. */
static struct slice keep_path(struct teller *t, const struct acre_report *why)
{
	size_t n = story_count_hops(why);
	struct pack_writer w;

	if (n == 0)
		return none;
	begin_part(t, &w);
	pack_array(&w, n + 1);
	for (size_t i = 0; i < n; i++)
		pack_uid(t, &w, why->hops[i], why->hop_uuids[i]);
	pack_uid(t, &w, runtime_this->name, runtime_this->uuid);
	return end_part(t, &w);
}

static struct slice keep_modules(struct teller *t, const struct symbol_bt *bt)
{
	const struct symbol_module *m;
	struct pack_writer w;

	begin_part(t, &w);
	pack_array(&w, bt->n_modules);
	for (uint32_t i = 0; i < bt->n_modules; i++) {
		m = &bt->modules[i];
		pack_array(&w, 2);
		pack_text(t, &w, m->path, PATH_MAX_LEN);
		pack_bin(&w, m->build_id, m->build_id ? m->build_id_len : 0);
	}
	return end_part(t, &w);
}

static struct slice keep_frames(struct teller *t, const struct symbol_bt *bt)
{
	struct pack_writer w;

	begin_part(t, &w);
	pack_array(&w, bt->n_frames);
	for (uint32_t i = 0; i < bt->n_frames; i++) {
		pack_array(&w, 2);
		pack_u64(&w, bt->frames[i].module);
		pack_u64(&w, bt->frames[i].offset);
	}
	return end_part(t, &w);
}

/* Frames mean nothing without their modules. */
static void keep_backtrace(struct teller *t, struct story *s, struct report *rep)
{
	const struct symbol_bt *bt = report_bt(rep);

	if (!bt)
		return;
	s->mods = keep_modules(t, bt);
	if (s->mods.p)
		s->bt = keep_frames(t, bt);
	if (!s->bt.p)
		s->mods = none;
}

/*
 * Reports.
 */

/* Its number means nothing elsewhere, or it is a type of a guest. */
static bool has_own_name(const struct acre_report *why)
{
	return why->code >= ACRE_CLASS_APPLICATION || why->code == ACRE_ENAMED ||
	       why->code == ACRE_EGUEST || !class_is_known(why->code);
}

/* One of n reports that are still to be told. */
static void begin_share(struct teller *t, size_t n)
{
	t->share = t->left / n;
	t->left -= t->share;
	CHECK(t->share >= NODE_COST);
	t->share -= NODE_COST;
}

static void end_share(struct teller *t)
{
	t->left += t->share;
}

/* The most important first. */
static struct story keep_report(struct teller *t, struct report *rep)
{
	const struct acre_report *why = report_public(rep);
	struct story s = { .class = (uint32_t)why->code, .more = why->n_more };

	if (has_own_name(why))
		s.name = keep_text(t, why->name);
	s.msg = keep_text(t, why->message);
	s.src = keep_source(t, why);
	s.died = keep_death(t, why->death);
	s.cancel = keep_cancel(t, why);
	s.file = keep_text(t, why->file);
	s.line = keep_number(t, why->line);
	s.task = keep_text(t, why->task);
	s.pid = keep_number(t, why->pid);
	s.host = keep_text(t, why->host);
	s.notes = keep_notes(t, why->notes);
	keep_backtrace(t, &s, rep);
	s.trace = keep_text(t, why->trace);
	return s;
}

/* All below the first one, as one array. */
static int pack_nodes(struct teller *t, struct buf *out, struct report *first)
{
	uint32_t index_at[REPORT_DEPTH_MAX] = { 0 }, n = first->n_nodes, i = 0;
	const struct acre_report *why;
	size_t mark = t->room.end;
	struct report_walk walk;
	struct pack_writer w;
	struct story s;

	pack_writer_init(&w, out, &wire_limits_default);
	pack_array(&w, n - 1);
	report_walk_begin(&walk, report_public(first));
	report_walk_next(&walk);
	while ((why = report_walk_next(&walk))) {
		index_at[walk.depth] = ++i;
		begin_share(t, n - i);
		s = keep_report(t, report_of(why));
		s.path = keep_path(t, why);
		s.up = index_at[walk.depth - 1];
		end_share(t);
		story_map_write(&w, &story_map, &s);
		t->room.end = mark;
	}
	return pack_writer_result(&w);
}

static int write_tree(struct teller *t, struct buf *out, struct report *rep)
{
	struct pack_writer w;
	struct buf nodes;
	struct story s;
	int r = 0;

	buf_init(&nodes, t->room.max);
	begin_share(t, rep->n_nodes);
	s = keep_report(t, rep);
	end_share(t);
	if (rep->n_nodes > 1)
		r = pack_nodes(t, &nodes, rep);
	if (r >= 0) {
		s.nodes = (struct slice){ (const char *)buf_bytes(&nodes),
					  buf_len(&nodes) };
		pack_writer_init(&w, out, &wire_limits_default);
		story_map_write(&w, &story_map, &s);
		r = pack_writer_result(&w);
	}
	buf_fini(&nodes);
	return r;
}

int story_tree_write(struct buf *out, struct report *rep, size_t max)
{
	struct teller t = { .left = max };
	int r;

	CHECK(max >= STORY_TREE_MIN);
	buf_init(&t.room, 2 * max);
	buf_init(&t.scratch, 2 * max);
	r = buf_reserve(&t.room, 2 * max);
	if (r >= 0)
		r = write_tree(&t, out, rep);
	buf_fini(&t.room);
	buf_fini(&t.scratch);
	return r;
}
