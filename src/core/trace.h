/* SPDX-License-Identifier: MIT */
/* trace.h - adding events to the loop's ring. */
#pragma once

#include <acre/trace.h>

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

/* Into the ring of this thread's loop; nothing without one. */
void trace(enum acre_event_kind kind, uint64_t a, uint64_t b);
