/* SPDX-License-Identifier: MIT */
/* test_stream.c - streams: ping and pong, credit, trees of streams, nothing lost: cases C051 to C060, C111, C155, C156. */
#include "conform/tree.h"

#include "actor/context.h"

#define PONG(F) F(bool, single_reads)
ACRE_MSG(pong, PONG)

static int answer(struct acre_context *ctx, const struct acre_text *t)
{
	return strcmp(t->value, "ping") ? acre_fail(T_VALUE, "%s", t->value)
					: acre_send(ctx, acre_text, .value = "pong");
}

ACRE_CONTEXT(ponger, pong)
{
	struct acre_text t;
	int64_t pings = 0;
	int r = acre_started(ctx, acre_nil);

	for (; in->single_reads && r >= 0 && pings < 10; pings++) {
		r = acre_recv(ctx, acre_text, &t);
		if (r > 0)
			r = answer(ctx, &t);
	}
	for (; r >= 0 && (r = acre_recv(ctx, acre_text, &t)) > 0; pings++)
		r = answer(ctx, &t);
	return r < 0 ? r : acre_return(ctx, acre_int, .value = pings);
}

static int read_pongs(struct acre_context *ctx, int n)
{
	struct acre_text t;

	for (int i = 0; i < n; i++) {
		assert_int_equal(acre_recv(ctx, acre_text, &t), 1);
		assert_string_equal(t.value, "pong");
	}
	return 0;
}

TEST_ACTOR(c051_ping_pong)
{
	for (int variant = 0; variant < 4; variant++) {
		bool by_turns = variant & 2;
		struct acre_int pings = { 0 };
		struct acre_text t;
		int r = 0;

		ACRE_OPEN(ctx, r, a, ponger, (&(struct pong){ variant & 1 })) {
			for (int i = 0; i < 10 && r >= 0; i++) {
				r = acre_send(ctx, acre_text, .value = "ping");
				if (r >= 0 && by_turns)
					r = read_pongs(ctx, 1);
			}
			assert_ok(acre_finish(ctx));
			if (r >= 0 && !by_turns)
				r = read_pongs(ctx, 10);
			assert_int_equal(acre_recv(ctx, acre_text, &t), 0);
			assert_int_equal(acre_result(ctx, acre_int, &pings), 1);
		}
		assert_ok(r);
		assert_int_equal(pings.value, 10);
	}
	return 0;
}

/*
 * C053 in mode credit: either side slow, a buffer of one item at the opener, the callee, both or
 * neither: nothing is lost and nothing fails, with or without a cancel at the end.
 */

#define ECHO(F) F(uint32_t, delay_ms) F(bool, one_to_callee) F(bool, one_to_opener)
ACRE_MSG(echo, ECHO)

/* From inside, since no option sets it: a buffer for one item at either end. Both sides must know. */
static void narrow(struct acre_context *ctx, const struct echo *how)
{
	if (ctx->is_opener ? how->one_to_opener : how->one_to_callee)
		ctx->window.items = ctx->window_max = 1;
	if (ctx->is_opener ? how->one_to_callee : how->one_to_opener)
		ctx->may_send.items = 1;
}

ACRE_CONTEXT(slow_echo, echo)
{
	struct acre_int v;
	int r = acre_started(ctx, acre_nil);

	narrow(ctx, in);
	while (r >= 0 && (r = acre_recv(ctx, acre_int, &v)) > 0) {
		if (in->delay_ms)
			r = acre_sleep(acre_ms(in->delay_ms));
		if (r >= 0)
			r = acre_send(ctx, acre_int, .value = v.value);
	}
	return r < 0 ? r : acre_return(ctx, acre_text, .value = "yo");
}

ACRE_TASK(send_two_batches, struct acre_context *ctx)
{
	int r = 0;

	for (int64_t i = 0; i < 20 && r >= 0; i++)
		r = acre_send(ctx, acre_int, .value = i % 10);
	return r;
}

static int read_two_batches(struct acre_context *ctx, uint32_t delay_ms)
{
	struct acre_int v = { -1 };
	int r = 0;

	for (int64_t i = 0; i < 20 && r >= 0; i++) {
		if (delay_ms)
			r = acre_sleep(acre_ms(delay_ms));
		if (r >= 0)
			r = acre_recv(ctx, acre_int, &v);
		assert_int_equal(v.value, i % 10);
	}
	return r < 0 ? r : 0;
}

