/* SPDX-License-Identifier: MIT */
/* heap.h - an intrusive priority queue: what is due first.
 *
 * A pairing heap: the nodes live in the objects, nothing is allocated, so setting a timer
 * cannot fail. Insertion is O(1), removal O(log n) amortised, the minimum is a load.
 *
 * Equal keys come out in the order of their insertion: two timers of one instant fire in
 * the order in which they were set, in each run, which makes schedules repeatable.
 *
 * A zeroed node is an unlinked node; removing one does nothing. A zeroed heap is empty.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
	int64_t key;
	uint64_t seq;		   /* order of insertion; 0: unlinked */
	struct heap_node *child;   /* first of those below, whose keys are not smaller */
	struct heap_node *sibling; /* the next one below the same parent */
	struct heap_node *back;	   /* sibling before it; of a first child the parent */
};

struct heap {
	struct heap_node *root;
	uint64_t last_seq;
	size_t n;
};

void heap_init(struct heap *h);

/* A node that is linked already is a BUG. */
void heap_insert(struct heap *h, struct heap_node *node, int64_t key);

/* Idempotent; leaves the node zeroed. */
void heap_remove(struct heap *h, struct heap_node *node);

/* The node of the smallest key, or NULL. */
static inline struct heap_node *heap_min(const struct heap *h)
{
	return h->root;
}

static inline int64_t heap_key(const struct heap_node *node)
{
	return node->key;
}

static inline bool heap_is_linked(const struct heap_node *node)
{
	return node->seq != 0;
}

static inline size_t heap_n(const struct heap *h)
{
	return h->n;
}
