/* SPDX-License-Identifier: MIT */
/* test_peers.c - actors that are neither parent nor child: calls, and who cancels whom: cases C062 to C066. */
#include "conform/found.h"

#define SLEEPS acre_sleep(acre_secs(3600))

/*
 * C062, C063: three children; one cancels another, in which root and the third have contexts.
 */

ACRE_CONTEXT(sleep_here, acre_nil)
{
	int r = acre_started(ctx, acre_nil);

	return r < 0 ? r : SLEEPS;
}

/* Streams from whom it finds until that ends, and tells how its context with it ended. */
ACRE_CONTEXT(call_sleeper, acre_nil)
{
	struct acre_actor *sleeper;
	struct acre_outcome o = { .r = 0 };
	int inner = 0, r = acre_wait_for(&sleeper, "sleeper");

	if (r < 0)
		return r;
	ACRE_OPEN(to_sleeper, inner, sleeper, sleep_here, &nil) {
		inner = acre_started(ctx, acre_nil);
		if (inner >= 0)
			inner = acre_result(to_sleeper, acre_nil, &nil);
		o = acre_outcome(to_sleeper);
	}
	acre_release(&sleeper);
	if (acre_code(inner) != ACRE_ECTXC || o.cancel_called)
		return acre_fail(T_VALUE, "it ended with %d", acre_code(inner));
	return acre_return(ctx, acre_text, .value = o.canceller);
}

ACRE_CONTEXT(cancel_sleeper, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	struct acre_actor *sleeper;
	int r = acre_wait_for(&sleeper, "sleeper");

	if (r >= 0)
		r = acre_actor_cancel(sleeper);
	acre_release(&sleeper);
	return r;
}

struct three {
	struct acre_actor *canceller, *sleeper, *caller;
};

static int spawn_three(struct acre_nursery *n, struct three *t)
{
	int r = acre_spawn(n, &t->canceller, .name = "canceller");

	if (r >= 0)
		r = acre_spawn(n, &t->sleeper, .name = "sleeper");
	if (r >= 0)
		r = acre_spawn(n, &t->caller, .name = "just_caller");
	return r;
}

/* With contexts into both: whom the sleeper and the caller name as the canceller. */
static int watch_cancel(const struct three *t, int handler_fails,
			struct acre_outcome *ret_sleeper, char ret_caller[32])
{
	struct acre_text said;
	int outer = 0, r = 0;

	ACRE_OPEN(of_caller, outer, t->caller, call_sleeper, &nil) {
		ACRE_OPEN(of_sleeper, r, t->sleeper, sleep_here, &nil) {
			assert_ok(acre_call(t->canceller, cancel_sleeper, &nil, acre_nil,
					    &nil));
			r = acre_result(of_sleeper, acre_nil, &nil);
			*ret_sleeper = acre_outcome(of_sleeper);
			assert_class(r, ACRE_ECTXC);
			if (handler_fails)
				r = acre_fail(T_RUNTIME, "in the handler");
		}
		outer = acre_result(of_caller, acre_text, &said);
		assert_int_equal(outer, 1);
		snprintf(ret_caller, 32, "%s", said.value);
		outer = r;
	}
	return outer;
}

static int peer_canceller(int handler_fails)
{
	struct acre_outcome of_sleeper;
	char of_caller[32];
	struct three three;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_three(&n, &three);
		assert_ok(r);
		r = watch_cancel(&three, handler_fails, &of_sleeper, of_caller);
		acre_nursery_cancel(&n);
	}
	assert_string_equal(of_sleeper.canceller, "canceller");
	assert_string_equal(of_caller, "canceller");
	assert_false(of_sleeper.cancel_called);
	assert_false(of_sleeper.cancel_acked);
	return r;
}

TEST_FOUND(c062_peer_canceller)
{
	int r = peer_canceller(false);

	assert_true(acre_has(r, ACRE_ECTXC));
	assert_string_equal(acre_why(r)->canceller, "canceller");
	return 0;
}

TEST_FOUND(c063_peer_canceller_and_error_in_the_handler)
{
	int r = peer_canceller(true);

	assert_true(acre_has(r, T_RUNTIME));
	return 0;
}

/*
 * C064, C065: an actor that makes actors for others, and one that it has made.
 */

#define N_ECHOES 100

/* Fails at the message after `fails_after`; 0: never. */
ACRE_CONTEXT(echo, acre_int)
{
	struct acre_int item;
	int r = acre_started(ctx, acre_nil);

	while (r >= 0 && (r = acre_recv(ctx, acre_int, &item)) > 0) {
		if (in->value && item.value > in->value)
			return acre_fail(T_RUNTIME, "message %lld", (long long)item.value);
		r = acre_send(ctx, acre_int, .value = item.value);
	}
	return r;
}

/* Makes an actor of each name that comes; they live as long as this context. */
ACRE_CONTEXT(spawn_server, acre_nil)
{
	struct acre_actor *a;
	struct acre_text name;
	int r = acre_started(ctx, acre_nil);

	ACRE_NURSERY(n, r) {
		while (r >= 0 && (r = acre_recv(ctx, acre_text, &name)) > 0) {
			r = acre_spawn(&n, &a, .name = name.value);
			if (r >= 0)
				r = acre_send(ctx, acre_text, .value = name.value);
		}
	}
	return r;
}

