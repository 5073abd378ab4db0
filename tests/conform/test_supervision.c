/* SPDX-License-Identifier: MIT */
/* test_supervision.c - cancellation in a tree, and when its blocks end: cases C025 to C035, G4, G9. */
#include "conform/tree.h"

#include <poll.h>
#include <sys/pidfd.h>

TEST_TREE(c025_cancel_one_actor)
{
	struct acre_actor *a;
	struct acre_int v;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "one");
		assert_ok(r);
		assert_int_equal(acre_call(a, ten, &nil, acre_int, &v), 1);
		acre_nursery_cancel(&n);
	}
	assert_int_equal(r, 0);
	ACRE_NURSERY(m, r) {
		r = acre_spawn(&m, &a, .name = "two");
		assert_ok(r);
		assert_int_equal(acre_call(a, ten, &nil, acre_int, &v), 1);
		r = acre_fail(EINTR, "as if interrupted");
	}
	assert_class(r, EINTR);
	return 0;
}

ACRE_CONTEXT(stream_for_ever, acre_nil)
{
	int r = 0;

	for (int64_t i = 0; r >= 0; i++) {
		r = acre_send(ctx, acre_int, .value = i);
		if (r >= 0)
			r = acre_sleep(acre_ms(10));
	}
	return r;
}

static int consume_for_a_second(struct acre_actor *a, int *ret_n)
{
	struct acre_int v;
	int r = 0;

	ACRE_WITHIN(acre_secs(1), r)
		ACRE_OPEN(ctx, r, a, stream_for_ever, &nil)
			while ((r = acre_recv(ctx, acre_int, &v)) > 0)
				assert_int_equal(v.value, (*ret_n)++);
	return r;
}

TEST_TREE(c026_cancel_an_endless_stream)
{
	struct acre_nursery n;
	struct acre_actor *a;
	int consumed = 0, got = 0, r = 0;

	ACRE_WITHIN(acre_secs(4), r) {
		acre_nursery_open(&n);
		r = acre_spawn(&n, &a, .name = "streamer");
		assert_ok(r);
		consumed = consume_for_a_second(a, &got);
		acre_nursery_cancel(&n);
		r = acre_nursery_close(&n, 0);
	}
	assert_class(consumed, ETIMEDOUT);
	assert_true(got > 5);
	assert_int_equal(acre_nursery_cancelled(&n), ACRE_REASON_ASKED);
	return r;
}

/*
 * C027: idle children, one-shots beside them, and what is called on each idle one in turn.
 */

enum deed { NOT_MADE, DOES_NOTHING, FAILS, FAILS_LATE, SLEEPS };

#define DO(F) F(uint32_t, deed)
ACRE_MSG(todo, DO)

ACRE_CONTEXT(do_it, todo)
{
	int r = 0;

	if (in->deed == SLEEPS)
		r = acre_sleep(acre_secs(3600));
	else if (in->deed == FAILS_LATE)
		r = acre_sleep(acre_secs(1));
	if (r >= 0 && in->deed >= FAILS)
		r = acre_fail(T_ASSERT, "assert 0");
	return r;
}

struct mix {
	int n;
	enum deed oneshot;
	enum deed call;
	uint32_t n_failures_max;
};

struct oneshot {
	struct acre_nursery *nursery;
	struct todo todo;
};

ACRE_TASK(shoot, struct oneshot *o)
{
	return acre_oneshot(do_it, &o->todo, acre_nil, &nil, .nursery = o->nursery);
}

static int run_mix_in(struct acre_nursery *n, const struct mix *mix,
		      struct oneshot *shots)
{
	struct todo todo = { mix->call };
	struct acre_actor *idle[3];
	int r = 0;

