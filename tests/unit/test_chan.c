/* SPDX-License-Identifier: MIT */
/* test_chan.c - channels: order, waiting, cancelling, closing, and misuse. */
#include "lib/test.h"

#include <pthread.h>
#include <string.h>

#include <acre/chan.h>

#include "lib/run.h"

/* A task that sends or receives one item, and what came of it. */
struct one {
	struct acre_chan *chan;
	int item;
	int r;
	bool done;
	struct acre_scope scope;
};

ACRE_TASK(send_one, struct one *one)
{
	acre_scope_open(&one->scope);
	one->r = acre_chan_send(one->chan, &one->item);
	one->done = true;
	return acre_scope_close(&one->scope, one->r);
}

/* A failure is in `r` and not passed on. */
ACRE_TASK(try_to_send_one, struct one *one)
{
	one->r = acre_chan_send(one->chan, &one->item);
	one->done = true;
	return 0;
}

ACRE_TASK(receive_one, struct one *one)
{
	acre_scope_open(&one->scope);
	one->r = acre_chan_recv(one->chan, &one->item);
	one->done = true;
	return acre_scope_close(&one->scope, one->r);
}

/* Starts them one after the other, so that they wait in this order. */
#define start_waiting(nursery, task, ones, chan_)                                \
	({                                                                       \
		int started_ = 0;                                                \
		for (size_t i_ = 0; i_ < ARRAY_N(ones) && started_ >= 0; i_++) { \
			(ones)[i_].chan = (chan_);                               \
			started_ = acre_go((nursery), task, &(ones)[i_]);        \
			test_settle();                                           \
		}                                                                \
		started_;                                                        \
	})

TEST_TASK(items_come_out_in_the_order_in_which_they_went_in)
{
	struct acre_chan c;
	int ring[3];
	int item = 0;
	int next = 0;
	int r = 0;

	acre_chan_init(&c, sizeof *ring, ring, ARRAY_N(ring));
	for (int i = 0; i < 100 && r >= 0; i++) {
		r = acre_chan_send(&c, &i);
		if (r < 0 || i % 3 == 0)
			continue;
		while (acre_chan_n(&c) > 1 && (r = acre_chan_recv(&c, &item)) > 0)
			assert_int_equal(item, next++);
	}
	assert_in_range(next, 98, 99);

	return r;
}

static void pass_items_of(size_t size)
{
	uint8_t ring[3 * 64], in[64], out[64 + 1];
	struct acre_chan c;

	assert_true(size <= 64);
	acre_chan_init(&c, size, ring, 3);
	for (unsigned int i = 0; i < 20; i++) {
		memset(in, (int)i + 1, sizeof in);
		memset(out, 0xee, sizeof out);

		assert_int_equal(acre_chan_send(&c, in), 0);
		assert_int_equal(acre_chan_recv(&c, out), 1);

		assert_memory_equal(in, out, size);
		assert_int_equal(out[size], 0xee);
	}
}

TEST_TASK(items_of_any_size_pass_whole_and_nothing_beside_them)
{
	for (size_t size = 1; size <= 64; size++)
		pass_items_of(size);
	return 0;
}

TEST_TASK(an_unbuffered_send_ends_when_a_receiver_has_the_item)
{
	struct one sender = { .item = 7 };
	struct acre_chan c;
	int item = 0;
	int r = 0;

	acre_chan_init(&c, sizeof item, NULL, 0);
	sender.chan = &c;
	ACRE_NURSERY(n, r) {
		r = acre_go(&n, send_one, &sender);
		test_settle();
		assert_false(sender.done);

		assert_int_equal(acre_chan_recv(&c, &item), 1);
		test_settle();

		assert_int_equal(item, 7);
		assert_true(sender.done);
		assert_int_equal(sender.r, 0);
	}
	return r;
}

TEST_TASK(an_unbuffered_receiver_waits_for_a_sender)
{
	struct one receiver = { .item = 0 };
	struct acre_chan c;
	int item = 8;
	int r = 0;

	acre_chan_init(&c, sizeof item, NULL, 0);
	receiver.chan = &c;
	ACRE_NURSERY(n, r) {
		r = acre_go(&n, receive_one, &receiver);
		test_settle();
		assert_false(receiver.done);

		assert_int_equal(acre_chan_send(&c, &item), 0);
		test_settle();

		assert_int_equal(receiver.r, 1);
		assert_int_equal(receiver.item, 8);
	}
	return r;
}

