/* SPDX-License-Identifier: MIT */
/* common.h - what the programs that must not compile have in common. */
#pragma once

#include <acre.h>

#define RANGE(F) F(uint32_t, lo) F(uint32_t, hi)
#define PRIME(F) F(uint32_t, value)
ACRE_MSG(range, RANGE)
ACRE_MSG(prime, PRIME)

struct job {
	struct acre_actor *actor;
	struct range range;
};

ACRE_CONTEXT(primes, range)
{
	return acre_send(ctx, prime, .value = in->lo);
}

ACRE_TASK(collect, struct job *job)
{
	return job->range.lo != 0;
}
