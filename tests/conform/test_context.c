/* SPDX-License-Identifier: MIT */
/* test_context.c - contexts: outcomes, cancellation from either side, order of calls: cases C040 to C050. */
#include "conform/tree.h"

/* What the callee of the last context in this actor is at, read by a call of its own. */
static bool busy;

ACRE_CONTEXT(is_busy, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return acre_return(ctx, acre_int, .value = busy);
}

static int64_t ask_busy(struct acre_actor *a)
{
	struct acre_int v = { -1 };

	assert_int_equal(acre_call(a, is_busy, &nil, acre_int, &v), 1);
	return v.value;
}

#define MISUSE(F) F(bool, after_item)
ACRE_MSG(misuse, MISUSE)

ACRE_CONTEXT(misuse_started, misuse)
{
	int r = in->after_item ? acre_send(ctx, acre_int, .value = 1) : acre_started(ctx, acre_nil);

	return r < 0 ? r : acre_started(ctx, acre_int, .value = 2);
}

TEST_ACTOR(c040_started_misuse)
{
	for (int after_item = 0; after_item < 2; after_item++) {
		int r = 0;

		ACRE_OPEN(ctx, r, a, misuse_started, &(struct misuse){ after_item })
			r = acre_result(ctx, acre_nil, &nil);
		assert_remote(r, EPROTO);
	}
	return 0;
}

#define SIMPLE(F) F(int64_t, data) F(bool, block)
ACRE_MSG(simple, SIMPLE)

ACRE_CONTEXT(simple_callee, simple)
{
	int r;

	busy = true;
	r = acre_started(ctx, acre_int, .value = in->data + 1);
	if (r >= 0 && in->block)
		r = acre_sleep(acre_secs(3600));
	else if (r >= 0)
		r = acre_return(ctx, acre_text, .value = "yo");
	busy = in->block ? false : busy;
	return r;
}

/* Opener fails with nothing, T_VALUE, EINTR; callee returns or blocks; stream opened or not. */
static int simple_block(struct acre_actor *a, int failure, bool block, bool open_stream)
{
	struct acre_int first = { 0 };
	struct acre_text t = { "" };
	int r = 0;

	ACRE_OPEN(ctx, r, a, simple_callee, (&(struct simple){ 10, block })) {
		assert_int_equal(acre_first(ctx, acre_int, &first), 1);
		assert_int_equal(first.value, 11);
		assert_int_equal(ask_busy(a), 1);
		if (open_stream) /* for nothing */
			assert_ok(acre_stop(ctx));
		if (!block) {
			assert_int_equal(acre_result(ctx, acre_text, &t), 1);
			assert_string_equal(t.value, "yo");
		}
		if (failure)
			r = acre_fail(failure, "in the opener's block");
		else if (block)
			assert_ok(acre_context_cancel(ctx));
	}
	if (block)
		assert_int_equal(ask_busy(a), 0);
	return r;
}

TEST_TREE(c041_simple_context)
{
	static const int failures[] = { 0, T_VALUE, EINTR };

	for (int variant = 0; variant < 12; variant++) {
		acre_instant begun = acre_now();
		int failure = failures[variant / 4];
		struct acre_actor *a;
		int r = 0;

		ACRE_NURSERY(n, r) {
			r = acre_spawn(&n, &a, .name = "callee");
			if (r >= 0)
				r = simple_block(a, failure, variant & 1, variant & 2);
			assert_ok(acre_actor_cancel(a));
		}
		assert_int_equal(acre_code(r), failure);
		assert_true(seconds_since(begun) < 1.5);
	}
	return 0;
}

ACRE_CONTEXT(return_or_block, simple)
{
	int r = acre_started(ctx, acre_nil);

	if (r >= 0 && in->block)
		r = acre_sleep(acre_secs(3600));
	return r < 0 ? r : acre_return(ctx, acre_text, .value = "yo");
}

/* C042: what is cancelled, whether the callee has returned by then, where the result is read. */
struct cancelling {
	bool actor, block, read;
};

