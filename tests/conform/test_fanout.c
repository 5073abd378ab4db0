/* SPDX-License-Identifier: MIT */
/* test_fanout.c - streams with many readers, both kinds at once, and their end: cases C039, C055 to C057. */
#include "conform/root.h"

#define N_SUBSCRIBERS 22 /* as the reference has it */
#define N_ITEMS	      10

/*
 * C057: a stream in one direction.
 */

/* Cannot be called for one value: it is made of items. */
ACRE_CONTEXT(one_way, acre_nil, .kind = ACRE_ENDPOINT_STREAM)
{
	int r = 0;

	for (int64_t i = 0; r >= 0 && i < N_ITEMS; i++)
		r = acre_send(ctx, acre_int, .value = i);
	return r;
}

ACRE_CONTEXT(explicit_sends, acre_nil)
{
	int r = acre_started(ctx, acre_nil);

	for (int64_t i = 0; r >= 0 && i < N_ITEMS; i++)
		r = acre_send(ctx, acre_int, .value = i);
	return r < 0 ? r : acre_finish(ctx);
}

static int read_all(struct acre_context *ctx)
{
	struct acre_int item;

	for (int64_t i = 0; i < N_ITEMS; i++) {
		assert_int_equal(acre_recv(ctx, acre_int, &item), 1);
		assert_int_equal(item.value, i);
	}
	assert_int_equal(acre_recv(ctx, acre_int, &item), 0);
	assert_int_equal(acre_recv(ctx, acre_int, &item), 0); /* again and again */
	return 0;
}

TEST_TREE(c057_one_way_stream)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "sender");
		assert_ok(r);
		ACRE_OPEN(ctx, r, a, one_way, &nil)
			r = read_all(ctx);
		ACRE_OPEN(ctx, r, a, explicit_sends, &nil)
			r = read_all(ctx);
		acre_nursery_cancel(&n);
	}
	return r;
}

/*
 * C056: one stream, read by many tasks.
 */

/* Numbers without an end, until the other side says "done"; then until nobody reads. */
ACRE_CONTEXT(endless, acre_nil)
{
	struct acre_text said;
	int64_t i = 0;
	int r = acre_started(ctx, acre_nil);

	while (r >= 0)
		r = acre_send(ctx, acre_int, .value = i++);
	if (!acre_is(r, ACRE_ECLOSED))
		return r;
	r = acre_recv(ctx, acre_text, &said);
	if (r > 0 && strcmp(said.value, "done") != 0)
		return acre_fail(T_VALUE, "it said %s", said.value);
	return acre_return(ctx, acre_text, .value = "noticed");
}

static int next_number(void *source, void *item)
{
	return acre_recv(source, acre_int, item);
}

struct reader {
	struct acre_broadcast *broadcast;
	struct acre_event *begin; /* once all have subscribed */
	int64_t count, last;
};

ACRE_TASK(count_items, struct reader *reader)
{
	struct acre_subscriber *sub = NULL;
	struct acre_int item;
	int r = acre_subscribe(&sub, reader->broadcast);

	if (r >= 0)
		r = acre_ready(NULL);
	if (r >= 0)
		r = acre_event_wait(reader->begin);
	while (r >= 0 && (r = acre_subscriber_recv(sub, &item)) > 0) {
		reader->count++;
		reader->last = item.value;
	}
	acre_unsubscribe(sub);
	return acre_is(r, ACRE_ECLOSED) ? 0 : r;
}

/* Each is given what the window has, so that all end at the same item. */
static int fan_out(struct acre_context *ctx, struct reader readers[N_SUBSCRIBERS])
{
	struct acre_broadcast *b;
	struct acre_event begin;
	void *unused;
	int r = acre_broadcast_open(&b, (struct acre_broadcast_options){
						.item_size = sizeof(struct acre_int),
						.window = 1024,
						.next = next_number,
						.source = ctx });

	assert_ok(r);
	acre_event_init(&begin);
	ACRE_NURSERY(n, r) {
		for (int i = 0; i < N_SUBSCRIBERS && r >= 0; i++) {
			readers[i] = (struct reader){ .broadcast = b, .begin = &begin };
			r = acre_go_ready(&n, count_items, &readers[i], &unused);
		}
		acre_event_set(&begin);
		while (r >= 0 && readers[0].count < 1000)
			r = acre_yield();
		if (r >= 0)
			r = acre_send(ctx, acre_text, .value = "done");
		r = acre_broadcast_close(&b, r);
	}
	return r;
}

TEST_TREE(c056_local_fan_out)
{
	struct reader readers[N_SUBSCRIBERS];
	struct acre_text said = { "" };
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "sender");
		assert_ok(r);
		ACRE_OPEN(ctx, r, a, endless, &nil) {
			r = fan_out(ctx, readers);
			assert_ok(acre_stop(ctx)); /* which the sender notices */
			assert_int_equal(acre_result(ctx, acre_text, &said), 1);
			assert_string_equal(said.value, "noticed");
		}
		acre_nursery_cancel(&n);
	}
	for (int i = 1; i < N_SUBSCRIBERS; i++) {
		assert_int_equal(readers[i].count, readers[0].count);
		assert_int_equal(readers[i].last, readers[0].last);
	}
	return r;
}

