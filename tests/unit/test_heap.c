/* SPDX-License-Identifier: MIT */
/* test_heap.c - the heap, against its contract and against a sorted array. */
#include <stdlib.h>

#include "base/heap.h"
#include "lib/test.h"

TEST(an_empty_heap_has_no_minimum)
{
	struct heap h;

	heap_init(&h);

	assert_null(heap_min(&h));
	assert_int_equal(heap_n(&h), 0);
}

TEST(a_zeroed_heap_is_an_empty_heap)
{
	struct heap h = { 0 };
	struct heap_node node = { 0 };

	heap_insert(&h, &node, 5);

	assert_ptr_equal(heap_min(&h), &node);
	assert_int_equal(heap_key(heap_min(&h)), 5);
}

TEST(the_smallest_key_comes_first)
{
	static const int64_t keys[] = { 3, -7, 0, INT64_MAX, INT64_MIN, 12 };
	static const int64_t sorted[] = { INT64_MIN, -7, 0, 3, 12, INT64_MAX };
	struct heap_node nodes[6] = { 0 };
	struct heap h = { 0 };

	for (int i = 0; i < 6; i++)
		heap_insert(&h, &nodes[i], keys[i]);

	for (int i = 0; i < 6; i++) {
		assert_true(heap_key(heap_min(&h)) == sorted[i]);
		heap_remove(&h, heap_min(&h));
	}
	assert_null(heap_min(&h));
}

TEST(equal_keys_come_out_in_the_order_of_insertion)
{
	struct heap_node nodes[50] = { 0 };
	struct heap h = { 0 };

	for (int i = 0; i < 50; i++)
		heap_insert(&h, &nodes[i], 1);

	for (int i = 0; i < 50; i++) {
		assert_ptr_equal(heap_min(&h), &nodes[i]);
		heap_remove(&h, &nodes[i]);
	}
}

TEST(a_node_that_is_inserted_again_comes_after_its_equals)
{
	struct heap_node nodes[2] = { 0 };
	struct heap h = { 0 };

	heap_insert(&h, &nodes[0], 1);
	heap_insert(&h, &nodes[1], 1);
	heap_remove(&h, &nodes[0]);
	heap_insert(&h, &nodes[0], 1);

	assert_ptr_equal(heap_min(&h), &nodes[1]);
}

TEST(a_removed_node_is_zeroed_and_may_be_removed_again)
{
	struct heap_node nodes[3] = { 0 };
	struct heap h = { 0 };

	for (int i = 0; i < 3; i++)
		heap_insert(&h, &nodes[i], i);
	heap_remove(&h, &nodes[1]);
	heap_remove(&h, &nodes[1]);

	assert_false(heap_is_linked(&nodes[1]));
	assert_true(heap_is_linked(&nodes[2]));
	assert_int_equal(heap_n(&h), 2);
	assert_ptr_equal(heap_min(&h), &nodes[0]);
	heap_remove(&h, &nodes[0]);
	assert_ptr_equal(heap_min(&h), &nodes[2]);
}

TEST_FAILS(inserting_a_linked_node_is_a_bug, "is inserted while it is in a heap")
{
	struct heap_node node = { 0 };
	struct heap h = { 0 };

	heap_insert(&h, &node, 1);
	heap_insert(&h, &node, 2);
}

TEST_FAILS(removing_the_root_of_another_heap_is_a_bug, "CHECK")
{
	struct heap_node node = { 0 };
	struct heap h = { 0 }, other = { 0 };

	heap_insert(&h, &node, 1);
	heap_remove(&other, &node);
}

/* Falling keys make a tree that is one long branch; a recursive heap would need a stack of
 * this depth. */
TEST(a_tree_as_deep_as_it_has_nodes_is_no_trouble)
{
	enum { DEPTH = 200000 };
	struct heap_node *nodes = calloc(DEPTH, sizeof *nodes);
	struct heap h = { 0 };

	assert_non_null(nodes);
	for (int i = 0; i < DEPTH; i++)
		heap_insert(&h, &nodes[i], DEPTH - i);

	for (int i = DEPTH; i > 0; i--) {
		assert_ptr_equal(heap_min(&h), &nodes[i - 1]);
		heap_remove(&h, &nodes[i - 1]);
	}
	free(nodes);
}

enum { MODEL_MAX = 64 };

/* The naive heap: nodes in the order in which they are due. */
struct model {
	const struct heap_node *nodes[MODEL_MAX];
	size_t n;
};

static void model_insert(struct model *m, const struct heap_node *node)
{
	size_t at = m->n++;

	for (; at > 0 && m->nodes[at - 1]->key > node->key; at--)
		m->nodes[at] = m->nodes[at - 1];
	m->nodes[at] = node;
}

static void model_remove(struct model *m, const struct heap_node *node)
{
	size_t to = 0;

	for (size_t i = 0; i < m->n; i++)
		if (m->nodes[i] != node)
			m->nodes[to++] = m->nodes[i];
	m->n = to;
}

/* Few keys, so that many are equal; removals from anywhere. */
TEST(a_heap_behaves_like_a_sorted_array)
{
	unsigned short seed[3] = { (unsigned short)test_seed(), 3, 4 };
	struct heap_node nodes[MODEL_MAX] = { 0 }, *node;
	struct model m = { .n = 0 };
	struct heap h = { 0 };

	for (int i = 0; i < 50000; i++) {
		node = &nodes[nrand48(seed) % MODEL_MAX];
		if (nrand48(seed) % 4 == 0 && heap_min(&h))
			node = heap_min(&h);

		if (heap_is_linked(node)) {
			model_remove(&m, node);
			heap_remove(&h, node);
		} else {
			heap_insert(&h, node, nrand48(seed) % 16 - 8);
			model_insert(&m, node);
		}

		assert_int_equal(heap_n(&h), m.n);
		assert_ptr_equal(heap_min(&h), m.n > 0 ? m.nodes[0] : NULL);
	}
	while ((node = heap_min(&h))) {
		assert_ptr_equal(node, m.nodes[0]);
		model_remove(&m, node);
		heap_remove(&h, node);
	}
	assert_int_equal(m.n, 0);
}