static void check_cancelled(struct acre_context *ctx, const struct cancelling *c)
{
	struct acre_text t = { "" };
	int r = acre_result(ctx, acre_text, &t);
	struct acre_outcome outcome = acre_outcome(ctx);

	assert_true(outcome.done);
	if (!c->block) { /* it had returned: nothing was cancelled */
		assert_int_equal(r, 1);
		assert_string_equal(t.value, "yo");
		assert_int_equal(outcome.r, 0);
		return;
	}
	if (c->actor)
		assert_class(r, ACRE_ECTXC);
	else
		assert_int_equal(r, 0); /* what we asked for is no failure */
	assert_int_equal(outcome.r, -ACRE_ECTXC);
	assert_string_equal(outcome.canceller, "root");
	assert_int_equal(outcome.reason, ACRE_REASON_ASKED);
	assert_int_equal(outcome.cancel_acked, !c->actor);
}

static int open_and_cancel(struct acre_actor *a, const struct cancelling *c)
{
	int r = 0;

	ACRE_OPEN(ctx, r, a, return_or_block, (&(struct simple){ 0, c->block })) {
		assert_int_equal(ask_busy(a), 0); /* what it returned came before this answer */
		assert_ok(c->actor ? acre_actor_cancel(a) : acre_context_cancel(ctx));
		if (c->actor)
			assert_true(acre_actor_cancel_called(a));
		if (c->read)
			check_cancelled(ctx, c);
	}
	return r;
}

TEST_TREE(c042_opener_cancels)
{
	for (int variant = 0; variant < 8; variant++) {
		struct cancelling c = { variant & 1, variant & 2, variant & 4 };
		acre_instant begun = acre_now();
		struct acre_actor *a;
		int cancelled = 0, r = 0;

		ACRE_NURSERY(n, r) {
			r = acre_spawn(&n, &a, .name = "callee");
			if (r >= 0)
				cancelled = open_and_cancel(a, &c);
		}
		assert_ok(r);
		if (c.actor && c.block) {
			assert_class(cancelled, ACRE_ECTXC);
			assert_string_equal(acre_why(cancelled)->canceller, "root");
		} else {
			assert_ok(cancelled);
		}
		assert_true(seconds_since(begun) < 2);
	}
	return 0;
}

ACRE_CONTEXT(close_at_once, acre_nil)
{
	int r = acre_started(ctx, acre_nil);

	return r < 0 ? r : acre_stop(ctx);
}

TEST_ACTOR(c043_callee_closes_its_stream_at_once)
{
	for (int send_first = 0; send_first < 2; send_first++) {
		acre_instant begun = acre_now();
		struct acre_int v;
		int r = 0;

		ACRE_OPEN(ctx, r, a, close_at_once, &nil) {
			if (send_first)
				acre_ignore_result(acre_send(ctx, acre_int, .value = 1));
			assert_int_equal(acre_recv(ctx, acre_int, &v), 0);
			assert_int_equal(acre_recv(ctx, acre_int, &v), 0); /* again and again */
			assert_class(acre_send(ctx, acre_int, .value = 2), ACRE_ECLOSED);
		}
		assert_ok(r);
		assert_true(seconds_since(begun) < 2);
	}
	return 0;
}

#define ECHO(F) F(bool, sends_first) F(bool, may_end)
ACRE_MSG(echo, ECHO)

/* Only an opener that closes its stream may make it see an ordinary end. */
ACRE_CONTEXT(echo_for_ever, echo)
{
	struct acre_int v;
	int r;

	busy = true;
	r = acre_started(ctx, acre_nil);
	if (r >= 0 && in->sends_first)
		r = acre_send(ctx, acre_int, .value = -1);
	while (r >= 0 && (r = acre_recv(ctx, acre_int, &v)) > 0)
		r = acre_send(ctx, acre_int, .value = v.value);
	if (in->may_end && (r == 0 || acre_is(r, ACRE_ECLOSED)))
		r = acre_sleep(acre_secs(3600));
	if (!acre_is(r, ECANCELED))
		return acre_fail(T_RUNTIME, "an end instead of cancellation");
	busy = false;
	return r;
}

/* C044: when the opener cancels, whether it waits for an item first, who sends first. */
enum when { NEVER, BEFORE_USE, AFTER_USE, AFTER_STOP, N_WHEN };

static void wait_for_an_item(struct acre_context *ctx, bool callee_sends_first)
{
	struct acre_int v = { 0 };

	if (!callee_sends_first)
		assert_ok(acre_send(ctx, acre_int, .value = -1));
	assert_int_equal(acre_recv(ctx, acre_int, &v), 1);
	assert_int_equal(v.value, -1);
}

