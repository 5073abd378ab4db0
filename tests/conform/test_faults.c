/* SPDX-License-Identifier: MIT */
/* test_faults.c - links that break, classes that travel, deadlines over hops: C067 to C072, and promise G8. */
#include "conform/tree.h"

#include <fcntl.h>
#include <sys/socket.h>

#include "actor/peer.h"
#include "core/loop.h"

#define FD_LINK 3 /* in an actor: its link to the parent (actor/child.c) */

/*
 * Classes of failures: C067 to C069.
 */

static const struct acre_class_row unknown_elsewhere[] = {
	{ 3000, 0, "UnregisteredAppError", "known to the child only" },
};

ACRE_CONTEXT(fail_with, acre_int)
{
	if (in->value == unknown_elsewhere->number)
		acre_class_register_(unknown_elsewhere, 1);
	return acre_fail((int)in->value, "the message of class %d", (int)in->value);
}

static int fail_remotely(int class)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "failing");
		if (r >= 0)
			r = acre_call(a, fail_with, &(struct acre_int){ class }, acre_nil,
				      &nil);
	}
	return r;
}

static void crosses_as_itself(int class)
{
	const struct acre_report *why;
	int r = fail_remotely(class);
	char *story = acre_story(r);

	assert_remote(r, class);
	why = acre_why(r);
	assert_string_equal(why->name, acre_class_name(class));
	assert_text_has(why->message, "the message of class");
	assert_string_equal(why->actor, "failing");
	assert_text_has(why->file, "test_faults.c");
	assert_text_has(story, "the message of class");
	free(story);
}

TEST_TREE(c067_registered_class)
{
	crosses_as_itself(T_VALUE);
	return 0;
}

TEST_TREE(c068_second_registered_class)
{
	crosses_as_itself(T_NAME);
	return 0;
}

TEST_TREE(c069_unregistered_class)
{
	int r = fail_remotely(unknown_elsewhere->number);

	assert_remote(r, ACRE_ENAMED);
	assert_string_equal(acre_why(r)->name, "UnregisteredAppError");
	assert_text_has(acre_why(r)->message, "the message of class");
	return 0;
}

/*
 * C071: a stream is broken in mid-flight, at either side or both, after so many items.
 */

#define BREAK(F) F(uint32_t, at_parent) F(uint32_t, at_child) F(bool, stop_first)
ACRE_MSG(break_at, BREAK)

ACRE_CONTEXT(echo_and_break, break_at)
{
	struct acre_int v;
	int r = acre_started(ctx, acre_nil);

	while (r >= 0 && (r = acre_recv(ctx, acre_int, &v)) > 0) {
		if (in->at_child && v.value == in->at_child)
			shutdown(FD_LINK, SHUT_RDWR);
		else
			r = acre_send(ctx, acre_int, .value = v.value);
	}
	return r;
}

static int stream_until_it_breaks(struct acre_actor *a, const struct break_at *b)
{
	struct acre_int v;
	int r = 0;

	ACRE_OPEN(ctx, r, a, echo_and_break, b) {
		for (int64_t i = 1; r >= 0 && i <= 1000; i++) {
			if (b->at_parent && i == b->at_parent) {
				if (b->stop_first)
					assert_ok(acre_stop(ctx));
				link_close(&a->link,
					   acre_fail(ACRE_ECLOSED, "closed here"));
			}
			r = acre_send(ctx, acre_int, .value = i);
			if (r >= 0)
				r = acre_recv(ctx, acre_int, &v);
		}
		if (r >= 0)
			r = acre_fail(EINTR, "only the user's interrupt ends it");
	}
	return r;
}

TEST_TREE(c071_stream_broken_in_mid_flight)
{
	static const struct break_at breaks[] = {
		{ 0, 0, false },     { 500, 0, false },	  { 0, 500, false },
		{ 500, 800, false }, { 800, 500, false }, { 500, 0, true },
		{ 500, 800, true },
	};

	for (size_t i = 0; i < sizeof breaks / sizeof *breaks; i++) {
		struct acre_actor *a;
		int streamed = 0, r = 0;

		ACRE_NURSERY(n, r) {
			r = acre_spawn(&n, &a, .name = "streamer");
			if (r >= 0)
				r = streamed = stream_until_it_breaks(a, &breaks[i]);
		}
		assert_true(r < 0);
		assert_class(streamed, breaks[i].at_parent || breaks[i].at_child
					       ? ACRE_ECLOSED
					       : EINTR);
		assert_int_equal(acre_children(NULL, 0), 0);
	}
	return 0;
}

