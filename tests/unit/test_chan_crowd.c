/* SPDX-License-Identifier: MIT */
/* test_chan_crowd.c - channels in a crowd of tasks that are cancelled at any time. */
#include "lib/test.h"

#include <acre/chan.h>

#include "lib/run.h"

/*
 * Many tasks at random: each item that a send reported as sent is received exactly once,
 * whatever is cancelled on the way, before a call or in it.
 */
enum { N_SENDERS = 5, N_RECEIVERS = 4, N_ITEMS = 40 };

struct crowd {
	struct acre_chan chan;
	uint64_t random;
	size_t n_senders_left;
	size_t n_sent[N_SENDERS];     /* as reported */
	size_t n_received[N_SENDERS]; /* and the number of the next one */
};

struct crowd_item {
	uint32_t sender, number;
};

struct crowd_sender {
	struct crowd *crowd;
	uint32_t index;
};

static unsigned int draw(struct crowd *c)
{
	c->random = c->random * 6364136223846793005u + 1442695040888963407u;
	return (unsigned int)(c->random >> 33);
}

/* Sends or receives; at times the call is cancelled before it begins, or while it
 * waits. */
static int with_bad_luck(struct crowd *c,
			 int (*call)(struct crowd *c, struct crowd_item *item),
			 struct crowd_item *item)
{
	struct acre_scope scope;
	unsigned int luck = draw(c) % 4;
	int result = 0;
	int r;

	acre_scope_open(&scope);
	if (luck == 0)
		acre_scope_cancel(&scope);
	if (luck == 1)
		acre_scope_deadline(&scope, acre_after(acre_now(), acre_ns(draw(c) % 4)));
	result = call(c, item);
	r = acre_scope_close(&scope, result);
	return r == 0 && result < 0 ? -ETIMEDOUT : r;
}

static int crowd_send(struct crowd *c, struct crowd_item *item)
{
	return acre_chan_send(&c->chan, item);
}

static int crowd_recv(struct crowd *c, struct crowd_item *item)
{
	return acre_chan_recv(&c->chan, item);
}

ACRE_TASK(send_many, struct crowd_sender *s)
{
	struct crowd *c = s->crowd;
	struct crowd_item item = { .sender = s->index };
	int r = 0;

	while (item.number < N_ITEMS && r >= 0) {
		r = with_bad_luck(c, crowd_send, &item);
		if (r >= 0)
			c->n_sent[s->index] = ++item.number;
		else if (acre_is(r, ETIMEDOUT))
			r = 0;
		if (r >= 0 && draw(c) % 3 == 0)
			r = acre_yield();
		if (r >= 0 && draw(c) % 8 == 0)
			r = acre_sleep(acre_ns(3));
	}
	if (--c->n_senders_left == 0)
		acre_chan_close(&c->chan);
	return r;
}

ACRE_TASK(receive_many, struct crowd *c)
{
	struct crowd_item item;
	int r = 1;

	while (r > 0) {
		r = with_bad_luck(c, crowd_recv, &item);
		if (acre_is(r, ETIMEDOUT))
			r = 1;
		else if (r > 0)
			c->n_received[item.sender]++;
		if (r > 0 && draw(c) % 8 == 0 && acre_sleep(acre_ns(2)) < 0)
			return -ECANCELED;
	}
	return r;
}

static int run_crowd(size_t n_slots)
{
	struct crowd_item ring[8];
	struct crowd crowd = { .random = test_seed(), .n_senders_left = N_SENDERS };
	struct crowd_sender senders[N_SENDERS];
	int r = 0;

	assert_true(n_slots <= ARRAY_N(ring));
	acre_chan_init(&crowd.chan, sizeof *ring, n_slots ? ring : NULL, n_slots);
	ACRE_NURSERY(n, r) {
		for (uint32_t i = 0; i < N_SENDERS && r >= 0; i++) {
			senders[i] = (struct crowd_sender){ &crowd, i };
			r = acre_go(&n, send_many, &senders[i]);
		}
		for (int i = 0; i < N_RECEIVERS && r >= 0; i++)
			r = acre_go(&n, receive_many, &crowd);
	}
	for (size_t i = 0; i < N_SENDERS; i++) {
		assert_int_equal(crowd.n_sent[i], N_ITEMS);
		assert_int_equal(crowd.n_received[i], N_ITEMS);
	}
	return r;
}

TEST_TASK(a_crowd_loses_and_doubles_nothing_in_an_unbuffered_channel)
{
	test_virtual_clock();
	return run_crowd(0);
}

TEST_TASK(a_crowd_loses_and_doubles_nothing_in_rings_of_any_size)
{
	int r = 0;

	test_virtual_clock();
	for (size_t n_slots = 1; n_slots <= 8 && r >= 0; n_slots++)
		r = run_crowd(n_slots);
	return r;
}