	for (int i = 0; i < mix->n && r >= 0; i++)
		r = acre_spawn(n, &idle[i], .name = "idle");
	for (int i = 0; i < mix->n && r >= 0; i++) {
		shots[i] = (struct oneshot){ n, { mix->oneshot } };
		r = acre_go(n, shoot, &shots[i]);
	}
	for (int i = 0; i < mix->n && r >= 0 && mix->call != NOT_MADE; i++)
		r = acre_call(idle[i], do_it, &todo, acre_nil, &nil);
	return r;
}

TEST_TREE(c027_some_cancels_all)
{
	static const struct mix mixes[] = {
		{ 1, FAILS, NOT_MADE, 1 },
		{ 2, FAILS, NOT_MADE, 2 },
		{ 3, FAILS, NOT_MADE, 3 },
		{ 3, SLEEPS, FAILS, 1 },
		{ 3, DOES_NOTHING, FAILS_LATE, 1 },
		{ 3, FAILS_LATE, DOES_NOTHING, 3 },
	};

	actors_are_killed();
	for (size_t i = 0; i < sizeof mixes / sizeof *mixes; i++) {
		acre_instant begun = acre_now();
		struct acre_nursery n;
		struct oneshot shots[3];
		int r;

		acre_nursery_open(&n);
		r = run_mix_in(&n, &mixes[i], shots);
		r = acre_nursery_close(&n, r);
		test_note("mix %zu: %u failures", i, acre_count(r));
		assert_remote(r, T_ASSERT);
		assert_in_range(acre_count(r), 1, mixes[i].n_failures_max);
		assert_int_equal(acre_nursery_cancelled(&n), ACRE_REASON_SIBLING);
		assert_int_equal(acre_children(NULL, 0), 0);
		assert_true(seconds_since(begun) < 10);
	}
	return 0;
}

ACRE_TASK(interrupt_later, int *unused)
{
	int r = acre_sleep(acre_ms(500));

	(void)unused;
	return r < 0 ? r : acre_fail(EINTR, "as if interrupted");
}

TEST_TREE(c033_graceful_beats_hard)
{
	acre_instant begun = acre_now();
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "idle");
		if (r >= 0)
			r = acre_go(&n, interrupt_later, &r);
	}
	assert_class(r, EINTR);
	assert_true(seconds_since(begun) < 2.9); /* no wait for a hard kill */
	return 0;
}

/*
 * C034: a nursery that lives in the actor's state.
 */

static struct acre_nursery *kept;

ACRE_CONTEXT(keep_a_nursery, acre_nil)
{
	int r = 0;

	ACRE_NURSERY(n, r) {
		kept = &n;
		r = acre_started(ctx, acre_nil);
		if (r >= 0)
			r = acre_sleep(acre_secs(3600));
	}
	kept = NULL;
	return r;
}

ACRE_TASK(fail_with_name, struct acre_nursery *unused)
{
	int r = acre_sleep(acre_ms(500));

	(void)unused;
	return r < 0 ? r : acre_fail(T_NAME, "no such name");
}

ACRE_CONTEXT(start_in_kept, acre_nil)
{
	return kept ? acre_go(kept, fail_with_name, kept)
		    : acre_fail(T_RUNTIME, "no nursery");
}

TEST_TREE(c034_actor_local_nursery)
{
	struct acre_actor *a;
	int started = -1, r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "keeper");
		ACRE_OPEN(ctx, r, a, keep_a_nursery, &nil)
			r = started = acre_call(a, start_in_kept, &nil, acre_nil, &nil);
		assert_int_equal(started, 0);
	}
	assert_remote(r, T_NAME);
	return 0;
}

/*
 * C035: chains and trees of actors that obey.
 */

#define NODE(F) F(uint32_t, depth) F(uint32_t, breadth)
ACRE_MSG(node, NODE)

static int hold_below(struct acre_context *ctx, const struct node *at);

ACRE_CONTEXT(hold, node)
{
	return hold_below(ctx, in);
}

struct held {
	struct acre_actor *actor;
	struct node node;
};

