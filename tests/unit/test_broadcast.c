/* SPDX-License-Identifier: MIT */
/* test_broadcast.c - one source for many subscribers: order, lag, cancelling. */
#include "lib/test.h"

#include "unit/readers.h"

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

	loop_this->schedule.kind = SCHEDULE_FIFO; /* the others are not fair */
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