static void echo_two_batches(struct acre_actor *a, struct echo how, bool cancel)
{
	struct acre_text t = { "" };
	int r = 0;

	ACRE_OPEN(ctx, r, a, slow_echo, &how) {
		narrow(ctx, &how);
		ACRE_NURSERY(n, r) {
			r = acre_go(&n, send_two_batches, ctx);
			if (r >= 0)
				r = read_two_batches(ctx, how.delay_ms ? 0 : 4);
		}
		assert_ok(r);
		if (cancel) {
			assert_ok(acre_context_cancel(ctx));
			assert_ok(acre_result(ctx, acre_text, &t));
			assert_int_equal(acre_outcome(ctx).r, -ACRE_ECTXC);
			assert_string_equal(acre_outcome(ctx).canceller, "root");
		} else {
			assert_ok(acre_finish(ctx));
			assert_int_equal(acre_result(ctx, acre_text, &t), 1);
			assert_string_equal(t.value, "yo");
		}
	}
	assert_ok(r);
}

TEST_ACTOR(c053_overruns_matrix_in_mode_credit)
{
	for (int variant = 0; variant < 16; variant++)
		echo_two_batches(a, (struct echo){ variant & 1 ? 2 : 0, variant & 2, variant & 4 },
				 variant & 8);
	return 0;
}

/* C052 in mode credit: a callee that never reads. */
TEST_ACTOR(c052_a_sender_without_credit_waits)
{
	int within = 0, sent = 0, r = 0;

	ACRE_OPEN(ctx, r, a, sleeps_for_ever, &nil) {
		ACRE_WITHIN(acre_ms(200), within)
			while ((within = acre_send(ctx, acre_int, .value = sent)) >= 0)
				sent++;
		assert_class(within, ETIMEDOUT);
		assert_text_has(acre_why(within)->message,
				"it waited for credit of callee (sleeps_for_ever)");
		assert_int_equal(sent, 64);
		assert_ok(acre_context_cancel(ctx)); /* which is not held up by the data */
	}
	return r;
}

ACRE_TASK(say_yo, struct acre_context *ctx)
{
	int r = 0;

	while (r >= 0) {
		r = acre_send(ctx, acre_text, .value = "yo");
		if (r >= 0)
			r = acre_sleep(acre_ms(10));
	}
	return r;
}

ACRE_CONTEXT(stream_and_answer, acre_nil)
{
	struct acre_text t;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_go(&n, say_yo, ctx);
		while (r >= 0 && (r = acre_recv(ctx, acre_text, &t)) > 0)
			r = acre_send(ctx, acre_text, .value = "pong");
		acre_nursery_cancel(&n);
	}
	return r;
}

TEST_ACTOR(c054_stream_and_reqresp_on_one_stream)
{
	acre_instant begun = acre_now();
	struct acre_text t = { "" };
	int pongs = 0, r = 0;

	ACRE_OPEN(ctx, r, a, stream_and_answer, &nil) {
		r = acre_send(ctx, acre_text, .value = "ping");
		while (r >= 0 && !pongs && (r = acre_recv(ctx, acre_text, &t)) > 0)
			pongs += !strcmp(t.value, "pong");
		assert_ok(acre_context_cancel(ctx));
		r = r < 0 ? r : 0;
	}
	assert_int_equal(pongs, 1);
	assert_true(seconds_since(begun) < 2);
	return r;
}

#define STREAM(F) F(uint64_t, items) F(uint32_t, delay_ms) F(bool, fails)
ACRE_MSG(stream, STREAM)

/* C058: root <- aggregator <- two streamers of 0..999, merged to unique. */
ACRE_CONTEXT(count_up, stream)
{
	int r = 0;

	for (uint64_t i = 0; i < in->items && r >= 0; i++) {
		if (in->delay_ms)
			r = acre_sleep(acre_ms(in->delay_ms));
		if (r >= 0)
			r = acre_send(ctx, acre_int, .value = (int64_t)i);
	}
	return r;
}

struct merge {
	struct acre_context *out;
	struct acre_actor *actor;
	struct stream job;
	bool *seen;
};

