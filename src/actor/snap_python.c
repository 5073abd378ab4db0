/* SPDX-License-Identifier: MIT */
/* snap_python.c - the stacks of all interpreters of a process, copied out of its memory. */
/*
 * As in snap_read.c: every walk has a bound, and every pointer is only ever given to the kernel.
 * Where a thread was not stopped its frames change while they are read, and may make no sense:
 * what cannot be read ends the stack, and nothing is believed that is not in its limits.
 */
#include <string.h>

#include "actor/python_layout.h"
#include "actor/snap.h"
#include "base/fault.h"
#include "core/debug.h"

#define INTERPS_MAX 1024 /* of a process; python.md has seen 1,000 */
#define FRAMES_MAX  64	 /* of a stack, innermost first */
#define LINES_MAX \
	((size_t)64 << 10)  /* bytes of a table of lines that are looked through */
#define TAGS ((uintptr_t)7) /* in pointers of a frame, from 3.14 on */

struct reader {
	struct snap *s;
	struct python_layout at;
};

static uintptr_t word_at(const struct reader *r, uintptr_t at)
{
	uintptr_t word = 0;

	return at && peek_all(&r->s->memory, at, &word, sizeof word) ? word : 0;
}

/* Characters that are not ASCII become '?'. */
static void read_text(const struct reader *r, uintptr_t at, char *ret, size_t size)
{
	size_t len = word_at(r, at + r->at.text_length), kind, i = 0;
	uint32_t state = 0, c;
	uintptr_t from;

	if (!at || !peek_all(&r->s->memory, at + r->at.text_state, &state, sizeof state))
		len = 0;
	kind = (state & r->at.kind_mask) >> r->at.kind_shift;
	from = at + ((state & r->at.ascii) ? r->at.text_ascii : r->at.text_other);
	if (kind != 1 && kind != 2 && kind != 4)
		len = 0;
	for (; i < len && i < size - 1; i++) {
		c = 0; /* little-endian, as all that this library runs on */
		if (!peek_all(&r->s->memory, from + i * kind, &c, kind))
			break;
		ret[i] = c < 0x80 ? (char)c : '?';
	}
	ret[i] = '\0';
}

/*
 * The table of lines, as Objects/locations.md has it: entries that begin with a byte whose top
 * bit is set: four bits say of which form it is, three how many instructions it covers, less 1.
 */

enum {
	FORM_SHORT_LAST = 9,
	FORM_LINE_FIRST = 10,
	FORM_LINE_LAST = 12,
	FORM_NO_COLUMN,
	FORM_LONG,
	FORM_NONE
};

static int32_t signed_number(const uint8_t *bytes, size_t len)
{
	uint32_t n = 0;

	for (size_t i = 0; i < len && i < 5; i++) {
		n |= (uint32_t)(bytes[i] & 63) << (6 * i);
		if (!(bytes[i] & 64))
			break;
	}
	return n & 1 ? -(int32_t)(n >> 1) : (int32_t)(n >> 1);
}

static int32_t line_delta(const uint8_t *entry, size_t len)
{
	unsigned int form = (entry[0] >> 3) & 15;

	if (form == FORM_LONG || form == FORM_NO_COLUMN)
		return signed_number(entry + 1, len - 1);
	return form >= FORM_LINE_FIRST && form <= FORM_LINE_LAST
		       ? (int32_t)form - FORM_LINE_FIRST
		       : 0;
}

static int line_in(const uint8_t *table, size_t len, int line, size_t instruction)
{
	size_t covered = 0, next;

	for (size_t i = 0; i < len; i = next) {
		for (next = i + 1; next < len && !(table[next] & 0x80);)
			next++;
		line += line_delta(table + i, next - i);
		covered += (size_t)(table[i] & 7) + 1;
		if (instruction < covered)
			return ((table[i] >> 3) & 15) == FORM_NONE ? 0 : line;
	}
	return 0;
}