/*
 * C072: a child that nobody can reach any more is ended by the means of the process.
 */

ACRE_CONTEXT(cut_and_ignore, acre_nil)
{
	acre_ignore_result(acre_started(ctx, acre_nil));
	acre_ignore_result(acre_send(ctx, acre_int, .value = 1));
	acre_ignore_result(acre_yield());
	acre_ignore_result(acre_sleep(acre_ms(100))); /* what was said goes out */
	shutdown(FD_LINK, SHUT_RDWR);
	while (pause() < 0)
		; /* no checkpoint ever */
	return 0;
}

TEST_TREE(c072_zombie_lord)
{
	acre_instant begun = acre_now();
	struct acre_actor *a;
	int within = 0, r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "zombie");
		assert_ok(r);
		ACRE_WITHIN(acre_secs(1), within)
			ACRE_OPEN(ctx, within, a, cut_and_ignore, &nil)
				within = acre_result(ctx, acre_nil, &nil);
		assert_true(within < 0);
		r = acre_fail(EINTR, "the user's interrupt");
	}
	assert_true(acre_has(r, EINTR));
	assert_true(seconds_since(begun) < 4);
	return 0;
}

/*
 * G8: every kind of waiter on one dying link is woken in one turn of the loop, with a failure.
 */

enum waiter_kind {
	WAITS_RECV,
	WAITS_CREDIT,
	WAITS_RESULT,
	WAITS_CALL,
	WAITS_FIRST,
	N_WAITERS
};

ACRE_CONTEXT(never_starts, acre_nil)
{
	return acre_sleep(acre_secs(3600));
}

struct waiter {
	struct acre_actor *actor;
	enum waiter_kind kind;
	struct acre_event *parked;
	int r;
	int64_t turn;
};

static int wait_on(struct waiter *w, struct acre_context *ctx)
{
	struct acre_int v;
	int r = 0;

	if (w->kind == WAITS_RECV)
		return acre_recv(ctx, acre_int, &v);
	if (w->kind == WAITS_RESULT)
		return acre_result(ctx, acre_nil, &nil);
	for (int i = 0; r >= 0; i++)
		r = acre_send(ctx, acre_int, .value = i);
	return r;
}

ACRE_TASK(park_on_link, struct waiter *w)
{
	struct acre_context *ctx = NULL;
	int r = 0;

	if (w->kind == WAITS_CALL) {
		w->r = acre_call(w->actor, sleeps_for_ever, &nil, acre_nil, &nil);
	} else if (w->kind == WAITS_FIRST) {
		w->r = acre_open(&ctx, w->actor, never_starts, &nil);
	} else {
		r = acre_open(&ctx, w->actor, sleeps_for_ever, &nil);
		assert_ok(r);
		w->r = wait_on(w, ctx);
	}
	w->turn = loop_this->polled_at;
	acre_ignore_result(acre_context_close(&ctx, 0));
	return 0;
}

TEST_TREE(g8_all_waiters_of_a_dying_link_are_woken_in_one_turn)
{
	struct waiter waiters[N_WAITERS];
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "dying");
		for (enum waiter_kind k = 0; k < N_WAITERS && r >= 0; k++) {
			waiters[k] = (struct waiter){ .actor = a, .kind = k };
			r = acre_go(&n, park_on_link, &waiters[k]);
		}
		assert_ok(r);
		r = acre_sleep(
			acre_ms(200)); /* a guess only makes the test weaker, not wrong */
		kill(acre_actor_pid(a), SIGKILL);
	}
	assert_true(acre_is(r, ACRE_EDIED));
	for (enum waiter_kind k = 0; k < N_WAITERS; k++) {
		assert_class(waiters[k].r, ACRE_ECLOSED);
		assert_int_equal(waiters[k].turn, waiters[0].turn);
	}
	return 0;
}

