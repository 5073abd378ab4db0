/* SPDX-License-Identifier: MIT */
/* test_broadcast_end.c - broadcasts that fail, are closed, or are misused. */
#include "lib/test.h"

#include <string.h>

#include "base/mem.h"
#include "unit/readers.h"

TEST_TASK(every_subscriber_gets_the_failure_of_the_source_once_and_then_the_end)
{
	struct numbers source = { .end = 100, .fails_at = 5 };
	struct acre_broadcast *b = open_numbers(&source, 8, false);
	struct acre_subscriber *subscribers[3], *late;
	int item;
	int r;

	for (int i = 0; i < 3; i++)
		subscribers[i] = subscribe(b);
	for (int i = 0; i < 3; i++) {
		for (int k = 0; k < 5; k++)
			assert_int_equal(acre_subscriber_recv(subscribers[i], &item), 1);
		r = acre_subscriber_recv(subscribers[i], &item);
		assert_class(r, ENETDOWN);
		assert_string_equal(acre_why(r)->message, "the source failed at 5");
		assert_int_equal(acre_subscriber_recv(subscribers[i], &item), 0);
	}

	late = subscribe(b);
	assert_class(acre_subscriber_recv(late, &item), ENETDOWN);
	assert_int_equal(acre_subscriber_recv(late, &item), 0);
	acre_unsubscribe(late);
	for (int i = 0; i < 3; i++)
		acre_unsubscribe(subscribers[i]);
	return acre_broadcast_close(&b, 0);
}

TEST_TASK(a_failure_reaches_those_who_wait_with_its_story)
{
	struct numbers source = { .end = 100, .fails_at = 1, .pause = acre_ms(1) };
	struct acre_broadcast *b = open_numbers(&source, 8, false);
	struct reader readers[4];
	int r = 0;

	test_virtual_clock();
	ACRE_NURSERY(n, r)
		for (size_t i = 0; i < ARRAY_N(readers) && r >= 0; i++) {
			readers[i] = reader_of(subscribe(b));
			r = acre_go(&n, read_all, &readers[i]);
		}
	/* the others get theirs before they see that the first failure cancelled them,
	 * or do not */
	assert_true(acre_is(r, ENETDOWN));
	assert_in_range(acre_count(r), 1, 4);
	return acre_broadcast_close(&b, 0);
}

/* A source that writes where it was told to, and only then waits. */
static int next_scribbled(void *source, void *item)
{
	memset(item, 0xee, sizeof(int));
	return next_of_chan(source, item);
}

TEST_TASK(a_pull_under_way_leaves_the_whole_window_readable)
{
	struct acre_chan c;
	struct acre_broadcast *b = NULL;
	struct acre_subscriber *slow;
	struct reader fast;
	int ring[3], item = -1;
	int r = 0;

	acre_chan_init(&c, sizeof item, ring, ARRAY_N(ring));
	for (int i = 0; i < 3; i++)
		assert_int_equal(acre_chan_send(&c, &i), 0);
	assert_ok(acre_broadcast_open(&b, (struct acre_broadcast_options){
						  .item_size = sizeof item,
						  .window = 3,
						  .next = next_scribbled,
						  .source = &c,
					  }));
	slow = subscribe(b);
	fast = reader_of(subscribe(b));
	ACRE_NURSERY(n, r) {
		r = acre_go(&n, read_all, &fast);
		test_settle(); /* it waits in the source for a fourth item */
		assert_int_equal(fast.n_items, 3);

		for (int i = 0; i < 3; i++) {
			assert_int_equal(acre_subscriber_recv(slow, &item), 1);
			assert_int_equal(item, i);
		}
		acre_scope_cancel(&fast.scope);
	}
	acre_unsubscribe(slow);
	return acre_broadcast_close(&b, r);
}

TEST_TASK(the_close_wakes_all_who_wait_and_takes_the_source_from_the_puller)
{
	struct acre_chan c;
	struct acre_broadcast *b;
	struct reader readers[3];
	int r = 0;

	acre_chan_init(&c, sizeof(int), NULL, 0);
	b = open_chan(&c, 4);
	ACRE_NURSERY(n, r) {
		for (size_t i = 0; i < ARRAY_N(readers) && r >= 0; i++) {
			readers[i] = reader_of(subscribe(b));
			r = acre_go(&n, read_until_failure, &readers[i]);
		}
		test_settle();
		r = acre_broadcast_close(&b, 7);
		assert_int_equal(r, 7);

		/* nobody is in the source */
		assert_int_equal(acre_chan_try_send(&c, &(int){ 0 }), -EAGAIN);
		memset(&c, 0xdd, sizeof c);
	}
	for (size_t i = 0; i < ARRAY_N(readers); i++)
		assert_int_equal(report_class(readers[i].r), ACRE_ECLOSED);
	return r;
}

