/* SPDX-License-Identifier: MIT */
/* test_list.c - the list, against its contract and against an array. */
#include <stdlib.h>

#include "base/list.h"
#include "lib/test.h"

struct item {
	int value;
	struct list node;
};

/* The values of a list must be these, forwards and backwards. */
static void assert_values(const struct list *head, const int *values, size_t n)
{
	const struct list *node = head;

	for (size_t i = 0; i < n; i++) {
		node = node->next;
		assert_ptr_not_equal(node, head);
		assert_int_equal(list_entry(node, struct item, node)->value, values[i]);
		assert_ptr_equal(node->prev->next, node);
	}
	assert_ptr_equal(node->next, head);
	assert_ptr_equal(head->prev, node);
}

#define assert_list(head, ...)                            \
	assert_values(head, (const int[]){ __VA_ARGS__ }, \
		      sizeof((const int[]){ __VA_ARGS__ }) / sizeof(int))

static void fill(struct list *head, struct item *items, size_t n)
{
	list_init(head);
	for (size_t i = 0; i < n; i++) {
		items[i] = (struct item){ .value = (int)i };
		list_push(head, &items[i].node);
	}
}

TEST(a_zeroed_node_is_unlinked)
{
	struct item item = { 0 };

	assert_false(list_is_linked(&item.node));
	list_remove(&item.node);
	assert_false(list_is_linked(&item.node));
}

TEST(a_new_list_is_empty)
{
	struct list head = LIST_HEAD(head), other;

	list_init(&other);

	assert_true(list_is_empty(&head));
	assert_true(list_is_empty(&other));
	assert_null(list_first(&head));
	assert_null(list_pop(&head));
}

TEST(what_is_pushed_comes_out_in_order)
{
	struct item items[3];
	struct list head;

	fill(&head, items, 3);

	assert_ptr_equal(list_first(&head), &items[0].node);
	for (int i = 0; i < 3; i++)
		assert_ptr_equal(list_pop(&head), &items[i].node);
	assert_true(list_is_empty(&head));
}

TEST(what_is_pushed_to_the_front_comes_out_first)
{
	struct item items[2], first = { .value = 9 };
	struct list head;

	fill(&head, items, 2);
	list_push_front(&head, &first.node);

	assert_list(&head, 9, 0, 1);
}

TEST(a_removed_node_is_zeroed_and_may_be_removed_again)
{
	struct item items[3];
	struct list head;

	fill(&head, items, 3);
	list_remove(&items[1].node);
	list_remove(&items[1].node);

	assert_false(list_is_linked(&items[1].node));
	assert_null(items[1].node.prev);
	assert_list(&head, 0, 2);
}

TEST(a_removed_node_may_be_pushed_again)
{
	struct item items[2];
	struct list head;

	fill(&head, items, 2);
	list_remove(&items[0].node);
	list_push(&head, &items[0].node);

	assert_list(&head, 1, 0);
}

TEST_FAILS(pushing_a_linked_node_is_a_bug, "is inserted while it is in a list")
{
	struct item items[2];
	struct list head;

	fill(&head, items, 2);
	list_push(&head, &items[0].node);
}

TEST(moving_takes_all_and_leaves_nothing)
{
	struct list from, to = LIST_HEAD(to);
	struct item items[3];

	fill(&from, items, 3);
	list_move(&from, &to);

	assert_true(list_is_empty(&from));
	assert_list(&to, 0, 1, 2);
}

TEST(moving_nothing_leaves_both_empty)
{
	struct list from = LIST_HEAD(from), to = LIST_HEAD(to);

	list_move(&from, &to);

	assert_true(list_is_empty(&from));
	assert_true(list_is_empty(&to));
}

TEST_FAILS(moving_into_a_list_that_is_not_empty_is_a_bug, "CHECK")
{
	struct list from = LIST_HEAD(from), to;
	struct item items[1];

	fill(&to, items, 1);
	list_move(&from, &to);
}