TEST_TASK(a_sender_waits_while_the_ring_is_full)
{
	struct one sender = { .item = 3 };
	struct acre_chan c;
	int ring[2];
	int item = 0;
	int r = 0;

	acre_chan_init(&c, sizeof item, ring, ARRAY_N(ring));
	sender.chan = &c;
	assert_int_equal(acre_chan_send(&c, &(int){ 1 }), 0);
	assert_int_equal(acre_chan_send(&c, &(int){ 2 }), 0);
	ACRE_NURSERY(n, r) {
		r = acre_go(&n, send_one, &sender);
		test_settle();
		assert_false(sender.done);
		assert_int_equal(acre_chan_n(&c), 2);

		/* the slot that comes free is the sender's: nobody overtakes it */
		assert_int_equal(acre_chan_recv(&c, &item), 1);
		assert_int_equal(item, 1);
		assert_int_equal(acre_chan_n(&c), 2);
		assert_int_equal(acre_chan_try_send(&c, &(int){ 4 }), -EAGAIN);
		test_settle();
		assert_true(sender.done);

		for (int i = 2; i <= 3; i++) {
			assert_int_equal(acre_chan_recv(&c, &item), 1);
			assert_int_equal(item, i);
		}
	}
	return r;
}

TEST_TASK(senders_are_served_in_the_order_of_their_arrival)
{
	struct one senders[] = { { .item = 10 }, { .item = 11 }, { .item = 12 } };
	struct acre_chan c;
	int ring[1];
	int item = 0;
	int r = 0;

	acre_chan_init(&c, sizeof item, ring, 1);
	assert_int_equal(acre_chan_send(&c, &(int){ 9 }), 0);
	ACRE_NURSERY(n, r) {
		r = start_waiting(&n, send_one, senders, &c);
		for (int i = 9; i <= 12; i++) {
			assert_int_equal(acre_chan_recv(&c, &item), 1);
			assert_int_equal(item, i);
		}
	}
	return r;
}

TEST_TASK(receivers_are_served_in_the_order_of_their_arrival)
{
	struct one receivers[3] = { 0 };
	struct acre_chan c;
	int ring[1];
	int r = 0;

	acre_chan_init(&c, sizeof *ring, ring, 1);
	ACRE_NURSERY(n, r) {
		r = start_waiting(&n, receive_one, receivers, &c);
		for (int i = 0; i < 3; i++)
			assert_int_equal(acre_chan_send(&c, &i), 0);
	}
	for (int i = 0; i < 3; i++) {
		assert_int_equal(receivers[i].r, 1);
		assert_int_equal(receivers[i].item, i);
	}
	return r;
}

TEST_TASK(a_cancelled_receive_has_taken_nothing)
{
	struct one receivers[] = { { .item = -1 }, { .item = -1 } };
	struct acre_chan c;
	int r = 0;

	acre_chan_init(&c, sizeof(int), NULL, 0);
	ACRE_NURSERY(n, r) {
		r = start_waiting(&n, receive_one, receivers, &c);
		acre_scope_cancel(&receivers[0].scope);

		assert_int_equal(acre_chan_send(&c, &(int){ 5 }), 0);
	}
	assert_class(receivers[0].r, ECANCELED);
	assert_int_equal(receivers[0].item, -1);
	assert_int_equal(receivers[1].item, 5);
	return r;
}

TEST_TASK(a_cancelled_send_has_sent_nothing)
{
	struct one senders[] = { { .item = 1 }, { .item = 2 } };
	struct acre_chan c;
	int item = 0;
	int r = 0;

	acre_chan_init(&c, sizeof(int), NULL, 0);
	ACRE_NURSERY(n, r) {
		r = start_waiting(&n, send_one, senders, &c);
		acre_scope_cancel(&senders[0].scope);

		assert_int_equal(acre_chan_recv(&c, &item), 1);
		assert_int_equal(item, 2);
	}
	assert_class(senders[0].r, ECANCELED);
	assert_int_equal(senders[1].r, 0);
	return r;
}

TEST_TASK(an_item_that_was_handed_over_before_the_cancellation_is_kept)
{
	struct one receiver[1] = { { .item = -1 } };
	struct one sender[1] = { { .item = 6 } };
	struct acre_chan c;
	int item = 0;
	int r = 0;

	acre_chan_init(&c, sizeof(int), NULL, 0);
	ACRE_NURSERY(n, r) {
		r = start_waiting(&n, receive_one, receiver, &c);
		assert_int_equal(acre_chan_send(&c, &(int){ 5 }), 0);
		acre_scope_cancel(&receiver[0].scope);
	}
	assert_int_equal(receiver[0].r, 1);
	assert_int_equal(receiver[0].item, 5);

	ACRE_NURSERY(n, r) {
		r = start_waiting(&n, send_one, sender, &c);
		assert_int_equal(acre_chan_recv(&c, &item), 1);
		acre_scope_cancel(&sender[0].scope);
	}
	assert_int_equal(sender[0].r, 0);
	assert_int_equal(item, 6);
	return r;
}

