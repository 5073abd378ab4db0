/* SPDX-License-Identifier: MIT */
/* test_window.c - windows of streams: which of them widen, how far, and what stays bounded. */
#include "conform/tree.h"

#include "actor/context.h"

/* The endpoint sends so many items of so many bytes; each `batch` of them waits to be asked for
 * (0: all go at once). */
#define COUNTING(F) F(uint64_t, items) F(uint64_t, bytes) F(uint64_t, batch)
ACRE_MSG(counting, COUNTING)

#define COUNTED(F) F(uint64_t, number) F(struct acre_bytes, rest)
ACRE_MSG(counted, COUNTED)

ACRE_CONTEXT(count, counting)
{
	char *bytes = calloc(1, in->bytes + 1);
	int r = 0;

	assert_non_null(bytes);
	for (uint64_t i = 0; i < in->items && r >= 0; i++) {
		if (in->batch && i % in->batch == 0)
			r = acre_recv(ctx, acre_nil, &nil);
		if (r >= 0)
			r = acre_send(ctx, counted, .number = i,
				      .rest = { bytes, in->bytes });
	}
	free(bytes);
	return r;
}

struct reading {
	struct counting job;
	int64_t window_max;   /* items; 0: the default */
	uint64_t sleep_every; /* items; 0: never. The reader sleeps for 1 ms then */
	int64_t work_us;      /* for each item, in which nothing else runs */
	/* out */
	int64_t window, unread, unread_bytes; /* most items that it was, that lay here */
};

static void work(int64_t us)
{
	acre_instant begun = acre_now();

	while (us && acre_between(begun, acre_now()).ns < us * 1000)
		;
}

/* What the sender may still send and what lies here unread are within the window. */
static void look(struct reading *reading, const struct acre_context *ctx)
{
	int64_t unread = (int64_t)buf_len(&ctx->inbox);

	assert_in_range(ctx->granted.items, 0, ctx->window.items);
	assert_in_range(ctx->granted.items + ctx->n_inbox, 0, ctx->window.items);
	assert_int_equal(ctx->window.bytes, wire_limits_default.credit_bytes);
	reading->window = int64_max(reading->window, ctx->window.items);
	reading->unread = int64_max(reading->unread, ctx->n_inbox);
	reading->unread_bytes = int64_max(reading->unread_bytes, unread);
}

static int read_all(struct acre_context *ctx, struct reading *reading)
{
	const struct counting *job = &reading->job;
	struct counted item;
	uint64_t next = 0;
	int r = 0;

	if (reading->window_max)
		ctx->window_max = reading->window_max;
	while (r >= 0 && next < job->items) {
		if (job->batch && next % job->batch == 0)
			r = acre_send(ctx, acre_nil);
		if (r >= 0)
			r = acre_recv(ctx, counted, &item);
		if (r <= 0)
			break;
		assert_int_equal(item.number, next++);
		look(reading, ctx);
		work(reading->work_us);
		if (reading->sleep_every && next % reading->sleep_every == 0)
			r = acre_sleep(acre_ms(1));
	}
	assert_int_equal(next, job->items);
	return r < 0 ? r : 0;
}

static int with_reader(struct reading *reading)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "counter");
		ACRE_OPEN(ctx, r, a, count, &reading->job)
			r = read_all(ctx, reading);
	}
	test_note("window %d, unread %d items in %d bytes", (int)reading->window,
		  (int)reading->unread, (int)reading->unread_bytes);
	return r;
}

#define START ((int64_t)wire_limits_default.credit_items)

TEST_TREE(a_fast_consumer_gets_a_wider_window)
{
	struct reading reading = { .job = { .items = 100000, .bytes = 8 } };
	int r = with_reader(&reading);

	assert_in_range(reading.window, 4 * START, wire_limits_default.credit_items_max);
	return r;
}

TEST_TREE(a_window_widens_up_to_its_maximum_and_no_further)
{
	struct reading reading = { .job = { .items = 100000, .bytes = 8 },
				   .window_max = 3 * START };
	int r = with_reader(&reading);

	assert_int_equal(reading.window, 3 * START);
	return r;
}

/* Though it never waits for the next item but for the first. */
TEST_TREE(a_consumer_that_sleeps_keeps_its_window)
{
	struct reading reading = { .job = { .items = 5000, .bytes = 1000 },
				   .sleep_every = 20 };
	int r = with_reader(&reading);

	assert_int_equal(reading.window, START);
	assert_in_range(reading.unread, START / 2, START);
	assert_in_range(reading.unread_bytes, 1, START * 1100);
	return r;
}

/* It waits each time that it has taken all: its own loop has not run meanwhile. */
TEST_TREE(a_consumer_that_works_long_keeps_its_window)
{
	struct reading reading = { .job = { .items = 2000, .bytes = 1000 },
				   .work_us = 100 };
	int r = with_reader(&reading);

	assert_int_equal(reading.window, START);
	assert_in_range(reading.unread, START / 2, START);
	return r;
}

/* The consumer waits all the time, and never for want of credit. */
TEST_TREE(a_slow_sender_widens_nothing)
{
	struct reading reading = {
		.job = { .items = 5000, .bytes = 8, .batch = (uint64_t)START / 4 }
	};
	int r = with_reader(&reading);

	assert_int_equal(reading.window, START);
	return r;
}

/* What is held then is the window in bytes and the item that overdraws it. */
TEST_TREE(large_items_are_held_by_the_window_in_bytes)
{
	const int64_t bytes = 64 * 1024;
	struct reading reading = { .job = { .items = 2000, .bytes = (uint64_t)bytes } };
	struct reading slow = { .job = { .items = 400, .bytes = (uint64_t)bytes },
				.sleep_every = 4 };
	int r = with_reader(&reading);

	assert_in_range(reading.unread_bytes, 1,
			wire_limits_default.credit_bytes + 2 * bytes);
	if (r >= 0)
		r = with_reader(&slow);
	assert_in_range(slow.unread_bytes, 4 * bytes,
			wire_limits_default.credit_bytes + 2 * bytes);
	return r;
}

/* More is under way than before, and a cancel overtakes it all the same. */
TEST_TREE(a_cancel_is_answered_over_a_wide_window)
{
	struct reading reading = { .job = { .items = 20000, .bytes = 8 } };
	struct counting more = { .items = UINT64_MAX, .bytes = 8 };
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "counter");
		ACRE_OPEN(ctx, r, a, count, &more) {
			r = read_all(ctx, &reading);
			assert_in_range(reading.window, 2 * START, INT64_MAX);
			assert_ok(acre_context_cancel(ctx));
			assert_true(acre_outcome(ctx).cancel_acked);
		}
	}
	return r;
}
