/* SPDX-License-Identifier: MIT */
/* misspelt_endpoint.c - a remote function that does not exist is called. */
/* expect: undeclared */
#include "common.h"

int call(struct acre_actor *actor, const struct range *range, struct prime *prime);

int call(struct acre_actor *actor, const struct range *range, struct prime *prime)
{
#ifdef FIXED
	return acre_call(actor, primes, range, prime, prime);
#else
	return acre_call(actor, prinmes, range, prime, prime);
#endif
}
