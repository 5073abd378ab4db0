/* SPDX-License-Identifier: MIT */
/* test_broadcast.c - one source for many subscribers: order, lag, cancelling, closing. */
#include "lib/test.h"

#include <string.h>

#include <acre/chan.h>
#include <acre/share.h>

#include "base/mem.h"
#include "lib/run.h"

/* A source of the numbers from 0 up to (not with) `end`; at `fails_at` it fails
 * instead. */
struct numbers {
	int next;
	int end;
	int fails_at;
	acre_span pause; /* before each */
	int n_inside;	 /* calls under way: never two */
};

static int give(struct numbers *s, int *item)
{
	int r = s->pause.ns ? acre_sleep(s->pause) : acre_yield();

	if (r < 0)
		return r;
	if (s->fails_at && s->next == s->fails_at)
		return acre_fail(ENETDOWN, "the source failed at %d", s->next);
	if (s->next == s->end)
		return 0;
	*item = s->next++;
	return 1;
}

static int next_number(void *source, void *item)
{
	struct numbers *s = source;
	int r;

	assert_int_equal(++s->n_inside, 1);
	r = give(s, item);
	s->n_inside--;
	return r;
}

static int next_of_chan(void *source, void *item)
{
	return acre_chan_recv(source, item);
}

static struct acre_broadcast *open_numbers(struct numbers *s, size_t window,
					   bool ignore_lag)
{
	struct acre_broadcast *b = NULL;

	assert_ok(acre_broadcast_open(&b, (struct acre_broadcast_options){
						  .item_size = sizeof(int),
						  .window = window,
						  .next = next_number,
						  .source = s,
						  .ignore_lag = ignore_lag,
					  }));
	return b;
}

static struct acre_broadcast *open_chan(struct acre_chan *c, size_t window)
{
	struct acre_broadcast *b = NULL;

	assert_ok(acre_broadcast_open(&b, (struct acre_broadcast_options){
						  .item_size = sizeof(int),
						  .window = window,
						  .next = next_of_chan,
						  .source = c,
					  }));
	return b;
}

static struct acre_subscriber *subscribe(struct acre_broadcast *b)
{
	struct acre_subscriber *s = NULL;

	assert_ok(acre_subscribe(&s, b));
	return s;
}

/* A task that reads to the end, or up to its first failure. */
struct reader {
	struct acre_subscriber *subscriber; /* ended by the task */
	acre_span pause;		    /* after each item */
	int last;			    /* item read last; -1: none */
	int n_items;			    /* items read */
	int n_lags;			    /* times that it fell out of the window */
	int lags_allowed;		    /* it goes on after so many of them */
	bool all_in_order;		    /* each was the one after the last */
	int r;				    /* what ended it */
	struct acre_scope scope;
};

static struct reader reader_of(struct acre_subscriber *s)
{
	return (struct reader){ .subscriber = s, .last = -1, .all_in_order = true };
}

static int read_one(struct reader *reader)
{
	int item = -1;
	int r = acre_subscriber_recv(reader->subscriber, &item);

	if (acre_is(r, ACRE_ELAGGED)) {
		reader->all_in_order = false;
		return ++reader->n_lags <= reader->lags_allowed ? 1 : r;
	}
	if (r <= 0)
		return r;
	if (item != reader->last + 1)
		reader->all_in_order = false;
	reader->last = item;
	reader->n_items++;
	if (reader->pause.ns) {
		int slept = acre_sleep(reader->pause);

		return slept < 0 ? slept : r;
	}
	return r;
}

ACRE_TASK(read_all, struct reader *reader)
{
	acre_scope_open(&reader->scope);
	while ((reader->r = read_one(reader)) > 0)
		;
	reader->subscriber = acre_unsubscribe(reader->subscriber);
	return acre_scope_close(&reader->scope, reader->r);
}

