/* SPDX-License-Identifier: MIT */
/* story_read.c - an Error becomes a report. */
#include "actor/story.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actor/context.h"
#include "base/mem.h"
#include "base/util.h"
#include "core/class.h"
#include "core/report.h"

/*
 * The map `acre` is taken if it is there and sound from end to end, else the plain
 * fields. Each of its reports is made by itself, in the order of the frame; that order
 * has parents first, and trees are built from the leaves, so the tree is made last.
 *
 * What a peer sends decides nothing but what is said. A class is one that this program
 * has, an application's own is found by name, and a cancellation is never taken from a
 * peer. Texts are cut where they are stored (report_fill.c), trees where they are built
 * (report_tree.c).
 */

struct origin {
	char name[ACTOR_NAME_MAX];
	char uuid[UUID_SIZE];
};

static void take_text(char *to, size_t size, struct slice text)
{
	size_t len = text.p ? utf8_valid_len(text.p, size_min(text.len, size - 1)) : 0;

	snprintf(to, size, "%.*s", (int)len, len ? text.p : "");
}

static struct slice read_text(struct pack_reader *in)
{
	struct pack_str s = pack_read_str(in);

	return (struct slice){ s.s, s.len };
}

/* The head of an array of so many parts. */
static void read_parts(struct pack_reader *in, uint32_t n, const char *what)
{
	const uint8_t *at = in->p;

	if (pack_read_array(in) != n)
		pack_reader_refuse(in, at, what, NULL);
}

static void read_uid(struct pack_reader *in, struct origin *ret)
{
	read_parts(in, 2, "a pair of texts");
	take_text(ret->name, sizeof ret->name, read_text(in));
	take_text(ret->uuid, sizeof ret->uuid, read_text(in));
}

static void begin(struct pack_reader *in, struct slice packed)
{
	pack_reader_init(in, packed.p, packed.len, &wire_limits_default);
}

static void set_text(struct report *rep, const char **field, struct slice text)
{
	if (text.len > 0)
		acre_ignore(report_set_text(rep, field, text.p, text.len));
}

static void set_cstr(struct report *rep, const char **field, const char *text)
{
	if (*text)
		acre_ignore(report_set_text(rep, field, text, strlen(text)));
}

/*
 * The parts of a story. What of one cannot be read is left out; -class.
 */

static int set_source(struct report *rep, struct slice packed)
{
	struct acre_report *p = report_public(rep);
	struct pack_reader in;
	struct origin source;

	begin(&in, packed);
	read_uid(&in, &source);
	if (pack_reader_end(&in) < 0)
		return -EPROTO;
	set_cstr(rep, &p->actor, source.name);
	set_cstr(rep, &p->actor_uuid, source.uuid);
	return 0;
}

static int set_cancel(struct report *rep, struct slice packed)
{
	struct acre_report *p = report_public(rep);
	struct origin canceller = { "", "" };
	struct slice key, reason = { NULL, 0 };
	struct pack_reader in;

	begin(&in, packed);
	for (size_t n = pack_read_map(&in); n > 0; n--) {
		key = read_text(&in);
		if (slice_is(key, "reason"))
			reason = read_text(&in);
		else if (slice_is(key, "canceller"))
			read_uid(&in, &canceller);
		else
			pack_skip(&in);
	}
	if (pack_reader_end(&in) < 0)
		return -EPROTO;
	set_text(rep, &p->reason, reason);
	set_cstr(rep, &p->canceller, canceller.name);
	set_cstr(rep, &p->canceller_uuid, canceller.uuid);
	return 0;
}

static int as_int(uint32_t number)
{
	return (int)size_min(number, INT_MAX);
}

