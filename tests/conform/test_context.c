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

/* One actor with a nursery around it, for a body that uses it. */
static int with_actor(int (*body)(struct acre_actor *a))
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "callee");
		if (r >= 0)
			r = body(a);
	}
	return r;
}

#define TEST_ACTOR(name)                               \
	static int name##_with_(struct acre_actor *a); \
	TEST_TREE(name)                                \
	{                                              \
		return with_actor(name##_with_);       \
	}                                              \
	static int name##_with_(struct acre_actor *a)

#define MISUSE(F) F(bool, after_item)
ACRE_MSG(misuse, MISUSE)

ACRE_CONTEXT(misuse_started, misuse)
{
	int r = in->after_item ? acre_send(ctx, acre_int, .value = 1)
			       : acre_started(ctx, acre_nil);

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

/* Opener fails with nothing, T_VALUE, EINTR; callee returns or blocks; stream used or not. */
static int simple_block(struct acre_actor *a, int failure, bool block, bool stop)
{
	struct acre_int first = { 0 };
	struct acre_text t = { "" };
	int r = 0;

	ACRE_OPEN(ctx, r, a, simple_callee, (&(struct simple){ 10, block })) {
		assert_int_equal(acre_first(ctx, acre_int, &first), 1);
		assert_int_equal(first.value, 11);
		assert_int_equal(ask_busy(a), 1);
		if (stop)
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
	return r;
}

TEST_ACTOR(c041_simple_context)
{
	static const int failures[] = { 0, T_VALUE, EINTR };

	for (size_t f = 0; f < 3; f++)
		for (int variant = 0; variant < 4; variant++) {
			int r = simple_block(a, failures[f], variant & 1, variant & 2);

			if (failures[f])
				assert_class(r, failures[f]);
			else
				assert_ok(r);
			if (variant & 1)
				assert_int_equal(ask_busy(a), 0);
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

TEST_ACTOR(c042_opener_cancels_the_context)
{
	for (int block = 0; block < 2; block++) {
		struct acre_outcome outcome = { .done = false };
		struct acre_text t = { "" };
		int r = 0;

		ACRE_OPEN(ctx, r, a, return_or_block, (&(struct simple){ 0, block })) {
			if (!block) /* returned already */
				assert_int_equal(acre_result(ctx, acre_text, &t), 1);
			assert_ok(acre_context_cancel(ctx));
			r = acre_result(ctx, acre_text, &t);
			assert_ok(r); /* what we asked for is no failure */
			outcome = acre_outcome(ctx);
			if (block) {
				assert_string_equal(outcome.canceller, "root");
				assert_true(outcome.cancel_acked);
			} else {
				assert_string_equal(t.value, "yo");
			}
		}
		assert_ok(r);
		assert_true(outcome.done);
		assert_int_equal(outcome.r, block ? -ACRE_ECTXC : 0);
	}
	return 0;
}

TEST_ACTOR(c042_opener_cancels_the_actor)
{
	struct acre_text t;
	int result = 0, r = 0;

	ACRE_OPEN(ctx, r, a, return_or_block, (&(struct simple){ 0, true })) {
		r = acre_actor_cancel(a);
		assert_ok(r);
		assert_true(acre_actor_cancel_called(a));
		result = acre_result(ctx, acre_text, &t);
		assert_class(result, ACRE_ECTXC);
		assert_string_equal(acre_why(result)->canceller, "root");
	}
	assert_class(r, ACRE_ECTXC);
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
		struct acre_int v;
		int r = 0;

		ACRE_OPEN(ctx, r, a, close_at_once, &nil) {
			if (send_first)
				acre_ignore_result(acre_send(ctx, acre_int, .value = 1));
			assert_int_equal(acre_recv(ctx, acre_int, &v), 0);
			assert_int_equal(acre_recv(ctx, acre_int, &v),
					 0); /* again and again */
			assert_class(acre_send(ctx, acre_int, .value = 2), ACRE_ECLOSED);
		}
		assert_ok(r);
	}
	return 0;
}

ACRE_CONTEXT(echo_for_ever, simple)
{
	struct acre_int v;
	int r;

	busy = true;
	r = acre_started(ctx, acre_nil);
	if (r >= 0 && in->block) /* it sends first */
		r = acre_send(ctx, acre_int, .value = -1);
	while (r >= 0 && (r = acre_recv(ctx, acre_int, &v)) > 0)
		r = acre_send(ctx, acre_int, .value = v.value);
	if (r == 0)
		return acre_fail(T_RUNTIME, "an ordinary end instead of cancellation");
	busy = false;
	return r;
}

enum when { NEVER, BEFORE, AFTER_USE, AFTER_STOP, N_WHEN };

/* C044: when the context is cancelled, whether an item is waited for first, who sends first. */
static void leave_while_it_streams(struct acre_actor *a, enum when when,
				   bool callee_first)
{
	struct acre_outcome outcome = { .done = false };
	struct acre_int v;
	int within = 0, r = 0;

	ACRE_OPEN(ctx, r, a, echo_for_ever, (&(struct simple){ 0, callee_first })) {
		if (when != BEFORE && callee_first)
			assert_int_equal(acre_recv(ctx, acre_int, &v), 1);
		if (when == AFTER_USE || when == AFTER_STOP) {
			assert_ok(acre_send(ctx, acre_int, .value = 7));
			assert_int_equal(acre_recv(ctx, acre_int, &v), 1);
			assert_int_equal(v.value, 7);
		}
		if (when == NEVER) {
			ACRE_WITHIN(acre_ms(200), within)
				within = acre_result(ctx, acre_nil, &nil);
			assert_class(within, ETIMEDOUT);
		}
		assert_int_equal(ask_busy(a), 1);
		assert_ok(acre_context_cancel(ctx));
		assert_ok(acre_result(ctx, acre_nil, &nil));
		outcome = acre_outcome(ctx);
		r = acre_send(ctx, acre_int, .value = 8);
		assert_class(r, ACRE_ECTXC);
		r = 0;
	}
	assert_ok(r);
	assert_true(outcome.cancel_acked);
	assert_string_equal(outcome.canceller, "root");
	assert_true(acre_actor_is_connected(a)); /* and it serves the next call */
	assert_int_equal(ask_busy(a), 0);
}

TEST_ACTOR(c044_opener_leaves_while_callee_streams)
{
	for (enum when when = NEVER; when < AFTER_STOP; when++)
		for (int callee_first = 0; callee_first < 2; callee_first++)
			leave_while_it_streams(a, when, callee_first);
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

	ACRE_OPEN(ctx, r, a, echo_for_ever, (&(struct simple){ 0, false })) {
		it.ctx = ctx;
		ACRE_NURSERY(n, r) {
			r = acre_go(&n, iterate, &it);
			assert_ok(acre_send(ctx, acre_int, .value = 1));
			assert_int_equal(ask_busy(a), 1);
			assert_ok(acre_context_cancel(ctx));
		}
	}
	assert_ok(r);
	assert_class(it.r, ACRE_ECTXC);
	assert_int_equal(ask_busy(a), 0);
	return 0;
}

ACRE_CONTEXT(cancel_itself, acre_nil)
{
	int sent, r = acre_context_cancel(ctx);

	if (r < 0)
		return r;
	sent = acre_send(ctx, acre_int, .value = 1);
	if (!acre_is(sent, ECANCELED))
		return acre_fail(T_RUNTIME, "the stream could still be used");
	return acre_sleep(acre_secs(3600));
}

TEST_ACTOR(c046_callee_cancels_itself_before_started)
{
	struct acre_context *ctx = NULL;
	int r = acre_open(&ctx, a, cancel_itself, &nil);

	assert_class(r, ACRE_ECTXC);
	assert_null(ctx);
	assert_text_has(acre_why(r)->message, "itself");
	assert_string_equal(acre_why(r)->canceller, "callee");
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

ACRE_CONTEXT(bad_started, acre_nil)
{
	return acre_started(ctx, acre_text, .value = "\xff\xfe is no UTF-8");
}

TEST_ACTOR(c048_error_before_started)
{
	struct acre_context *ctx = NULL;
	int r = acre_open(&ctx, a, bad_started, &nil);

	assert_remote(r, ACRE_ETYPE); /* and not a cancellation */
	return 0;
}

ACRE_CONTEXT(fail_and_clean_up, simple)
{
	int r = acre_started(ctx, acre_nil);

	if (r >= 0)
		r = acre_sleep(acre_secs(3600));
	if (in->block)
		return r; /* control: it only sleeps */
	r = acre_fail(T_RUNTIME, "an error of its own");
	ACRE_SHIELD(acre_secs(1), r)
		acre_ignore_result(acre_sleep(acre_ms(10)));
	acre_ignore_result(acre_checkpoint()); /* cancelled: must not mask the failure */
	return r;
}

TEST_ACTOR(c049_masked_error)
{
	for (int control = 0; control < 2; control++) {
		struct acre_outcome outcome = { .done = false };
		int r = 0;

		ACRE_OPEN(ctx, r, a, fail_and_clean_up,
			  (&(struct simple){ 0, control })) {
			assert_ok(acre_context_cancel(ctx));
			r = acre_result(ctx, acre_nil, &nil);
			outcome = acre_outcome(ctx);
		}
		if (control) {
			assert_ok(r);
			assert_int_equal(outcome.r, -ACRE_ECTXC);
		} else {
			assert_remote(r, T_RUNTIME);
		}
	}
	return 0;
}

ACRE_CONTEXT(wait_for_a_lock, acre_nil)
{
	struct acre_lock lock;
	int r;

	acre_lock_init(&lock);
	r = acre_lock_acquire(&lock);
	if (r >= 0)
		r = acre_started(ctx, acre_nil);
	if (r >= 0) {
		struct acre_event never;

		acre_event_init(&never);
		r = acre_event_wait(&never); /* as who waits for the lock would */
	}
	acre_lock_release(&lock);
	return r;
}

TEST_ACTOR(c050_lock_acquire_not_unmasked)
{
	acre_instant begun = acre_now();
	int r = 0;

	ACRE_OPEN(ctx, r, a, wait_for_a_lock, &nil) {
		assert_ok(acre_context_cancel(ctx));
		assert_ok(acre_result(ctx, acre_nil, &nil));
		assert_int_equal(acre_outcome(ctx).r, -ACRE_ECTXC);
	}
	assert_ok(r);
	assert_true(seconds_since(begun) < 2);
	return 0;
}
