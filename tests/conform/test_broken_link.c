/* SPDX-License-Identifier: MIT */
/* test_broken_link.c - a link breaks in mid-flight, in each way, and whoever waits over it goes on: promise G8. */
#include "conform/breaker.h"
#include "conform/found.h"

#include "actor/context.h"

/*
 * The root has a child, and dials it besides. Over that second link tasks of the root wait for all
 * that can be waited for, and tasks of the child for the root's. Then the link breaks in the
 * middle of a frame. Each waiter is to be told that it is closed; where nobody is told anything
 * (stalled), its own deadline ends its wait, and its context is left behind in bounded time.
 * The child is as well as before, by its other link, and serves nothing any more.
 */

static _Atomic int n_served; /* in the child: endpoints that have not returned */

static int served(int r)
{
	n_served--;
	return r;
}

ACRE_CONTEXT(never_starts, acre_nil)
{
	n_served++;
	return served(acre_sleep(acre_secs(3600)));
}

ACRE_CONTEXT(starts_only, acre_nil)
{
	int r = acre_started(ctx, acre_nil);

	n_served++;
	return served(r < 0 ? r : acre_sleep(acre_secs(3600)));
}

/* The child's own waiters: for an item, and for credit. */
ACRE_CONTEXT(receives, acre_nil)
{
	int r = acre_started(ctx, acre_nil);

	n_served++;
	while (r >= 0 && (r = acre_recv(ctx, acre_nil, &nil)) > 0)
		;
	return served(r);
}

ACRE_CONTEXT(sends, acre_nil)
{
	int r = 0;

	n_served++;
	while (r >= 0)
		r = acre_send(ctx, acre_nil);
	return served(r);
}

ACRE_CONTEXT(count_served, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return acre_return(ctx, acre_int, .value = n_served);
}

/*
 * The root's waiters: what each does until it waits, and its wait.
 */

struct waiter {
	struct acre_actor *far;
	int (*wait)(struct acre_actor *far);
	struct acre_scope scope; /* around it */
	int class;		 /* out: of what ended its wait */
};

static int wait_opening(struct acre_actor *far)
{
	struct acre_context *ctx = NULL;
	int r = acre_open(&ctx, far, never_starts, &nil);

	assert_null(ctx);
	return r;
}

static int wait_calling(struct acre_actor *far)
{
	return acre_call(far, never_starts, &nil, acre_nil, &nil);
}

static int wait_receiving(struct acre_actor *far)
{
	int r = 0;

	ACRE_OPEN(ctx, r, far, starts_only, &nil)
		r = acre_recv(ctx, acre_nil, &nil);
	return r;
}

static int wait_for_result(struct acre_actor *far)
{
	int r = 0;

	ACRE_OPEN(ctx, r, far, receives, &nil)
		r = acre_result(ctx, acre_nil, &nil);
	return r;
}

static int wait_for_credit(struct acre_actor *far)
{
	int r = 0;

	ACRE_OPEN(ctx, r, far, starts_only, &nil)
		while (r >= 0)
			r = acre_send(ctx, acre_nil);
	return r;
}

/* And the child for credit of ours. */
static int wait_without_reading(struct acre_actor *far)
{
	int r = 0;

	ACRE_OPEN(ctx, r, far, sends, &nil)
		r = acre_result(ctx, acre_nil, &nil);
	return r;
}

static int (*const waits[])(struct acre_actor *far) = {
	wait_opening,	 wait_calling,	  wait_receiving,
	wait_for_result, wait_for_credit, wait_without_reading,
};
#define WAITERS ((int)ARRAY_N(waits))

ACRE_TASK(wait_over_link, struct waiter *w)
{
	int r;

	acre_scope_open(&w->scope);
	r = w->wait(w->far);
	r = acre_scope_close(&w->scope, r);
	w->class = acre_code(r);
	return 0;
}

/* So many endpoints are running in the child. */
static void await_served(struct acre_actor *near, int64_t n)
{
	struct acre_int v = { -1 };

	do /* bound: it hears of each Start, and of the end of a link */
		assert_int_equal(acre_call(near, count_served, &nil, acre_int, &v), 1);
	while (v.value != n);
}

struct breaking {
	enum broken how;
	acre_span patience;  /* of the call that is cut; all others' is over after it */
	int class, or_class; /* that each wait may end with */
};

/* In the middle of the frame that asks for ten, or that answers. */
static int break_it(struct acre_actor *far, const struct breaking *b)
{
	struct acre_int v;
	int r = 0;

	breaker_break(far->link.fd, b->how, 5);
	ACRE_WITHIN(b->patience, r)
		r = acre_call(far, ten, &nil, acre_int, &v);
	return acre_code(r);
}