ACRE_TASK(hold_one, struct held *h)
{
	int r = 0;

	ACRE_OPEN(ctx, r, h->actor, hold, &h->node) {
		r = acre_ready(NULL);
		if (r >= 0)
			r = acre_sleep(acre_secs(3600));
	}
	return r;
}

/* Started once everything below is. */
static int hold_below(struct acre_context *ctx, const struct node *at)
{
	struct held held[4];
	void *none;
	int r = 0;

	ACRE_NURSERY(n, r) {
		for (uint32_t i = 0; at->depth && i < at->breadth && r >= 0; i++) {
			held[i].node = (struct node){ at->depth - 1, at->breadth };
			r = acre_spawn(&n, &held[i].actor, .name = "held");
			if (r >= 0)
				r = acre_go_ready(&n, hold_one, &held[i], &none);
		}
		if (r >= 0)
			r = acre_started(ctx, acre_nil);
		if (r >= 0)
			r = acre_sleep(acre_secs(3600));
	}
	return r;
}

/* The seconds from the cancel at the root until all of it is gone. */
static double cancel_tree(const struct node *shape)
{
	struct held top = { .node = { shape->depth - 1, shape->breadth } };
	struct acre_nursery n;
	acre_instant begun;
	void *none;
	int r;

	acre_nursery_open(&n);
	r = acre_spawn(&n, &top.actor, .name = "top");
	if (r >= 0)
		r = acre_go_ready(&n, hold_one, &top, &none);
	assert_ok(r);
	begun = acre_now();
	acre_nursery_cancel(&n);
	r = acre_nursery_close(&n, 0);
	assert_ok(r);
	return seconds_since(begun);
}

TEST_TREE(c035_deep_cancel_cost)
{
	static const struct node shapes[] = { { 1, 1 }, { 3, 1 }, { 3, 2 } };

	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
		double s = cancel_tree(&shapes[i]);

		test_note("depth %u, breadth %u: %.1f ms, %.1f ms a level",
			  shapes[i].depth, shapes[i].breadth, s * 1e3,
			  s * 1e3 / shapes[i].depth);
		assert_true(s < 1.5); /* far from a hard kill at any level */
	}
	return 0;
}

/*
 * G4: a nursery closes only when all in it has ended and was reaped.
 */

static bool has_ended(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

TEST_TREE(g4_a_nursery_closes_only_when_its_processes_have_ended)
{
	struct acre_actor *a;
	pid_t pids[4];
	int pidfds[4], r = 0;

	needs_a_process("its pid is looked at");
	ACRE_NURSERY(n, r)
		for (int i = 0; i < 4 && r >= 0; i++) {
			r = acre_spawn(&n, &a, .name = "member");
			assert_ok(r);
			pids[i] = acre_actor_pid(a);
			pidfds[i] = pidfd_open(pids[i], 0);
			assert_true(pidfds[i] >= 0);
		}
	for (int i = 0; i < 4; i++) {
		assert_true(has_ended(pidfds[i]));
		assert_int_equal(kill(pids[i], 0), -1); /* no zombie either */
		close(pidfds[i]);
	}
	return r;
}

/*
 * G9: what ended a block is what it says.
 */

ACRE_TASK(call_sleeper, struct acre_actor *a)
{
	return acre_call(a, sleeps_for_ever, &nil, acre_nil, &nil);
}

TEST_TREE(g9_a_deadline_that_ends_the_children_after_the_body_is_no_success)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_WITHIN(acre_ms(200), r)
		ACRE_NURSERY(n, r) {
			r = acre_spawn(&n, &a, .name = "sleeper");
			if (r >= 0)
				r = acre_go(&n, call_sleeper, a);
		}
	assert_class(r, ETIMEDOUT);
	assert_text_has(
		acre_why(r)->message,
		"task call_sleeper waited for the result of sleeper (sleeps_for_ever)");
	return 0;
}
