/* SPDX-License-Identifier: MIT */
/* lock.c - a lock between tasks, handed on in order of arrival. */
#include "core/lock.h"

#include <acre/chan.h>

#include "base/panic.h"
#include "base/util.h"
#include "core/sched.h"

/*
 * Tasks of a loop do not preempt each other, so what lies between two checkpoints needs
 * no lock. This one is for what lies around a checkpoint.
 *
 * Who releases it hands it to the first who waits, before that one runs: nobody can slip
 * in between, and a lock that somebody waits for is never free.
 */
_Static_assert(sizeof(struct lock) <= sizeof(struct acre_lock),
	       "the public lock holds ours");

#define LOCK_MAGIC 0xac10c4u

static struct lock *use(struct acre_lock *lock, const struct task *t, const char *call)
{
	struct lock *l = (struct lock *)(void *)lock;

	if (unlikely(l->magic != LOCK_MAGIC))
		BUG("%s: lock %p was not initialised (task %s)", call, (void *)l,
		    t->name);
	return l;
}

void acre_lock_init(struct acre_lock *lock)
{
	struct lock *l = (struct lock *)(void *)lock;

	*l = (struct lock){ .magic = LOCK_MAGIC };
	list_init(&l->waits);
}

int acre_lock_acquire(struct acre_lock *lock)
{
	struct wait w = { .task = sched_task("acre_lock_acquire") };
	struct lock *l = use(lock, w.task, "acre_lock_acquire");
	int r = checkpoint(w.task);

	if (unlikely(l->holder == w.task))
		BUG("task %s takes lock %p, which it holds", w.task->name, (void *)l);
	if (r < 0)
		return r;
	if (!l->holder) {
		l->holder = w.task;
		return 0;
	}
	list_push(&l->waits, &w.node);
	return park_on(WAIT_LOCK, l, &w, 1);
}

void acre_lock_release(struct acre_lock *lock)
{
	struct task *t = sched_task("acre_lock_release");
	struct lock *l = use(lock, t, "acre_lock_release");
	struct list *next = list_first(&l->waits);

	if (unlikely(l->holder != t))
		BUG("task %s releases lock %p, which it does not hold", t->name,
		    (void *)l);
	l->holder = NULL;
	if (next) {
		l->holder = list_entry(next, struct wait, node)->task;
		unpark(l->holder, 0);
	}
}
