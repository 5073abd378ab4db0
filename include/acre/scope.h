/* SPDX-License-Identifier: MIT */
/* scope.h - cancel scopes, deadlines and shields. */
#ifndef ACRE_SCOPE_H
#define ACRE_SCOPE_H

/*
 * A cancel scope is a stretch of one task's life that can be cancelled as a whole: with
 * all that the task does inside it, nurseries and their tasks and actors included.
 * Cancellation is a level, not an event: while any scope around a task (up to the first
 * shield) is cancelled, every checkpoint returns -ECANCELED, the first and the hundredth
 * alike. Only the cancelled scope itself ends it:
 *
 *	ACRE_WITHIN(acre_secs(5), r)
 *		r = talk(peer);         // -ECANCELED in here when the time is over
 *	if (acre_is(r, ETIMEDOUT))      // ... and -ETIMEDOUT out here
 *		r = 0;
 *
 * Three rules. A scope is closed by the task that opened it, in reverse order (else BUG).
 * A task that returns -ECANCELED without being cancelled has failed (EPROTO). A shield
 * always has a bound.
 *
 * Levels are trio's idea; that expiry is the minimum over the ancestors, nsync's note.
 *
 * THREADS: the loop's thread only. FORK: scopes of the parent are of no use in a child.
 */

#include <acre/time.h>

ACRE_BEGIN_

/* Why something was cancelled. The words travel between actors. */
#define ACRE_REASONS(R)           \
	R(ASKED, "asked")         \
	R(DEADLINE, "deadline")   \
	R(SIBLING, "sibling")     \
	R(PARENT, "parent")       \
	R(INTERRUPT, "interrupt") \
	R(TERMINATE, "terminate") \
	R(DIED, "died")           \
	R(LIMIT, "limit")

#define ACRE_REASON_ENUM_(name, word) ACRE_REASON_##name,
enum acre_reason { ACRE_REASON_NONE, ACRE_REASONS(ACRE_REASON_ENUM_) ACRE_N_REASONS_ };
#undef ACRE_REASON_ENUM_

/* The caller's memory, usually on the stack; opening it cannot fail. */
struct acre_scope {
	uint64_t private_[16];
};

/* Opens a scope around what the running task does from here on. */
#define acre_scope_open(scope) acre_scope_open_((scope), __FILE__, __LINE__)
ACRE_PUBLIC_ void acre_scope_open_(struct acre_scope *scope, const char *file, int line);

/* Sets, moves or (with acre_never()) removes the scope's deadline. A past one cancels
 * at once. */
ACRE_PUBLIC_ void acre_scope_deadline(struct acre_scope *scope, acre_instant deadline);

/* Makes the open scope a shield: cancellation from outside does not reach what is
 * inside it before `bound`; then it does again. Its own cancellation works as ever. An
 * unbounded one is a BUG. */
ACRE_PUBLIC_ void acre_scope_shield(struct acre_scope *scope, acre_span bound);

/* Cancels everything in the scope; idempotent, never waits. Any task of the scope's
 * loop may call it. */
ACRE_PUBLIC_ void acre_scope_cancel(struct acre_scope *scope);

/* Whether the scope itself was cancelled (by a call, or by its deadline), and why. */
ACRE_PUBLIC_ enum acre_reason acre_scope_cancelled(const struct acre_scope *scope);

/* Ends the scope. A cancellation that this scope caused becomes -ETIMEDOUT (its
 * deadline; the report says what its task, or one that it joins, waited for) or 0
 * (asked); all else goes through unchanged. Not a checkpoint. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_scope_close(struct acre_scope *scope, int r);

/* 0, or -ECANCELED if the running task is cancelled. A checkpoint that never waits. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_checkpoint(void);

/* Lets every other ready task run once. A checkpoint. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_yield(void);

/* The earliest deadline around the running task, up to the first shield; never if
 * there is none. */
ACRE_PUBLIC_ acre_instant acre_deadline(void);

/*
 * ACRE_WITHIN(span, r) { ... }: the block has `span` to end. It is
 *
 * if (r >= 0) {
 * 	struct acre_scope s;
 * 	acre_scope_open(&s);
 * 	acre_scope_deadline(&s, acre_after(acre_now(), span));
 * 	...
 * 	r = acre_scope_close(&s, r);
 * }
 *
 * ACRE_SHIELD(span, r) { ... }: a goodbye of at most `span` that goes on although the
 * task is cancelled; the same with acre_scope_shield(). It runs also when r < 0, since a
 * goodbye is said just then, and hands r on.
 *
 * `break` leaves a block early. `return` out of one is safe and loud: the scope is
 * closed, and if it was cancelled the task fails and says so.
 */
#define ACRE_WITHIN(span, r) ACRE_WITHIN_(span, r, ACRE_PASTE_(acre_within_, __COUNTER__))
#define ACRE_WITHIN_(span, r, s)                                                   \
	for (struct acre_scope s ACRE_CLEANUP_(                                    \
		     acre_scope_abandon_) = { { 0 } },                             \
       *ACRE_PASTE_(s, _do_) =                                                     \
		     (r) < 0 ? NULL                                                \
			     : acre_scope_within_(&s, (span), __FILE__, __LINE__); \
	     ACRE_PASTE_(s, _do_);                                                 \
	     (r) = acre_scope_close(&s, (r)), ACRE_PASTE_(s, _do_) = NULL)         \
		for (int ACRE_PASTE_(s, _once_) = 1; ACRE_PASTE_(s, _once_);       \
		     ACRE_PASTE_(s, _once_) = 0)

#define ACRE_SHIELD(span, r) ACRE_SHIELD_(span, r, ACRE_PASTE_(acre_shield_, __COUNTER__))
#define ACRE_SHIELD_(span, r, s)                                                     \
	for (struct acre_scope s ACRE_CLEANUP_(                                      \
		     acre_scope_abandon_) = { { 0 } },                               \
       *ACRE_PASTE_(s, _do_) = acre_scope_shielded_(&s, (span), __FILE__, __LINE__); \
	     ACRE_PASTE_(s, _do_);                                                   \
	     (r) = acre_scope_close(&s, (r)), ACRE_PASTE_(s, _do_) = NULL)           \
		for (int ACRE_PASTE_(s, _once_) = 1; ACRE_PASTE_(s, _once_);         \
		     ACRE_PASTE_(s, _once_) = 0)

/* The blocks' own: open with a deadline, open as a shield, left by `return`. */
ACRE_PUBLIC_ struct acre_scope *
acre_scope_within_(struct acre_scope *scope, acre_span span, const char *file, int line);
ACRE_PUBLIC_ struct acre_scope *acre_scope_shielded_(struct acre_scope *scope,
						     acre_span span, const char *file,
						     int line);
ACRE_PUBLIC_ void acre_scope_abandon_(struct acre_scope *scope);

ACRE_END_
#endif
