/* SPDX-License-Identifier: MIT */
/* wrong_context_argument.c - a context is opened with an argument that its endpoint does not take. */
/* expect: incompatible.pointer.type */
#include "common.h"

int ask(struct job *job, const struct prime *prime);

int ask(struct job *job, const struct prime *prime)
{
	int r = 0;

#ifdef FIXED
	ACRE_OPEN(ctx, r, job->actor, primes, &job->range)
#else
	ACRE_OPEN(ctx, r, job->actor, primes, prime)
#endif
		r = acre_context_cancel(ctx);
	return prime ? r : 0;
}