/* 0: not known. The table lies in the room for so long only. */
static int line_of(const struct reader *r, uintptr_t code, uintptr_t instruction)
{
	uintptr_t table = word_at(r, code + r->at.code_lines);
	size_t len = word_at(r, table + r->at.bytes_length), used = r->s->used;
	uintptr_t begin = code + r->at.code_begin;
	uint8_t *bytes;
	int line = 0;

	if (!table || len > LINES_MAX || instruction < begin - sizeof(uint16_t) ||
	    !peek_all(&r->s->memory, code + r->at.code_first_line, &line, sizeof line))
		return 0;
	bytes = snap_room(r->s, len);
	if (!bytes || !peek_all(&r->s->memory, table + r->at.bytes_begin, bytes, len))
		line = 0;
	else if (instruction >= begin) /* one that has not begun is at its first line */
		line = line_in(bytes, len, line,
			       (instruction - begin) / sizeof(uint16_t));
	r->s->used = used;
	return line;
}

static bool read_frame(struct reader *r, uintptr_t at, struct snap_frame *to)
{
	uintptr_t code = word_at(r, at + r->at.frame_code) & ~TAGS;

	if (!code)
		return false;
	read_text(r, word_at(r, code + r->at.code_name), to->function,
		  sizeof to->function);
	read_text(r, word_at(r, code + r->at.code_file), to->file, sizeof to->file);
	to->line = line_of(r, code, word_at(r, at + r->at.frame_at));
	return *to->function || *to->file;
}

/* Between what Python code has called there are frames of C. */
static bool is_of_c(const struct reader *r, uintptr_t at)
{
	char owner = 0;

	return !peek_all(&r->s->memory, at + r->at.frame_owner, &owner, sizeof owner) ||
	       (unsigned char)owner >= r->at.owner_is_c;
}

static void read_frames(struct reader *r, uintptr_t at, struct snap_python *to)
{
	struct snap_frame *room = snap_room(r->s, FRAMES_MAX * sizeof *room);

	to->frames = room;
	for (size_t i = 0; room && at && i < 4 * FRAMES_MAX && to->n < FRAMES_MAX; i++) {
		if (!is_of_c(r, at) && read_frame(r, at, &room[to->n]))
			to->n++;
		at = word_at(r, at + r->at.frame_previous);
	}
	if (room)
		r->s->used -= (FRAMES_MAX - to->n) * sizeof *room;
}

static struct snap_python *read_thread(struct reader *r, uintptr_t at, int64_t interp)
{
	struct snap_python *to = snap_room(r->s, sizeof *to);
	uintptr_t frame = word_at(r, at + r->at.thread_frame);

	if (!to)
		return NULL;
	if (!r->at.is_direct)
		frame = word_at(r, frame + r->at.indirect_frame);
	to->interp = interp;
	to->tid = (pid_t)word_at(r, at + r->at.thread_native_id);
	read_frames(r, frame, to);
	return to;
}

static struct snap_python **read_interp(struct reader *r, uintptr_t at,
					struct snap_python **last)
{
	int64_t id = (int64_t)word_at(r, at + r->at.interp_id);
	uintptr_t thread = word_at(r, at + r->at.interp_threads);

	for (size_t i = 0; thread && i < SNAP_THREADS_MAX; i++) {
		*last = read_thread(r, thread, id);
		if (!*last)
			return NULL;
		last = &(*last)->next;
		thread = word_at(r, thread + r->at.thread_next);
	}
	return last;
}

void snap_read_python(struct snap *s)
{
	struct snap_python **last = &s->python;
	struct reader r = { .s = s };
	uintptr_t interp = word_at(&r, s->root + offsetof(struct debug_root, python));

	if (!interp || PLANTED(PYTHON_UNTOLD) ||
	    !peek_all(&s->memory, interp, &r.at, sizeof r.at) || !r.at.runtime)
		return;
	interp = word_at(&r, r.at.runtime + r.at.runtime_interps);
	for (size_t i = 0; last && interp && i < INTERPS_MAX; i++) {
		last = read_interp(&r, interp, last);
		interp = word_at(&r, interp + r.at.interp_next);
	}
}
