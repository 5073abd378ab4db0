/* SPDX-License-Identifier: MIT */
/* report_fill.c - what a report says, and the memory it says it with. */
/*
 * A report is one block: the struct and room behind it, from which its texts, notes and
 * addresses are cut one after the other and never given back singly. When the room is used up
 * there are chunks, REPORT_STORY_MAX bytes of them at most; they go when the report goes.
 *
 * So a failure costs one allocation, and none once its home has reports to use again. And
 * running out of memory never breaks a report, it only makes it say less: a text becomes
 * shorter or "", a note or a hop is left out.
 *
 * Trees of reports are report_tree.c's.
 */
#include "core/report.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/panic.h"
#include "base/utf8.h"
#include "core/class.h"
#include "core/death.h"

#define BLOCK_LEN 1024 /* of a report with its room: one of malloc's small sizes */
#define CHUNK_MIN 512
#define TEXT_LEN_MAX (REPORT_STORY_MAX / 2)

#define ALIGNMENT _Alignof(uint64_t) /* of all that a report is made of */

struct report_chunk {
	struct report_chunk *next;
	_Alignas(ALIGNMENT) char room[];
};

static const char cut_mark[] = "\n[...]\n";

static size_t room_left(const struct report *rep)
{
	return (size_t)(rep->room_end - rep->room);
}

/* len bytes in a chunk of their own. If more of it is left than of the room that did not do, the
 * room is there from now on. */
static char *take_from_chunk(struct report *rep, size_t len)
{
	size_t chunk_len = size_max(len, CHUNK_MIN);
	struct report_chunk *chunk;

	if (rep->said + chunk_len > REPORT_STORY_MAX)
		return NULL;
	chunk = mem_alloc(sizeof *chunk + chunk_len);
	if (!chunk)
		return NULL;
	chunk->next = rep->chunks;
	rep->chunks = chunk;
	rep->said += (uint32_t)chunk_len;
	if (chunk_len - len > room_left(rep)) {
		rep->room = chunk->room + len;
		rep->room_end = chunk->room + chunk_len;
	}
	return chunk->room;
}

static char *take(struct report *rep, size_t len, size_t alignment)
{
	size_t gap = -(uintptr_t)rep->room & (alignment - 1);
	char *p = rep->room + gap;

	if (gap + len > room_left(rep))
		return take_from_chunk(rep, len);
	rep->room = p + len;
	return p;
}

void *report_alloc(struct report *rep, size_t len)
{
	return take(rep, len, ALIGNMENT);
}

/* Its number is all that is known of it, and is to be read also where the failure goes. */
static void name_unknown(struct report *rep, int code)
{
	enum { LEN = sizeof "<unknown class 4095>" };

	snprintf(rep->room, LEN, "<unknown class %d>", code);
	rep->public_part.name = rep->room;
	rep->room += LEN;
}

void report_init(struct report *rep, int code, char *room, size_t len)
{
	*rep = (struct report){
		.public_part = {
			.code = code,
			.name = acre_class_name(code),
			.message = "",
			.file = "",
			.task = "",
			.actor = "",
			.actor_uuid = "",
			.host = "",
			.trace = "",
		},
		.refs = 1,
		.n_nodes = 1,
		.room = room,
		.room_end = room + len,
	};
	if (!class_is_known(code))
		name_unknown(rep, code);
}

struct report *report_new(int code)
{
	struct report *rep = mem_alloc(BLOCK_LEN);

	if (rep)
		report_init(rep, code, (char *)(rep + 1), BLOCK_LEN - sizeof *rep);
	return rep;
}

static void free_chunks(struct report *rep)
{
	struct report_chunk *next;

	for (struct report_chunk *c = rep->chunks; c; c = next) {
		next = c->next;
		mem_free(c);
	}
}

/* Takes one reference away; what nobody references any more is put on the list of the dead. */
static void let_go(struct report *rep, struct report **dead)
{
	if (atomic_fetch_sub_explicit(&rep->refs, 1, memory_order_acq_rel) > 1)
		return;
	rep->next_dead = *dead;
	*dead = rep;
}

/* Without recursion: each of the dead adds its members to the list. */
void report_fini(struct report *rep)
{
	struct report *dead = NULL, *member = rep;

	do {
		for (uint32_t i = 0; i < member->public_part.n_members; i++)
			let_go(report_of(member->members[i]), &dead);
		free_chunks(member);
		if (member != rep)
			mem_free(member);
		member = dead;
		dead = dead ? dead->next_dead : NULL;
	} while (member);
}

