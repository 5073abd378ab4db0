/* SPDX-License-Identifier: MIT */
/* sched.c - the ready queue, and the two doors through which tasks stop and go on. */
#include "core/sched.h"

#include "base/clock.h"
#include "base/panic.h"
#include "base/util.h"
#include "core/trace.h"

/*
 * A task that stops picks the next ready one and switches to it directly; only when there
 * is none, or when a poll is due, does it switch to the loop's fiber. So a yield costs
 * one switch, and descriptors, timers and signals are served at least every
 * LOOP_POLL_GAP_NS plus the time one task runs.
 *
 * A task that has ended cannot free the stack that it stands on: it leaves itself as the
 * loop's corpse, and whoever runs next buries it, first thing after the switch.
 */

_Thread_local struct loop *loop_this;

void sched_no_task(const char *call)
{
	BUG("%s outside of a task", call);
}

static inline struct task *next_ready(struct loop *loop)
{
	if (list_is_empty(&loop->ready))
		return NULL;
	if (unlikely(loop->schedule.kind != SCHEDULE_FIFO))
		return schedule_pick(loop);
	return list_entry(list_pop(&loop->ready), struct task, ready);
}

/* Every LOOP_POLL_SWITCHES switches a look at the clock; at the latest every
 * LOOP_POLL_LOOKS looks a poll, since a virtual clock stands still while tasks are
 * ready. */
static bool poll_is_due(struct loop *loop)
{
	loop->switches = 0;
	status_add(&loop->status->n_looks);
	if (++loop->looks >= LOOP_POLL_LOOKS)
		return true;
	return clock_now() - loop->polled_at >= LOOP_POLL_GAP_NS;
}

static inline void enter(struct loop *loop, struct task *t)
{
	t->state = TASK_RUNS;
	__atomic_store_n(&loop->current, t, __ATOMIC_RELEASE);
	report_home_set(&t->reports);
	status_set(&loop->status->task, t->id);
}

static inline void bury(struct loop *loop)
{
	if (unlikely(loop->corpse != NULL)) {
		task_free(loop->corpse);
		loop->corpse = NULL;
	}
}

/* The task that runs next, NULL if the loop's fiber is to run. */
static inline struct task *choose(struct loop *loop)
{
	if (unlikely(++loop->switches >= LOOP_POLL_SWITCHES) && poll_is_due(loop))
		return NULL;
	return next_ready(loop);
}

static inline void leave_to_loop(struct loop *loop)
{
	__atomic_store_n(&loop->current, NULL, __ATOMIC_RELAXED);
	report_home_set(&loop->reports);
	status_set(&loop->status->task, 0);
}

static void run_another(struct loop *loop, struct task *t)
{
	struct task *next = choose(loop);

	if (next == t) {
		t->state = TASK_RUNS;
		return;
	}
	if (next) {
		enter(loop, next);
		fiber_switch(&t->fiber, &next->fiber);
	} else {
		leave_to_loop(loop);
		fiber_switch(&t->fiber, &loop->fiber);
	}
	bury(loop);
}

static int stop(struct task *t, enum wait_what what, const void *object, bool cancellable)
{
	t->state = TASK_PARKED;
	t->what = what;
	t->object = object;
	t->cancellable = cancellable;
	loop_trace(t->loop, ACRE_EVENT_PARK, t->id, what);
	run_another(t->loop, t);
	t->what = WAIT_NOTHING;
	return t->wake;
}

static void unlink_waits(struct wait *waits, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		list_remove(&waits[i].node);
}

static inline struct task *task_to_park(enum wait_what what)
{
	struct task *t = task_this();

	if (unlikely(!t))
		sched_no_task(wait_word(what));
	return t;
}

int park_on(enum wait_what what, const void *object, struct wait *waits, uint32_t n)
{
	struct task *t = task_to_park(what);
	int r = checkpoint(t);

	if (r < 0) {
		unlink_waits(waits, n);
		return r;
	}
	t->waits = waits;
	t->n_waits = n;
	return stop(t, what, object, true);
}

int park_shielded_on(enum wait_what what, const void *object, struct wait *waits,
		     uint32_t n)
{
	struct task *t = task_to_park(what);

	if (loop_is_forked(t->loop)) {
		unlink_waits(waits, n);
		return -ECHILD;
	}
	t->waits = waits;
	t->n_waits = n;
	return stop(t, what, object, false);
}

void unpark(struct task *t, int r)
{
	CHECK(t->state == TASK_PARKED);
	unlink_waits(t->waits, t->n_waits);
	t->n_waits = 0;
	t->wake = r;
	t->state = TASK_READY;
	loop_trace(t->loop, ACRE_EVENT_UNPARK, t->id, (uint64_t)(int64_t)r);
	list_push(&t->loop->ready, &t->ready);
}

void unpark_all(struct list *waits, int r)
{
	struct list *node;

	while ((node = list_first(waits)))
		unpark(list_entry(node, struct wait, node)->task, r);
}

void sched_cancelled(struct task *t)
{
	if (t->state == TASK_PARKED && t->cancellable)
		unpark(t, -ECANCELED);
}

void sched_yield_task(void)
{
	struct task *t = task_this();

	sched_start(t);
	run_another(t->loop, t);
}

/* Here, so that the line above is inlined. */
int acre_yield(void)
{
	int r = checkpoint(sched_task("acre_yield"));

	if (r < 0)
		return r;
	sched_yield_task();
	return 0;
}

void sched_main(void *task)
{
	struct task *t = task, *next;
	struct loop *loop = t->loop;
	bool forked;

	bury(loop);
	task_run(t);
	forked = loop_is_forked(loop);
	next = forked ? NULL : choose(loop);
	t->state = TASK_ENDED;
	loop->corpse = t;
	if (next) {
		enter(loop, next);
		fiber_leave(&t->fiber, &next->fiber);
	}
	leave_to_loop(loop);
	if (forked)
		fiber_forked();
	fiber_leave(&t->fiber, &loop->fiber);
}

void sched_run(struct loop *loop)
{
	struct task *next;

	while ((next = choose(loop))) {
		enter(loop, next);
		fiber_switch(&loop->fiber, &next->fiber);
		if (loop_is_forked(loop))
			return;
		bury(loop);
		/* a task switches back here only to let the loop poll */
		if (loop->switches == 0)
			return;
	}
}