/* The failure is in `r` and goes no further. */
ACRE_TASK(read_until_failure, struct reader *reader)
{
	while ((reader->r = read_one(reader)) > 0)
		;
	reader->subscriber = acre_unsubscribe(reader->subscriber);
	return reader->r < 0 && acre_is(reader->r, ECANCELED) ? reader->r : 0;
}

TEST_TASK(c099_fan_out_in_order)
{
	struct numbers source = { .end = 1000 };
	struct acre_broadcast *b = open_numbers(&source, 1000, false);
	struct reader readers[11];
	int r = 0;

	ACRE_NURSERY(n, r)
		for (size_t i = 0; i < ARRAY_N(readers) && r >= 0; i++) {
			readers[i] = reader_of(subscribe(b));
			r = acre_go(&n, read_all, &readers[i]);
		}
	for (size_t i = 0; i < ARRAY_N(readers); i++) {
		assert_true(readers[i].all_in_order);
		assert_int_equal(readers[i].n_items, 1000);
	}
	return acre_broadcast_close(&b, r);
}

/* Two readers of 300 numbers; the second one is ten times as slow. */
static int run_lagging_pair(struct reader *fast, struct reader *slow)
{
	struct numbers source = { .end = 300 };
	struct acre_broadcast *b = open_numbers(&source, 64, false);
	int lags_allowed = slow->lags_allowed;
	int r = 0;

	test_virtual_clock();
	*fast = reader_of(subscribe(b));
	*slow = reader_of(subscribe(b));
	fast->pause = acre_ms(1);
	slow->pause = acre_ms(10);
	slow->lags_allowed = lags_allowed;
	ACRE_NURSERY(n, r) {
		r = acre_go(&n, read_all, fast);
		if (r >= 0)
			r = acre_go(&n, read_all, slow);
	}
	return acre_broadcast_close(&b, r);
}

TEST_TASK(c100_lag_and_go_on_with_what_is_retained)
{
	struct reader fast, slow = { .lags_allowed = 1000 };
	int r = run_lagging_pair(&fast, &slow);

	assert_true(fast.all_in_order);
	assert_int_equal(fast.n_items, 300);
	assert_in_range(slow.n_lags, 1, 1000);
	assert_int_equal(slow.last, 299);
	/* the window of 64 was read in full after the last lag */
	assert_in_range(slow.n_items, 64, 299);
	return r;
}

TEST_TASK(c100_lag_that_nobody_handles_leaves)
{
	struct reader fast, slow = { .lags_allowed = 0 };
	int r = run_lagging_pair(&fast, &slow);

	assert_class(r, ACRE_ELAGGED);
	assert_int_equal(slow.n_lags, 1);
	assert_text_has(acre_why(r)->message, "items were lost");
	assert_class(fast.r, ECANCELED);
	return 0;
}

TEST_TASK(a_lag_tells_how_many_items_were_lost)
{
	struct numbers source = { .end = 1000 };
	struct acre_broadcast *b = open_numbers(&source, 10, false);
	struct acre_subscriber *fast = subscribe(b), *slow = subscribe(b);
	int item = 0;
	int r = 0;

	for (int i = 0; i < 17; i++)
		assert_int_equal(acre_subscriber_recv(fast, &item), 1);
	assert_int_equal(acre_subscriber_n(slow), 10);
	assert_int_equal(acre_subscriber_n(fast), 0);

	r = acre_subscriber_recv(slow, &item);
	assert_class(r, ACRE_ELAGGED);
	assert_text_has(acre_why(r)->message, "7 items were lost");

	for (int i = 7; i < 20; i++) {
		assert_int_equal(acre_subscriber_recv(slow, &item), 1);
		assert_int_equal(item, i);
	}
	acre_unsubscribe(fast);
	acre_unsubscribe(slow);
	return acre_broadcast_close(&b, 0);
}

