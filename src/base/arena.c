/* SPDX-License-Identifier: MIT */
/* arena.c - blocks of memory that are freed together. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/util.h"

/* A message of a few lists needs one block; what is larger gets its own. */
#define BLOCK_SIZE 4096

struct arena_block {
	struct arena_block *older;
	alignas(max_align_t) uint8_t bytes[];
};

/* A block of its own size if that is large; the rest of the one before is lost. */
static struct arena_block *add_block(struct arena *a, size_t n)
{
	size_t room = size_max(n, BLOCK_SIZE - sizeof(struct arena_block));
	struct arena_block *b = mem_alloc(sizeof *b + room);

	if (!b)
		return NULL;
	b->older = a->blocks;
	a->blocks = b;
	a->left = room;
	return b;
}

void *arena_alloc(struct arena *a, size_t n)
{
	size_t align = alignof(max_align_t);
	uint8_t *end;

	if (n > SIZE_MAX / 2)
		return NULL;
	n = (n + align - 1) / align * align;
	if (n > a->left && !add_block(a, n))
		return NULL;
	if (n == 0 && !a->blocks && !add_block(a, n))
		return NULL;
	/* from the end to the beginning: `left` is all that has to be known */
	a->left -= n;
	a->used += n;
	end = a->blocks->bytes + a->left;
	return end;
}

void arena_fini(struct arena *a)
{
	while (a->blocks) {
		struct arena_block *b = a->blocks;

		a->blocks = b->older;
		mem_free(b);
	}
	*a = (struct arena){ 0 };
}
