/* SPDX-License-Identifier: MIT */
/* test_gather.c - blocks that are entered at the same time and left together. */
#include "lib/test.h"

#include <acre/chan.h>
#include <acre/share.h>

#include "base/mem.h"
#include "lib/run.h"

enum { N_BLOCKS = 5 };

/* What one block does, and what happened to it. */
struct door {
	acre_span time;	   /* to enter */
	int enter_failure; /* class; 0: none */
	int leave_failure;
	bool entered, left;
	int result_so_far; /* as given to leave */
	int value;
};

struct house {
	struct door doors[N_BLOCKS];
	struct acre_block blocks[N_BLOCKS];
	int body_result;
	int body_failure; /* class; 0: none */
	acre_span stay;
	int n_bodies;
};

static int door_enter(void *arg, void **ret_value)
{
	struct door *d = arg;
	int r = acre_sleep(d->time);

	if (r < 0)
		return r;
	if (d->enter_failure)
		return acre_fail(d->enter_failure, "this door does not open");
	d->entered = true;
	*ret_value = &d->value;
	return 0;
}

static int door_leave(void *arg, void *value, int r)
{
	struct door *d = arg;

	assert_ptr_equal(value, &d->value);
	assert_true(d->entered);
	assert_false(d->left);
	d->left = true;
	d->result_so_far = r;
	return r >= 0 && d->leave_failure
		       ? acre_fail(d->leave_failure, "this door does not shut")
		       : r;
}

static int stay_inside(void *arg, void **values, size_t n)
{
	struct house *h = arg;
	int r;

	assert_int_equal(n, N_BLOCKS);
	h->n_bodies++;
	for (size_t i = 0; i < n; i++) {
		assert_ptr_equal(values[i], &h->doors[i].value);
		assert_true(h->doors[i].entered);
		assert_false(h->doors[i].left);
	}
	r = acre_sleep(h->stay);
	if (r >= 0 && h->body_failure)
		return acre_fail(h->body_failure, "the body fails");
	return r < 0 ? r : h->body_result;
}

static void build(struct house *h)
{
	test_virtual_clock();
	for (int i = 0; i < N_BLOCKS; i++) {
		h->doors[i].time = acre_ms(10 * (i + 1));
		h->blocks[i] =
			(struct acre_block){ door_enter, door_leave, &h->doors[i] };
	}
}

/* What was entered was left. */
static void check_all_left(const struct house *h)
{
	for (int i = 0; i < N_BLOCKS; i++)
		assert_int_equal(h->doors[i].entered, h->doors[i].left);
}

TEST_TASK(c114_gather_of_nothing_is_refused)
{
	struct house h = { 0 };
	int r = acre_gather(h.blocks, 0, stay_inside, &h);

	assert_class(r, EINVAL);
	assert_class(acre_gather(NULL, 0, stay_inside, &h), EINVAL);
	assert_int_equal(h.n_bodies, 0);
	return 0;
}

TEST_TASK(blocks_are_entered_at_the_same_time_and_left_after_the_body)
{
	struct house h = { .body_result = 6, .stay = acre_ms(100) };
	acre_instant begin;

	build(&h);
	begin = acre_now();
	assert_int_equal(acre_gather(h.blocks, N_BLOCKS, stay_inside, &h), 6);

	assert_int_equal(h.n_bodies, 1);
	assert_int_equal(acre_between(begin, acre_now()).ns, acre_ms(150).ns);
	for (int i = 0; i < N_BLOCKS; i++) {
		assert_true(h.doors[i].left);
		assert_int_equal(h.doors[i].result_so_far, 0);
	}
	return 0;
}

TEST_TASK(a_block_that_cannot_be_entered_cancels_the_others_and_there_is_no_body)
{
	struct house h = { 0 };
	int r;

	build(&h);
	h.doors[2].enter_failure = ENXIO;
	r = acre_gather(h.blocks, N_BLOCKS, stay_inside, &h);

	assert_class(r, ENXIO);
	assert_int_equal(acre_count(r), 1);
	assert_int_equal(h.n_bodies, 0);
	assert_true(h.doors[1].entered);
	assert_false(h.doors[3].entered);
	assert_class(h.doors[1].result_so_far, ECANCELED);
	check_all_left(&h);
	return 0;
}

