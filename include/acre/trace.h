/* SPDX-License-Identifier: MIT */
/* trace.h - the ring of recent events that every actor keeps. */
#ifndef ACRE_TRACE_H
#define ACRE_TRACE_H

/*
 * The library traces what it does, and says on stderr (log.h) only what nobody is told
 * otherwise. Each loop keeps its last 4,096 events (a task parked, a child died, a frame
 * came) in a ring of fixed size, always on; BUG() prints the tail of it, and a program may
 * read it or listen.
 *
 * THREADS: the loop's thread, but for acre_trace_print(), which is safe anywhere, signal
 * handlers included.
 */

#include <acre/define.h>

ACRE_BEGIN_

/* name, what a and b say */
#define ACRE_EVENTS(E)                        \
	E(TASK_START, "task", "nursery")      \
	E(TASK_END, "task", "result")         \
	E(PARK, "task", "reason")             \
	E(UNPARK, "task", "result")           \
	E(SCOPE_CANCEL, "task", "reason")     \
	E(NURSERY_CLOSE, "nursery", "result") \
	E(TIMER, "scope", "late by ns")       \
	E(SIGNAL, "signal", "")               \
	E(OS_CANCEL, "signal", "orphan")      \
	E(LOOP_BLOCKED, "task", "for ns")     \
	E(SPAWN, "child", "pid")              \
	E(CHILD_STATE, "child", "state")      \
	E(CHILD_GONE, "child", "status")      \
	E(LINK_OPEN, "link", "fd")            \
	E(LINK_CLOSE, "link", "class")        \
	E(FRAME_IN, "link", "kind")           \
	E(FRAME_OUT, "link", "kind")          \
	E(FRAME_DROPPED, "link", "kind")      \
	E(CONTEXT_STATE, "context", "state")  \
	E(SHIELD_OVER, "task", "reason")      \
	E(USER, "a", "b")

#define ACRE_EVENT_ENUM_(name, a, b) ACRE_EVENT_##name,
enum acre_event_kind { ACRE_EVENTS(ACRE_EVENT_ENUM_) ACRE_N_EVENTS_ };
#undef ACRE_EVENT_ENUM_

struct acre_trace_event {
	int64_t at_ns; /* of the clock when the loop last read it: events of one turn may share it */
	uint64_t sequence;
	uint32_t kind;
	uint32_t task; /* number of the task that ran, 0 for the loop itself */
	uint64_t a;
	uint64_t b;
};

/* Adds an event of the program's own. */
ACRE_PUBLIC_ void acre_trace(uint64_t a, uint64_t b);

/* Copies the newest n events, oldest first; returns how many there were. */
ACRE_PUBLIC_ size_t acre_trace_read(struct acre_trace_event *ret, size_t n);

/* Calls fn for every event from now on, in the task that causes it; NULL ends it. fn
 * must not call acre. */
ACRE_PUBLIC_ void
acre_trace_listen(void (*fn)(void *arg, const struct acre_trace_event *event), void *arg);

ACRE_PUBLIC_ const char *acre_event_name(uint32_t kind);

/* Writes the newest n events to fd, a line each. Async-signal-safe. */
ACRE_PUBLIC_ void acre_trace_print(int fd, size_t n);

ACRE_END_
#endif