TEST_TASK(a_subscriber_at_the_edge_of_the_window_loses_nothing)
{
	struct numbers source = { .end = 1000 };
	struct acre_broadcast *b = open_numbers(&source, 10, false);
	struct acre_subscriber *fast = subscribe(b), *slow = subscribe(b);
	int item = 0;

	for (int i = 0; i < 10; i++)
		assert_int_equal(acre_subscriber_recv(fast, &item), 1);

	for (int i = 0; i < 10; i++) {
		assert_int_equal(acre_subscriber_recv(slow, &item), 1);
		assert_int_equal(item, i);
	}
	acre_unsubscribe(fast);
	acre_unsubscribe(slow);
	return acre_broadcast_close(&b, 0);
}

TEST_TASK(subscribers_keep_up_with_each_other_though_the_source_never_waits)
{
	int ring[500];
	struct acre_chan c;
	struct acre_broadcast *b;
	struct reader readers[10];
	int r = 0;

	loop_this->seed = 0; /* first come, first served: a shuffled queue is not fair */
	acre_chan_init(&c, sizeof *ring, ring, ARRAY_N(ring));
	for (int i = 0; i < (int)ARRAY_N(ring); i++)
		assert_int_equal(acre_chan_send(&c, &i), 0);
	acre_chan_close(&c);
	b = open_chan(&c, 2);
	ACRE_NURSERY(n, r)
		for (size_t i = 0; i < ARRAY_N(readers) && r >= 0; i++) {
			readers[i] = reader_of(subscribe(b));
			r = acre_go(&n, read_all, &readers[i]);
		}
	for (size_t i = 0; i < ARRAY_N(readers); i++)
		assert_int_equal(readers[i].n_items, 500);
	return acre_broadcast_close(&b, r);
}

TEST_TASK(c101_faster_subscriber_cancelled)
{
	struct numbers source = { .end = 1000 };
	struct acre_broadcast *b = open_numbers(&source, 1000, false);
	struct reader fast = reader_of(subscribe(b)), slow = reader_of(subscribe(b));
	acre_instant begin;
	int r = 0;

	test_virtual_clock();
	begin = acre_now();
	slow.pause = acre_us(400);
	fast.pause = acre_us(100);
	ACRE_NURSERY(n, r) {
		r = acre_go(&n, read_all, &fast);
		if (r >= 0)
			r = acre_go(&n, read_all, &slow);
		if (r >= 0)
			r = acre_sleep(acre_ms(20));
		acre_scope_cancel(&fast.scope);
	}
	assert_class(fast.r, ECANCELED);
	assert_in_range(fast.last, 100, 998);
	assert_true(slow.all_in_order);
	assert_int_equal(slow.last, 999);
	assert_true(acre_between(begin, acre_now()).ns <= acre_ms(500).ns);
	return acre_broadcast_close(&b, r);
}

TEST_TASK(c102_subscribe_after_close)
{
	struct numbers source = { .end = 10 };
	struct acre_broadcast *b = open_numbers(&source, 4, false), *copy = b;
	struct acre_subscriber *first = subscribe(b), *s = NULL;
	int item;
	int r = acre_broadcast_close(&b, 0);

	assert_null(b);
	assert_class(acre_subscribe(&s, b), ACRE_ECLOSED);
	assert_class(acre_subscribe(&s, copy), ACRE_ECLOSED); /* `first` keeps it */
	assert_class(acre_subscribe_like(&s, first), ACRE_ECLOSED);
	assert_null(s);
	assert_class(acre_subscriber_recv(first, &item), ACRE_ECLOSED);
	acre_unsubscribe(first);
	return acre_broadcast_close(&b, r); /* again */
}