static int set_death(struct report *rep, struct slice packed)
{
	struct story_death told = { 0 };
	struct acre_death death = { 0 };
	struct pack_reader in;
	char step[64], *words;

	begin(&in, packed);
	story_map_read(&in, &story_map_of_death, &told);
	if (pack_reader_end(&in) < 0)
		return -EPROTO;
	take_text(step, sizeof step, told.step);
	words = told.last_words.p ? mem_strndup(told.last_words.p, told.last_words.len)
				  : NULL;
	death = (struct acre_death){
		.signal = as_int(told.signal),
		.status = as_int(told.status),
		.core = told.core,
		.hard_kill = told.kill,
		.oom = told.oom,
		.step = *step ? step : NULL,
		.error = as_int(told.error),
		.last_words = words ? words : "",
	};
	acre_ignore(report_set_death(rep, &death));
	mem_free(words);
	return 0;
}

static int set_notes(struct report *rep, struct slice packed)
{
	struct pack_reader in;
	struct acre_note note;

	begin(&in, packed);
	for (size_t n = pack_read_array(&in); n > 0 && rep->n_notes <= REPORT_NOTES_MAX;
	     n--) {
		read_parts(&in, 4, "text, file, line and task");
		note = (struct acre_note){ .text = "", .file = "", .task = "" };
		set_text(rep, &note.text, read_text(&in));
		set_text(rep, &note.file, read_text(&in));
		note.line = (int)pack_read_uint(&in, INT_MAX);
		set_text(rep, &note.task, read_text(&in));
		if (pack_reader_result(&in) < 0)
			return -EPROTO;
		acre_ignore(report_link_note(rep, &note));
	}
	return pack_reader_result(&in);
}

static int set_path(struct report *rep, struct slice packed)
{
	struct pack_reader in;
	struct origin hop;

	begin(&in, packed);
	for (size_t n = pack_read_array(&in); n > 0; n--) {
		read_uid(&in, &hop);
		if (pack_reader_result(&in) < 0)
			return -EPROTO;
		acre_ignore(report_add_hop(rep, hop.name, hop.uuid));
	}
	return pack_reader_end(&in);
}

/* A backtrace while it is read. */
struct trace_parts {
	struct report *rep;
	struct symbol_module modules[REPORT_PCS_MAX];
	struct symbol_frame frames[REPORT_PCS_MAX];
};

static void read_module(struct pack_reader *in, struct trace_parts *to, uint32_t i)
{
	struct symbol_module *m = &to->modules[i];
	struct pack_bytes id;

	read_parts(in, 2, "path and build id");
	*m = (struct symbol_module){ .path = "" };
	set_text(to->rep, &m->path, read_text(in));
	id = pack_read_bin(in);
	if (id.len > 0) {
		m->build_id = id.p;
		m->build_id_len = id.len;
	}
}

static void read_frame(struct pack_reader *in, struct trace_parts *to, uint32_t i)
{
	read_parts(in, 2, "module and offset");
	to->frames[i].module = (uint32_t)pack_read_uint(in, UINT32_MAX);
	to->frames[i].offset = pack_read_u64(in);
}

/* How many, as far as there is room; 0 if one cannot be read. */
static uint32_t read_each(struct slice packed, struct trace_parts *to,
			  void (*read)(struct pack_reader *in, struct trace_parts *to,
				       uint32_t i))
{
	struct pack_reader in;
	uint32_t n, i;

	begin(&in, packed);
	n = (uint32_t)pack_read_array(&in);
	for (i = 0; i < n && i < REPORT_PCS_MAX; i++)
		read(&in, to, i);
	return pack_reader_result(&in) < 0 ? 0 : i;
}

static int set_backtrace(struct report *rep, const struct story *s)
{
	struct trace_parts parts = { .rep = rep };
	struct symbol_bt bt = { .modules = parts.modules, .frames = parts.frames };
	int r;

	bt.n_frames = read_each(s->bt, &parts, read_frame);
	bt.n_modules = read_each(s->mods, &parts, read_module);
	if (bt.n_frames == 0 || bt.n_modules == 0)
		return -EPROTO;
	r = report_set_remote_bt(rep, &bt);
	return r == -EPROTO ? r : 0;
}

