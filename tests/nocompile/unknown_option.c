/* SPDX-License-Identifier: MIT */
/* unknown_option.c - an actor is spawned with an option that does not exist. */
/* expect: no member named|does not refer to any field */
#include "common.h"

int spawn(struct acre_nursery *n, struct acre_actor **actor);

int spawn(struct acre_nursery *n, struct acre_actor **actor)
{
#ifdef FIXED
	return acre_spawn(n, actor, .linger = acre_secs(3));
#else
	return acre_spawn(n, actor, .timeout = acre_secs(3));
#endif
}
