/* SPDX-License-Identifier: MIT */
/* test_torture_tree.c - actors, calls, contexts and streams while things fail in the root. */
#include "torture/torture.h"

#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "torture/endpoints.h"

/* An actor that could not be made or cannot be spoken to is told of in these. */
static const int tree_may[] = { ACRE_EBOOT, ACRE_EDIED, ACRE_ECLOSED, 0 };

TORTURE(an_actor, .may = tree_may)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "idle");
		assert_true(r < 0 || acre_actor_is_connected(a));
	}
	assert_int_equal(acre_children(NULL, 0), 0);
	return r;
}

TORTURE(two_actors_with_signals_taken, .may = tree_may, .signals = true)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "one");
		if (r >= 0)
			r = acre_spawn(&n, &a, .name = "two");
	}
	return r;
}

TORTURE(an_actor_that_is_cancelled, .may = tree_may)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a);
		if (r >= 0)
			r = acre_actor_cancel(a);
		if (r >= 0)
			r = acre_actor_wait(a);
	}
	return r;
}

TORTURE(a_program_that_is_not_there, .may = tree_may)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r)
		r = acre_spawn(&n, &a, .program = "/nonexistent/program");
	assert_true(r < 0);
	return acre_is(r, ACRE_EBOOT) ? 0 : r;
}

TORTURE(a_program_that_is_no_actor, .may = tree_may)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r)
		r = acre_spawn(&n, &a, .program = "false");
	assert_true(r < 0);
	return acre_is(r, ACRE_EBOOT) ? 0 : r;
}

TORTURE(a_module_that_is_not_there, .may = tree_may)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r)
		r = acre_spawn(&n, &a, .module = "/nonexistent/module.so");
	assert_true(r < 0);
	return acre_is(r, ACRE_EBOOT) ? 0 : r;
}

TORTURE(a_call, .may = tree_may)
{
	struct acre_int v;
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a);
		if (r >= 0)
			r = acre_call(a, square, &(struct acre_int){ 7 }, acre_int, &v);
		assert_true(r < 0 || v.value == 49);
	}
	return r;
}

TORTURE(a_call_that_fails_there, .may = tree_may)
{
	struct acre_int v;
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a);
		if (r >= 0)
			r = acre_call(a, fails, &(struct acre_nil){ 0 }, acre_int, &v);
	}
	assert_true(r < 0);
	return acre_is(r, EDOM) ? 0 : r;
}

TORTURE(a_call_of_what_is_not_there, .may = tree_may)
{
	struct acre_context *ctx;
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a);
		if (r >= 0)
			r = acre_open_named(&ctx, a, "main", "nobody", acre_nil_msg_(),
					    NULL);
	}
	assert_true(r < 0);
	return acre_is(r, ACRE_ENOENDPOINT) ? 0 : r;
}

TORTURE(a_one_shot, .may = tree_may)
{
	struct acre_int v;
	int r = acre_oneshot(square, &(struct acre_int){ 7 }, acre_int, &v);

	assert_true(r < 0 || v.value == 49);
	return r;
}

TORTURE(a_text_that_comes_back, .may = tree_may)
{
	struct acre_text v = { NULL };
	int r = acre_oneshot(greets, &(struct acre_text){ "you" }, acre_text, &v);

	assert_true(r < 0 || !strcmp(v.value, "hello you"));
	if (r >= 0)
		free((void *)(uintptr_t)v.value);
	return r;
}

/* One that makes buffers grow. */
static const char *long_text(size_t len)
{
	static char text[4096];

	memset(text, 'x', len);
	text[len] = '\0';
	return text;
}

static int read_all(struct acre_context *ctx)
{
	struct acre_int first, item;
	int64_t sum = 0;
	int r = acre_first(ctx, acre_int, &first);

	assert_true(r < 0 || first.value == 5);
	if (r >= 0)
		while ((r = acre_recv(ctx, acre_int, &item)) > 0)
			sum += item.value;
	assert_true(r < 0 || sum == 15);
	return r;
}

TORTURE(a_stream_from_there, .may = tree_may)
{
	struct acre_int result;
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a);
		ACRE_OPEN(ctx, r, a, counts, &(struct acre_int){ 5 }) {
			r = read_all(ctx);
			if (r >= 0)
				r = acre_result(ctx, acre_int, &result);
			assert_true(r < 0 || result.value == 5);
		}
	}
	return r;
}

TORTURE(a_stream_to_there, .may = tree_may)
{
	struct acre_int result;
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a);
		ACRE_OPEN(ctx, r, a, adds_up, &(struct acre_nil){ 0 }) {
			for (int i = 1; r >= 0 && i <= 5; i++)
				r = acre_send(ctx, acre_int, .value = i);
			if (r >= 0)
				r = acre_finish(ctx);
			if (r >= 0)
				r = acre_result(ctx, acre_int, &result);
			assert_true(r < 0 || result.value == 15);
		}
	}
	return r;
}

TORTURE(a_stream_that_is_left_early, .may = tree_may)
{
	struct acre_int item;
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a);
		ACRE_OPEN(ctx, r, a, counts, &(struct acre_int){ 100 }) {
			r = acre_recv(ctx, acre_int, &item);
			if (r >= 0)
				r = acre_stop(ctx);
		}
	}
	return r;
}

TORTURE(a_stream_that_is_left_open, .may = tree_may)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a);
		ACRE_OPEN(ctx, r, a, adds_up, &(struct acre_nil){ 0 }) {
			for (int i = 0; r >= 0 && i < 3; i++)
				r = acre_send(ctx, acre_text, .value = long_text(700));
			acre_ignore(acre_checkpoint());
		}
		if (acre_is(r, ACRE_ETYPE)) /* it adds numbers */
			r = 0;
	}
	return r;
}

TORTURE(a_context_that_is_cancelled, .may = tree_may)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a);
		ACRE_OPEN(ctx, r, a, sleeps, &(struct acre_nil){ 0 })
			r = acre_context_cancel(ctx);
	}
	return r;
}

TORTURE(a_deadline_that_travels, .may = tree_may)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a);
		ACRE_WITHIN(acre_ms(3), r) {
			ACRE_OPEN(ctx, r, a, sleeps, &(struct acre_nil){ 0 })
				r = acre_sleep(acre_secs(3600));
		}
		if (acre_is(r, ETIMEDOUT))
			r = 0;
	}
	return r;
}

TORTURE(an_actor_that_dies, .may = tree_may)
{
	struct acre_int v;
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a);
		if (r >= 0)
			r = acre_call(a, dies, &(struct acre_nil){ 0 }, acre_int, &v);
	}
	assert_true(r < 0);
	return acre_has(r, ACRE_EDIED) ? 0 : r;
}

TORTURE(an_actor_that_breaks_the_protocol,
	.may = (const int[]){ ACRE_EBOOT, ACRE_EDIED, ACRE_ECLOSED, EPROTO, 0 })
{
	struct acre_int v;
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a);
		if (r >= 0)
			r = acre_call(a, speaks_nonsense, &(struct acre_nil){ 0 },
				      acre_int, &v);
	}
	assert_true(r < 0);
	return acre_has(r, EPROTO) ? 0 : r;
}
