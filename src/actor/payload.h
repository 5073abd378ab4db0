/* SPDX-License-Identifier: MIT */
/* payload.h - what an endpoint has declared to travel, held against what does. */
#pragma once

#include "actor/context.h"

/* What of a dialogue a value is, and what its endpoint has declared for it. */
typedef const struct acre_msg_kind *(*payload_type)(void);

static inline payload_type payload_of_items(const struct acre_context *ctx, bool sent)
{
	if (!ctx->types)
		return NULL;
	return ctx->is_opener == sent ? ctx->types->receives : ctx->types->sends;
}

/*
 * Before a value leaves as a `kind`: 0, or -ACRE_ETYPE if the endpoint has declared another
 * type that it does not match, and has it checked there. `where` is the message's name
 * ("Started"). Of the declared kind itself it costs a comparison.
 */
int payload_check_sent(const struct acre_context *ctx, payload_type declared,
		       const struct acre_msg_kind *kind, const void *value,
		       const char *where);

/* The same for one that has come, whether it was checked there or not. */
int payload_check_came(const struct acre_context *ctx, payload_type declared,
		       const void *packed, size_t len, const char *where);

/* Whether it has to be checked although it is read, or written, as this kind. */
static inline bool payload_differs(payload_type declared,
				   const struct acre_msg_kind *kind)
{
	return declared && declared() != kind;
}
