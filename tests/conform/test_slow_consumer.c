/* SPDX-License-Identifier: MIT */
/* test_slow_consumer.c - a producer at full speed and a consumer that takes slowly: memory flat, nothing lost: promise G24. */
#include "conform/footprint.h"

/*
 * The consumer sleeps between lumps of items. Other contexts over the same link are opened and
 * cancelled meanwhile, behind all that lies queued for it. Without environment
 * ACRE_TEST_SLOW_SECONDS it takes some thousand items; with it, it takes them for so long, and says
 * how long the slowest cancel took to be answered (promised: 50 ms, which is for a machine that
 * is not shared).
 */

#define ITEM_BYTES    4000
#define LUMP	      8	   /* items between two sleeps of 1 ms */
#define CANCEL_EVERY  256  /* items */
#define SETTLED_AFTER 1024 /* items: queues and windows are as they stay */
#define ITEMS	      4096
#define SPARE_KIB     1024 /* that may come of the C library's and the kernel's own doing */
#define SPARE_BLOCKS  16   /* of memory: buffers that happen to be there or not */

#define NUMBERED(F)   F(uint64_t, number) F(struct acre_bytes, rest)
ACRE_MSG(numbered, NUMBERED)

ACRE_TASK(await_enough, struct acre_context *ctx)
{
	return acre_recv(ctx, acre_nil, &nil);
}

/* At full speed until the opener sends no more; the result is how many there were. */
static int pour_until_enough(struct acre_context *ctx, struct acre_nursery *n)
{
	static char bytes[ITEM_BYTES];
	int64_t sent = 0;
	int r = 0;

	while (r >= 0 && acre_nursery_n(n)) {
		r = acre_send(ctx, numbered, .number = (uint64_t)sent,
			      .rest = { bytes, sizeof bytes });
		sent += r >= 0;
	}
	return r < 0 ? r : acre_return(ctx, acre_int, .value = sent);
}

ACRE_CONTEXT(pour, acre_nil)
{
	int r = acre_started(ctx, acre_nil);

	ACRE_NURSERY(n, r) {
		r = acre_go(&n, await_enough, ctx);
		if (r >= 0)
			r = pour_until_enough(ctx, &n);
	}
	return r;
}

struct taking {
	struct acre_actor *producer;
	struct acre_context *ctx;
	acre_instant end;		   /* never: after ITEMS */
	uint64_t next;			   /* number of the item that comes next */
	struct footprint here, there;	   /* when all had settled */
	double slowest;			   /* s: a cancel until its answer */
	uint64_t most_unread, most_queued; /* bytes, here and there */
};

static void cancel_another(struct taking *t)
{
	acre_instant begun;
	int r = 0;

	ACRE_OPEN(other, r, t->producer, sleeps_for_ever, &nil) {
		begun = acre_now();
		assert_ok(acre_context_cancel(other));
		assert_true(acre_outcome(other).cancel_acked);
		if (seconds_since(begun) > t->slowest)
			t->slowest = seconds_since(begun);
	}
	assert_ok(r);
}

static struct footprint ask(struct taking *t)
{
	struct footprint f;

	assert_int_equal(acre_call(t->producer, look, &nil, footprint, &f), 1);
	t->most_queued = f.queued > t->most_queued ? f.queued : t->most_queued;
	return f;
}

static bool is_enough(const struct taking *t)
{
	return t->end.ns == acre_never().ns ? t->next >= ITEMS
					    : acre_between(acre_now(), t->end).ns <= 0;
}

/* 1, or 0 at the end. */
static int take(struct taking *t)
{
	struct numbered item;
	int r = acre_recv(t->ctx, numbered, &item);

	if (r <= 0)
		return r;
	assert_int_equal(item.number, t->next++);
	assert_int_equal(item.rest.len, ITEM_BYTES);
	t->most_unread = buf_len(&t->ctx->inbox) > t->most_unread
				 ? buf_len(&t->ctx->inbox)
				 : t->most_unread;
	return r;
}