struct stubborn {
	acre_span pause;
	bool inside;
	int n;
};

/* A source that takes its time to notice that it is cancelled. */
static int next_stubborn(void *source, void *item)
{
	struct stubborn *s = source;
	int r = 0;

	s->inside = true;
	ACRE_SHIELD(acre_secs(1), r)
		r = acre_sleep(s->pause);
	s->inside = false;
	*(int *)item = s->n++;
	return r < 0 ? r : 1;
}

TEST_TASK(the_close_waits_until_the_source_is_left_though_it_is_cancelled)
{
	struct stubborn source = { .pause = acre_ms(300) };
	struct acre_broadcast *b = NULL;
	struct reader reader;
	struct acre_scope scope;
	int r = 0;

	test_virtual_clock();
	assert_ok(acre_broadcast_open(&b, (struct acre_broadcast_options){
						  .item_size = sizeof(int),
						  .window = 1,
						  .next = next_stubborn,
						  .source = &source }));
	reader = reader_of(subscribe(b));
	ACRE_NURSERY(n, r) {
		r = acre_go(&n, read_until_failure, &reader);
		test_settle();
		assert_true(source.inside);

		acre_scope_open(&scope);
		acre_scope_cancel(&scope);
		assert_int_equal(acre_broadcast_close(&b, 0), 0);
		assert_false(source.inside);
		r = acre_scope_close(&scope, r);
	}
	/* the item that it came back with is not lost */
	assert_int_equal(reader.n_items, 1);
	assert_int_equal(report_class(reader.r), ACRE_ECLOSED);
	return r;
}

TEST_TASK(what_is_in_the_window_can_be_read_after_the_close)
{
	struct numbers source = { .end = 100 };
	struct acre_broadcast *b = open_numbers(&source, 8, false);
	struct acre_subscriber *fast = subscribe(b), *slow = subscribe(b);
	int item = -1;

	for (int i = 0; i < 3; i++)
		assert_int_equal(acre_subscriber_recv(fast, &item), 1);
	assert_ok(acre_broadcast_close(&b, 0));

	for (int i = 0; i < 3; i++) {
		assert_int_equal(acre_subscriber_recv(slow, &item), 1);
		assert_int_equal(item, i);
	}
	assert_class(acre_subscriber_recv(slow, &item), ACRE_ECLOSED);
	assert_class(acre_subscriber_recv(fast, &item), ACRE_ECLOSED);
	acre_unsubscribe(fast);
	acre_unsubscribe(slow);
	assert_null(acre_unsubscribe(NULL));
	return 0;
}

TEST_TASK(a_new_subscriber_begins_with_the_next_item_of_the_source)
{
	struct numbers source = { .end = 100 };
	struct acre_broadcast *b = open_numbers(&source, 8, false);
	struct acre_subscriber *first = subscribe(b), *second, *twin = NULL;
	int item = -1;

	for (int i = 0; i < 5; i++)
		assert_int_equal(acre_subscriber_recv(first, &item), 1);
	second = subscribe(b);
	assert_ok(acre_subscribe_like(&twin, first));

	assert_int_equal(acre_subscriber_recv(second, &item), 1);
	assert_int_equal(item, 5);
	assert_int_equal(acre_subscriber_recv(twin, &item), 1);
	assert_int_equal(item, 5);
	acre_unsubscribe(twin);
	assert_ok(acre_subscribe_like(&twin, first));
	assert_int_equal(acre_subscriber_n(twin), 1);
	acre_unsubscribe(twin);
	acre_unsubscribe(second);
	acre_unsubscribe(first);
	return acre_broadcast_close(&b, 0);
}

static int next_wide(void *source, void *item)
{
	struct wide {
		long double value;
		char text[20];
	} *wide = item;

	(void)source;
	assert_int_equal((uintptr_t)wide % _Alignof(struct wide), 0);
	wide->value = 3.5L;
	return 1;
}

