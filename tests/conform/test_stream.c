/* SPDX-License-Identifier: MIT */
/* test_stream.c - streams: ping and pong, credit, trees of streams, nothing lost: cases C051 to C060, C111, C155, C156. */
#include "conform/tree.h"

#define STREAM(F) F(uint64_t, items) F(uint32_t, delay_ms) F(bool, loop)
ACRE_MSG(stream, STREAM)

static int spawn_and(int (*body)(struct acre_actor *a))
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "streamer");
		if (r >= 0)
			r = body(a);
	}
	return r;
}

#define TEST_STREAM(name)                              \
	static int name##_with_(struct acre_actor *a); \
	TEST_TREE(name)                                \
	{                                              \
		return spawn_and(name##_with_);        \
	}                                              \
	static int name##_with_(struct acre_actor *a)

ACRE_CONTEXT(ponger, stream)
{
	struct acre_text t;
	int64_t pings = 0;
	int r = acre_started(ctx, acre_nil);

	while (r >= 0 && (in->loop || pings < 10) &&
	       (r = acre_recv(ctx, acre_text, &t)) > 0) {
		if (strcmp(t.value, "ping") != 0)
			return acre_fail(T_VALUE, "%s", t.value);
		pings++;
		r = acre_send(ctx, acre_text, .value = "pong");
	}
	if (r >= 0) /* ten were counted; then comes the end */
		r = acre_recv(ctx, acre_text, &t);
	return r < 0 ? r : acre_return(ctx, acre_int, .value = pings);
}

TEST_STREAM(c051_ping_pong)
{
	for (int variant = 0; variant < 4; variant++) {
		struct acre_text t;
		struct acre_int pings = { 0 };
		int pongs = 0, r = 0;

		ACRE_OPEN(ctx, r, a, ponger, (&(struct stream){ .loop = variant & 1 })) {
			for (int i = 0; i < 10 && r >= 0; i++) {
				r = acre_send(ctx, acre_text, .value = "ping");
				if (r >= 0 && (variant & 2)) {
					r = acre_recv(ctx, acre_text, &t);
					assert_string_equal(t.value, "pong");
					pongs++;
				}
			}
			assert_ok(acre_finish(ctx));
			while (r >= 0 && pongs < 10 &&
			       (r = acre_recv(ctx, acre_text, &t)) > 0)
				pongs++;
			assert_int_equal(acre_result(ctx, acre_int, &pings), 1);
		}
		assert_ok(r);
		assert_int_equal(pongs, 10);
		assert_int_equal(pings.value, 10);
	}
	return 0;
}

/* C053, mode credit: whoever is slow, nothing is lost and nothing fails. */
ACRE_CONTEXT(slow_echo, stream)
{
	struct acre_int v;
	int r = acre_started(ctx, acre_nil);

	while (r >= 0 && (r = acre_recv(ctx, acre_int, &v)) > 0) {
		if (in->delay_ms)
			r = acre_sleep(acre_ms(in->delay_ms));
		if (r >= 0)
			r = acre_send(ctx, acre_int, .value = v.value);
	}
	return r < 0 ? r : acre_return(ctx, acre_text, .value = "yo");
}

static void echo_two_batches(struct acre_actor *a, bool slow_callee, bool cancel)
{
	struct acre_text t = { "" };
	struct acre_int v;
	int r = 0;

	ACRE_OPEN(ctx, r, a, slow_echo,
		  (&(struct stream){ .delay_ms = slow_callee ? 5 : 0 })) {
		for (int batch = 0; batch < 2; batch++) {
			for (int64_t i = 0; i < 10 && r >= 0; i++)
				r = acre_send(ctx, acre_int, .value = i);
			for (int64_t i = 0; i < 10 && r >= 0; i++) {
				if (!slow_callee)
					r = acre_sleep(acre_ms(16));
				if (r >= 0)
					r = acre_recv(ctx, acre_int, &v);
				assert_int_equal(v.value, i);
			}
		}
		if (cancel) {
			assert_ok(acre_context_cancel(ctx));
			assert_ok(acre_result(ctx, acre_text, &t));
			assert_string_equal(acre_outcome(ctx).canceller, "root");
		} else {
			assert_ok(acre_finish(ctx));
			assert_int_equal(acre_result(ctx, acre_text, &t), 1);
			assert_string_equal(t.value, "yo");
		}
	}
	assert_ok(r);
}

TEST_STREAM(c053_overruns_matrix_in_mode_credit)
{
	for (int variant = 0; variant < 4; variant++)
		echo_two_batches(a, variant & 1, variant & 2);
	return 0;
}

TEST_STREAM(c053_sender_without_credit_waits)
{
	int within = 0, sent = 0, r = 0;

	/* a callee that never reads: items beyond the window wait, and the report says for what */
	ACRE_OPEN(ctx, r, a, sleeps_for_ever, &nil) {
		ACRE_WITHIN(acre_ms(300), within)
			while ((within = acre_send(ctx, acre_int, .value = sent)) >= 0)
				sent++;
		assert_class(within, ETIMEDOUT);
		assert_int_equal(sent, 64);
		assert_ok(
			acre_context_cancel(ctx)); /* which is not held up by the data */
	}
	return r;
}

struct both {
	struct acre_context *ctx;
	int pongs;
};

ACRE_TASK(say_yo, struct both *b)
{
	int r = 0;

	while (r >= 0) {
		r = acre_send(b->ctx, acre_text, .value = "yo");
		if (r >= 0)
			r = acre_sleep(acre_ms(10));
	}
	return r;
}

ACRE_CONTEXT(stream_and_answer, acre_nil)
{
	struct both b = { .ctx = ctx };
	struct acre_text t;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_go(&n, say_yo, &b);
		while (r >= 0 && (r = acre_recv(ctx, acre_text, &t)) > 0)
			r = acre_send(ctx, acre_text, .value = "pong");
		acre_nursery_cancel(&n);
	}
	return r;
}

