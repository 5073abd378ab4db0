/* SPDX-License-Identifier: MIT */
/* nursery.c - the block that owns: members, failures, and the join. */
#include <string.h>

#include "base/fault.h"
#include "base/panic.h"
#include "base/util.h"
#include "core/loop.h"
#include "core/sched.h"
#include "core/task.h"
#include "core/trace.h"

/*
 * A nursery ends in two steps. First its tasks are joined: they are the work. Then its
 * other members (actors, which serve until told otherwise) are asked to end, and joined
 * too. A failure of any member, or of the body, cancels the nursery's scope, which asks
 * all of them at once.
 *
 * The join is no checkpoint: leaving first is the one thing that a nursery must not do.
 * Its bound is that of its members: tasks see the cancellation, actors are ended by the
 * ladder.
 */

static struct task *owner(const struct nursery *n)
{
	return n->scope.task;
}

void nursery_open(struct nursery *n, const char *file, int line)
{
	scope_push(&n->scope, sched_task("acre_nursery_open"), file, line);
	list_init(&n->members);
	list_init(&n->ended);
	n->n_tasks = n->n_others = 0;
	failures_init(&n->failures);
	n->walk = NULL;
	n->backend = NULL;
	n->state = NURSERY_OPEN;
	n->child_was_cancelled = n->joiner_parked = false;
	n->scope.nursery = n;
}

void nursery_fail(struct nursery *n, int r)
{
	if (PLANTED(FAILURE_DROPPED) && n->failures.n)
		return;
	failures_add(&n->failures, r);
	scope_cancel(&n->scope, ACRE_REASON_SIBLING);
}

/* What the joiner waits for in its present step. */
static size_t n_awaited(const struct nursery *n)
{
	return n->state == NURSERY_JOINING ? n->n_tasks : n->n_others;
}

void nursery_member_ended(struct member *m, int r)
{
	struct nursery *n = m->nursery;

	list_remove(&m->node);
	if (m->bury)
		list_push(&n->ended, &m->node);
	if (m->task)
		n->n_tasks--;
	else
		n->n_others--;
	if (report_class(r) == ECANCELED)
		n->child_was_cancelled = true;
	else if (r < 0)
		nursery_fail(n, r);
	if (n->joiner_parked && n_awaited(n) == 0) {
		n->joiner_parked = false;
		unpark(owner(n), 0);
	}
	if (n ==
	    &loop_this->root) { /* it has no owner to join it: its one task was all */
		n->value = r;
		loop_this->ended = n->n_tasks == 0;
	}
}

static void join(struct nursery *n)
{
	while (n_awaited(n)) {
		if (PLANTED(NURSERY_CLOSES_EARLY))
			return;
		n->joiner_parked = true;
		park_shielded(WAIT_NURSERY, n);
	}
}

static void ask_others(struct nursery *n)
{
	struct member *m;

	list_for_each(m, &n->members, node)
		if (!m->task)
			m->ask(m, ACRE_REASON_PARENT);
}

static void bury_members(struct nursery *n)
{
	struct list *node;

	while ((node = list_pop(&n->ended))) {
		struct member *m = list_entry(node, struct member, node);

		m->bury(m);
	}
}

/* The result of the whole, once everything has ended. */
static int outcome(struct nursery *n, int r, bool outside)
{
	bool cancelled = report_class(r) == ECANCELED;

	if (n->failures.n)
		return failures_result(&n->failures);
	if (cancelled && n->scope.reason && !outside)
		return 0;
	/* without this an outer deadline that ended the children after the body would
	 * look like success */
	if (outside && n->child_was_cancelled && !PLANTED(CANCEL_REPORTED_AS_SUCCESS))
		return -ECANCELED;
	return r;
}

int nursery_root_result(struct nursery *n)
{
	if (n->failures.n)
		return failures_result(&n->failures);
	return n->value;
}

/* A nursery is closed once, by the task that opened it, as its innermost scope: all
 * else corrupts the tree. */
static void check_close(const struct nursery *n)
{
	struct task *t = sched_task("acre_nursery_close");

	if (n->state != NURSERY_OPEN)
		BUG("acre_nursery_close of a nursery that is not open");
	if (owner(n) != t)
		BUG("task %s closes the nursery of task %s, opened at %s:%d", t->name,
		    owner(n)->name, n->scope.file, n->scope.line);
	if (t->scope != &n->scope)
		BUG("the nursery opened at %s:%d is closed while the scope opened at "
		    "%s:%d is open inside it",
		    n->scope.file, n->scope.line, t->scope->file, t->scope->line);
}

int nursery_close(struct nursery *n, int r)
{
	bool outside;

	check_close(n);
	if (loop_is_forked(loop_this)) { /* what it owns is the parent's, and stays */
		n->state = NURSERY_CLOSED;
		scope_pop(&n->scope);
		return -ECHILD;
	}
	n->state = NURSERY_JOINING;
	if (r < 0) {
		if (report_class(r) != ECANCELED)
			nursery_fail(n, r);
		scope_cancel(&n->scope, ACRE_REASON_PARENT);
	}
	join(n);
	n->state = NURSERY_ENDING;
	ask_others(n);
	join(n);
	CHECK(list_is_empty(&n->members) || PLANTED(NURSERY_CLOSES_EARLY));
	outside = scope_covered_from_outside(&n->scope);
	n->state = NURSERY_CLOSED;
	bury_members(n);
	scope_pop(&n->scope);
	r = outcome(n, r, outside);
	trace(ACRE_EVENT_NURSERY_CLOSE, (uintptr_t)n, (uint64_t)(int64_t)r);
	return r;
}

void acre_nursery_open_(struct acre_nursery *nursery, const char *file, int line)
{
	nursery_open(nursery_of(nursery), file, line);
}

/* Not entered after a failure: then it is left as one that is closed. */
struct acre_nursery *acre_nursery_block_(struct acre_nursery *nursery, int r,
					 const char *file, int line)
{
	if (r < 0) {
		nursery_of(nursery)->state = NURSERY_CLOSED;
		return NULL;
	}
	nursery_open(nursery_of(nursery), file, line);
	return nursery;
}

int acre_nursery_close(struct acre_nursery *nursery, int r)
{
	return nursery_close(nursery_of(nursery), r);
}

void acre_nursery_abandon_(struct acre_nursery *nursery)
{
	struct nursery *n = nursery_of(nursery);
	struct task *t;
	int r;

	if (n->state != NURSERY_OPEN)
		return;
	t = owner(n);
	r = nursery_close(n, -ECANCELED);
	if (r < 0 && report_class(r) != ECANCELED)
		nursery_fail(t->member.nursery, r);
}

void acre_nursery_cancel(struct acre_nursery *nursery)
{
	struct nursery *n = nursery_of(nursery);

	if (n->state == NURSERY_CLOSED)
		BUG("acre_nursery_cancel of a nursery that is closed");
	scope_check_thread(&n->scope, "acre_nursery_cancel");
	scope_cancel(&n->scope, ACRE_REASON_ASKED);
}

enum acre_reason acre_nursery_cancelled(const struct acre_nursery *nursery)
{
	return (enum acre_reason)((const struct nursery *)(const void *)nursery)
		->scope.reason;
}

size_t acre_nursery_n(const struct acre_nursery *nursery)
{
	const struct nursery *n = (const struct nursery *)(const void *)nursery;

	return n->n_tasks + n->n_others;
}
