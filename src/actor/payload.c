/* SPDX-License-Identifier: MIT */
/* payload.c - what an endpoint has declared to travel, held against what does.
 *
 * Who sends a value as the kind that the endpoint declares has nothing to check: the compiler
 * did. Else the value is packed and read as that kind on the side. So it is a program of other
 * types, or none, that pays for it; and it hears where it is wrong, not its peer.
 */
#include "actor/payload.h"

#include "actor/schema.h"
#include "base/fault.h"
#include "base/mem.h"

/* Reads a copy, since reading spoils it. */
static int matches(const struct acre_msg_kind *kind, const void *packed, size_t len,
		   const char *where)
{
	struct schema_held held;
	void *value = mem_alloc(kind->size);
	int r;

	schema_held_init(&held);
	r = value ? schema_hold(&held, packed, len) : -ENOMEM;
	if (r < 0)
		r = acre_fail(report_class(r), "no memory to check a %s", kind->name);
	else
		r = schema_read_held(kind, &held, value, where);
	schema_held_fini(&held);
	mem_free(value);
	return r;
}

int payload_check_came(const struct acre_context *ctx, payload_type declared,
		       const void *packed, size_t len, const char *where)
{
	if (!declared || PLANTED(PAYLOAD_UNCHECKED))
		return 0;
	if (len == 0 || schema_is_nil(packed, len))
		return 0;
	return acre_note(matches(declared(), packed, len, where),
			 "holding it against what %s declares (context %s with %s)",
			 ctx->endpoint_name, ctx->cid, ctx->peer->name);
}

int payload_check_sent(const struct acre_context *ctx, payload_type declared,
		       const struct acre_msg_kind *kind, const void *value,
		       const char *where)
{
	struct pack_writer w;
	struct buf packed;
	int r;

	if (!payload_differs(declared, kind) || ctx->types->sends_unchecked)
		return 0;
	buf_init(&packed, wire_limits_default.frame);
	pack_writer_init(&w, &packed, &wire_limits_default);
	schema_write(&w, kind, value);
	if (pack_writer_result(&w) < 0)
		r = 0; /* it cannot be sent at all, which who sends it will find and tell */
	else
		r = payload_check_came(ctx, declared, buf_bytes(&packed),
				       buf_len(&packed), where);
	buf_fini(&packed);
	return r;
}
