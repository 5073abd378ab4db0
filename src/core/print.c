/* SPDX-License-Identifier: MIT */
/* print.c - the story of a failure as a text for people. */
/*
 *	ACRE_EGROUP: 3 failures
 *	    in task root of actor main@host7 (pid 4711)
 *	    while scanning (src/main.c:31)
 *	    +-- ENOENT: no file /etc/scan.conf
 *	    |   at src/scan.c:12 in task root/first of actor main@host7 (pid 4711)
 *	    |   backtrace:
 *	    |       #0 read_config src/scan.c:12
 *	    |       #1 first src/scan.c:40
 *	    +-- ACRE_EDIED: actor scanner (pid 4712) was killed by signal 11 (SIGSEGV)
 *	    |   through main <- scanner
 *	    |   last words:
 *	    |       assertion failed
 *	    `-- +1 more
 *
 * All texts may come from a peer: what could steer a terminal, or is no UTF-8, is shown as \x1b.
 * The addresses of all backtraces of the tree are looked up together, before the first line.
 */
#include "core/report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "core/crash_text.h"

#define INDENT      4
#define PREFIX_MAX  (REPORT_DEPTH_MAX * INDENT + 1)
#define SYMBOLS_MAX 512 /* frames that are looked up; more are shown as module and offset */

struct printer {
	FILE *f;
	struct report_walk walk;
	const struct acre_report *open[REPORT_DEPTH_MAX]; /* whose members are being printed */
	uint32_t n_open;
	char prefix[PREFIX_MAX]; /* of the lines of the report that is being printed */
	struct symbol *symbols;  /* NULL without memory; in the order of the walk */
	size_t n_symbols;
	size_t next_symbol;
};

/* Text. */

static bool is_shown(const char *at, size_t len)
{
	unsigned char c = (unsigned char)at[0];

	if (len == 1)
		return (c >= ' ' && c < 0x7f) || c == '\t';
	return !(c == 0xc2 && (unsigned char)at[1] < 0xa0); /* a control character, too */
}

static size_t char_len(const char *at, size_t left)
{
	for (size_t len = 1; len <= 4 && len <= left; len++)
		if (utf8_valid_len(at, len) == len)
			return len;
	return 0;
}

static void put_line(FILE *f, const char *text, size_t len)
{
	size_t n;

	for (size_t i = 0; i < len; i += n) {
		n = char_len(text + i, len - i);
		if (n > 0 && is_shown(text + i, n)) {
			fwrite(text + i, 1, n, f);
		} else {
			fprintf(f, "\\x%02x", (unsigned char)text[i]);
			n = 1;
		}
	}
}

/* A text of several lines goes on below, behind the prefix and `indent`. */
static void put_text(struct printer *p, const char *text, const char *indent)
{
	const char *end;
	size_t len = strlen(text);

	while (len > 0 && text[len - 1] == '\n')
		len--;
	while ((end = memchr(text, '\n', len))) {
		put_line(p->f, text, (size_t)(end - text));
		fprintf(p->f, "\n%s%s", p->prefix, indent);
		len -= (size_t)(end + 1 - text);
		text = end + 1;
	}
	put_line(p->f, text, len);
}

static void put(struct printer *p, const char *text)
{
	put_line(p->f, text, strlen(text));
}

/* Lines. */

static void begin_line(struct printer *p)
{
	fputs(p->prefix, p->f);
}

static void end_line(struct printer *p)
{
	fputc('\n', p->f);
}

static void put_block(struct printer *p, const char *title, const char *text)
{
	if (!*text)
		return;
	fprintf(p->f, "%s%s:\n%s    ", p->prefix, title, p->prefix);
	put_text(p, text, "    ");
	end_line(p);
}

static void put_last_words(struct printer *p, const char *text)
{
	char *looked_up = crash_text_looked_up(text);

	put_block(p, "last words", looked_up ? looked_up : text);
	free(looked_up);
}

static void put_actor(struct printer *p, const struct acre_report *why)
{
	put(p, why->actor);
	if (*why->host) {
		fputc('@', p->f);
		put(p, why->host);
	}
	if (why->pid > 0)
		fprintf(p->f, " (pid %d)", (int)why->pid);
}