TEST_TASK(a_cancelled_task_neither_sends_nor_receives_even_if_it_need_not_wait)
{
	struct acre_scope scope;
	struct acre_chan c;
	int ring[2];
	int item = 0;

	acre_chan_init(&c, sizeof item, ring, ARRAY_N(ring));
	assert_int_equal(acre_chan_send(&c, &(int){ 1 }), 0);
	acre_scope_open(&scope);
	acre_scope_cancel(&scope);

	assert_class(acre_chan_send(&c, &(int){ 2 }), ECANCELED);
	assert_class(acre_chan_recv(&c, &item), ECANCELED);
	assert_int_equal(acre_chan_n(&c), 1);

	/* these are no checkpoints */
	assert_int_equal(acre_chan_try_recv(&c, &item), 1);
	assert_int_equal(acre_chan_try_send(&c, &(int){ 3 }), 0);
	return acre_scope_close(&scope, 0);
}

TEST_TASK(trying_says_that_it_would_have_to_wait)
{
	struct acre_chan buffered, bare;
	int ring[1];
	int item = 0;

	acre_chan_init(&buffered, sizeof item, ring, 1);
	acre_chan_init(&bare, sizeof item, NULL, 0);

	assert_int_equal(acre_chan_try_recv(&buffered, &item), -EAGAIN);
	assert_int_equal(acre_chan_try_send(&buffered, &item), 0);
	assert_int_equal(acre_chan_try_send(&buffered, &item), -EAGAIN);
	assert_int_equal(acre_chan_try_recv(&buffered, &item), 1);

	assert_int_equal(acre_chan_try_recv(&bare, &item), -EAGAIN);
	assert_int_equal(acre_chan_try_send(&bare, &item), -EAGAIN);
	return 0;
}

TEST_TASK(trying_meets_who_waits)
{
	struct one receiver[1] = { 0 }, sender[1] = { { .item = 4 } };
	struct acre_chan c;
	int item = 0;
	int r = 0;

	acre_chan_init(&c, sizeof item, NULL, 0);
	ACRE_NURSERY(n, r) {
		r = start_waiting(&n, receive_one, receiver, &c);
		assert_int_equal(acre_chan_try_send(&c, &(int){ 3 }), 0);
		test_settle();
		assert_int_equal(receiver[0].item, 3);

		r = start_waiting(&n, send_one, sender, &c);
		assert_int_equal(acre_chan_try_recv(&c, &item), 1);
		assert_int_equal(item, 4);
	}
	return r;
}

TEST_TASK(after_the_close_receivers_get_what_is_left_and_then_the_end)
{
	struct acre_chan c;
	int ring[4];
	int item = 0;

	acre_chan_init(&c, sizeof item, ring, ARRAY_N(ring));
	for (int i = 1; i <= 3; i++)
		assert_int_equal(acre_chan_send(&c, &i), 0);

	acre_chan_close(&c);
	acre_chan_close(&c);

	for (int i = 1; i <= 3; i++) {
		assert_int_equal(acre_chan_recv(&c, &item), 1);
		assert_int_equal(item, i);
	}
	assert_int_equal(acre_chan_recv(&c, &item), 0);
	assert_int_equal(acre_chan_recv(&c, &item), 0);
	assert_int_equal(acre_chan_try_recv(&c, &item), 0);
	return 0;
}

TEST_TASK(sending_into_a_closed_channel_fails)
{
	struct acre_chan c;
	int ring[4];

	acre_chan_init(&c, sizeof *ring, ring, ARRAY_N(ring));
	acre_chan_close(&c);

	assert_class(acre_chan_send(&c, &(int){ 1 }), ACRE_ECLOSED);
	assert_class(acre_chan_try_send(&c, &(int){ 1 }), ACRE_ECLOSED);
	assert_class(acre_chan_send(&c, &(int){ 1 }), EPIPE);
	assert_text_has(acre_why(acre_chan_send(&c, &(int){ 1 }))->message, "closed");
	assert_int_equal(acre_chan_n(&c), 0);
	return 0;
}

TEST_TASK(the_close_wakes_receivers_with_the_end)
{
	struct one receivers[3] = { { .item = -1 }, { .item = -1 }, { .item = -1 } };
	struct acre_chan c;
	int r = 0;

	acre_chan_init(&c, sizeof(int), NULL, 0);
	ACRE_NURSERY(n, r) {
		r = start_waiting(&n, receive_one, receivers, &c);
		acre_chan_close(&c);
	}
	for (size_t i = 0; i < ARRAY_N(receivers); i++) {
		assert_true(receivers[i].done);
		assert_int_equal(receivers[i].r, 0);
		assert_int_equal(receivers[i].item, -1);
	}
	return r;
}

