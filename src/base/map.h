/* SPDX-License-Identifier: MIT */
/* map.h - an intrusive hash map from bytes to objects.
 *
 * The nodes live in the objects and borrow their keys: a key must stay where it is, and as
 * it is, while its node is in the map. Chains of nodes hang from a table of buckets, which
 * doubles when there are more nodes than buckets.
 *
 * Neither init nor insertion can fail for memory: the first buckets are part of the map,
 * and a table that cannot grow only means longer chains until it can. That is also why a
 * map must not be moved or copied.
 *
 * A zeroed node is an unlinked node. Walking goes by map_next(), in no useful order; a node
 * may be removed once the next one is known:
 *
 *	for (node = map_next(m, NULL); node; node = next) {
 *		next = map_next(m, node);
 *		map_remove(m, node);
 *	}
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_node {
	struct map_node *next; /* in its bucket */
	const void *key;       /* borrowed; NULL: unlinked */
	size_t len;
	uint64_t hash;
};

enum { MAP_FIRST_BUCKETS = 8 };

struct map {
	struct map_node **bucket; /* `first`, or owned */
	size_t n_buckets;	  /* a power of two */
	size_t n;
	struct map_node *first[MAP_FIRST_BUCKETS];
};

void map_init(struct map *m);

/* Frees the table, not the nodes: they are the caller's, and count as unlinked only when
 * they were removed before. The map is empty and usable afterwards. */
void map_fini(struct map *m);

/* False: there is a node of this key, and nothing changed. Inserting a linked node is a BUG;
 * so is a key of NULL, also with a length of 0. */
bool map_insert(struct map *m, struct map_node *node, const void *key, size_t len);

struct map_node *map_find(const struct map *m, const void *key, size_t len);

/* Idempotent; leaves the node zeroed. */
void map_remove(struct map *m, struct map_node *node);

/* The node after `prev`, which must be linked; the first one for NULL; NULL at the end. */
struct map_node *map_next(const struct map *m, const struct map_node *prev);

static inline size_t map_n(const struct map *m)
{
	return m->n;
}