TEST_TREE(g8_a_hard_kill_wakes_who_waits_on_the_link)
{
	struct acre_actor *a;
	int called = 0, r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "stuck");
		assert_ok(r);
		ACRE_NURSERY(m, r) {
			struct waiter w = { .actor = a, .kind = WAITS_RECV };

			r = acre_go(&m, park_on_link, &w);
			if (r >= 0)
				r = acre_sleep(acre_ms(50));
			kill(acre_actor_pid(a),
			     SIGSTOP); /* it can neither answer nor close its end */
			life_event(&a->life, LIFE_EV_KILL);
			called = a->link_lost;
		}
		assert_true(called); /* our end was closed in the same turn */
	}
	assert_true(r < 0);
	return 0;
}

/*
 * G8: a call whose remaining time is over is never begun, three hops from where it ended.
 */

#define HOP(F) F(uint32_t, hops)
ACRE_MSG(hop, HOP)

static int next_hop(uint32_t hops);

#define WITNESS \
	"ACRE_TEST_WITNESS" /* names a file that is made by work that begins too late */

ACRE_CONTEXT(relay, hop)
{
	if (acre_deadline().ns <= acre_now().ns)
		close(open(getenv(WITNESS), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	return in->hops ? next_hop(in->hops - 1) : acre_sleep(acre_secs(3600));
}

static int next_hop(uint32_t hops)
{
	acre_instant deadline = acre_deadline();
	struct acre_actor *a;
	int r = 0;

	assert_true(deadline.ns != acre_never().ns); /* it has travelled */
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "hop");
		while (r >= 0 && !hops && acre_now().ns < deadline.ns)
			; /* busy until the time is over: no timer of this loop can have run */
		if (r >= 0)
			r = acre_call(a, relay, &(struct hop){ hops }, acre_nil, &nil);
	}
	return r;
}

TEST_TREE(g8_no_work_starts_after_its_time_three_hops_away)
{
	char witness[4096];
	int r = 0;

	snprintf(witness, sizeof witness, "%s/began_too_late", test_dir());
	setenv(WITNESS, witness, 1);
	ACRE_WITHIN(acre_ms(400), r)
		r = next_hop(2);
	assert_class(r, ETIMEDOUT);
	assert_int_equal(access(witness, F_OK), -1);
	return 0;
}

/*
 * G8: a cancel that comes with its Start, before the task has had its first turn.
 */

ACRE_TASK(call_sleeper, struct acre_actor *a)
{
	return acre_call(a, sleeps_for_ever, &nil, acre_nil, &nil);
}

TEST_TREE(g8_a_cancel_before_the_first_turn_is_not_lost)
{
	struct acre_actor *a;
	int r = 0;

	test_limit(10);
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "sleeper");
		ACRE_NURSERY(m, r) {
			r = acre_go(&m, call_sleeper, a);
			if (r >= 0)
				r = acre_yield(); /* the Start is queued */
			acre_nursery_cancel(&m);  /* and the Cancel goes out with it */
		}
		assert_ok(r);
		assert_true(acre_actor_is_connected(a));
	}
	return r;
}

TEST_TREE(g8_an_outcome_is_set_once)
{
	struct acre_outcome before, after;
	struct acre_actor *a;
	struct acre_int v;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "ten");
		assert_ok(r);
		ACRE_NURSERY(m, r) {
			struct acre_context *ctx = NULL;
			const struct acre_endpoint e = { .name = "ten",
							 .in = acre_nil_msg_ };

			r = acre_open_(&ctx, a, &e, &nil);
			assert_ok(r);
			assert_int_equal(acre_result(ctx, acre_int, &v), 1);
			before = acre_outcome(ctx);
			link_close(&a->link, acre_fail(ACRE_ECLOSED, "closed here"));
			after = acre_outcome(ctx);
			assert_int_equal(acre_result(ctx, acre_int, &v),
					 1); /* still there */
			assert_int_equal(v.value, 10);
			r = acre_context_close(&ctx, 0);
		}
		assert_int_equal(before.r, 0);
		assert_int_equal(after.r, 0);
	}
	/* a child without its link is lost, unless it was asked to end before it had */
	assert_true(r >= 0 || acre_is(r, ACRE_EDIED));
	return 0;
}
