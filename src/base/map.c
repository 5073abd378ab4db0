/* SPDX-License-Identifier: MIT */
/* map.c - an intrusive hash map from bytes to objects. */
#include "base/map.h"

#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/panic.h"

void map_init(struct map *m)
{
	*m = (struct map){ .n_buckets = MAP_FIRST_BUCKETS };
	m->bucket = m->first;
}

void map_fini(struct map *m)
{
	if (m->bucket != m->first)
		mem_free(m->bucket);
	map_init(m);
}

static struct map_node **bucket_of(const struct map *m, uint64_t hash)
{
	return &m->bucket[hash & (m->n_buckets - 1)];
}

static struct map_node *find(const struct map *m, uint64_t hash, const void *key,
			     size_t len)
{
	struct map_node *node = *bucket_of(m, hash);

	while (node && (node->hash != hash || node->len != len ||
			memcmp(node->key, key, len) != 0))
		node = node->next;
	return node;
}

/* Twice as many buckets, if there is memory. */
static void grow(struct map *m)
{
	struct map old = *m;
	struct map_node *node, *next, **to;
	struct map_node **bucket = mem_zalloc(2 * old.n_buckets * sizeof *bucket);

	if (!bucket)
		return;
	m->bucket = bucket;
	m->n_buckets = 2 * old.n_buckets;
	for (size_t i = 0; i < old.n_buckets; i++)
		for (node = old.bucket[i]; node; node = next) {
			next = node->next;
			to = bucket_of(m, node->hash);
			node->next = *to;
			*to = node;
		}
	if (old.bucket != m->first)
		mem_free(old.bucket);
}

bool map_insert(struct map *m, struct map_node *node, const void *key, size_t len)
{
	struct map_node **to;
	uint64_t hash;

	CHECK(key);
	if (node->key)
		BUG("map node %p is inserted while it is in a map", (void *)node);
	hash = hash_bytes(key, len);
	if (find(m, hash, key, len))
		return false;
	if (m->n >= m->n_buckets)
		grow(m);
	to = bucket_of(m, hash);
	*node = (struct map_node){ .next = *to, .key = key, .len = len, .hash = hash };
	*to = node;
	m->n++;
	return true;
}

struct map_node *map_find(const struct map *m, const void *key, size_t len)
{
	if (m->n == 0)
		return NULL;
	return find(m, hash_bytes(key, len), key, len);
}

void map_remove(struct map *m, struct map_node *node)
{
	struct map_node **at;

	if (!node->key)
		return;
	at = bucket_of(m, node->hash);
	while (*at && *at != node)
		at = &(*at)->next;
	CHECK(*at); /* else it is in another map */
	*at = node->next;
	m->n--;
	*node = (struct map_node){ 0 };
}

struct map_node *map_next(const struct map *m, const struct map_node *prev)
{
	size_t i = 0;

	if (prev && prev->next)
		return prev->next;
	if (prev)
		i = (prev->hash & (m->n_buckets - 1)) + 1;
	while (i < m->n_buckets && !m->bucket[i])
		i++;
	return i < m->n_buckets ? m->bucket[i] : NULL;
}
