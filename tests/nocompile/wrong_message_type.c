/* SPDX-License-Identifier: MIT */
/* wrong_message_type.c - an item is received into a message of another type. */
/* expect: incompatible.pointer.type */
#include "common.h"

int take(struct acre_context *ctx, struct prime *prime, struct range *range);

int take(struct acre_context *ctx, struct prime *prime, struct range *range)
{
#ifdef FIXED
	return range ? acre_recv(ctx, prime, prime) : 0;
#else
	return prime ? acre_recv(ctx, prime, range) : 0;
#endif
}
