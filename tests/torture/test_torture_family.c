/* SPDX-License-Identifier: MIT */
/* test_torture_family.c - trees of several actors, large values, signals, while things fail in the root. */
#include "torture/torture.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "torture/endpoints.h"

static const int tree_may[] = { ACRE_EBOOT, ACRE_EDIED, ACRE_ECLOSED, 0 };

TORTURE(three_actors_at_once, .may = tree_may)
{
	struct acre_actor *a[3];
	struct acre_int v;
	int r = 0;

	ACRE_NURSERY(n, r) {
		for (int i = 0; r >= 0 && i < 3; i++)
			r = acre_spawn(&n, &a[i], .name = "one of three");
		for (int i = 0; r >= 0 && i < 3; i++) {
			r = acre_call(a[i], square, &(struct acre_int){ i }, acre_int,
				      &v);
			assert_true(r < 0 || v.value == i * i);
		}
		assert_true(r < 0 || acre_children(NULL, 0) == 3);
	}
	return r;
}

struct shot {
	int64_t value;
};

ACRE_TASK(shoot, struct shot *shot)
{
	struct acre_int v;
	int r = acre_oneshot(square, &(struct acre_int){ 7 }, acre_int, &v);

	if (r < 0)
		return r;
	shot->value = v.value;
	return 0;
}

TORTURE(actors_that_are_made_side_by_side, .may = tree_may)
{
	struct shot shots[3] = { { 0 } };
	int r = 0;

	ACRE_NURSERY(n, r)
		for (int i = 0; r >= 0 && i < 3; i++)
			r = acre_go(&n, shoot, &shots[i]);
	for (int i = 0; i < 3; i++)
		assert_true(r < 0 || shots[i].value == 49);
	return r;
}

ACRE_CONTEXT(asks_a_child, acre_int, .kind = ACRE_ENDPOINT_ONESHOT)
{
	struct acre_int v;
	int r = acre_oneshot(square, in, acre_int, &v);

	return r < 0 ? r : acre_return(ctx, acre_int, .value = v.value);
}

TORTURE(a_grandchild, .may = tree_may)
{
	struct acre_int v;
	int r = acre_oneshot(asks_a_child, &(struct acre_int){ 7 }, acre_int, &v);

	assert_true(r < 0 || v.value == 49);
	return r;
}

ACRE_CONTEXT(asks_its_parent, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	struct acre_int v;
	int r = acre_call(acre_parent(), square, &(struct acre_int){ 7 }, acre_int, &v);

	return r < 0 ? r : acre_return(ctx, acre_int, .value = v.value);
}

TORTURE(a_child_that_calls_its_parent, .may = tree_may)
{
	struct acre_int v;
	int r = acre_oneshot(asks_its_parent, &(struct acre_nil){ 0 }, acre_int, &v);

	assert_true(r < 0 || v.value == 49);
	return r;
}

/* Bytes: more than a read asks for, or a turn of the loop keeps back. */
#define LARGE (100 * 1024)

ACRE_CONTEXT(sends_it_back, acre_nil)
{
	struct acre_text item;
	int r = acre_started(ctx, acre_nil);

	if (r >= 0)
		while ((r = acre_recv(ctx, acre_text, &item)) > 0 &&
		       (r = acre_send(ctx, acre_text, .value = item.value)) >= 0)
			;
	return r;
}

static int large_there_and_back(struct acre_context *ctx)
{
	static char text[LARGE + 1];
	struct acre_text item;
	int r;

	memset(text, 'x', LARGE);
	r = acre_send(ctx, acre_text, .value = text);
	if (r >= 0)
		r = acre_recv(ctx, acre_text, &item);
	assert_true(r < 0 || !strcmp(item.value, text));
	return r < 0 ? r : acre_finish(ctx);
}

TORTURE(a_large_item_there_and_back, .may = tree_may)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a);
		ACRE_OPEN(ctx, r, a, sends_it_back, &(struct acre_nil){ 0 })
			r = large_there_and_back(ctx);
	}
	return r;
}

TORTURE(a_large_item_while_the_actor_fails, .may = tree_may, .in_actors = true)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a);
		ACRE_OPEN(ctx, r, a, sends_it_back, &(struct acre_nil){ 0 })
			r = large_there_and_back(ctx);
	}
	return r;
}

TORTURE(more_items_than_there_is_credit, .may = tree_may, .in_actors = true)
{
	struct acre_int item;
	struct acre_actor *a;
	int64_t sum = 0;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a);
		ACRE_OPEN(ctx, r, a, counts, &(struct acre_int){ 200 }) {
			while ((r = acre_recv(ctx, acre_int, &item)) > 0)
				sum += item.value;
		}
	}
	assert_true(r < 0 || sum == 200 * 201 / 2);
	return r;
}

ACRE_CONTEXT(is_killed, acre_nil)
{
	raise(SIGKILL);
	return 0;
}

TORTURE(an_actor_that_is_killed, .may = tree_may)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a);
		ACRE_OPEN(ctx, r, a, is_killed, &(struct acre_nil){ 0 })
			r = acre_sleep(acre_secs(3600));
	}
	assert_true(r < 0);
	return acre_has(r, ACRE_EDIED) || acre_has(r, ACRE_ECLOSED) ? 0 : r;
}

TORTURE(a_spawn_that_is_cancelled, .may = tree_may)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		ACRE_WITHIN(acre_us(500), r)
			r = acre_spawn(&n, &a);
		if (acre_is(r, ETIMEDOUT))
			r = 0;
	}
	return r;
}

static int be_interrupted(void *unused)
{
	int r = 0;

	(void)unused;
	raise(SIGINT);
	ACRE_NURSERY(n, r)
		r = acre_sleep(acre_secs(3600));
	return r;
}

/* The documented EINTR, which is no failure of this scenario. */
TORTURE(an_interrupt, .is_whole = true)
{
	int r = acre_run(be_interrupted, NULL,
			 &(struct acre_run_options){ .signals = true });

	assert_true(r < 0);
	return acre_is(r, EINTR) ? 0 : r;
}

static void count_end(void *arg)
{
	++*(int *)arg;
}

TORTURE(what_an_actor_is_asked_for)
{
	static int ends;
	struct acre_actor *a;
	int r = acre_at_end(count_end, &ends);

	if (r >= 0)
		r = acre_expose("main");
	if (r >= 0)
		r = acre_find(&a, "nobody");
	assert_true(r < 0 || !a);
	assert_non_null(acre_self_uuid());
	return r;
}

static int spawn_inside(void *unused)
{
	struct acre_actor *a;
	int r = 0;

	(void)unused;
	ACRE_NURSERY(n, r)
		r = acre_spawn(&n, &a);
	return r;
}

TORTURE(an_actor_of_a_loop_inside_another_one, .is_whole = true, .may = tree_may)
{
	struct pollfd readable = { .events = POLLIN };
	int r = acre_begin(spawn_inside, NULL, NULL);

	if (r < 0)
		return r;
	readable.fd = acre_fd();
	while ((r = acre_step()) > 0)
		assert_int_equal(poll(&readable, 1, -1), 1);
	assert_int_equal(r, 0);
	return acre_end();
}
