/* SPDX-License-Identifier: MIT */
/* scope.c - cancel scopes: opening, closing, deadlines, shields, and covering what is inside. */
#include "core/scope.h"

#include <string.h>

#include <acre/error.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/util.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/sched.h"
#include "core/still.h"
#include "core/task.h"
#include "core/trace.h"

/*
 * Cancelling marks one scope and then covers everything below it, without recursion:
 * along the chain of inner scopes of one task, and through a work list of the nurseries
 * met on the way. A chain that is covered already, or that begins with a shield, is left
 * alone: whatever lies inside it is covered, or must not be.
 */

#define REASON_ROW(name, word) [ACRE_REASON_##name] = word,
static const char *const words[ACRE_N_REASONS_] = { [ACRE_REASON_NONE] = "",
						    ACRE_REASONS(REASON_ROW) };

const char *reason_word(enum acre_reason reason)
{
	return (unsigned int)reason < ACRE_N_REASONS_ ? words[reason] : "";
}

enum acre_reason reason_of_word(const char *word, size_t len)
{
	for (unsigned int i = 1; i < ACRE_N_REASONS_; i++)
		if (strlen(words[i]) == len && !memcmp(words[i], word, len))
			return (enum acre_reason)i;
	return ACRE_REASON_NONE;
}

/* Two names of actors and endpoints, and the words around them. */
#define WAITED_MAX 384

static void remember_nursery(struct scope *s, struct nursery **todo)
{
	if (s->nursery) {
		s->nursery->walk = *todo;
		*todo = s->nursery;
	}
}

static void cover_chain(struct scope *s, struct nursery **todo)
{
	s->covered = true;
	remember_nursery(s, todo);
	while (s->inner && !s->inner->covered && !scope_is_shield(s->inner)) {
		s = s->inner;
		s->covered = true;
		remember_nursery(s, todo);
	}
	if (!s->inner && s->task)
		sched_cancelled(s->task);
}

static void cover(struct scope *s, enum acre_reason reason)
{
	struct nursery *todo = NULL;
	struct member *m;

	cover_chain(s, &todo);
	while (todo) {
		struct nursery *n = todo;

		todo = n->walk;
		n->walk = NULL;
		list_for_each(m, &n->members, node) {
			if (!m->task)
				m->ask(m, reason);
			else if (!m->task->base.covered)
				cover_chain(&m->task->base, &todo);
		}
	}
}

enum acre_reason scope_why(const struct scope *s)
{
	for (; s && s->covered; s = s->outer)
		if (s->reason)
			return (enum acre_reason)s->reason;
	return ACRE_REASON_NONE;
}

int64_t scope_deadline(const struct scope *s)
{
	int64_t earliest = ACRE_NEVER_NS_;

	for (; s; s = scope_is_shield(s) ? NULL : s->outer)
		earliest = s->deadline < earliest ? s->deadline : earliest;
	return earliest;
}

void scope_cancel(struct scope *s, enum acre_reason reason)
{
	if (s->reason ||
	    loop_is_forked(loop_this)) /* what is below belongs to the parent */
		return;
	s->reason = (uint8_t)reason;
	trace(ACRE_EVENT_SCOPE_CANCEL, s->task ? s->task->id : 0, reason);
	if (!s->covered)
		cover(s, reason);
}

/* The bound of a shield is over: what is cancelled around it reaches inside again. */
static void drop_shield(struct scope *s)
{
	s->shield_until = 0;
	trace(ACRE_EVENT_SHIELD_OVER, s->task ? s->task->id : 0, scope_why(s->outer));
	if (!s->outer || !s->outer->covered || s->covered)
		return;
	log_say(ACRE_LOG_CANCEL,
		"the shield of task %s opened at %s:%d is over: it is cancelled now",
		s->task ? s->task->name : "", s->file, s->line);
	cover(s, scope_why(s->outer));
}

static void arm(struct scope *s);

/* What its task waits for is told when the scope is closed; without memory it is not. */
static void deadline_passed(struct scope *s)
{
	char text[WAITED_MAX];

	s->deadline = ACRE_NEVER_NS_;
	if (s->task && !s->reason && task_waited(s->task, text, sizeof text))
		s->waited = mem_strdup(text);
	scope_cancel(s, ACRE_REASON_DEADLINE);
}

/* What the clocks of the tree have stood still does not count. */
static void move_by_still(struct scope *s)
{
	int64_t more = still_more(&s->still);

	s->deadline = int64_add(s->deadline, s->deadline == ACRE_NEVER_NS_ ? 0 : more);
	if (scope_is_shield(s))
		s->shield_until = int64_add(s->shield_until, more);
}

static void expire(struct timer *timer)
{
	struct scope *s = container_of(timer, struct scope, timer);
	int64_t now = clock_now();

	move_by_still(s);
	if (s->deadline <= now)
		deadline_passed(s);
	if (scope_is_shield(s) && s->shield_until <= now)
		drop_shield(s);
	arm(s);
}