TEST_TASK(the_close_fails_senders_and_does_not_take_their_items)
{
	struct one senders[2] = { { .item = 2 }, { .item = 3 } };
	struct acre_chan c;
	int ring[1];
	int item = 0;
	int r = 0;

	acre_chan_init(&c, sizeof item, ring, 1);
	assert_int_equal(acre_chan_send(&c, &(int){ 1 }), 0);
	ACRE_NURSERY(n, r) {
		r = start_waiting(&n, try_to_send_one, senders, &c);
		acre_chan_close(&c);
	}
	assert_int_equal(report_class(senders[0].r), ACRE_ECLOSED);
	assert_int_equal(report_class(senders[1].r), ACRE_ECLOSED);
	assert_int_equal(acre_chan_recv(&c, &item), 1);
	assert_int_equal(item, 1);
	assert_int_equal(acre_chan_recv(&c, &item), 0);
	return r;
}

TEST_TASK(a_receiver_that_was_given_an_item_before_the_close_has_it)
{
	struct one receiver[1] = { 0 };
	struct acre_chan c;
	int r = 0;

	acre_chan_init(&c, sizeof(int), NULL, 0);
	ACRE_NURSERY(n, r) {
		r = start_waiting(&n, receive_one, receiver, &c);
		assert_int_equal(acre_chan_send(&c, &(int){ 9 }), 0);
		acre_chan_close(&c);
	}
	assert_int_equal(receiver[0].r, 1);
	assert_int_equal(receiver[0].item, 9);
	return r;
}

TEST_TASK(a_wait_says_in_dumps_what_it_is_for)
{
	struct one sender[1] = { 0 }, receiver[1] = { 0 };
	struct acre_chan full, empty;
	struct task *t;
	int r = 0;

	acre_chan_init(&full, sizeof(int), NULL, 0);
	acre_chan_init(&empty, sizeof(int), NULL, 0);
	ACRE_NURSERY(n, r) {
		r = start_waiting(&n, send_one, sender, &full);
		r = start_waiting(&n, receive_one, receiver, &empty);
		list_for_each(t, &loop_this->tasks, all) {
			if (!strcmp(t->name, "send_one")) {
				assert_int_equal(t->what, WAIT_CHAN_SEND);
				assert_ptr_equal(t->object, &full);
			} else if (!strcmp(t->name, "receive_one")) {
				assert_int_equal(t->what, WAIT_CHAN_RECV);
				assert_ptr_equal(t->object, &empty);
			}
		}
		acre_nursery_cancel(&n);
	}
	return r;
}

/* Misuse. */

TEST_FAILS(a_channel_of_items_of_no_size_is_a_bug, "items of 0 bytes")
{
	struct acre_chan c;

	acre_chan_init(&c, 0, NULL, 0);
}

TEST_FAILS(a_ring_without_memory_is_a_bug, "a ring at (nil) for 3 items")
{
	struct acre_chan c;

	acre_chan_init(&c, 4, NULL, 3);
}

TEST_FAILS(a_ring_that_no_memory_can_hold_is_a_bug, "a ring of")
{
	struct acre_chan c;
	int ring[1];

	acre_chan_init(&c, 16, ring, SIZE_MAX / 16);
}

TEST_FAILS(sending_outside_of_a_task_is_a_bug, "acre_chan_send outside of a task")
{
	struct acre_chan c;

	acre_chan_init(&c, 4, NULL, 0);
	acre_ignore(acre_chan_send(&c, &(int){ 1 }));
}

TEST_FAILS(receiving_outside_of_a_task_is_a_bug, "acre_chan_recv outside of a task")
{
	struct acre_chan c;
	int item;

	acre_chan_init(&c, 4, NULL, 0);
	acre_ignore(acre_chan_recv(&c, &item));
}

static int send_into_rubbish(void *arg)
{
	struct acre_chan c;

	(void)arg;
	memset(&c, 0xdd, sizeof c);
	return acre_chan_send(&c, &(int){ 1 });
}

TEST_FAILS(a_channel_that_was_not_initialised_is_a_bug, "was not initialised (task root)")
{
	static const struct acre_task_kind kind = { "root", send_into_rubbish, "", 0 };

	test_run_task(&kind);
}

static void *close_on_a_thread(void *chan)
{
	acre_chan_close(chan);
	return NULL;
}

TEST_FAILS(a_thread_without_a_loop_must_not_use_a_channel,
	   "is used by a thread without a loop")
{
	struct acre_chan c;
	pthread_t thread;

	acre_chan_init(&c, 4, NULL, 0);
	assert_int_equal(pthread_create(&thread, NULL, close_on_a_thread, &c), 0);
	pthread_join(thread, NULL);
}
