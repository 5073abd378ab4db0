/* SPDX-License-Identifier: MIT */
/* context.h - endpoints, calls, and contexts with their streams: the dialogue between two actors. */
#ifndef ACRE_CONTEXT_H
#define ACRE_CONTEXT_H

/*
 * An endpoint is a function that other actors may call by its name. A context is the
 * dialogue between the task that opened it and the task that runs the endpoint: a first
 * value, items both ways, one result.
 *
 *	ACRE_CONTEXT(count, range) // the callee; given: ctx, in (const struct range *)
 *	{
 *		int r = acre_started(ctx, acre_int, .value = in->hi);
 *
 *		for (uint32_t i = in->lo; r >= 0 && i < in->hi; i++)
 *			r = acre_send(ctx, acre_int, .value = i);
 *		return r < 0 ? r : acre_return(ctx, acre_text, .value = "done");
 *	}
 *
 *	ACRE_OPEN(ctx, r, actor, count, &range) // the opener
 *		while ((r = acre_recv(ctx, acre_int, &item)) > 0)
 *			use(item.value);
 *
 * Three rules. Every context has exactly one outcome, and the result is never lost,
 * however many items were left unread. A sender without credit waits, so nothing is
 * dropped: at most 64 items and 1 MiB lie unread, up to 1,024 items (and 1 MiB still) where
 * the reader is so fast that 64 would hold it up. Leaving the block with r < 0 cancels
 * the callee; leaving it otherwise waits for the result.
 *
 * The dialogue is that of tractor's contexts; deadlines that travel are gRPC's; credits
 * are HTTP/2's windows.
 *
 * THREADS: the loop's thread only. FORK: the parent's.
 */

#include <acre/actor.h>
#include <acre/endpoint.h>
#include <acre/msg.h>

ACRE_BEGIN_

/* The section of pointers that ACRE_CONTEXT fills, one in each program and shared
 * object; its first and last are made by the linker, and a constructor tells the
 * library of it (again and again the same is harmless). */
__attribute__((weak, visibility("hidden"))) extern const struct acre_endpoint
	*const __start_acre_endpoints[];
__attribute__((weak, visibility("hidden"))) extern const struct acre_endpoint
	*const __stop_acre_endpoints[];
ACRE_PUBLIC_ void acre_endpoints_(const struct acre_endpoint *const *first,
				  const struct acre_endpoint *const *end);

/*
 * ACRE_CONTEXT(name, message) { ... } defines an endpoint. Given are `ctx` and `in`, the
 * argument, borrowed until the endpoint returns. Its return value: >= 0 well (the result
 * is what acre_return() gave, else nil), < 0 its failure, which travels. More fields of
 * struct acre_endpoint may follow: ACRE_CONTEXT(add, pair, .kind =
 * ACRE_ENDPOINT_ONESHOT). ACRE_ENDPOINT_ of a header: declare the same name with
 * ACRE_CONTEXT in one source file only; other files call it through acre_open_named().
 */
#define ACRE_CONTEXT(endpoint, ...) ACRE_CONTEXT_(endpoint##_, #endpoint, __VA_ARGS__, )
#define ACRE_CONTEXT_(prefix, as, message, ...)                                       \
	static int prefix##body_(struct acre_context *ctx, const struct message *in); \
	static int prefix##run_(struct acre_context *ctx, const void *in)             \
	{                                                                             \
		return prefix##body_(ctx, in);                                        \
	}                                                                             \
	__attribute__((unused)) static inline const void *prefix##arg_(               \
		const struct message *in)                                             \
	{                                                                             \
		return in;                                                            \
	}                                                                             \
	static const struct acre_endpoint prefix##endpoint_ = {                       \
		.name = as,                                                           \
		.run = prefix##run_,                                                  \
		.in = message##_msg_,                                                 \
		.file = __FILE__,                                                     \
		.line = __LINE__,                                                     \
		__VA_ARGS__                                                           \
	};                                                                            \
	__attribute__((                                                               \
		section("acre_endpoints"),                                            \
		used)) static const struct acre_endpoint *const prefix##entry_ =      \
		&prefix##endpoint_;                                                   \
	__attribute__((constructor)) static void prefix##announce_(void)              \
	{                                                                             \
		acre_endpoints_(__start_acre_endpoints, __stop_acre_endpoints);       \
	}                                                                             \
	static int prefix##body_(__attribute__((unused)) struct acre_context *ctx,    \
				    __attribute__((unused)) const struct message *in)