ACRE_TASK(merge_one, struct merge *m)
{
	struct acre_int v;
	int r = 0;

	ACRE_OPEN(ctx, r, m->actor, count_up, &m->job) {
		while ((r = acre_recv(ctx, acre_int, &v)) > 0) {
			if (m->seen[v.value])
				continue;
			m->seen[v.value] = true;
			r = acre_send(m->out, acre_int, .value = v.value);
			if (r < 0)
				break;
		}
	}
	return r;
}

ACRE_CONTEXT(aggregate, stream)
{
	struct merge two[2];
	bool seen[1000] = { false };
	int r = 0;

	ACRE_NURSERY(n, r)
		for (int i = 0; i < 2 && r >= 0; i++) {
			two[i] = (struct merge){ .out = ctx, .job = *in, .seen = seen };
			r = acre_spawn(&n, &two[i].actor, .name = "streamer");
			if (r >= 0)
				r = acre_go(&n, merge_one, &two[i]);
		}
	return r;
}

static int quad(struct acre_actor *a, struct stream job, int64_t *ret_got)
{
	bool seen[1000] = { false };
	struct acre_int v;
	int r = 0;

	*ret_got = 0;
	ACRE_OPEN(ctx, r, a, aggregate, &job)
		while ((r = acre_recv(ctx, acre_int, &v)) > 0) {
			assert_in_range(v.value, 0, job.items - 1);
			assert_false(seen[v.value]); /* each once, in order of appearance */
			seen[v.value] = true;
			++*ret_got;
		}
	return r;
}

TEST_ACTOR(c058_quad_tree)
{
	acre_instant begun = acre_now();
	int64_t got;
	int r = quad(a, (struct stream){ .items = 1000 }, &got);

	assert_int_equal(got, 1000);
	assert_true(seconds_since(begun) < 3);
	return r;
}

TEST_ACTOR(c059_quad_cancelled_midway)
{
	for (int i = 0; i < 6; i++) { /* it would take 1 s */
		int64_t got;
		int r = 0;

		ACRE_WITHIN(acre_ms(200 + i * 100), r)
			r = quad(a, (struct stream){ .items = 100, .delay_ms = 10 }, &got);
		assert_class(r, ETIMEDOUT);
		assert_true(got < 100);
	}
	return 0;
}

/* C060: it is cancelled wherever it is then, and nothing is lost or read twice. */
struct consumer {
	struct acre_context *ctx;
	struct acre_event even;
	int64_t next;
	int restarts;
	bool ended;
};

ACRE_TASK(consume, struct consumer *c)
{
	struct acre_int v;
	int r;

	while ((r = acre_recv(c->ctx, acre_int, &v)) > 0) {
		assert_int_equal(v.value, c->next);
		c->next++;
		if (v.value % 2 == 0)
			acre_event_set(&c->even);
	}
	c->ended = r == 0;
	acre_event_set(&c->even);
	return r;
}

TEST_ACTOR(c060_respawned_consumer)
{
	struct consumer c = { .next = 0 };
	int r = 0;

	ACRE_OPEN(ctx, r, a, count_up, (&(struct stream){ .items = 11, .delay_ms = 1 })) {
		c.ctx = ctx;
		for (; r >= 0 && !c.ended; c.restarts++) {
			acre_event_init(&c.even);
			ACRE_NURSERY(n, r) {
				r = acre_go(&n, consume, &c);
				if (r >= 0)
					r = acre_event_wait(&c.even);
				acre_nursery_cancel(&n);
			}
		}
	}
	assert_int_equal(c.next, 11);
	assert_true(c.restarts > 1);
	return r;
}

/* C111: ten tasks share one remote stream through the cache: it is opened once, and each of them
 * sees all of it. */
enum { N_SHARERS = 10 };

struct shared {
	struct acre_actor *actor;
	struct acre_cache *cache;
	struct acre_context *ctx;
	struct acre_broadcast *broadcast;
	struct acre_event all_there;
	int opened, n_there, n_done;
};

static int next_item(void *source, void *item)
{
	return acre_recv(source, acre_int, (struct acre_int *)item);
}

static int open_shared(void *arg, void **ret_value)
{
	struct shared *s = arg;
	int r = acre_open(&s->ctx, s->actor, count_up, (&(struct stream){ .items = 1000 }));

	s->opened++;
	if (r < 0)
		return r;
	*ret_value = s;
	return acre_broadcast_open(&s->broadcast, (struct acre_broadcast_options){
							  .item_size = sizeof(struct acre_int),
							  .window = 1000,
							  .next = next_item,
							  .source = s->ctx });
}