/*
 * Reports.
 */

/* A class that a peer's failure may be of: a cancellation is none. */
static bool is_known(int class)
{
	return class > 0 && class != ECANCELED &&
	       acre_class_number(acre_class_name(class)) == class;
}

/* By number where all agree on it, else by name. */
static int class_here(uint32_t number, struct slice name)
{
	if (number < ACRE_CLASS_APPLICATION && number != ACRE_ENAMED &&
	    is_known((int)number))
		return (int)number;
	return story_class_of(name);
}

/* An empty report of that class. ENAMED keeps the name. */
static struct report *new_report(int class, struct slice name)
{
	struct report *rep = report_new(class);

	if (!rep)
		return NULL;
	report_public(rep)->remote = true;
	if ((class == ACRE_ENAMED || class == ACRE_EGUEST) && name.len > 0)
		set_text(rep, &report_public(rep)->name,
			 (struct slice){ name.p,
					 size_min(name.len, STORY_NAME_MAX - 1) });
	return rep;
}

/* Those parts that are there; the first failure of theirs. */
static int set_parts(struct report *rep, const struct story *s)
{
	int r = 0;

	if (s->src.p)
		r = set_source(rep, s->src);
	if (r >= 0 && s->cancel.p)
		r = set_cancel(rep, s->cancel);
	if (r >= 0 && s->died.p)
		r = set_death(rep, s->died);
	if (r >= 0 && s->notes.p)
		r = set_notes(rep, s->notes);
	if (r >= 0 && s->path.p)
		r = set_path(rep, s->path);
	if (r >= 0 && s->bt.p)
		r = set_backtrace(rep, s);
	return r;
}

static struct report *make_report(const struct story *s)
{
	struct report *rep = new_report(class_here(s->class, s->name), s->name);
	struct acre_report *p;

	if (!rep)
		return NULL;
	p = report_public(rep);
	p->line = as_int(s->line);
	p->pid = as_int(s->pid);
	p->n_more = s->more;
	set_text(rep, &p->message, s->msg);
	set_text(rep, &p->file, s->file);
	set_text(rep, &p->task, s->task);
	set_text(rep, &p->host, s->host);
	set_text(rep, &p->trace, s->trace);
	if (set_parts(rep, s) < 0)
		return report_unref(rep);
	return rep;
}

/* A tree while it is read: the first report and those below it. */
struct tree {
	struct report *nodes[REPORT_NODES_MAX];
	uint32_t up[REPORT_NODES_MAX];
	size_t n;
};

/* Who told of it is its one hop, and most often its origin. */
static void add_sender(struct report *rep, const char *from)
{
	const struct acre_report *p = report_public(rep);

	acre_ignore(
		report_add_hop(rep, from, strcmp(p->actor, from) ? "" : p->actor_uuid));
}

static bool add_report(struct tree *t, const struct story *s, const char *from)
{
	struct report *rep = make_report(s);

	if (!rep)
		return false;
	if (t->n > 0 && !report_public(rep)->hops)
		add_sender(rep, from);
	t->nodes[t->n] = rep;
	t->up[t->n++] = s->up;
	return true;
}

/* Reports beyond the limit are counted with the first one. */
static bool read_nodes(struct tree *t, struct slice packed, const char *from)
{
	struct acre_report *first = report_public(t->nodes[0]);
	struct pack_reader in;
	struct story s;

	begin(&in, packed);
	for (size_t n = pack_read_array(&in); n > 0; n--) {
		s = (struct story){ 0 };
		story_map_read(&in, &story_map, &s);
		if (pack_reader_result(&in) < 0)
			return false;
		if (t->n == REPORT_NODES_MAX)
			first->n_more += first->n_more < UINT32_MAX;
		else if (!add_report(t, &s, from))
			return false;
	}
	return pack_reader_end(&in) >= 0;
}