static void use_as_far_as(struct acre_context *ctx, enum when when)
{
	int within = 0;

	if (when == AFTER_USE || when == AFTER_STOP)
		assert_ok(acre_send(ctx, acre_int, .value = 7));
	if (when == AFTER_STOP)
		assert_ok(acre_stop(ctx));
	if (when == NEVER) {
		ACRE_WITHIN(acre_ms(100), within)
			within = acre_result(ctx, acre_nil, &nil);
		assert_class(within, ETIMEDOUT);
		assert_false(acre_outcome(ctx).done);
	}
}

static void leave_while_it_streams(struct acre_actor *a, enum when when, bool wait, bool callee_first)
{
	struct echo how = { .sends_first = callee_first, .may_end = when == AFTER_STOP };
	struct acre_outcome outcome = { .done = false };
	int r = 0;

	ACRE_OPEN(ctx, r, a, echo_for_ever, &how) {
		if (wait)
			wait_for_an_item(ctx, callee_first);
		use_as_far_as(ctx, when);
		assert_int_equal(ask_busy(a), 1);
		assert_ok(acre_context_cancel(ctx));
		assert_ok(acre_result(ctx, acre_nil, &nil));
		assert_class(acre_send(ctx, acre_int, .value = 8), ACRE_ECTXC);
		outcome = acre_outcome(ctx);
		assert_string_equal(outcome.canceller, "root");
	}
	assert_ok(r);
	assert_string_equal(outcome.canceller, "root"); /* also after the close */
	assert_int_equal(outcome.r, -ACRE_ECTXC);
	assert_true(outcome.cancel_acked);
	assert_true(acre_actor_is_connected(a)); /* and it serves the next call */
	assert_int_equal(ask_busy(a), 0);
}

TEST_ACTOR(c044_opener_leaves_while_callee_streams)
{
	for (enum when when = NEVER; when < N_WHEN; when++)
		for (int variant = 0; variant < 4; variant++)
			leave_while_it_streams(a, when, variant & 1, variant & 2);
	return 0;
}

struct iterating {
	struct acre_context *ctx;
	int r;
	int64_t got;
};

ACRE_TASK(iterate, struct iterating *it)
{
	struct acre_int v;

	while ((it->r = acre_recv(it->ctx, acre_int, &v)) > 0)
		it->got++;
	return 0;
}

TEST_ACTOR(c045_cancel_from_another_local_task)
{
	struct iterating it = { .got = 0 };
	int r = 0;

	ACRE_OPEN(ctx, r, a, echo_for_ever, (&(struct echo){ .may_end = false })) {
		it.ctx = ctx;
		ACRE_NURSERY(n, r) {
			r = acre_go(&n, iterate, &it);
			assert_ok(acre_send(ctx, acre_int, .value = 1));
			assert_int_equal(ask_busy(a), 1);
			assert_ok(acre_context_cancel(ctx));
		}
		assert_int_equal(ask_busy(a), 0);
	}
	assert_ok(r);
	assert_class(it.r, ACRE_ECTXC);
	assert_int_equal(it.got, 1);
	assert_int_equal(ask_busy(a), 0);
	return 0;
}

/* After it has cancelled itself, whatever it does is cancelled at once. */
ACRE_CONTEXT(cancel_itself, acre_nil)
{
	acre_instant begun = acre_now();
	struct acre_int v;
	int sent, received, slept, r = acre_context_cancel(ctx);

	if (r < 0)
		return r;
	sent = acre_send(ctx, acre_int, .value = 1);
	received = acre_recv(ctx, acre_int, &v);
	slept = acre_sleep(acre_secs(3600));
	if (!acre_is(sent, ECANCELED) || !acre_is(received, ECANCELED))
		return acre_fail(T_RUNTIME, "the stream could still be used");
	if (!acre_is(slept, ECANCELED) || seconds_since(begun) > 0.1)
		return acre_fail(T_RUNTIME, "the next checkpoint was not cancelled at once");
	return slept;
}

