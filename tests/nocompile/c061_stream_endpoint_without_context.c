/* SPDX-License-Identifier: MIT */
/* c061_stream_endpoint_without_context.c - a stream endpoint has nothing to send its items to. */
/* expect: incompatible.*pointer type */
/* expect: = prime_numbers, */
#include "common.h"

int register_stream(void);

#ifdef FIXED
static int prime_numbers(struct acre_context *ctx, const void *in)
#else
static int prime_numbers(const void *in)
#endif
{
#ifdef FIXED
	return !ctx || !in;
#else
	return !in;
#endif
}

static const struct acre_endpoint prime_numbers_endpoint = {
	.name = "prime_numbers",
	.run = prime_numbers,
	.in = range_msg_,
	.kind = ACRE_ENDPOINT_STREAM,
};

int register_stream(void)
{
	return acre_endpoint_register(&prime_numbers_endpoint);
}