static void assert_class_of(int class, const struct breaking *b)
{
	if (class != b->or_class)
		assert_int_equal(class, b->class);
}

static void break_over(struct acre_actor *near, struct acre_actor *far,
		       const struct breaking *b)
{
	struct waiter waiters[ARRAY_N(waits)];
	struct acre_int v;
	int r = 0;

	ACRE_NURSERY(n, r) {
		for (int i = 0; i < WAITERS && r >= 0; i++) {
			waiters[i] = (struct waiter){ far, waits[i], { { 0 } }, -1 };
			r = acre_go(&n, wait_over_link, &waiters[i]);
		}
		await_served(near, WAITERS);
		assert_int_equal(acre_call(far, ten, &nil, acre_int, &v), 1);
		assert_class_of(break_it(far, b), b);
		for (int i = 0; i < WAITERS && b->how == BROKEN_STALLED; i++)
			acre_scope_deadline(&waiters[i].scope, acre_now());
	}
	assert_ok(r);
	for (int i = 0; i < WAITERS; i++)
		assert_class_of(waiters[i].class, b);
}

static int with_link(void (*use)(struct acre_actor *near, struct acre_actor *far,
				 const struct breaking *b),
		     const struct breaking *b)
{
	char address[ACRE_ADDRESS_SIZE];
	struct acre_actor *near, *far;
	struct acre_int v;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &near, .name = "far");
		assert_ok(r);
		assert_int_equal(acre_query("far", address), 1);
		assert_ok(acre_dial(&far, address));
		assert_ptr_not_equal(far, near);
		breaker_begin();
		use(near, far, b);
		acre_release(&far);
		await_served(near, 0);
		assert_int_equal(acre_call(near, ten, &nil, acre_int, &v), 1);
		breaker_end();
	}
	return r;
}

#define LONG acre_secs(3600)

#define TEST_BREAK(name, how, patience, class, or_class)                                \
	TEST_FOUND(name)                                                                \
	{                                                                               \
		return with_link(break_over,                                            \
				 &(struct breaking){ how, patience, class, or_class }); \
	}

TEST_BREAK(g8_a_link_that_is_closed, BROKEN_CLOSED, LONG, ACRE_ECLOSED, 0)
TEST_BREAK(g8_a_link_that_is_closed_towards_us, BROKEN_CLOSED_IN, LONG, ACRE_ECLOSED, 0)
TEST_BREAK(g8_a_link_that_is_closed_from_us, BROKEN_CLOSED_OUT, LONG, ACRE_ECLOSED, 0)
TEST_BREAK(g8_a_link_that_brings_garbage, BROKEN_GARBAGE_IN, LONG, ACRE_ECLOSED, 0)
TEST_BREAK(g8_a_link_that_takes_garbage, BROKEN_GARBAGE_OUT, LONG, ACRE_ECLOSED, 0)
TEST_BREAK(g8_a_link_that_is_stalled, BROKEN_STALLED, acre_ms(10), ETIMEDOUT,
	   ACRE_ETOOSLOW)

/*
 * One byte at a time breaks nothing.
 */

#define BACK_AND_FORTH 100

ACRE_CONTEXT(echo, acre_nil)
{
	struct acre_text item;
	int r = acre_started(ctx, acre_nil);

	while (r >= 0 && (r = acre_recv(ctx, acre_text, &item)) > 0)
		r = acre_send(ctx, acre_text, .value = item.value);
	return r;
}

static void talk(struct acre_actor *near, struct acre_actor *far,
		 const struct breaking *b)
{
	struct acre_text item;
	char text[32];
	int r = 0;

	(void)near;
	breaker_break(far->link.fd, b->how, 0);
	ACRE_OPEN(ctx, r, far, echo, &nil) {
		for (int i = 0; i < BACK_AND_FORTH; i++) {
			snprintf(text, sizeof text, "this is item %d", i);
			assert_ok(acre_send(ctx, acre_text, .value = text));
			assert_int_equal(acre_recv(ctx, acre_text, &item), 1);
			assert_string_equal(item.value, text);
		}
		assert_ok(acre_finish(ctx));
		assert_int_equal(acre_recv(ctx, acre_text, &item), 0);
	}
	assert_ok(r);
}

TEST_FOUND(g8_a_link_that_goes_byte_by_byte)
{
	return with_link(talk, &(struct breaking){ .how = BROKEN_BY_BYTES });
}
