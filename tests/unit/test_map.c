/* SPDX-License-Identifier: MIT */
/* test_map.c - the map, against its contract and against a naive one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/util.h"
#include "lib/test.h"

struct item {
	char name[24];
	struct map_node node;
};

static struct item items[1000];

/* Items named "0", "1" and so on. */
static void fill(struct map *m, size_t n)
{
	map_init(m);
	for (size_t i = 0; i < n; i++) {
		snprintf(items[i].name, sizeof items[i].name, "%zu", i);
		assert_true(map_insert(m, &items[i].node, items[i].name,
				       strlen(items[i].name)));
	}
}

static void assert_holds(const struct map *m, size_t from, size_t n)
{
	for (size_t i = from; i < n; i++)
		assert_ptr_equal(map_find(m, items[i].name, strlen(items[i].name)),
				 &items[i].node);
}

TEST(an_empty_map_holds_nothing)
{
	struct map m;

	map_init(&m);

	assert_int_equal(map_n(&m), 0);
	assert_null(map_find(&m, "a", 1));
	assert_null(map_next(&m, NULL));
	map_fini(&m);
}

TEST(what_was_inserted_is_found)
{
	struct map m;

	fill(&m, 5);

	assert_int_equal(map_n(&m), 5);
	assert_holds(&m, 0, 5);
	assert_null(map_find(&m, "5", 1));
	map_fini(&m);
}

TEST(a_key_is_all_its_bytes_and_no_more)
{
	struct map_node nodes[3] = { 0 };
	struct map m;

	map_init(&m);
	assert_true(map_insert(&m, &nodes[0], "a\0b", 3));
	assert_true(map_insert(&m, &nodes[1], "a\0c", 3));
	assert_true(map_insert(&m, &nodes[2], "", 0));

	assert_ptr_equal(map_find(&m, "a\0b", 3), &nodes[0]);
	assert_ptr_equal(map_find(&m, "a\0c", 3), &nodes[1]);
	assert_ptr_equal(map_find(&m, "x", 0), &nodes[2]);
	assert_null(map_find(&m, "a", 1));
	map_fini(&m);
}

TEST(a_key_that_exists_is_refused_and_nothing_changes)
{
	struct map_node first = { 0 }, second = { 0 };
	struct map m;

	map_init(&m);
	assert_true(map_insert(&m, &first, "key", 3));

	assert_false(map_insert(&m, &second, "key", 3));

	assert_null(second.key);
	assert_int_equal(map_n(&m), 1);
	assert_ptr_equal(map_find(&m, "key", 3), &first);
	map_fini(&m);
}

TEST(a_removed_node_is_gone_and_may_be_removed_and_inserted_again)
{
	struct map m;

	fill(&m, 3);
	map_remove(&m, &items[1].node);
	map_remove(&m, &items[1].node);

	assert_int_equal(map_n(&m), 2);
	assert_null(map_find(&m, "1", 1));
	assert_true(map_insert(&m, &items[1].node, items[1].name, 1));
	assert_holds(&m, 0, 3);
	map_fini(&m);
}

TEST_FAILS(inserting_a_linked_node_is_a_bug, "is inserted while it is in a map")
{
	struct map_node node = { 0 };
	struct map m;

	map_init(&m);
	map_insert(&m, &node, "a", 1);
	map_insert(&m, &node, "b", 1);
}

TEST_FAILS(a_key_of_null_is_a_bug, "CHECK")
{
	struct map_node node = { 0 };
	struct map m;

	map_init(&m);
	map_insert(&m, &node, NULL, 0);
}

TEST_FAILS(removing_from_another_map_is_a_bug, "CHECK")
{
	struct map_node node = { 0 };
	struct map m, other;

	map_init(&m);
	map_init(&other);
	map_insert(&m, &node, "a", 1);
	map_remove(&other, &node);
}