TEST_TASK(the_source_writes_where_its_type_may_lie)
{
	struct acre_broadcast *b = NULL;
	struct acre_subscriber *s;
	_Alignas(16) char item[48];

	assert_ok(acre_broadcast_open(
		&b, (struct acre_broadcast_options){
			    .item_size = 48, .window = 3, .next = next_wide }));
	s = subscribe(b);
	for (int i = 0; i < 10; i++)
		assert_int_equal(acre_subscriber_recv(s, item), 1);
	acre_unsubscribe(s);
	return acre_broadcast_close(&b, 0);
}

TEST_TASK(a_broadcast_that_cannot_work_is_refused)
{
	const struct acre_broadcast_options right = { .item_size = 4,
						      .window = 1,
						      .next = next_wide };
	struct acre_broadcast_options wrong[6];
	struct acre_broadcast *b = NULL;

	for (size_t i = 0; i < ARRAY_N(wrong); i++)
		wrong[i] = right;
	wrong[0].item_size = 0;
	wrong[1].window = 0;
	wrong[2].next = NULL;
	wrong[3].reserved[1] = 1;
	wrong[4].window = SIZE_MAX;
	wrong[5].window = SIZE_MAX / 4;
	for (int i = 0; i < 4; i++)
		assert_class(acre_broadcast_open(&b, wrong[i]), EINVAL);
	for (int i = 4; i < 6; i++)
		assert_class(acre_broadcast_open(&b, wrong[i]), ENOMEM);
	assert_null(b);
	return 0;
}

TEST_TASK(without_memory_it_fails_and_leaves_nothing)
{
	const struct acre_broadcast_options options = { .item_size = 4,
							.window = 1,
							.next = next_wide };
	struct acre_broadcast *b = NULL;
	struct acre_subscriber *s = NULL;

	mem_fail_at(1, true);
	assert_int_equal(acre_code(acre_broadcast_open(&b, options)), ENOMEM);
	mem_fail_at(0, false);
	assert_null(b);

	assert_ok(acre_broadcast_open(&b, options));
	mem_fail_at(1, true);
	assert_int_equal(acre_code(acre_subscribe(&s, b)), ENOMEM);
	mem_fail_at(0, false);
	assert_null(s);
	return acre_broadcast_close(&b, 0);
}

/* Misuse. */

static int receive_twice_at_once(void *arg)
{
	struct acre_chan c;
	struct acre_broadcast *b;
	struct reader reader, other;
	int r = 0;

	(void)arg;
	acre_chan_init(&c, sizeof(int), NULL, 0);
	b = open_chan(&c, 4);
	reader = other = reader_of(subscribe(b));
	ACRE_NURSERY(n, r) {
		r = acre_go(&n, read_all, &reader);
		if (r >= 0)
			r = acre_go(&n, read_all, &other);
	}
	return acre_broadcast_close(&b, r);
}

TEST_FAILS(a_subscriber_of_two_tasks_is_a_bug, "while another task does")
{
	static const struct acre_task_kind kind = { "root", receive_twice_at_once, "",
						    0 };

	test_run_task(&kind);
}

static int unsubscribe_another_task(void *arg)
{
	struct acre_chan c;
	struct acre_broadcast *b;
	struct reader reader;
	int r = 0;

	(void)arg;
	acre_chan_init(&c, sizeof(int), NULL, 0);
	b = open_chan(&c, 4);
	reader = reader_of(subscribe(b));
	ACRE_NURSERY(n, r) {
		r = acre_go(&n, read_all, &reader);
		test_settle();
		acre_unsubscribe(reader.subscriber);
	}
	return acre_broadcast_close(&b, r);
}

TEST_FAILS(ending_a_subscriber_that_waits_is_a_bug, "while another task receives from it")
{
	static const struct acre_task_kind kind = { "root", unsubscribe_another_task, "",
						    0 };

	test_run_task(&kind);
}

static int next_that_closes(void *source, void *item)
{
	(void)item;
	return acre_broadcast_close(source, 0);
}

static int close_from_within(void *arg)
{
	struct acre_broadcast *b = NULL;
	struct acre_subscriber *s;
	int item;

	(void)arg;
	assert_ok(acre_broadcast_open(&b, (struct acre_broadcast_options){
						  .item_size = sizeof item,
						  .window = 1,
						  .next = next_that_closes,
						  .source = &b }));
	s = subscribe(b);
	return acre_subscriber_recv(s, &item);
}

TEST_FAILS(a_source_that_closes_its_broadcast_is_a_bug, "from within its source")
{
	static const struct acre_task_kind kind = { "root", close_from_within, "", 0 };

	test_run_task(&kind);
}