/*
 * C055: both kinds of streams are open when ^C comes.
 */

ACRE_CONTEXT(echo_texts, acre_nil)
{
	struct acre_text t;
	int r = acre_started(ctx, acre_nil);

	while (r >= 0 && (r = acre_recv(ctx, acre_text, &t)) > 0)
		r = acre_send(ctx, acre_text, .value = t.value);
	return r;
}

ACRE_CONTEXT(count_for_ever, acre_nil, .kind = ACRE_ENDPOINT_STREAM)
{
	int r = 0;

	for (int64_t i = 0; r >= 0; i++)
		r = acre_send(ctx, acre_int, .value = i);
	return r;
}

static int both_and_interrupt(void)
{
	struct acre_actor *a;
	struct acre_text t;
	struct acre_int item;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "both");
		assert_ok(r);
		ACRE_OPEN(two_way, r, a, echo_texts, &nil) {
			ACRE_OPEN(one_way, r, a, count_for_ever, &nil) {
				assert_ok(acre_send(two_way, acre_text, .value = "echo"));
				assert_int_equal(acre_recv(two_way, acre_text, &t), 1);
				assert_string_equal(t.value, "echo");
				assert_int_equal(acre_recv(one_way, acre_int, &item), 1);
				assert_int_equal(raise(SIGINT), 0);
				r = acre_sleep(acre_secs(3600));
			}
		}
	}
	return r;
}

TEST(c055_both_stream_kinds_and_interrupt)
{
	int r;

	use_backend(NULL);
	r = tree_result(both_and_interrupt, true);
	assert_class(r, EINTR);
	report_thread_fini();
}

/*
 * C039: a publisher, static consumers and one that comes later, at work when the end comes.
 */

#define N_STATIC      2
#define PUBLISH_EVERY acre_ms(1)
#define AT_WORK	      acre_ms(300)

ACRE_CONTEXT(publish, acre_nil)
{
	int r = acre_started(ctx, acre_nil);

	for (int64_t i = 0; r >= 0; i++) {
		r = acre_send(ctx, acre_int, .value = i);
		if (r >= 0)
			r = acre_sleep(PUBLISH_EVERY);
	}
	return r;
}

/* What it is sent it hands on to who called it, one level up. */
ACRE_CONTEXT(consume, acre_nil)
{
	struct acre_int item;
	int r = acre_started(ctx, acre_nil);

	while (r >= 0 && (r = acre_recv(ctx, acre_int, &item)) > 0)
		r = acre_send(ctx, acre_int, .value = item.value);
	return r;
}

struct pipe_of {
	struct acre_actor *publisher, *consumer;
	int64_t passed;
};

ACRE_TASK(pass_on, struct pipe_of *p)
{
	struct acre_int item;
	int r = 0;

	ACRE_OPEN(from, r, p->publisher, publish, &nil) {
		ACRE_OPEN(to, r, p->consumer, consume, &nil) {
			while (r >= 0 && (r = acre_recv(from, acre_int, &item)) > 0) {
				r = acre_send(to, acre_int, .value = item.value);
				if (r >= 0)
					r = acre_recv(to, acre_int, &item);
				p->passed++;
			}
		}
	}
	return r;
}

static struct {
	bool by_signal;
} cascade;

static int under_load(void)
{
	struct pipe_of pipes[N_STATIC + 1] = { { .passed = 0 } };
	struct acre_actor *publisher;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &publisher, .name = "publisher");
		for (int i = 0; i <= N_STATIC && r >= 0; i++) {
			if (i == N_STATIC) /* the dynamic one */
				r = acre_sleep(AT_WORK);
			pipes[i].publisher = publisher;
			if (r >= 0)
				r = acre_spawn(&n, &pipes[i].consumer,
					       .name = "consumer");
			if (r >= 0)
				r = acre_go(&n, pass_on, &pipes[i]);
		}
		while (r >= 0 && !pipes[N_STATIC].passed)
			r = acre_sleep(PUBLISH_EVERY);
		assert_ok(r);
		assert_true(pipes[0].passed && pipes[1].passed);
		if (cascade.by_signal)
			assert_int_equal(raise(SIGINT), 0);
		r = acre_sleep(acre_secs(3600));
	}
	return r;
}

TEST(c039_cascade_under_load_interrupt)
{
	use_backend(NULL);
	cascade.by_signal = true;
	assert_class(tree_result(under_load, true), EINTR);
	report_thread_fini();
}

static int within_deadline(void)
{
	int r = 0;

	ACRE_WITHIN(acre_secs(3), r)
		r = under_load();
	return r;
}

TEST(c039_cascade_under_load_deadline)
{
	use_backend(NULL);
	assert_class(tree_result(within_deadline, true), ETIMEDOUT);
	report_thread_fini();
}