TEST(splicing_puts_all_of_one_list_before_the_other)
{
	struct item first[2], later = { .value = 7 };
	struct list from, to = LIST_HEAD(to);

	fill(&from, first, 2);
	list_push(&to, &later.node);
	list_splice(&from, &to);

	assert_true(list_is_empty(&from));
	assert_list(&to, 0, 1, 7);
}

TEST(splicing_nothing_changes_nothing)
{
	struct list from = LIST_HEAD(from), to;
	struct item items[2];

	fill(&to, items, 2);
	list_splice(&from, &to);

	assert_list(&to, 0, 1);
}

TEST(a_walk_visits_all_in_order_and_ends_with_null)
{
	struct item items[4], *item;
	struct list head;
	int visited = 0;

	fill(&head, items, 4);
	list_for_each(item, &head, node)
		assert_int_equal(item->value, visited++);

	assert_int_equal(visited, 4);
	assert_null(item);
}

TEST(a_walk_that_is_left_early_holds_what_it_found)
{
	struct item items[4], *item;
	struct list head;

	fill(&head, items, 4);
	list_for_each(item, &head, node)
		if (item->value == 2)
			break;

	assert_ptr_equal(item, &items[2]);
}

TEST(a_walk_of_an_empty_list_visits_nothing)
{
	struct list head = LIST_HEAD(head);
	struct item *item, *next;

	list_for_each(item, &head, node)
		fail();
	list_for_each_safe(item, next, &head, node)
		fail();
	assert_null(item);
}

TEST(a_safe_walk_may_remove_what_it_visits)
{
	struct item items[5], *item, *next;
	struct list head;

	fill(&head, items, 5);
	list_for_each_safe(item, next, &head, node)
		if (item->value % 2 == 0)
			list_remove(&item->node);

	assert_list(&head, 1, 3);
}

/* A head has the alignment of a pointer, so no object around it may be looked at. */
TEST(a_walk_of_over_aligned_objects_reads_nothing_beyond_the_head)
{
	struct wide {
		_Alignas(64) char bytes[64];
		struct list node;
	} wide = { 0 }, *item;
	struct {
		char *odd;
		struct list head;
	} at = { .head = LIST_HEAD(at.head) };
	int n = 0;

	list_push(&at.head, &wide.node);
	list_for_each(item, &at.head, node)
		n++;

	assert_int_equal(n, 1);
}

enum { MODEL_MAX = 16 };

/* The naive list. */
struct model {
	int values[MODEL_MAX];
	size_t n;
};

static void model_insert(struct model *m, size_t at, int value)
{
	for (size_t i = m->n++; i > at; i--)
		m->values[i] = m->values[i - 1];
	m->values[at] = value;
}

static void model_remove(struct model *m, int value)
{
	size_t to = 0;

	for (size_t i = 0; i < m->n; i++)
		if (m->values[i] != value)
			m->values[to++] = m->values[i];
	m->n = to;
}

static void do_one(struct list *head, struct item *item, struct model *m, long what)
{
	if (list_is_linked(&item->node)) {
		list_remove(&item->node);
		model_remove(m, item->value);
	} else if (what == 0) {
		list_push(head, &item->node);
		model_insert(m, m->n, item->value);
	} else {
		list_push_front(head, &item->node);
		model_insert(m, 0, item->value);
	}
}

TEST(a_list_behaves_like_an_array)
{
	unsigned short seed[3] = { (unsigned short)test_seed(), 1, 2 };
	struct item items[MODEL_MAX];
	struct list head = LIST_HEAD(head);
	struct model m = { .n = 0 };

	for (int i = 0; i < MODEL_MAX; i++)
		items[i] = (struct item){ .value = i };
	for (int i = 0; i < 5000; i++) {
		do_one(&head, &items[nrand48(seed) % MODEL_MAX], &m, nrand48(seed) % 2);
		assert_values(&head, m.values, m.n);
	}
}