static int echo_with(const char *name, int64_t fails_after)
{
	struct acre_actor *bro;
	struct acre_int item;
	int r = acre_wait_for(&bro, name);

	if (r < 0)
		return r;
	ACRE_OPEN(ctx, r, bro, echo, &(struct acre_int){ fails_after }) {
		for (int64_t i = 0; r >= 0 && i < N_ECHOES; i++) {
			r = acre_send(ctx, acre_int, .value = i);
			if (r >= 0)
				r = acre_recv(ctx, acre_int, &item);
			if (r > 0 && item.value != i)
				r = acre_fail(T_VALUE, "%lld for %lld",
					      (long long)item.value, (long long)i);
			if (r == 0) /* it has ended: how is the result */
				r = acre_result(ctx, acre_nil, &nil);
		}
		if (r >= 0)
			r = acre_finish(ctx);
	}
	acre_release(&bro);
	return r;
}

/* Has little_bro made by its peer, says so, echoes with it, and waits to be cancelled. */
ACRE_CONTEXT(client, acre_int)
{
	struct acre_actor *server;
	struct acre_text made;
	int r = acre_wait_for(&server, "spawn_server");

	if (r < 0)
		return r;
	ACRE_OPEN(spawner, r, server, spawn_server, &nil) {
		r = acre_send(spawner, acre_text, .value = "little_bro");
		if (r >= 0)
			r = acre_recv(spawner, acre_text, &made);
		if (r >= 0)
			r = acre_started(ctx, acre_text, .value = made.value);
		if (r >= 0)
			r = echo_with("little_bro", in->value);
		if (r >= 0)
			r = acre_send(ctx, acre_int, .value = N_ECHOES);
		if (r >= 0)
			r = SLEEPS;
	}
	acre_release(&server);
	return r;
}

static int spawn_pair(struct acre_nursery *n, struct acre_actor **ret_client)
{
	struct acre_actor *server;
	int r = acre_spawn(n, &server, .name = "spawn_server");

	return r < 0 ? r : acre_spawn(n, ret_client, .name = "client");
}

TEST_FOUND(c064_peer_spawns_a_service)
{
	struct acre_outcome o = { .r = 0 };
	struct acre_actor *a, *bro;
	struct acre_int echoed;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_pair(&n, &a);
		assert_ok(r);
		ACRE_OPEN(ctx, r, a, client, &(struct acre_int){ 0 }) {
			assert_ok(echo_with("little_bro", 0));
			assert_int_equal(acre_recv(ctx, acre_int, &echoed), 1);
			assert_ok(acre_context_cancel(ctx));
			assert_ok(acre_result(ctx, acre_nil, &nil)); /* absorbed: ours */
			o = acre_outcome(ctx);
		}
		assert_int_equal(o.r, -ACRE_ECTXC);
		assert_true(o.cancel_acked);
		assert_string_equal(o.canceller, acre_self_name());
		assert_int_equal(acre_find(&bro, "little_bro"), 0);
		acre_nursery_cancel(&n);
	}
	return r;
}

TEST_FOUND(c065_peer_service_fails_half_way)
{
	const struct acre_report *why;
	struct acre_actor *a;
	int result = 0, r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_pair(&n, &a);
		assert_ok(r);
		ACRE_OPEN(ctx, result, a, client, &(struct acre_int){ 50 })
			result = acre_result(ctx, acre_nil, &nil);
		acre_nursery_cancel(&n);
	}
	assert_remote(result, T_RUNTIME);
	why = acre_why(result);
	assert_string_equal(why->message, "message 51");
	assert_string_equal(why->actor, "little_bro");
	assert_string_equal(why->hops[0], "little_bro");
	assert_string_equal(why->hops[1], "client"); /* over which it came to us */
	assert_null(why->hops[2]);
	return r;
}

/*
 * C066: the block of a context is one task's, who ends it is another.
 */

struct held {
	struct acre_actor *actor;
	struct acre_context *ctx;
};

ACRE_TASK(hold_open, struct held *held)
{
	int r = 0;

	ACRE_OPEN(ctx, r, held->actor, sleep_here, &nil) {
		held->ctx = ctx;
		r = acre_ready(NULL);
		if (r >= 0)
			r = acre_result(ctx, acre_nil, &nil);
	}
	return r;
}

static int cancel_while_held(bool context_first)
{
	struct held held;
	void *unused;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &held.actor, .name = "sleeper");
		assert_ok(r);
		ACRE_NURSERY(background, r) {
			r = acre_go_ready(&background, hold_open, &held, &unused);
			assert_ok(r);
			if (context_first)
				assert_ok(acre_context_cancel(held.ctx));
			r = acre_actor_cancel(held.actor);
		}
	}
	return r;
}

TEST_FOUND(c066_cancel_a_context_entered_in_another_task)
{
	return cancel_while_held(true);
}

TEST_FOUND(c066_cancel_its_actor_alone)
{
	int r = cancel_while_held(false);

	assert_true(acre_has(r, ACRE_ECTXC));
	assert_string_equal(acre_why(r)->canceller, acre_self_name());
	return 0;
}
