/* SPDX-License-Identifier: MIT */
/* status.h - a page that says how an actor is doing, to whoever has it mapped. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/sys.h"
#include "base/util.h"

/*
 * The loop's thread writes, plain stores into its own page; its parent has the same page mapped and
 * reads, without a word between them. So it tells of a loop that is blocked, and of a process
 * that is stopped. The child is not trusted: what it writes is numbers and texts that are cut.
 *
 * The parent makes the page (a sealed memfd, so that it cannot shrink under a reader) and the child
 * gets it as a descriptor. An actor that has none, the root for one, keeps a page of its own,
 * which `acre dump` finds through the loop.
 */

/* state, what it means */
#define STATUS_STATES(S)                                      \
	S(NONE, "has not begun")                              \
	S(BOOTS, "boots: it does not know yet what it is to be") \
	S(SERVES, "serves")                                   \
	S(ENDS, "ends: what it served is cancelled")          \
	S(ENDED, "has ended")

#define STATUS_STATE_ENUM(name, text) STATUS_##name,
enum status_state { STATUS_STATES(STATUS_STATE_ENUM) N_STATUS_STATE };
#undef STATUS_STATE_ENUM

#define STATUS_NAMES	32 /* a power of two: of the tasks that began last */
#define STATUS_NAME_MAX 32
#define STATUS_SIZE	4096 /* of the page, and of its memfd */

struct status_name {
	uint32_t task; /* 0: none, or being written */
	char text[STATUS_NAME_MAX];
};

/* Numbers that only grow are counters; each is whole, but not all are of one moment. */
struct status {
	_Atomic uint32_t state;	    /* enum status_state */
	_Atomic uint32_t task;	    /* that runs; 0: the loop itself, or nothing */
	_Atomic uint32_t tid; /* of the loop's thread, as that knows it; 0: not known yet */
	_Atomic uint64_t n_looks;   /* at the clock, one every LOOP_POLL_SWITCHES switches of tasks */
	_Atomic uint64_t n_turns;   /* of the loop: the witness of progress */
	_Atomic int64_t turned_at;  /* the clock at the last one */
	_Atomic uint32_t
		waits; /* 1: in its poll, or outside of acre_step(), as long as it likes */
	_Atomic uint32_t n_tasks, n_timers, n_actors;
	_Atomic uint32_t n_deaf; /* calls of a guest that were cancelled and have not seen that */
	_Atomic uint64_t n_frames_in, n_frames_out;
	/* Instant: children of ours that could not run have been given time until then */
	_Atomic int64_t children_until;
	struct status_name names[STATUS_NAMES];
};
_Static_assert(sizeof(struct status) <= STATUS_SIZE, "a status fits its page");

/* Only one thread writes: no read-modify-write is needed. */
static inline void status_add(_Atomic uint64_t *counter)
{
	uint64_t n = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, n + 1, memory_order_relaxed);
}

static inline void status_set(_Atomic uint32_t *to, uint32_t value)
{
	atomic_store_explicit(to, value, memory_order_relaxed);
}

/* The latest of what it was and this. */
static inline void status_raise(_Atomic int64_t *to, int64_t at)
{
	if (atomic_load_explicit(to, memory_order_relaxed) < at)
		atomic_store_explicit(to, at, memory_order_relaxed);
}

static inline uint32_t status_get(const _Atomic uint32_t *from)
{
	return atomic_load_explicit(from, memory_order_relaxed);
}

/*
 * A watcher in the same process, the watchdog, compares n_turns between two looks. It looks
 * only while the loop is at work: before it sleeps it says so, looks once more whether the
 * loop waits, and the loop rings it when it goes on (kernel-facts K48: an idle program makes
 * no wake-ups). Both say first and look then, so one of them sees the other.
 */
struct status_bell {
	_Atomic bool watcher_sleeps; /* ring before going on */
	_Atomic int ring_fd;	     /* eventfd of the watcher; read only if it sleeps */
};

static inline void status_waits(struct status *s)
{
	atomic_store(&s->waits, 1);
}

static inline void status_goes_on(struct status *s, struct status_bell *bell)
{
	uint64_t one = 1;

	atomic_store(&s->waits, 0);
	if (likely(!atomic_load(&bell->watcher_sleeps)))
		return;
	if (atomic_exchange(&bell->watcher_sleeps, false))
		acre_ignore(sys_write(atomic_load(&bell->ring_fd), &one, sizeof one));
}

/* The watcher's: true if the loop waits and will ring; false: look again later. */
static inline bool status_may_sleep(const struct status *s, struct status_bell *bell,
				    int ring_fd)
{
	if (!atomic_load(&s->waits))
		return false;
	atomic_store(&bell->ring_fd, ring_fd);
	atomic_store(&bell->watcher_sleeps, true);
	if (atomic_load(&s->waits))
		return true;
	atomic_store(&bell->watcher_sleeps, false);
	return false;
}

/* A task begins. */
void status_name_task(struct status *s, uint32_t task, const char *name);

/* For readers: copies the name; false and "?" if it is forgotten. */
bool status_task_name(const struct status *s, uint32_t task, char ret[STATUS_NAME_MAX]);
const char *status_state_text(uint32_t state);

/* What says that it moves: changes while a loop turns, or tasks take turns. */
static inline uint64_t status_progress(const struct status *s)
{
	return atomic_load_explicit(&s->n_turns, memory_order_relaxed) +
	       atomic_load_explicit(&s->n_looks, memory_order_relaxed);
}

/* A page for a child: mapped here for reading, and a descriptor to give to it (owned). -EMFILE,
 * -ENOMEM ... */
int status_make(const struct status **ret, int *ret_fd);
/* The page that a parent gave; -EBADF if that is none. The descriptor stays the caller's. */
int status_join(struct status **ret, int fd);
/* NULL is fine, and is what it returns. */
void *status_unmap(const struct status *s);
