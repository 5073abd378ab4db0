/* SPDX-License-Identifier: MIT */
/* crash_text.c - what a crashed process has said, with its addresses looked up. */
/*
 *	    #0 scanner+0x1a2b                              a frame
 *	    module scanner is /usr/bin/scanner, build 6b1e a module of the frames before it
 *
 * A process may pass on what its own children have said, so a text may hold several backtraces,
 * and the end of one whose beginning was cut off. A frame's module is the next one of that name.
 */
#define _GNU_SOURCE
#include "core/crash_text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/util.h"
#include "core/symbol.h"

#define FRAMES_MAX   128
#define PATH_SIZE    1024
#define BUILD_ID_MAX 32
#define FRAME_HEAD   "    #"
#define MODULE_HEAD  "    module "

struct span {
	const char *at;
	size_t len;
};

/* A frame, and the module that it is in. */
struct frame {
	struct span line, number, name;
	uint64_t offset;
	struct symbol_module module;
	char path[PATH_SIZE];
	uint8_t build_id[BUILD_ID_MAX];
};

/* Takes a line from the text. False: there is none. */
static bool next_line(struct span *text, struct span *ret)
{
	const char *end = memchr(text->at, '\n', text->len);

	*ret = (struct span){ text->at, end ? (size_t)(end - text->at) : text->len };
	text->at += ret->len + (end != NULL);
	text->len -= ret->len + (end != NULL);
	return ret->len > 0 || end;
}

static bool take_head(struct span *s, const char *head)
{
	size_t len = strlen(head);

	if (s->len < len || memcmp(s->at, head, len) != 0)
		return false;
	s->at += len;
	s->len -= len;
	return true;
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex(struct span s, uint64_t *ret)
{
	uint64_t number = 0;
	int digit;

	if (s.len == 0 || s.len > 16)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		digit = digit_of(s.at[i]);
		if (digit < 0)
			return false;
		number = number << 4 | (unsigned)digit;
	}
	*ret = number;
	return true;
}

/* Splits at the last place where `mark` is. */
static bool split(struct span s, const char *mark, struct span *ret_head, struct span *ret_tail)
{
	size_t len = strlen(mark);

	for (size_t at = s.len; at-- > 0;)
		if (s.len - at >= len && memcmp(s.at + at, mark, len) == 0) {
			*ret_head = (struct span){ s.at, at };
			*ret_tail = (struct span){ s.at + at + len, s.len - at - len };
			return true;
		}
	return false;
}

static bool read_frame(struct span line, struct frame *ret)
{
	struct span rest = line, name, offset;
	const char *blank;

	if (!take_head(&rest, FRAME_HEAD))
		return false;
	blank = memchr(rest.at, ' ', rest.len);
	if (!blank)
		return false;
	ret->line = line;
	ret->number = (struct span){ rest.at, (size_t)(blank - rest.at) };
	rest = (struct span){ blank + 1, rest.len - ret->number.len - 1 };
	if (ret->number.len == 0 ||
	    strspn(ret->number.at, "0123456789") != ret->number.len ||
	    !split(rest, "+0x", &name, &offset) || !read_hex(offset, &ret->offset))
		return false;
	ret->name = name;
	return true;
}

static void read_build_id(struct span hex, struct frame *f)
{
	uint64_t byte;
	size_t n;

	if (hex.len % 2 != 0 || hex.len / 2 > BUILD_ID_MAX)
		return;
	for (n = 0; n < hex.len / 2; n++) {
		if (!read_hex((struct span){ hex.at + 2 * n, 2 }, &byte))
			return;
		f->build_id[n] = (uint8_t)byte;
	}
	f->module.build_id = f->build_id;
	f->module.build_id_len = n;
}

/* Whether this line tells of the frame's module; then the frame has it. */
static bool read_module(struct span line, struct frame *f)
{
	struct span path = line, build;

	if (!take_head(&path, MODULE_HEAD) || path.len < f->name.len ||
	    memcmp(path.at, f->name.at, f->name.len) != 0)
		return false;
	path.at += f->name.len;
	path.len -= f->name.len;
	if (!take_head(&path, " is "))
		return false;
	if (split(path, ", build ", &path, &build))
		read_build_id(build, f);
	if (path.len < sizeof f->path) {
		memcpy(f->path, path.at, path.len);
		f->path[path.len] = '\0';
		f->module.path = f->path;
	}
	return true;
}

static void find_module(struct span rest, struct frame *f)
{
	struct span line;

	while (next_line(&rest, &line))
		if (read_module(line, f))
			return;
}

/* The frames whose modules are told. */
static size_t find_frames(const char *text, struct frame *frames, struct symbol *symbols)
{
	struct span rest = { text, strlen(text) }, line;
	size_t n = 0;

	while (n < FRAMES_MAX && next_line(&rest, &line)) {
		frames[n] = (struct frame){ .offset = 0 };
		if (!read_frame(line, &frames[n]))
			continue;
		find_module(rest, &frames[n]);
		if (!frames[n].module.path)
			continue;
		/* the innermost is not where a call returns to, but the place itself */
		symbols[n] = (struct symbol){
			.module = &frames[n].module,
			.offset = frames[n].offset + (*frames[n].number.at == '0'),
		};
		n++;
	}
	return n;
}

static void put_frame(FILE *f, const struct frame *frame, const struct symbol *s)
{
	fprintf(f, FRAME_HEAD "%.*s ", (int)frame->number.len, frame->number.at);
	if (*s->function)
		fprintf(f, "%s ", s->function);
	if (*s->file)
		fprintf(f, "%s:%d\n", s->file, s->line);
	else
		fprintf(f, "%.*s+%#" PRIx64 "\n", (int)frame->name.len, frame->name.at,
			frame->offset);
}

static void put_all(FILE *f, const char *text, const struct frame *frames,
		    const struct symbol *symbols, size_t n)
{
	struct span rest = { text, strlen(text) }, line, unused;
	size_t at = 0;

	while (next_line(&rest, &line)) {
		unused = line;
		if (at < n && line.at == frames[at].line.at) {
			put_frame(f, &frames[at], &symbols[at]);
			at++;
		} else if (!take_head(&unused, MODULE_HEAD)) {
			fprintf(f, "%.*s\n", (int)line.len, line.at);
		}
	}
}

static char *put_in_memory(const char *text, const struct frame *frames,
			   const struct symbol *symbols, size_t n)
{
	char *told = NULL;
	size_t len;
	FILE *f = open_memstream(&told, &len);
	bool whole;

	if (!f)
		return NULL;
	put_all(f, text, frames, symbols, n);
	whole = !ferror(f);
	if (fclose(f) == 0 && whole)
		return told;
	free(told);
	return NULL;
}

char *crash_text_looked_up(const char *text)
{
	struct frame *frames;
	struct symbol *symbols;
	char *told = NULL;
	size_t n;

	if (!strstr(text, MODULE_HEAD))
		return NULL;
	frames = mem_alloc(FRAMES_MAX * sizeof *frames);
	symbols = mem_alloc(FRAMES_MAX * sizeof *symbols);
	n = frames && symbols ? find_frames(text, frames, symbols) : 0;
	if (n > 0) {
		symbol_resolve(symbols, n);
		told = put_in_memory(text, frames, symbols, n);
	}
	mem_free(symbols);
	mem_free(frames);
	return told;
}