static int take_slowly(struct taking *t)
{
	int r = 1;

	while (r > 0 && !is_enough(t)) {
		r = take(t);
		if (r > 0 && t->next % LUMP == 0 && acre_sleep(acre_ms(1)) < 0)
			return -ECANCELED;
		if (t->next % CANCEL_EVERY == 0)
			cancel_another(t);
		if (t->next == SETTLED_AFTER) {
			t->there = ask(t);
			t->here = footprint_of(t->producer);
		}
	}
	return r;
}

/* What is bounded by credit, and by the link's own queue. */
static void check_memory(struct taking *t)
{
	struct footprint there = ask(t), here = footprint_of(t->producer);
	const uint64_t window =
		(uint64_t)wire_limits_default.credit_items * 2 * (ITEM_BYTES + 100);

	test_note("unread at most %d bytes, queued %d; blocks %d->%d here, %d->%d there; "
		  "KiB %d->%d, %d->%d; "
		  "%d items, slowest cancel %.1f ms",
		  (int)t->most_unread, (int)t->most_queued, (int)t->here.blocks,
		  (int)here.blocks, (int)t->there.blocks, (int)there.blocks,
		  (int)t->here.kib, (int)here.kib, (int)t->there.kib, (int)there.kib,
		  (int)t->next, t->slowest * 1e3);
	assert_in_range(t->most_unread, ITEM_BYTES, window);
	assert_in_range(t->most_queued, 0, LINK_QUEUE_HIGH + window);
	assert_int_equal(here.fds, t->here.fds);
	assert_in_range(here.blocks, 0, t->here.blocks + SPARE_BLOCKS);
	assert_in_range(there.blocks, 0, t->there.blocks + SPARE_BLOCKS);
	if (is_sanitized())
		return; /* it keeps what was freed */
	assert_in_range(here.kib, 0, t->here.kib + SPARE_KIB);
	assert_in_range(there.kib, 0, t->there.kib + SPARE_KIB);
}

static int take_all(struct taking *t)
{
	struct acre_int sent;
	int r = take_slowly(t);

	assert_int_equal(r, 1);
	check_memory(t);
	assert_ok(acre_finish(t->ctx));
	while ((r = take(t)) > 0)
		;
	assert_ok(r);
	assert_int_equal(acre_result(t->ctx, acre_int, &sent), 1);
	assert_int_equal(sent.value, t->next); /* nothing is lost */
	return r;
}

TEST_ACTOR(g24_a_slow_consumer_and_a_producer_at_full_speed)
{
	const char *seconds = getenv("ACRE_TEST_SLOW_SECONDS");
	struct taking t = { .producer = a, .end = acre_never() };
	int r = 0;

	if (seconds) {
		test_limit(0);
		t.end = acre_after(acre_now(), acre_secs(atoi(seconds)));
	}
	ACRE_OPEN(ctx, r, a, pour, &nil) {
		t.ctx = ctx;
		r = take_all(&t);
	}
	return r;
}

/* The stream itself is what is cancelled, with all that lies unread. */
TEST_ACTOR(g24_a_stream_that_is_full_is_cancelled)
{
	struct taking t = { .producer = a, .end = acre_never() };
	int r = 0;

	ACRE_OPEN(ctx, r, a, pour, &nil) {
		t.ctx = ctx;
		while (ctx->n_inbox <
		       wire_limits_default.credit_items) /* all that may come */
			assert_ok(acre_sleep(acre_ms(1)));
		assert_ok(acre_context_cancel(ctx));
		assert_true(acre_outcome(ctx).cancel_acked);
		while ((r = take(&t)) > 0) /* what had come stays readable */
			;
		assert_class(r, ACRE_ECTXC);
	}
	return acre_is(r, ACRE_ECTXC) ? 0 : r;
}