static int close_shared(void *arg, void *value, int r)
{
	struct shared *s = value;

	(void)arg;
	return acre_context_close(&s->ctx, acre_broadcast_close(&s->broadcast, r));
}

static int read_shared(struct shared *s, struct acre_subscriber *sub)
{
	struct acre_int v;
	int64_t next = 0;
	int r;

	if (++s->n_there == N_SHARERS)
		acre_event_set(&s->all_there);
	r = acre_event_wait(&s->all_there);
	while (r >= 0 && (r = acre_subscriber_recv(sub, &v)) > 0)
		assert_int_equal(v.value, next++);
	s->n_done += next == 1000;
	return r;
}

ACRE_TASK(share_stream, struct shared *shared)
{
	struct acre_resource res = { "stream", open_shared, close_shared, shared };
	struct acre_subscriber *sub = NULL;
	void *value;
	int r = acre_cache_enter(shared->cache, &res, &value);
	struct shared *s = value;

	if (r < 0)
		return r;
	r = acre_subscribe(&sub, s->broadcast);
	if (r >= 0)
		r = read_shared(s, sub);
	sub = acre_unsubscribe(sub);
	return acre_cache_leave(s->cache, "stream", r);
}

TEST_ACTOR(c111_shared_remote_stream)
{
	struct shared s = { .actor = a };
	acre_instant begun = acre_now();
	int r = acre_cache_open(&s.cache);

	acre_event_init(&s.all_there);
	ACRE_NURSERY(n, r)
		for (int i = 0; i < N_SHARERS && r >= 0; i++)
			r = acre_go(&n, share_stream, &s);
	r = acre_cache_close(&s.cache, r);
	assert_int_equal(s.opened, 1);
	assert_int_equal(s.n_done, N_SHARERS);
	assert_true(seconds_since(begun) < 4);
	return r;
}

ACRE_CONTEXT(send_and_return, stream)
{
	int r = acre_started(ctx, acre_nil);

	for (uint64_t i = 0; i < in->items && r >= 0; i++)
		r = acre_send(ctx, acre_int, .value = (int64_t)i);
	if (r < 0 && !acre_is(r, ACRE_ECLOSED)) /* the opener may leave its stream */
		return r;
	return in->fails ? acre_fail(T_VALUE, "instead of a result")
			 : acre_return(ctx, acre_int, .value = 4242);
}

static void abandon_after(struct acre_actor *a, uint64_t k, uint64_t j, bool fails)
{
	struct acre_int v = { 0 };
	int got = 0, r = 0;

	ACRE_OPEN(ctx, r, a, send_and_return, (&(struct stream){ .items = k, .fails = fails })) {
		for (uint64_t i = 0; i < j; i++) {
			assert_int_equal(acre_recv(ctx, acre_int, &v), 1);
			assert_int_equal(v.value, i);
		}
		assert_ok(acre_stop(ctx));
		got = acre_result(ctx, acre_int, &v);
		if (fails)
			assert_remote(got, T_VALUE);
		r = 0;
	}
	if (fails) {
		assert_remote(r, T_VALUE);
		return;
	}
	assert_ok(r);
	assert_int_equal(got, 1);
	assert_int_equal(v.value, 4242);
}

TEST_ACTOR(c155_result_after_an_abandoned_stream)
{
	static const uint64_t ks[] = { 0, 1, 2, 3, 5, 64, 65, 1000 };

	for (size_t i = 0; i < sizeof ks / sizeof *ks; i++)
		for (size_t j = 0; j <= i; j++)
			for (int fails = 0; fails < 2; fails++)
				abandon_after(a, ks[i], ks[j], fails);
	return 0;
}

TEST_ACTOR(c156_nothing_lost)
{
	uint64_t next = 0;
	struct acre_int v;
	int r = 0;

	ACRE_OPEN(ctx, r, a, send_and_return, (&(struct stream){ .items = 100000 }))
		while ((r = acre_recv(ctx, acre_int, &v)) > 0) {
			assert_int_equal(v.value, next);
			next++;
			if (next % 10000 == 0) /* a slow consumer now and then */
				assert_ok(acre_sleep(acre_ms(5)));
		}
	assert_int_equal(next, 100000);
	return r;
}