TEST(a_map_that_grows_keeps_all)
{
	struct map m;

	fill(&m, ARRAY_N(items));

	assert_true(m.n_buckets >= ARRAY_N(items));
	assert_holds(&m, 0, ARRAY_N(items));
	map_fini(&m);
	assert_int_equal(mem_live(), 0);
}

TEST(a_map_that_cannot_grow_works_and_grows_when_there_is_memory)
{
	struct map m;

	mem_fail_at(1, true);
	fill(&m, 100);
	assert_int_equal(m.n_buckets, MAP_FIRST_BUCKETS);
	assert_holds(&m, 0, 100);

	mem_fail_at(0, false);
	map_remove(&m, &items[0].node);
	assert_true(map_insert(&m, &items[0].node, "0", 1));

	assert_int_equal(m.n_buckets, 2 * MAP_FIRST_BUCKETS);
	assert_holds(&m, 0, 100);
	map_fini(&m);
}

TEST(a_map_is_empty_and_usable_after_fini)
{
	struct map m;

	fill(&m, 100);
	map_fini(&m);
	map_fini(&m);
	memset(items, 0, sizeof items);

	assert_int_equal(map_n(&m), 0);
	assert_true(map_insert(&m, &items[0].node, "a", 1));
	assert_ptr_equal(map_find(&m, "a", 1), &items[0].node);
}

TEST(a_walk_visits_each_node_once)
{
	bool visited[300] = { 0 };
	struct map_node *node;
	struct item *item;
	struct map m;
	size_t n = 0;

	fill(&m, ARRAY_N(visited));
	for (node = map_next(&m, NULL); node; node = map_next(&m, node)) {
		item = container_of(node, struct item, node);
		assert_false(visited[item - items]);
		visited[item - items] = true;
		n++;
	}

	assert_int_equal(n, ARRAY_N(visited));
	map_fini(&m);
}

TEST(a_walk_may_remove_what_it_has_left_behind)
{
	struct map_node *node, *next;
	struct map m;

	fill(&m, 300);
	for (node = map_next(&m, NULL); node; node = next) {
		next = map_next(&m, node);
		map_remove(&m, node);
	}

	assert_int_equal(map_n(&m), 0);
	assert_null(map_next(&m, NULL));
	map_fini(&m);
}

enum { N_KEYS = 256 };

/* Each key of one byte, and its node if the naive map holds it. */
struct model {
	uint8_t keys[N_KEYS];
	struct map_node nodes[N_KEYS];
	bool holds[N_KEYS];
	size_t n;
};

static void insert_or_remove(struct map *m, struct model *model, size_t i)
{
	struct map_node twin = { 0 };

	if (model->holds[i]) {
		assert_false(map_insert(m, &twin, &model->keys[i], 1));
		map_remove(m, &model->nodes[i]);
		model->n--;
	} else {
		assert_true(map_insert(m, &model->nodes[i], &model->keys[i], 1));
		model->n++;
	}
	model->holds[i] = !model->holds[i];
}

static size_t walk_length(const struct map *m)
{
	size_t n = 0;

	for (struct map_node *node = map_next(m, NULL); node; node = map_next(m, node))
		n++;
	return n;
}

TEST(a_map_behaves_like_a_table_of_all_keys)
{
	unsigned short seed[3] = { (unsigned short)test_seed(), 5, 6 };
	struct model model = { .n = 0 };
	struct map m;
	size_t i;

	map_init(&m);
	for (i = 0; i < N_KEYS; i++)
		model.keys[i] = (uint8_t)i;
	for (int round = 0; round < 20000; round++) {
		insert_or_remove(&m, &model, (size_t)nrand48(seed) % N_KEYS);
		i = (size_t)nrand48(seed) % N_KEYS;
		assert_ptr_equal(map_find(&m, &model.keys[i], 1),
				 model.holds[i] ? &model.nodes[i] : NULL);
		assert_int_equal(map_n(&m), model.n);
		if (round % 100 == 0)
			assert_int_equal(walk_length(&m), model.n);
	}
	map_fini(&m);
}
