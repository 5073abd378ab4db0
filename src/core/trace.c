/* SPDX-License-Identifier: MIT */
/* trace.c - the ring of recent events, and how it is printed where nothing else works. */
/*
 * Adding an event is a few stores: it happens at each switch of tasks. Only the loop's thread
 * adds, so there is nothing to lock; but a handler of a signal, or the hook of a panic, may look
 * at the ring while an event is being added. So the count goes up last, and the readers stay
 * away from the one slot that is written next.
 *
 * Printing is async-signal-safe: no stdio, no memory, tables and write().
 */
#include "core/trace.h"

#include <string.h>

#include "base/line.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/util.h"
#include "core/loop.h"
#include "core/report.h"

#define PRINTED_BY_PANIC 32

/* What the numbers of an event are. */
enum value { VALUE_NUMBER, VALUE_RESULT, VALUE_CLASS, VALUE_WAIT, VALUE_REASON };

struct event_text {
	const char *name, *a, *b;
};

#define AS_TEXT(name, a, b) [ACRE_EVENT_##name] = { #name, a, b },

static const struct event_text texts[] = { ACRE_EVENTS(AS_TEXT) };

static const enum value value_of_b[ACRE_N_EVENTS_] = {
	[ACRE_EVENT_TASK_END] = VALUE_RESULT,      [ACRE_EVENT_PARK] = VALUE_WAIT,
	[ACRE_EVENT_UNPARK] = VALUE_RESULT,        [ACRE_EVENT_SCOPE_CANCEL] = VALUE_REASON,
	[ACRE_EVENT_NURSERY_CLOSE] = VALUE_RESULT, [ACRE_EVENT_LINK_CLOSE] = VALUE_CLASS,
};

static struct trace *trace_here(void)
{
	return loop_this && loop_this->trace.ring ? &loop_this->trace : NULL;
}

static void print_last_events(int fd)
{
	acre_trace_print(fd, PRINTED_BY_PANIC);
}

int trace_init(struct trace *t)
{
	*t = (struct trace){ .ring = mem_alloc(TRACE_N * sizeof *t->ring) };
	if (!t->ring)
		return -ENOMEM;
	panic_hook_set(print_last_events);
	return 0;
}

void trace_fini(struct trace *t)
{
	t->ring = mem_free(t->ring);
	t->n = 0;
}

void trace(enum acre_event_kind kind, uint64_t a, uint64_t b)
{
	if (loop_this)
		loop_trace(loop_this, kind, a, b);
}

void acre_trace(uint64_t a, uint64_t b)
{
	trace(ACRE_EVENT_USER, a, b);
}

void acre_trace_listen(void (*fn)(void *arg, const struct acre_trace_event *event), void *arg)
{
	struct trace *t = trace_here();

	if (!t)
		return;
	t->arg = arg;
	t->listener = fn;
}

/* How many of the newest n there are to read. */
static size_t n_readable(const struct trace *t, size_t n)
{
	return size_min(n, size_min(t->n, TRACE_N - 1));
}

static const struct acre_trace_event *newest(const struct trace *t, size_t i)
{
	return &t->ring[(t->n - i) % TRACE_N];
}

size_t acre_trace_read(struct acre_trace_event *ret, size_t n)
{
	const struct trace *t = trace_here();

	if (!t)
		return 0;
	n = n_readable(t, n);
	for (size_t i = 0; i < n; i++)
		ret[i] = *newest(t, n - i);
	return n;
}

const char *acre_event_name(uint32_t kind)
{
	return kind < ARRAY_N(texts) ? texts[kind].name : "<unknown>";
}

/* Small ones are counts and ids, negative ones results, all else is an address. */
static void add_number(struct line *l, uint64_t number)
{
	int64_t as_signed = (int64_t)number;

	if (as_signed < 0 && as_signed >= INT32_MIN) {
		line_text(l, "-");
		line_decimal(l, 0 - number);
	} else if (number > UINT32_MAX) {
		line_hex(l, number);
	} else {
		line_decimal(l, number);
	}
}

static void add_class(struct line *l, uint64_t number, bool positive_too)
{
	int64_t as_signed = (int64_t)number;

	if (as_signed < 0)
		line_text(l, acre_class_name(report_class((int)as_signed)));
	else if (positive_too && as_signed > 0 && as_signed <= ACRE_CLASS_MAX)
		line_text(l, acre_class_name((int)as_signed));
	else
		add_number(l, number);
}

static void add_value(struct line *l, enum value value, uint64_t number)
{
	switch (value) {
	case VALUE_NUMBER:
		add_number(l, number);
		return;
	case VALUE_RESULT:
		add_class(l, number, false);
		return;
	case VALUE_CLASS:
		add_class(l, number, true);
		return;
	case VALUE_WAIT:
		line_text(l, number < N_WAIT ? wait_word((enum wait_what)number) : "?");
		return;
	case VALUE_REASON:
		line_text(l, number < ACRE_N_REASONS_
				     ? reason_word((enum acre_reason)number)
				     : "?");
		return;
	}
}

/* 4711.000123 task 3 PARK task=3 reason=sleeps */
static void add_event(struct line *l, const struct acre_trace_event *event)
{
	static const struct event_text unknown = { "<unknown>", "a", "b" };
	bool known = event->kind < ARRAY_N(texts);
	const struct event_text *text = known ? &texts[event->kind] : &unknown;

	line_decimal(l, (uint64_t)(event->at_ns / 1000000000));
	line_text(l, ".");
	line_padded(l, (uint64_t)(event->at_ns % 1000000000 / 1000), 6);
	line_text(l, " task ");
	line_decimal(l, event->task);
	line_text(l, " ");
	line_text(l, text->name);
	line_text(l, " ");
	line_text(l, text->a);
	line_text(l, "=");
	add_number(l, event->a);
	if (*text->b) {
		line_text(l, " ");
		line_text(l, text->b);
		line_text(l, "=");
		add_value(l, known ? value_of_b[event->kind] : VALUE_NUMBER, event->b);
	}
}

size_t trace_line(const struct acre_trace_event *event, char ret[TRACE_LINE_MAX])
{
	struct line line = { .len = 0 };
	size_t len;

	add_event(&line, event);
	len = size_min(line.len, TRACE_LINE_MAX - 1);
	memcpy(ret, line.text, len);
	ret[len] = '\0';
	return len;
}

void acre_trace_print(int fd, size_t n)
{
	const struct trace *t = trace_here();
	struct line line = { .len = 0 };

	if (!t)
		return;
	for (size_t i = n_readable(t, n); i > 0; i--) {
		add_event(&line, newest(t, i));
		line_write(&line, fd);
	}
}