TEST_ACTOR(c046_callee_cancels_itself_before_started)
{
	struct acre_context *ctx = NULL;
	int r = acre_open(&ctx, a, cancel_itself, &nil);

	assert_class(r, ACRE_ECTXC);
	assert_null(ctx);
	assert_text_has(acre_why(r)->message, "itself");
	assert_string_equal(acre_why(r)->canceller, "callee");
	assert_string_equal(acre_why(r)->canceller_uuid, acre_actor_uuid(a));
	return 0;
}

TEST_TREE(c047_context_to_self)
{
	struct acre_context *ctx = NULL;
	struct acre_actor *self = NULL;
	int r;

	assert_int_equal(acre_find(&self, "root"), 0); /* nobody else has that name */
	r = acre_open(&ctx, self, cancel_itself, &nil);
	assert_class(r, EINVAL);
	assert_text_has(acre_why(r)->message, "Invalid Operation");
	return 0;
}

/* It leaves its own context with a peer because of its failure, and cancels it on the way out. */
ACRE_CONTEXT(bad_started, acre_nil)
{
	struct acre_actor *sleeper;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &sleeper, .name = "sleeper");
		ACRE_OPEN(peer, r, sleeper, sleeps_for_ever, &nil)
			r = acre_started(ctx, acre_text, .value = "\xff\xfe is no UTF-8");
	}
	return r;
}

TEST_ACTOR(c048_error_before_started)
{
	struct acre_context *ctx = NULL;
	int r = acre_open(&ctx, a, bad_started, &nil);

	assert_remote(r, ACRE_ETYPE);
	assert_false(acre_has(r, ACRE_ECTXC));
	assert_null(ctx);
	return 0;
}

/* It fails, says so, and the opener's cancel reaches the clean-up. */
ACRE_CONTEXT(fail_and_clean_up, acre_nil)
{
	int cleaned, r = acre_fail(T_RUNTIME, "an error of its own");

	acre_ignore_result(acre_send(ctx, acre_int, .value = 1));
	cleaned = acre_sleep(acre_secs(3600));
	return acre_is(cleaned, ECANCELED) ? r : acre_fail(T_VALUE, "it was not cancelled");
}

TEST_ACTOR(c049_masked_error)
{
	struct acre_outcome outcome = { .done = false };
	struct acre_int v;
	int r = 0;

	ACRE_OPEN(ctx, r, a, fail_and_clean_up, &nil) {
		assert_int_equal(acre_recv(ctx, acre_int, &v), 1);
		assert_string_equal(acre_outcome(ctx).canceller, "");
		assert_ok(acre_context_cancel(ctx));
		r = acre_result(ctx, acre_nil, &nil);
	}
	assert_remote(r, T_RUNTIME);

	r = 0;
	ACRE_OPEN(ctx, r, a, sleeps_for_ever, &nil) { /* control: it has no failure of its own */
		assert_ok(acre_context_cancel(ctx));
		r = acre_result(ctx, acre_nil, &nil);
		outcome = acre_outcome(ctx);
	}
	assert_ok(r);
	assert_int_equal(outcome.r, -ACRE_ECTXC);
	return 0;
}

ACRE_CONTEXT(take_lock, acre_nil)
{
	static struct acre_lock lock;
	static bool is_made;
	int r = acre_started(ctx, acre_nil);

	if (!is_made)
		acre_lock_init(&lock);
	is_made = true;
	if (r >= 0)
		r = acre_lock_acquire(&lock);
	if (r < 0)
		return r;
	r = acre_send(ctx, acre_int, .value = 1);
	if (r >= 0)
		r = acre_sleep(acre_secs(3600));
	acre_lock_release(&lock);
	return r;
}

TEST_ACTOR(c050_lock_acquire_not_unmasked)
{
	acre_instant begun = acre_now();
	struct acre_int v;
	int r = 0;

	ACRE_OPEN(holds, r, a, take_lock, &nil) {
		assert_int_equal(acre_recv(holds, acre_int, &v), 1);
		ACRE_OPEN(waits, r, a, take_lock, &nil) {
			assert_ok(acre_context_cancel(waits));
			assert_ok(acre_result(waits, acre_nil, &nil));
			assert_int_equal(acre_outcome(waits).r, -ACRE_ECTXC);
		}
		assert_ok(r);
		assert_ok(acre_context_cancel(holds));
	}
	assert_true(seconds_since(begun) < 2);
	return r;
}
