/* SPDX-License-Identifier: MIT */
/* sched.h - the scheduler's two doors: park and unpark. */
#pragma once

#include "core/loop.h"
#include "core/task.h"

/*
 * A place where a task waits, on that task's stack: linked into the waiting list of an
 * object while the task is parked. Whoever unparks a task unlinks all its waits in the
 * same step, so there is no stale wake-up and a wait that was cancelled has taken and
 * given nothing.
 */
struct wait {
	struct list node;
	struct task *task;
	void *item;	/* what is handed over, where the object needs one */
	uint32_t index; /* of the case, in a select */
};

/*
 * Stops the running task until somebody unparks it; returns what unpark() gave.
 * Cancellation ends it with -ECANCELED, at once if the task is covered already: then the
 * waits are unlinked. `waits` (may be NULL) were linked by the caller.
 */
int park_on(enum wait_what what, const void *object, struct wait *waits, uint32_t n);

static inline int park(enum wait_what what, const void *object)
{
	return park_on(what, object, NULL, 0);
}

/* The same, but cancellation does not end it. Each caller names what bounds it
 * instead. Both return -ECHILD at once in a child of fork. */
int park_shielded_on(enum wait_what what, const void *object, struct wait *waits,
		     uint32_t n);

static inline int park_shielded(enum wait_what what, const void *object)
{
	return park_shielded_on(what, object, NULL, 0);
}

/* Around a park of the running task: which actor it waits for, and which of its endpoints
 * (may be NULL). For people; the names are there while the task is parked. */
static inline void park_begin_naming(const char *whom, const char *whose)
{
	loop_this->current->whom = whom;
	loop_this->current->whose = whose;
}

static inline void park_end_naming(void)
{
	loop_this->current->whom = loop_this->current->whose = NULL;
}

/* Makes a parked task ready with a result; unlinks its waits. A task that is not
 * parked is a bug of ours. */
void unpark(struct task *t, int r);

/* The same for every task that waits in a list of waits. One that was cancelled is not
 * in it any more, so this is how whatever may race with cancellation wakes. */
void unpark_all(struct list *waits, int r);

/* Cancellation reaches a task: ends its wait if it may. */
void sched_cancelled(struct task *t);

/* Puts a new task into the ready queue. */
static inline void sched_start(struct task *t)
{
	t->state = TASK_READY;
	list_push(&t->loop->ready, &t->ready);
}

/* What a task's fiber does: it runs the task, and then whoever is next. */
_Noreturn void sched_main(void *task);
/* The loop's fiber runs ready tasks until it is to poll. */
void sched_run(struct loop *loop);
/* The running task goes to the end of the queue. */
void sched_yield_task(void);

/* 0, -ECANCELED, or -ECHILD in a child of fork: the first line of every checkpoint. */
static inline int checkpoint(struct task *t)
{
	if (loop_is_forked(t->loop))
		return -ECHILD;
	return t->scope->covered ? -ECANCELED : 0;
}

_Noreturn void sched_no_task(const char *call) __attribute__((cold));

/* The running task; calling a checkpoint outside of one is a bug. First thing in a public
 * call: whoever looks at a task that hangs is told where it last called us. */
__attribute__((always_inline)) static inline struct task *sched_task(const char *call)
{
	struct task *t = task_this();

	if (unlikely(!t))
		sched_no_task(call);
	t->called_from = __builtin_return_address(0);
	return t;
}
