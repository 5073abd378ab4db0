/* SPDX-License-Identifier: MIT */
/* call.h - the one-shot forms of a context: a call, and a call that makes its own actor. */
#ifndef ACRE_CALL_H
#define ACRE_CALL_H

/*
 * A call is a context of which only the result matters (context.h):
 *
 *	r = acre_call(actor, add, (&(struct pair){ 1, 2 }), acre_int, &sum);
 *
 * The parentheses are for the preprocessor, which takes the comma for one of the macro.
 *
 * THREADS: the loop's thread only. FORK: the parent's.
 */

#include <acre/context.h>

ACRE_BEGIN_

/*
 * The one-shot form: acre_call(actor, add, &pair, acre_int, &sum). 1 with a value, 0 if
 * it was nil, < 0 a failure. A call has the time of the scopes around it, which travels;
 * one whose time is over is never started. A text or bytes in `ret` is borrowed by the task
 * that called: until it calls the same actor again, it ends, or the actor ends. Calls of
 * other tasks, and of other actors, leave it as it is. A checkpoint: cancelled, the callee
 * is cancelled and has ended, or was left behind after 3 s.
 */
#define acre_call(actor, endpoint, arg, message, ret)                    \
	acre_call_((actor), &endpoint##_endpoint_, endpoint##_arg_(arg), \
		   message##_msg_(), message##_ret_(ret))
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_call_(struct acre_actor *actor,
					   const struct acre_endpoint *endpoint,
					   const void *arg,
					   const struct acre_msg_kind *kind, void *ret);

/*
 * The same by names, for who knows no types (value.h): the argument is a map whose keys
 * are texts, or nil. `ret` is borrowed as a text is; it is untouched where 0 is returned.
 */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_call_named(struct acre_actor *actor,
						const char *name_space, const char *name,
						struct acre_value arg,
						struct acre_value *ret);

/*
 * A call that makes its own actor: spawn, call, result, end. In a nursery of its own, or
 * with .nursery in that one (the actor is reaped on return all the same), or with .actor
 * in that actor, which survives. Both: EINVAL. An endpoint of kind STREAM: ACRE_ETYPE
 * before anything is spawned. What `ret` points to is the caller's own: each text, bytes,
 * list is a block for free(), and acre_msg_free() frees them all.
 */
struct acre_oneshot_options {
	struct acre_nursery *nursery;
	struct acre_actor *actor;
	struct acre_spawn_options spawn;
	uint64_t reserved[2];
};
#define acre_oneshot(endpoint, arg, message, ...)                                    \
	ACRE_ONESHOT_(&endpoint##_endpoint_, endpoint##_arg_(arg), message##_msg_(), \
		      message##_ret_, __VA_ARGS__, )
#define ACRE_ONESHOT_(endpoint, in, kind, checked, ret, ...)   \
	acre_oneshot_(endpoint, in, kind, checked(ret),        \
		      ACRE_VALUE_(acre_oneshot_options, __VA_ARGS__))
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_oneshot_(const struct acre_endpoint *endpoint,
					      const void *arg,
					      const struct acre_msg_kind *kind, void *ret,
					      const struct acre_oneshot_options *options);

/* Frees what a message of acre_oneshot() points to, and makes it NULL: acre_msg_free(route,
 * &got). Any thread. */
#define acre_msg_free(message, value) \
	acre_msg_free_(message##_msg_(), message##_ret_(value))
ACRE_PUBLIC_ void acre_msg_free_(const struct acre_msg_kind *kind, void *value);

ACRE_END_
#endif