TEST_TASK(c103_three_laggers)
{
	struct numbers source = { .end = -1 };
	struct acre_broadcast *b = open_numbers(&source, 100, false);
	struct acre_subscriber *original = subscribe(b);
	struct reader readers[3];
	int item = -1;
	int r = 0;

	test_virtual_clock();
	ACRE_NURSERY(n, r) {
		for (int i = 0; i < 3 && r >= 0; i++) {
			readers[i] = reader_of(subscribe(b));
			readers[i].pause = acre_ms(i + 1);
			readers[i].lags_allowed = 3;
			r = acre_go(&n, read_until_failure, &readers[i]);
		}
		while (r >= 0 && acre_nursery_n(&n) > 1)
			r = acre_sleep(acre_ms(1));
		source.end = source.next;
	}
	assert_int_equal(readers[0].n_lags, 0);
	assert_true(readers[0].all_in_order);
	assert_int_equal(readers[0].last, source.end - 1);
	for (int i = 1; i < 3; i++) {
		assert_int_equal(readers[i].n_lags, 4);
		assert_int_equal(report_class(readers[i].r), ACRE_ELAGGED);
	}

	assert_int_equal(acre_subscriber_n(original), 100);
	assert_class(acre_subscriber_recv(original, &item), ACRE_ELAGGED);
	for (int i = source.end - 100; i < source.end; i++) {
		assert_int_equal(acre_subscriber_recv(original, &item), 1);
		assert_int_equal(item, i);
	}
	assert_int_equal(acre_subscriber_recv(original, &item), 0);
	acre_unsubscribe(original);
	return acre_broadcast_close(&b, r);
}

TEST_TASK(c104_first_waiter_cancelled)
{
	struct acre_chan c;
	struct acre_broadcast *b;
	struct reader readers[3];
	int ring[4];
	acre_instant begin;
	int r = 0;

	acre_chan_init(&c, sizeof *ring, ring, ARRAY_N(ring));
	b = open_chan(&c, 4);
	test_virtual_clock();
	begin = acre_now();
	ACRE_NURSERY(n, r) {
		for (size_t i = 0; i < ARRAY_N(readers) && r >= 0; i++) {
			readers[i] = reader_of(subscribe(b));
			r = acre_go(&n, read_all, &readers[i]);
			test_settle();
		}
		acre_scope_cancel(&readers[0].scope);
		test_settle();
		assert_class(readers[0].r, ECANCELED);

		assert_int_equal(acre_chan_send(&c, &(int){ 0 }), 0);
		acre_chan_close(&c);
	}
	assert_int_equal(readers[1].n_items, 1);
	assert_int_equal(readers[2].n_items, 1);
	assert_int_equal(readers[0].n_items, 0);
	assert_true(acre_between(begin, acre_now()).ns <= acre_ms(500).ns);
	return acre_broadcast_close(&b, r);
}

TEST_TASK(c105_no_failure_on_lag)
{
	struct numbers source = { .end = 1000 };
	struct acre_broadcast *b = open_numbers(&source, 32, true);
	struct reader fast = reader_of(subscribe(b)), slow = reader_of(subscribe(b));
	int r = 0;

	test_virtual_clock();
	fast.pause = acre_ms(1);
	slow.pause = acre_ms(100);
	ACRE_NURSERY(n, r) {
		r = acre_go(&n, read_all, &fast);
		if (r >= 0)
			r = acre_go(&n, read_all, &slow);
	}
	assert_true(fast.all_in_order);
	assert_int_equal(slow.n_lags, 0);
	assert_int_equal(slow.r, 0);
	assert_int_equal(slow.last, 999);
	assert_in_range(slow.n_items, 32, 999);
	return acre_broadcast_close(&b, r);
}

TEST_TASK(who_was_woken_and_is_cancelled_does_not_take_the_turn_with_it)
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
			r = acre_go(&n, read_all, &readers[i]);
			test_settle();
		}
		acre_scope_cancel(&readers[0].scope);
		assert_ok(acre_yield());
		acre_scope_cancel(&readers[1].scope);

		assert_int_equal(acre_chan_send(&c, &(int){ 0 }), 0);
		acre_chan_close(&c);
	}
	assert_int_equal(readers[2].n_items, 1);
	return acre_broadcast_close(&b, r);
}

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
