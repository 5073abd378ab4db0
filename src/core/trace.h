/* SPDX-License-Identifier: MIT */
/* trace.h - adding events to the loop's ring. */
#pragma once

#include <stdatomic.h>

#include <acre/trace.h>

#include "base/util.h"

#define TRACE_N 4096 /* events kept: 160 KiB a loop, of which only what was written is in memory */

struct trace {
	struct acre_trace_event *ring; /* TRACE_N of them; owned; NULL: nothing is kept */
	uint64_t n;                    /* ever added */
	void (*listener)(void *arg, const struct acre_trace_event *event);
	void *arg;
};

/* From the first one on, BUG() and CHECK() print the last events of the loop they happen in. */
int trace_init(struct trace *t);
void trace_fini(struct trace *t);

static inline void trace_add(struct trace *t, int64_t at_ns, uint32_t task,
			     enum acre_event_kind kind, uint64_t a, uint64_t b)
{
	struct acre_trace_event *event;

	if (unlikely(!t->ring))
		return;
	event = &t->ring[t->n % TRACE_N];
	*event = (struct acre_trace_event){
		.at_ns = at_ns,
		.sequence = t->n,
		.kind = kind,
		.task = task,
		.a = a,
		.b = b,
	};
	atomic_signal_fence(memory_order_release);
	t->n++;
	if (unlikely(t->listener != NULL))
		t->listener(t->arg, event);
}

/* An event as a line without its end; its length. Async-signal-safe. */
#define TRACE_LINE_MAX 192
size_t trace_line(const struct acre_trace_event *event, char ret[TRACE_LINE_MAX]);

/* Into the ring of this thread's loop; nothing without one. */
void trace(enum acre_event_kind kind, uint64_t a, uint64_t b);