void report_reset(struct report *rep, int code)
{
	report_fini(rep);
	report_init(rep, code, (char *)(rep + 1), BLOCK_LEN - sizeof *rep);
}

struct report *report_ref(struct report *rep)
{
	if (!rep)
		return NULL;
	CHECK(!rep->is_spare);
	atomic_fetch_add_explicit(&rep->refs, 1, memory_order_relaxed);
	return rep;
}

struct report *report_unref(struct report *rep)
{
	struct report *dead = NULL;

	if (!rep)
		return NULL;
	CHECK(!rep->is_spare);
	let_go(rep, &dead);
	if (!dead)
		return NULL;
	report_fini(rep);
	return mem_free(rep);
}

/* Keeps the beginning and the end, and says so in between. At most max bytes; how many. */
static size_t copy_cut(char *to, size_t max, const char *text, size_t len)
{
	size_t mark = sizeof cut_mark - 1, head, tail;

	if (len <= max) {
		memcpy(to, text, len);
		return len;
	}
	if (max < 4 * mark) {
		head = utf8_valid_len(text, max);
		memcpy(to, text, head);
		return head;
	}
	head = utf8_valid_len(text, (max - mark) / 2);
	tail = (max - mark) / 2;
	while (tail > 0 && (text[len - tail] & 0xc0) == 0x80)
		tail--; /* not from the middle of a character */
	memcpy(to, text, head);
	memcpy(to + head, cut_mark, mark);
	memcpy(to + head + mark, text + len - tail, tail);
	return head + mark + tail;
}

/* Without memory as much as fits into what is left; NULL if nothing is. */
static char *keep_text(struct report *rep, const char *text, size_t len, size_t *ret_len)
{
	size_t max = size_min(len, TEXT_LEN_MAX);
	char *to = take(rep, max + 1, 1);

	if (!to) {
		max = room_left(rep);
		if (max-- == 0)
			return NULL;
		to = take(rep, max + 1, 1);
	}
	*ret_len = copy_cut(to, max, text, len);
	to[*ret_len] = '\0';
	return to;
}

const char *report_text(struct report *rep, const char *text, size_t len)
{
	const char *kept = len ? keep_text(rep, text, len, &len) : NULL;

	return kept ? kept : "";
}

static const char *text_of(struct report *rep, const char *text)
{
	return text ? report_text(rep, text, strlen(text)) : "";
}

/* A text of the wire may have NULs in it, which are characters like others there. */
int report_set_text(struct report *rep, const char **field, const char *text, size_t len)
{
	char *kept = len ? keep_text(rep, text, len, &len) : NULL;

	*field = kept ? kept : "";
	if (!kept)
		return len ? -ENOMEM : 0;
	for (char *p = kept; (p = memchr(p, '\0', (size_t)(kept + len - p)));)
		*p = '?';
	return 0;
}

/* The last one that a report shows if it got too many, or there was no memory for the next. */
static const struct acre_note more_was_noted = {
	.text = "... (more was noted than is kept)",
	.file = "",
	.task = "",
};

static void append_note(struct report *rep, const struct acre_note *note)
{
	if (rep->last_note)
		rep->last_note->next = note;
	else
		rep->public_part.notes = note;
}

int report_link_note(struct report *rep, const struct acre_note *note)
{
	struct acre_note *kept = NULL;

	if (rep->n_notes > REPORT_NOTES_MAX)
		return -ENOMEM;
	if (rep->n_notes < REPORT_NOTES_MAX && *note->text) /* its text was kept */
		kept = report_alloc(rep, sizeof *kept);
	if (!kept) {
		append_note(rep, &more_was_noted);
		rep->n_notes = REPORT_NOTES_MAX + 1;
		return -ENOMEM;
	}
	*kept = *note;
	kept->next = NULL;
	append_note(rep, kept);
	rep->last_note = kept;
	rep->n_notes++;
	return 0;
}

int report_add_note(struct report *rep, const char *text, const char *file, int line,
		    const char *task)
{
	struct acre_note note = { .line = line };

	if (!*text)
		return 0;
	if (rep->n_notes < REPORT_NOTES_MAX) {
		note.file = text_of(rep, file);
		note.task = text_of(rep, task);
		note.text = text_of(rep, text);
	}
	return report_link_note(rep, &note);
}