TEST_STREAM(c054_stream_and_reqresp_on_one_stream)
{
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
	return r;
}

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
	struct acre_int v;
	int r = 0;

	*ret_got = 0;
	ACRE_OPEN(ctx, r, a, aggregate, &job)
		while ((r = acre_recv(ctx, acre_int, &v)) > 0) {
			assert_int_equal(v.value,
					 *ret_got); /* in order of first appearance */
			++*ret_got;
		}
	return r;
}

TEST_STREAM(c058_quad_tree)
{
	acre_instant begun = acre_now();
	int64_t got;
	int r = quad(a, (struct stream){ .items = 1000 }, &got);

	assert_int_equal(got, 1000);
	assert_true(seconds_since(begun) < 3);
	return r;
}

TEST_STREAM(c059_quad_cancelled_midway)
{
	for (int i = 0; i < 6; i++) { /* it would take 1 s */
		int64_t got;
		int r = 0;

		ACRE_WITHIN(acre_ms(200 + i * 100), r)
			r = quad(a, (struct stream){ .items = 100, .delay_ms = 10 },
				 &got);
		assert_class(r, ETIMEDOUT);
		assert_true(got < 100);
	}
	return 0;
}

struct consumer {
	struct acre_context *ctx;
	struct acre_event turn;
	int64_t *next;
};

ACRE_TASK(consume, struct consumer *c)
{
	struct acre_int v;
	int r;

	while ((r = acre_recv(c->ctx, acre_int, &v)) > 0) {
		assert_int_equal(v.value, *c->next);
		++*c->next;
		if (v.value % 2 == 0) /* enough: somebody else goes on */
			return 0;
	}
	acre_event_set(&c->turn);
	return r;
}

TEST_STREAM(c060_respawned_consumer)
{
	int64_t next = 0;
	int r = 0;

	ACRE_OPEN(ctx, r, a, count_up, (&(struct stream){ .items = 11 })) {
		struct consumer c = { .ctx = ctx, .next = &next };

		acre_event_init(&c.turn);
		while (r >= 0 && !acre_event_is_set(&c.turn))
			ACRE_NURSERY(n, r)
				r = acre_go(&n, consume, &c);
	}
	assert_int_equal(next, 11); /* each exactly once */
	return r;
}

/* C111: one remote stream shared by ten tasks through the cache. */
struct shared {
	struct acre_actor *actor;
	struct acre_cache *cache;
	uint64_t got, sum;
	int opened;
};

static int open_shared(void *arg, void **ret_value)
{
	struct shared *s = arg;
	struct acre_context *ctx;
	int r = acre_open(&ctx, s->actor, count_up, (&(struct stream){ .items = 1000 }));

	s->opened++;
	*ret_value = ctx;
	return r;
}

static int close_shared(void *arg, void *value, int r)
{
	struct acre_context *ctx = value;

	(void)arg;
	return acre_context_close(&ctx, r);
}

ACRE_TASK(share_stream, struct shared *s)
{
	struct acre_resource res = { "stream", open_shared, close_shared, s };
	struct acre_int v;
	void *ctx;
	int r = acre_cache_enter(s->cache, &res, &ctx);

	if (r < 0)
		return r;
	while ((r = acre_recv(ctx, acre_int, &v)) > 0) {
		s->got++;
		s->sum += (uint64_t)v.value;
	}
	return acre_cache_leave(s->cache, "stream", r);
}

TEST_STREAM(c111_shared_remote_stream)
{
	struct shared s = { .actor = a };
	acre_instant begun = acre_now();
	int r = acre_cache_open(&s.cache);

	ACRE_NURSERY(n, r)
		for (int i = 0; i < 10 && r >= 0; i++)
			r = acre_go(&n, share_stream, &s);
	r = acre_cache_close(&s.cache, r);
	assert_int_equal(s.opened, 1);
	assert_int_equal(s.got, 1000);
	assert_int_equal(s.sum, 999 * 500);
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
	return in->loop ? acre_fail(T_VALUE, "instead of a result")
			: acre_return(ctx, acre_int, .value = 4242);
}

static void abandon_after(struct acre_actor *a, uint64_t k, uint64_t j, bool fails)
{
	struct acre_int v = { 0 };
	int got = 0, r = 0;

	ACRE_OPEN(ctx, r, a, send_and_return,
		  (&(struct stream){ .items = k, .loop = fails })) {
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

TEST_STREAM(c155_result_after_an_abandoned_stream)
{
	static const uint64_t ks[] = { 0, 1, 2, 3, 5, 64, 65, 1000 };

	for (size_t i = 0; i < sizeof ks / sizeof *ks; i++)
		for (size_t j = 0; j <= i; j++)
			abandon_after(a, ks[i], ks[j], (i + j) % 2);
	return 0;
}

TEST_STREAM(c156_nothing_lost)
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