/* A death tells in its message whose it is. */
static bool names_actor(const struct acre_report *why)
{
	return *why->actor && (!why->death || *why->file || *why->task);
}

/* at FILE:LINE in task PATH of actor NAME@HOST (pid N), or what is known of it */
static void put_place(struct printer *p, const struct acre_report *why)
{
	const char *blank = "";

	if (!*why->file && !*why->task && !names_actor(why))
		return;
	begin_line(p);
	if (*why->file) {
		fputs("at ", p->f);
		put(p, why->file);
		fprintf(p->f, ":%d", why->line);
		blank = " ";
	}
	if (*why->task) {
		fprintf(p->f, "%sin task ", blank);
		put(p, why->task);
		blank = " ";
	}
	if (names_actor(why)) {
		fprintf(p->f, "%s%s actor ", blank, *why->task ? "of" : "in");
		put_actor(p, why);
	}
	end_line(p);
}

static void put_note(struct printer *p, const struct acre_report *why,
		     const struct acre_note *note)
{
	bool elsewhere = *note->task && strcmp(note->task, why->task) != 0;

	fprintf(p->f, "%swhile ", p->prefix);
	put_text(p, note->text, "    ");
	if (*note->file) {
		fputs(" (", p->f);
		put(p, note->file);
		fprintf(p->f, ":%d%s", note->line, elsewhere ? " in task " : ")");
	} else if (elsewhere) {
		fputs(" (in task ", p->f);
	}
	if (elsewhere) {
		put(p, note->task);
		fputc(')', p->f);
	}
	end_line(p);
}

/* The actor that raised it is the last one. */
static void put_hops(struct printer *p, const char *const *hops)
{
	size_t n = 0;

	while (hops && hops[n])
		n++;
	if (n == 0)
		return;
	fprintf(p->f, "%sthrough ", p->prefix);
	while (n-- > 0) {
		put(p, hops[n]);
		fputs(n > 0 ? " <- " : "", p->f);
	}
	end_line(p);
}

static void put_canceller(struct printer *p, const struct acre_report *why)
{
	if (!why->canceller && !why->reason)
		return;
	begin_line(p);
	fputs(why->code == ACRE_EOVERRUN ? "overrun" : "cancelled", p->f);
	if (why->canceller) {
		fputs(" by actor ", p->f);
		put(p, why->canceller);
	}
	if (why->reason) {
		fputs(", reason: ", p->f);
		put(p, why->reason);
	}
	end_line(p);
}

/* Backtraces. */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void put_frame(struct printer *p, uint32_t number, const struct symbol *s)
{
	const char *module = base_name(s->module->path);

	fprintf(p->f, "%s    #%" PRIu32 " ", p->prefix, number);
	if (*s->function) {
		put(p, s->function);
		fputc(' ', p->f);
	}
	if (*s->file) {
		put(p, s->file);
		fprintf(p->f, ":%d", s->line);
	} else if (*module) {
		put(p, module);
		fprintf(p->f, "+%#" PRIx64, s->offset);
	} else {
		fprintf(p->f, "%#" PRIx64, s->offset);
	}
	end_line(p);
}

static struct symbol symbol_of(const struct symbol_bt *bt, uint32_t i)
{
	return (struct symbol){
		.module = &bt->modules[bt->frames[i].module],
		.offset = bt->frames[i].offset,
	};
}

/* What called main() is of no interest. */
static void put_backtrace(struct printer *p, const struct symbol_bt *bt)
{
	bool above_main = true;
	struct symbol s;

	if (!bt)
		return;
	fprintf(p->f, "%sbacktrace:\n", p->prefix);
	for (uint32_t i = 0; i < bt->n_frames; i++) {
		s = p->next_symbol < p->n_symbols ? p->symbols[p->next_symbol++]
						  : symbol_of(bt, i);
		if (above_main)
			put_frame(p, i, &s);
		above_main = above_main && strcmp(s.function, "main") != 0;
	}
}

