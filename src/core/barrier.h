/* SPDX-License-Identifier: MIT */
/* barrier.h - all threads of ours come to rest, so that a process can be forked. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/list.h"

/*
 * In a child of fork there is one thread, and whatever lock another one held is locked for
 * ever: in localtime_r, setenv, setlocale, dlopen it hangs (kernel-facts K23, pinned by
 * tests/pin/pin_fork_threads.c). So each thread of ours is registered, and says when it is
 * at rest: when it waits in our code and holds no lock but ours, which a child makes anew.
 * A thread that is at rest does not go on while the barrier is up.
 *
 *	barrier_rest(&self);
 *	n = epoll_wait(...);
 *	barrier_go(&self);
 *
 * The barrier is raised in two steps. First threads that serve calls come to rest, which
 * may take as long as what they run for somebody, while loops go on; then the loops, which
 * poll every 0.2 ms. So a loop stands still for the longest turn of another one plus the
 * fork.
 */
enum barrier_rank {
	BARRIER_DOWN,
	BARRIER_CALLS, /* helpers, the spawner, the watchdog, those that fork */
	BARRIER_LOOPS
};

struct barrier_thread {
	struct list node;
	const char *name; /* for people; static */
	enum barrier_rank rank;
	pid_t pid; /* of the process in which it is registered */
	pid_t tid; /* 0: it has not begun */
	/* of a thread that barrier_start() has made */
	void *(*fn)(void *arg);
	void *arg;
	/* Called under the barrier's lock, by the thread that raises it: it is to come to
	 * rest. NULL: it does so by itself. */
	void (*wake)(struct barrier_thread *t);
	_Atomic bool rests;
};

/* By whoever starts the thread, before that: it does not rest. `wake` may be NULL. A thread
 * that has registered twice is asked by its later registration, while there is that one: so
 * the thread of an actor is known from its birth to its join, and by its loop between. */
void barrier_add(struct barrier_thread *t, const char *name, enum barrier_rank rank,
		 void (*wake)(struct barrier_thread *t));
/* By the thread itself, first thing. */
void barrier_begin(struct barrier_thread *t);

/* Of a thread that no asynchronous signal is to choose. */
struct barrier_start {
	const char *name; /* for people; static */
	enum barrier_rank rank;
	void *(*fn)(void *arg); /* calls barrier_begin() first thing */
	void *arg;
	size_t stack_size; /* 0: what threads have */
	/* signals of its own mistakes too, which end the process then without a handler */
	bool blocks_all;
};

/* Registers a thread and starts it; -EAGAIN, -ENOMEM: neither. Who joins it removes it. It ends
 * by returning from `fn` only, see thread_stay.h. */
int barrier_start(struct barrier_thread *t, pthread_t *ret,
		  const struct barrier_start *how);

/* By whoever has joined it, or by itself if nobody does. Idempotent. */
void barrier_remove(struct barrier_thread *t);

/* What barrier_go() does when the barrier is up. */
void barrier_stay(struct barrier_thread *t);
/* What barrier_rest() does then. */
void barrier_tell(void);

extern _Atomic int barrier_up; /* an enum barrier_rank: this one and those below stay */

/*
 * The pair of decisions is that of mailbox.c: each side writes its word and then reads the
 * other's, all sequentially consistent, so either the thread sees the barrier or whoever
 * raises it sees the thread at work.
 */
static inline void barrier_rest(struct barrier_thread *t)
{
	atomic_store(&t->rests, true);
	if (unlikely(atomic_load(&barrier_up) != BARRIER_DOWN))
		barrier_tell();
}

static inline void barrier_go(struct barrier_thread *t)
{
	atomic_store(&t->rests, false);
	if (unlikely(atomic_load(&barrier_up) >= (int)t->rank))
		barrier_stay(t);
}

/* Who does not come to rest, or is none of ours. */
struct barrier_culprit {
	pid_t tid;
	char name[32];
};

/*
 * Raises it; on return all other registered threads are at rest. -EBUSY: the culprit was
 * not `until` then (of clock_real()), and the barrier is down. If it is still up when it
 * `breaks`, the threads go on, and what is forked after that must end at once. `self` is
 * registered, is the caller's, and does not rest.
 */
int barrier_raise(struct barrier_thread *self, int64_t until, int64_t breaks,
		  struct barrier_culprit *ret_culprit);
void barrier_lower(void);
/* For who has raised it, in the child as well, before barrier_forget(). */
bool barrier_is_broken(void);

/* While it is up: the number of threads of this process that are not registered, and one of
 * them. -errno: /proc does not tell. */
int barrier_count_strangers(struct barrier_culprit *ret_one);

/* In a child of fork, first thing: no thread is registered, and the barrier is down. */
void barrier_forget(void);
