/* SPDX-License-Identifier: MIT */
/* arena.h - blocks of memory that are freed together.
 *
 *	struct thing *things = arena_alloc(&arena, n * sizeof *things);
 *	...
 *	arena_fini(&arena);
 *
 * For what is read out of one message: who reads cannot know how much it will be, and
 * nobody wants to free it piece by piece. An arena of zeros is empty and ready.
 */
#pragma once

#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *blocks; /* owned */
	size_t left;		    /* bytes of the newest block that are free */
	size_t used;		    /* bytes asked for, in all */
};

/* Aligned for any type, not initialised. NULL: no memory, or n beyond SIZE_MAX / 2. */
void *arena_alloc(struct arena *a, size_t n) __attribute__((malloc, warn_unused_result));

/* Frees all of it. The arena is empty and ready afterwards. */
void arena_fini(struct arena *a);