/* Fills the array, or only counts if there is none. */
static size_t list_symbols(const struct acre_report *first, struct symbol *symbols, size_t max)
{
	const struct acre_report *why;
	const struct symbol_bt *bt;
	struct report_walk w;
	size_t n = 0;

	report_walk_begin(&w, first);
	while ((why = report_walk_next(&w))) {
		bt = report_of(why)->bt;
		for (uint32_t i = 0; bt && i < bt->n_frames && n < max; i++, n++)
			if (symbols)
				symbols[n] = symbol_of(bt, i);
	}
	return n;
}

static void find_symbols(struct printer *p, const struct acre_report *first)
{
	const struct acre_report *why;
	struct report_walk w;
	size_t n;

	report_walk_begin(&w, first);
	while ((why = report_walk_next(&w)))
		acre_ignore(report_bt(report_of(why)));
	n = list_symbols(first, NULL, SYMBOLS_MAX);
	if (n == 0)
		return;
	p->symbols = mem_alloc(n * sizeof *p->symbols);
	if (!p->symbols)
		return;
	p->n_symbols = list_symbols(first, p->symbols, n);
	symbol_resolve(p->symbols, n);
}

/* The tree. */

/* Whether nothing comes below the report of this level, on the level of its own. */
static bool is_last(const struct report_walk *w, uint32_t level)
{
	const struct acre_report *parent = w->at[level - 1];

	return w->next[level - 1] == parent->n_members && parent->n_more == 0;
}

/* Writes the branch that the report hangs from, and sets the prefix of its other lines. */
static void put_branch(struct printer *p)
{
	const struct report_walk *w = &p->walk;
	uint32_t len = w->depth * INDENT;

	memset(p->prefix, ' ', sizeof p->prefix);
	for (uint32_t level = 1; level <= w->depth; level++)
		if (!is_last(w, level))
			p->prefix[level * INDENT] = '|';
	p->prefix[len + INDENT] = '\0';
	if (w->depth > 0)
		fprintf(p->f, "%.*s%s", (int)len, p->prefix,
			is_last(w, w->depth) ? "`-- " : "+-- ");
}

static void put_report(struct printer *p, const struct acre_report *why)
{
	put(p, why->name);
	fputs(": ", p->f);
	put_text(p, *why->message ? why->message : acre_class_text(why->code), "    ");
	end_line(p);
	put_place(p, why);
	for (const struct acre_note *n = why->notes; n; n = n->next)
		put_note(p, why, n);
	put_hops(p, why->hops);
	put_canceller(p, why);
	if (why->death)
		put_last_words(p, why->death->last_words);
	put_block(p, "trace", why->trace);
	put_backtrace(p, report_of(why)->bt);
}

/* All members of those from this level on have been printed. The prefix is still that of the
 * last of them, and begins like that of their parent. */
static void close_to(struct printer *p, uint32_t level)
{
	const struct acre_report *why;

	while (p->n_open > level) {
		why = p->open[--p->n_open];
		if (why->n_more > 0)
			fprintf(p->f, "%.*s`-- +%" PRIu32 " more\n",
				(int)((p->n_open + 1) * INDENT), p->prefix, why->n_more);
	}
}

static void tell(FILE *f, int r)
{
	struct printer p = { .f = f };
	const struct acre_report *why = acre_why(r);

	find_symbols(&p, why);
	report_walk_begin(&p.walk, why);
	while ((why = report_walk_next(&p.walk))) {
		close_to(&p, p.walk.depth);
		put_branch(&p);
		put_report(&p, why);
		p.open[p.n_open++] = why;
	}
	close_to(&p, 0);
	mem_free(p.symbols);
}

static bool has_story(int r)
{
	return r < 0 && report_class(r) != ECANCELED;
}

char *acre_story(int r)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	bool whole;

	if (!f)
		return NULL;
	if (has_story(r))
		tell(f, r);
	whole = !ferror(f);
	if (fclose(f) == 0 && whole)
		return text;
	free(text);
	return NULL;
}

/* At once, so that the lines of several processes that print to one file are not mixed. */
void acre_print(FILE *f, int r)
{
	char *text;

	if (!has_story(r))
		return;
	text = acre_story(r);
	if (text)
		fputs(text, f);
	else
		tell(f, r);
	free(text);
}
