/* SPDX-License-Identifier: MIT */
/* scope.h - cancel scopes from inside: the tree of scopes and how cancellation covers it. */
#pragma once

#include <acre/scope.h>

#include "core/timer.h"

struct task;
struct nursery;

/*
 * The scopes of a loop form a tree without a list: a scope knows the one around it
 * (outer) and the one that its task has opened inside it (inner, at most one, since a
 * task opens and closes them like parentheses). A nursery's scope also has the base
 * scopes of the nursery's tasks below it.
 *
 * A scope is *covered* when it, or any scope around it up to the first shield, is
 * cancelled. Covering is pushed down when something is cancelled, so that a checkpoint is
 * one load: current->scope->covered.
 */
struct scope {
	struct scope *outer;	 /* NULL for the base scope of a root task */
	struct scope *inner;	 /* NULL for the innermost */
	struct task *task;	 /* borrowed: who opened it; NULL once closed */
	struct nursery *nursery; /* whose scope this is, NULL for a plain one */
	/* at the earlier of the two instants below; off if both are never */
	struct timer timer;
	int64_t deadline;
	int64_t shield_until; /* 0: no shield */
	int64_t still;	      /* still_total() when the two were right */
	char *waited; /* owned: what its task waited for as the deadline passed; or NULL */
	const char *file;     /* where it was opened */
	int line;
	uint8_t reason; /* enum acre_reason: this scope itself was cancelled */
	bool covered;
	bool open;
};
_Static_assert(sizeof(struct scope) <= sizeof(struct acre_scope),
	       "the public scope holds ours");

static inline struct scope *scope_of(struct acre_scope *s)
{
	return (struct scope *)(void *)s;
}

/* An open one. Field by field: a compiler clears a struct of this size by `rep stos`, and
 * that takes as long as several switches. */
static inline void scope_init(struct scope *s, struct scope *outer, struct task *t,
			      const char *file, int line)
{
	s->outer = outer;
	s->inner = NULL;
	s->task = t;
	s->nursery = NULL;
	s->timer = (struct timer){ .fn = NULL };
	s->deadline = ACRE_NEVER_NS_;
	s->shield_until = 0;
	s->still = 0;
	s->waited = NULL;
	s->file = file;
	s->line = line;
	s->reason = ACRE_REASON_NONE;
	s->covered = outer->covered;
	s->open = true;
}

static inline bool scope_is_shield(const struct scope *s)
{
	return s->shield_until != 0;
}

/* Links a scope below the running task's innermost one. */
void scope_push(struct scope *s, struct task *t, const char *file, int line);
/* Unlinks the innermost one; another one is the caller's bug. */
void scope_pop(struct scope *s);

/* BUG if the scope is open in a task of another thread than this one. */
void scope_check_thread(const struct scope *s, const char *call);
/* Cancels a scope for a reason; idempotent, the first reason stays. */
void scope_cancel(struct scope *s, enum acre_reason reason);

/* Whether cancellation of the outer scopes reaches into this one. */
static inline bool scope_covered_from_outside(const struct scope *s)
{
	return s->outer && s->outer->covered && !scope_is_shield(s);
}

/* The reason of the nearest cancelled scope that covers `s`; NONE if it is not
 * covered. */
enum acre_reason scope_why(const struct scope *s);

/* The earliest deadline that holds inside `s`. */
int64_t scope_deadline(const struct scope *s);

/* The word of a reason, and back (NONE for an unknown word). */
const char *reason_word(enum acre_reason reason);
enum acre_reason reason_of_word(const char *word, size_t len);