TEST_TASK(a_failure_of_the_body_is_the_result_and_everything_is_left)
{
	struct house h = { .body_failure = EDOM };
	int r;

	build(&h);
	r = acre_gather(h.blocks, N_BLOCKS, stay_inside, &h);

	assert_class(r, EDOM);
	assert_int_equal(acre_count(r), 1);
	check_all_left(&h);
	for (int i = 0; i < N_BLOCKS; i++)
		assert_class(h.doors[i].result_so_far, ECANCELED);
	return 0;
}

TEST_TASK(failures_of_leaving_are_all_told)
{
	struct house h = { .body_result = 1 };
	int r;

	build(&h);
	h.doors[0].leave_failure = EIO;
	h.doors[4].leave_failure = ENOSPC;
	r = acre_gather(h.blocks, N_BLOCKS, stay_inside, &h);

	assert_true(acre_has(r, EIO));
	assert_true(acre_has(r, ENOSPC));
	assert_int_equal(acre_count(r), 2);
	check_all_left(&h);
	return 0;
}

TEST_TASK(a_deadline_while_entering_ends_it)
{
	struct house h = { 0 };
	int r = 0;

	build(&h);
	ACRE_WITHIN(acre_ms(25), r)
		r = acre_gather(h.blocks, N_BLOCKS, stay_inside, &h);

	assert_class(r, ETIMEDOUT);
	assert_int_equal(h.n_bodies, 0);
	assert_true(h.doors[1].entered);
	assert_false(h.doors[2].entered);
	check_all_left(&h);
	return 0;
}

TEST_TASK(a_deadline_in_the_body_ends_it)
{
	struct house h = { .stay = acre_secs(60) };
	int r = 0;

	build(&h);
	ACRE_WITHIN(acre_secs(1), r)
		r = acre_gather(h.blocks, N_BLOCKS, stay_inside, &h);

	assert_class(r, ETIMEDOUT);
	check_all_left(&h);
	return 0;
}

/* A block is a channel that is closed when it is left, and fails its senders. */

struct mailbox_block {
	struct acre_chan chan;
	int ring[2];
};

static int open_chan(void *arg, void **ret_value)
{
	struct mailbox_block *m = arg;

	acre_chan_init(&m->chan, sizeof m->ring[0], m->ring, ARRAY_N(m->ring));
	*ret_value = &m->chan;
	return acre_yield();
}

static int close_chan(void *arg, void *value, int r)
{
	(void)arg;
	acre_chan_close(value);
	return r;
}

ACRE_TASK(send_for_ever, struct acre_chan *chan)
{
	int item = 1;
	int r = 0;

	while (r >= 0)
		r = acre_chan_send(chan, &item);
	return r;
}

static int be_interrupted(void *arg, void **values, size_t n)
{
	int r = 0;

	(void)arg;
	ACRE_NURSERY(senders, r) {
		for (size_t i = 0; i < n && r >= 0; i++)
			r = acre_go(&senders, send_for_ever,
				    (struct acre_chan *)values[i]);
		test_settle();
		r = acre_fail(EINTR, "interrupted");
	}
	return r;
}

TEST_TASK(closing_channels_in_gathered_blocks_does_not_hide_an_interrupt)
{
	struct mailbox_block boxes[3];
	struct acre_block blocks[3];
	int r;

	for (size_t i = 0; i < ARRAY_N(blocks); i++)
		blocks[i] = (struct acre_block){ open_chan, close_chan, &boxes[i] };
	r = acre_gather(blocks, ARRAY_N(blocks), be_interrupted, NULL);

	assert_class(r, EINTR);
	assert_int_equal(acre_count(r), 1);
	return 0;
}

TEST_TASK(without_memory_it_fails_and_enters_nothing)
{
	struct house h = { 0 };

	build(&h);
	for (uint64_t nth = 1; nth <= 2; nth++) {
		mem_fail_at(nth, true);
		assert_int_equal(acre_code(acre_gather(h.blocks, N_BLOCKS, stay_inside,
						       &h)),
				 ENOMEM);
		mem_fail_at(0, false);
	}
	assert_class(acre_gather(h.blocks, SIZE_MAX / 8, stay_inside, &h), ENOMEM);
	assert_false(h.doors[0].entered);
	assert_int_equal(h.n_bodies, 0);
	return 0;
}
