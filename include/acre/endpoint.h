/* SPDX-License-Identifier: MIT */
/* endpoint.h - what an endpoint is: a function that other actors may call, and what travels. */
#ifndef ACRE_ENDPOINT_H
#define ACRE_ENDPOINT_H

/*
 * ACRE_CONTEXT of context.h fills a struct acre_endpoint; its options are fields of it:
 *
 *	ACRE_CONTEXT(count, range, .started = ACRE_PAYLOAD(acre_int),
 *		     .sends = ACRE_PAYLOAD(prime)) { ... }
 *
 * What it declares to travel is checked where it is sent and where it arrives: ACRE_ETYPE,
 * "invalid `Started` msg payload: a value does not match type-spec ...", of the call that
 * sends it; else of acre_open(), acre_recv(), acre_result() or acre_context_close() of who
 * opened it by the same declaration. (Who opens by names has none.) Nothing of the wrong
 * type is sent, and the dialogue goes on. A value of the declared message itself costs a
 * comparison.
 *
 * THREADS: any. FORK: harmless.
 */

#include <acre/msg.h>

ACRE_BEGIN_

struct acre_context; /* opaque */

enum acre_endpoint_kind {
	/* acre_open() and acre_call(): a call drains its items, and sends it none */
	ACRE_ENDPOINT_CONTEXT,
	ACRE_ENDPOINT_ONESHOT, /* one value back; no started, no items */
	ACRE_ENDPOINT_STREAM   /* acre_open() only */
};

struct acre_endpoint {
	const char *name;
	int (*run)(struct acre_context *ctx, const void *in);
	const struct acre_msg_kind *(*in)(void);
	const char *file;
	int line;
	enum acre_endpoint_kind kind;
	const char *name_space; /* NULL: "main", in a module that was loaded its name */
	/* of the task that serves a call, in bytes, at most 1 GiB; 0: the loop's, 64 KiB */
	size_t stack_size;
	/* What travels, as ACRE_PAYLOAD(message); NULL: anything. nil may always. */
	const struct acre_msg_kind *(*started)(void);  /* the first value */
	const struct acre_msg_kind *(*sends)(void);    /* items to the opener */
	const struct acre_msg_kind *(*receives)(void); /* items from the opener */
	const struct acre_msg_kind *(*returns)(void);  /* the result */
	bool sends_unchecked; /* these are checked where they arrive only */
};
#define ACRE_PAYLOAD(message) message##_msg_

ACRE_END_
#endif