/* Registers endpoints of the running program under a namespace. EEXIST: a name that is
 * there. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int
acre_endpoint_register(const struct acre_endpoint *endpoint);

/*
 * Opens a context: sends the argument and the remaining time, waits until the callee has
 * called acre_started() (or sent, received or returned, which start it with nil). On
 * failure nothing is open. The failures: the callee's own (ACRE_EREMOTE with its class),
 * ACRE_ENOTEXPOSED, ACRE_ENOENDPOINT, ACRE_ETYPE, ACRE_ECTXC, ACRE_ECLOSED (its actor is
 * gone: how it ended its nursery tells, which returns the two as one), EAGAIN (1,024
 * contexts are open), EINVAL (oneself). A checkpoint: cancelled, the callee is cancelled too.
 */
#define acre_open(ret, actor, endpoint, arg) \
	acre_open_((ret), (actor), &endpoint##_endpoint_, endpoint##_arg_(arg))
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_open_(struct acre_context **ret,
					   struct acre_actor *actor,
					   const struct acre_endpoint *endpoint,
					   const void *arg);
/* By names, for endpoints that this program does not define; `kind` says how `arg`
 * travels. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_open_named(struct acre_context **ret,
						struct acre_actor *actor,
						const char *name_space, const char *name,
						const struct acre_msg_kind *kind,
						const void *arg);

/*
 * Leaves a context and returns the result of the whole: waits for the callee's end. r < 0
 * cancels the callee first, and so does a cancellation of this wait; then the callee has
 * 0.5 s to acknowledge it and 3 s to end, or is left behind: ACRE_ETOOSLOW. A failure of
 * the callee is returned if r >= 0 or is a cancellation that it explains; its being
 * cancelled by us is none. Takes NULL.
 */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_context_close(struct acre_context **ctx, int r);

/* Opener: asks the callee to end, and waits for the ack. ACRE_ETOOSLOW: none came within
 * 0.5 s; ACRE_ECLOSED: the link has ended.
 * Callee: cancels itself, after which its next checkpoint is cancelled. Idempotent. A
 * checkpoint. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_context_cancel(struct acre_context *ctx);

/* Callee: acre_started(ctx, range, .lo = 1), the first value, once. EPROTO: twice, or
 * after an item. A checkpoint. */
#define acre_started(ctx, ...) ACRE_GIVE_(acre_started_, ctx, __VA_ARGS__, )
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_started_(struct acre_context *ctx,
					      const struct acre_msg_kind *kind,
					      const void *value);
/* Opener: that first value. 1, or 0 if it was nil. ACRE_ETYPE. */
#define acre_first(ctx, message, ret) \
	acre_first_((ctx), message##_msg_(), message##_ret_(ret))
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_first_(struct acre_context *ctx,
					    const struct acre_msg_kind *kind, void *ret);

/* Sends an item, either side: acre_send(ctx, prime, .value = i). Waits for credit.
 * ACRE_ECLOSED: the stream has ended in this direction, or the link; ACRE_ECTXC: the
 * context is over; EMSGSIZE, ACRE_ETYPE: it cannot travel (msg.h). A checkpoint: on
 * -ECANCELED nothing was sent. */
#define acre_send(ctx, ...) ACRE_GIVE_(acre_send_, ctx, __VA_ARGS__, )
ACRE_PUBLIC_ ACRE_MUST_USE_ int
acre_send_(struct acre_context *ctx, const struct acre_msg_kind *kind, const void *value);

/* Receives an item: 1, or 0 at the end, again and again; < 0 a failure, the other
 * side's included. An item of another type is ACRE_ETYPE and is consumed. A
 * checkpoint: on -ECANCELED nothing was taken. */
#define acre_recv(ctx, message, ret) \
	acre_recv_((ctx), message##_msg_(), message##_ret_(ret))
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_recv_(struct acre_context *ctx,
					   const struct acre_msg_kind *kind, void *ret);

/* Says that this side sends no more items; it goes on reading. Idempotent. Not a
 * checkpoint. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_finish(struct acre_context *ctx);

/* Closes the stream: this side sends no more items and reads no more, what is unread
 * is dropped, and a send of the other side fails with ACRE_ECLOSED. The result still
 * comes. Leaving the context does it. Idempotent. Not a checkpoint. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_stop(struct acre_context *ctx);

/* Callee: gives the result and returns 0, for `return acre_return(ctx, answer, .value
 * = 42);`. EPROTO: it was given already, and stays what it is. */
#define acre_return(ctx, ...) ACRE_GIVE_(acre_return_, ctx, __VA_ARGS__, )
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_return_(struct acre_context *ctx,
					     const struct acre_msg_kind *kind,
					     const void *value);

/* Opener: waits for the result: 1 with a value, 0 if it was nil, < 0 the callee's
 * failure. Again and again the same. Items that were not read stay readable. A
 * checkpoint. */
#define acre_result(ctx, message, ret) \
	acre_result_((ctx), message##_msg_(), message##_ret_(ret))
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_result_(struct acre_context *ctx,
					     const struct acre_msg_kind *kind, void *ret);

/* How a context stands: one outcome, set once. */
struct acre_outcome {
	bool done;
	int r; /* 0: a result came; < 0: the failure (ACRE_ECTXC if it was cancelled) */
	bool cancel_called;	 /* by this side */
	bool cancel_acked;	 /* the other side said so */
	enum acre_reason reason; /* why it was cancelled, by either side */
	/* name of the actor in which that began, a copy; "" if it was not cancelled */
	char canceller[ACRE_ACTOR_NAME_SIZE];
};
ACRE_PUBLIC_ struct acre_outcome acre_outcome(const struct acre_context *ctx);

/* The other side's actor. */
ACRE_PUBLIC_ struct acre_actor *acre_context_peer(const struct acre_context *ctx);

/*
 * ACRE_OPEN(ctx, r, actor, endpoint, arg) { ... }: it is
 *
 *	if (r >= 0) {
 *		struct acre_context *ctx = NULL;
 *		r = acre_open(&ctx, actor, endpoint, arg);
 *		if (r >= 0) {
 *			...
 *			r = acre_context_close(&ctx, r);
 *		}
 *	}
 */
#define ACRE_OPEN(ctx, r, actor, endpoint, arg)                                        \
	for (struct acre_context * ctx ACRE_CLEANUP_(acre_context_abandon_) = NULL,    \
				       *ctx##_do_ =                                    \
					       acre_open_block_(&ctx, &(r), (actor),   \
								&endpoint##_endpoint_, \
								endpoint##_arg_(arg)); \
	     ctx##_do_; (r) = acre_context_close(&ctx, (r)), ctx##_do_ = NULL)         \
		for (int ctx##_once_ = 1; ctx##_once_; ctx##_once_ = 0)
ACRE_PUBLIC_ struct acre_context *acre_open_block_(struct acre_context **ret, int *r,
						   struct acre_actor *actor,
						   const struct acre_endpoint *endpoint,
						   const void *arg);
ACRE_PUBLIC_ void acre_context_abandon_(struct acre_context **ctx);

ACRE_END_
#endif