static size_t count_hops(const struct report *rep)
{
	size_t n = 0;

	while (rep->hops && rep->hops[n])
		n++;
	return n;
}

/* Both lists have room for an end. */
static int alloc_hops(struct report *rep)
{
	rep->hops = report_alloc(rep, 2 * (REPORT_HOPS_MAX + 1) * sizeof *rep->hops);
	if (!rep->hops)
		return -ENOMEM;
	rep->public_part.hops = rep->hops;
	rep->public_part.hop_uuids = rep->hops + REPORT_HOPS_MAX + 1;
	return 0;
}

static void put_hop(const char **list, size_t n, const char *text)
{
	if (n == REPORT_HOPS_MAX)
		memmove(list + 1, list + 2, (--n - 1) * sizeof *list);
	list[n] = text;
	list[n + 1] = NULL;
}

int report_add_hop(struct report *rep, const char *name, const char *uuid)
{
	size_t n = count_hops(rep);

	if (!rep->hops && alloc_hops(rep) < 0)
		return -ENOMEM;
	put_hop(rep->hops, n, text_of(rep, name));
	put_hop(rep->hops + REPORT_HOPS_MAX + 1, n, text_of(rep, uuid));
	return 0;
}

int report_set_death(struct report *rep, const struct acre_death *death)
{
	struct acre_report *public_part = &rep->public_part;
	struct acre_death *kept = report_alloc(rep, sizeof *kept);
	char sentence[DEATH_SENTENCE_MAX];

	if (*public_part->message == '\0') {
		death_sentence(public_part, death, sentence);
		public_part->message = text_of(rep, sentence);
	}
	if (!kept)
		return -ENOMEM;
	*kept = *death;
	kept->step = death->step ? text_of(rep, death->step) : NULL;
	kept->last_words = text_of(rep, death->last_words);
	public_part->death = kept;
	return 0;
}

int report_set_pcs(struct report *rep, const uintptr_t *pcs, size_t n)
{
	uintptr_t *kept;

	n = size_min(n, REPORT_PCS_MAX);
	if (n == 0)
		return 0;
	kept = report_alloc(rep, n * sizeof *kept);
	if (!kept)
		return -ENOMEM;
	memcpy(kept, pcs, n * sizeof *kept);
	rep->public_part.pcs = kept;
	rep->public_part.n_pcs = (uint32_t)n;
	return 0;
}

/* The strings of a report, those first that matter most when memory is short. */
static const size_t strings[] = {
	offsetof(struct acre_report, message),   offsetof(struct acre_report, file),
	offsetof(struct acre_report, actor),     offsetof(struct acre_report, task),
	offsetof(struct acre_report, reason),    offsetof(struct acre_report, canceller),
	offsetof(struct acre_report, host),      offsetof(struct acre_report, canceller_uuid),
	offsetof(struct acre_report, trace),     offsetof(struct acre_report, actor_uuid),
};

static const char **string_at(struct acre_report *public_part, size_t offset)
{
	return (const char **)(void *)((char *)public_part + offset);
}

static void copy_strings(struct report *to, struct report *from)
{
	const char *text;

	for (size_t i = 0; i < ARRAY_N(strings); i++) {
		text = *string_at(&from->public_part, strings[i]);
		if (text)
			*string_at(&to->public_part, strings[i]) = text_of(to, text);
	}
	if (from->public_part.code == ACRE_ENAMED || from->public_part.code == ACRE_EGUEST)
		to->public_part.name = text_of(to, from->public_part.name);
}

/* Allocations that fail leave out what they were for. */
void report_copy(struct report *to, struct report *from)
{
	const struct acre_report *f = &from->public_part;

	to->public_part.line = f->line;
	to->public_part.pid = f->pid;
	to->public_part.remote = f->remote;
	to->public_part.n_more = f->n_more;
	to->of_end = from->of_end;
	copy_strings(to, from);
	for (uint32_t i = 0; i < f->n_members; i++)
		report_add_member(to, report_ref(report_of(f->members[i])));
	if (f->death)
		report_set_death(to, f->death);
	for (const struct acre_note *n = f->notes; n; n = n->next)
		report_add_note(to, n->text, n->file, n->line, n->task);
	for (size_t i = 0; i < count_hops(from); i++)
		report_add_hop(to, f->hops[i], f->hop_uuids[i]);
	report_set_pcs(to, f->pcs, f->n_pcs);
	if (from->bt)
		report_set_remote_bt(to, from->bt);
}