static void arm(struct scope *s)
{
	int64_t at = s->deadline;

	if (scope_is_shield(s) && s->shield_until < at)
		at = s->shield_until;
	timer_stop(&s->timer);
	if (at != ACRE_NEVER_NS_)
		timer_set(&s->timer, at, expire);
}

void scope_push(struct scope *s, struct task *t, const char *file, int line)
{
	scope_init(s, t->scope, t, file, line);
	t->scope->inner = s;
	t->scope = s;
}

void scope_pop(struct scope *s)
{
	timer_stop(&s->timer);
	s->waited = mem_free(s->waited);
	s->task->scope = s->outer;
	s->outer->inner = NULL;
	s->task = NULL;
	s->open = false;
}

/* The scope, which must be the innermost of the running task: anything else corrupts
 * the tree. */
static struct scope *innermost(const struct acre_scope *scope, const char *call)
{
	struct scope *s = (struct scope *)(uintptr_t)scope;
	struct task *t = sched_task(call);

	if (!s->open)
		BUG("%s of a scope that is not open", call);
	if (s->task != t)
		BUG("%s by task %s of the scope of another task, opened at %s:%d", call,
		    t->name, s->file, s->line);
	if (t->scope != s)
		BUG("%s of the scope opened at %s:%d while the one opened at %s:%d is "
		    "open inside it",
		    call, s->file, s->line, t->scope->file, t->scope->line);
	return s;
}

void acre_scope_open_(struct acre_scope *scope, const char *file, int line)
{
	scope_push(scope_of(scope), sched_task("acre_scope_open"), file, line);
}

void acre_scope_deadline(struct acre_scope *scope, acre_instant deadline)
{
	struct scope *s = scope_of(scope);

	if (!s->open)
		BUG("acre_scope_deadline of a scope that is not open");
	move_by_still(s);
	s->deadline = deadline.ns;
	if (deadline.ns <= clock_now())
		deadline_passed(s);
	arm(s);
}

void acre_scope_shield(struct acre_scope *scope, acre_span bound)
{
	struct scope *s = innermost(scope, "acre_scope_shield");

	if (bound.ns >= ACRE_NEVER_NS_ || bound.ns < 0)
		BUG("the shield opened at %s:%d has no bound: give it a span that ends",
		    s->file, s->line);
	move_by_still(s);
	s->shield_until = acre_after(acre_now(), bound).ns;
	s->covered = s->reason != ACRE_REASON_NONE;
	arm(s);
}

void scope_check_thread(const struct scope *s, const char *call)
{
	if (unlikely(!loop_this || (s->task && s->task->loop != loop_this)))
		BUG("%s on another thread than that of the scope opened at %s:%d", call,
		    s->file ? s->file : "?", s->line);
}

void acre_scope_cancel(struct acre_scope *scope)
{
	struct scope *s = scope_of(scope);

	if (!s->open)
		BUG("acre_scope_cancel of a scope that is not open");
	scope_check_thread(s, "acre_scope_cancel");
	scope_cancel(s, ACRE_REASON_ASKED);
}

enum acre_reason acre_scope_cancelled(const struct acre_scope *scope)
{
	return (enum acre_reason)scope_of((struct acre_scope *)(uintptr_t)scope)->reason;
}

static int timed_out(const struct scope *s)
{
	return acre_fail_at_(s->file, s->line, ETIMEDOUT,
			     "the deadline of this scope passed%s%s",
			     s->waited ? "; " : "", s->waited ? s->waited : "");
}

int acre_scope_close(struct acre_scope *scope, int r)
{
	struct scope *s = innermost(scope, "acre_scope_close");
	bool outside = scope_covered_from_outside(s);

	if (report_class(r) == ECANCELED && s->reason && !outside)
		r = s->reason == ACRE_REASON_DEADLINE ? timed_out(s) : 0;
	scope_pop(s);
	return r;
}

struct acre_scope *acre_scope_within_(struct acre_scope *scope, acre_span span,
				      const char *file, int line)
{
	acre_scope_open_(scope, file, line);
	acre_scope_deadline(scope, acre_after(acre_now(), span));
	return scope;
}

struct acre_scope *acre_scope_shielded_(struct acre_scope *scope, acre_span span,
					const char *file, int line)
{
	acre_scope_open_(scope, file, line);
	acre_scope_shield(scope, span);
	return scope;
}

void acre_scope_abandon_(struct acre_scope *scope)
{
	struct scope *s = scope_of(scope);
	struct task *t;

	if (!s->open)
		return;
	t = innermost(scope, "leaving the block")->task;
	scope_pop(s);
	if (s->reason)
		nursery_fail(t->member.nursery,
			     acre_fail_at_(s->file, s->line, EPROTO,
					   "left this scope by return while it was "
					   "cancelled; leave it by "
					   "break"));
}

acre_instant acre_deadline(void)
{
	acre_instant t = { .ns = scope_deadline(sched_task("acre_deadline")->scope) };

	return t;
}

int acre_checkpoint(void)
{
	return checkpoint(sched_task("acre_checkpoint"));
}
