/* SPDX-License-Identifier: MIT */
/* actor_for_context.c - an actor is used where a context is meant. */
/* expect: incompatible.pointer.type */
#include "common.h"

int say(struct job *job, struct acre_context *ctx);

int say(struct job *job, struct acre_context *ctx)
{
#ifdef FIXED
	return job ? acre_send(ctx, prime, .value = 1) : 0;
#else
	return ctx ? acre_send(job->actor, prime, .value = 1) : 0;
#endif
}