static struct report *read_tree(const struct msg_error *e, const char *from)
{
	struct pack_reader in;
	struct story s = { 0 };
	struct tree t = { .n = 0 };

	begin(&in, e->acre);
	story_map_read(&in, &story_map, &s);
	if (pack_reader_end(&in) < 0)
		return NULL;
	if (!s.name.p)
		s.name = e->src_type;
	s.path = (struct slice){ NULL, 0 };
	if (add_report(&t, &s, from) && (!s.nodes.p || read_nodes(&t, s.nodes, from)))
		return report_tree(t.nodes, t.up, t.n);
	while (t.n > 0)
		report_unref(t.nodes[--t.n]);
	return NULL;
}

/*
 * The plain fields.
 */

/* The reference puts a number that it has no type for into the text: "[Errno 28] no
 * room". Takes it off the text; 0 if there is none. */
static int take_errno(struct slice *message)
{
	static const size_t head_len = sizeof STORY_OS_ERROR_HEAD - 1;
	char text[16], *end;
	size_t len;
	long number;

	take_text(text, sizeof text, *message);
	if (strncmp(text, STORY_OS_ERROR_HEAD, head_len) != 0)
		return 0;
	number = strtol(text + head_len, &end, 10);
	if (strncmp(end, "] ", 2) != 0 || number <= 0 || number >= ACRE_EREMOTE ||
	    !is_known((int)number))
		return 0;
	len = (size_t)(end + 2 - text);
	*message = (struct slice){ message->p + len, message->len - len };
	return (int)number;
}

/* The class that the plain fields tell, and the message without what told it. */
static int plain_class(const struct msg_error *e, struct slice *message)
{
	int class = slice_is(e->src_type, STORY_OS_ERROR) ? take_errno(message) : 0;

	return class ? class : story_class_of(e->src_type);
}

int story_class(const struct msg_error *e)
{
	struct slice message = e->message;

	return plain_class(e, &message);
}

static struct report *read_plain(const struct msg_error *e)
{
	struct slice message = e->message;
	struct report *rep = new_report(plain_class(e, &message), e->src_type);

	if (!rep)
		return NULL;
	set_text(rep, &report_public(rep)->message, message);
	set_text(rep, &report_public(rep)->trace, e->tb);
	return rep;
}

static void set_canceller(struct report *rep, struct uid who)
{
	struct acre_report *p = report_public(rep);

	if (!who.name.p || p->canceller)
		return;
	set_text(rep, &p->canceller, who.name);
	set_text(rep, &p->canceller_uuid, who.uuid);
}

/* Every actor that has packed it, the origin first: this it is, whatever src_uid says. */
static void set_hops(struct report *rep, const struct msg_error *e, const char *from)
{
	struct acre_report *p = report_public(rep);
	struct origin hop, origin = { "", "" };
	struct pack_reader in;

	take_text(origin.name, sizeof origin.name, e->src_uid.name);
	take_text(origin.uuid, sizeof origin.uuid, e->src_uid.uuid);
	begin(&in, e->relay_path);
	for (size_t n = pack_read_array(&in), i = 0; i < n; i++) {
		read_uid(&in, &hop);
		if (pack_reader_result(&in) < 0)
			break;
		if (i == 0)
			origin = hop;
		acre_ignore(report_add_hop(rep, hop.name, hop.uuid));
	}
	if (!p->hops)
		add_sender(rep, from);
	if (!*p->actor) {
		set_cstr(rep, &p->actor, *origin.name ? origin.name : from);
		set_cstr(rep, &p->actor_uuid, origin.uuid);
	}
}

struct report *story_read(const struct msg_error *e, const char *from)
{
	struct report *rep = e->acre.p ? read_tree(e, from) : NULL;

	if (!rep)
		rep = read_plain(e);
	if (!rep)
		return NULL;
	set_canceller(rep, e->canceller);
	set_canceller(rep, e->sender);
	set_hops(rep, e, from);
	return rep;
}
