/* SPDX-License-Identifier: MIT */
/* test_outcome.c - one outcome for each context, in bounded time, and none for what is out of time: promise G8. */
#include "conform/tree.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>

#include "actor/context.h"

/*
 * What a peer may do wrong, or two frames that must come in one read, cannot be had from the
 * contract: these tests write frames by hand, at either end.
 */

/*
 * Work that leaves a mark in the test's folder once it has begun.
 */

static const char *mark(void)
{
	static char path[4096];

	snprintf(path, sizeof path, "%s/begun", test_dir());
	return path;
}

static bool has_begun(void)
{
	return access(mark(), F_OK) == 0;
}

ACRE_CONTEXT(begin_work, acre_nil)
{
	int fd = open(mark(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	return fd < 0 ? acre_fail(T_RUNTIME, "no mark") : close(fd);
}

ACRE_CONTEXT(begin_work_after_a_checkpoint, acre_nil)
{
	int r = acre_checkpoint();

	return r < 0 ? r : begin_work_body_(ctx, in);
}

TEST_ACTOR(g8_work_that_begins_leaves_a_mark)
{
	int r = acre_call(a, begin_work_after_a_checkpoint, &nil, acre_nil, &nil);

	assert_true(has_begun());
	return r;
}

/* A Start without a task that waits for it: what follows goes out in the same write. */
static struct acre_context *start(struct acre_actor *a, const char *name)
{
	struct acre_context *ctx = NULL;

	assert_ok(opener_start(&ctx, a, "main", name, acre_nil_msg_(), &nil));
	return ctx;
}

/* Everything that was sent to it before has been read there, and what it said to that here. */
static void round_trip(struct acre_actor *a)
{
	struct acre_int v;

	assert_int_equal(acre_call(a, ten, &nil, acre_int, &v), 1);
}

TEST_ACTOR(g8_a_cancel_before_the_first_turn_is_not_lost)
{
	struct acre_context *ctx = start(a, "begin_work_after_a_checkpoint");

	peer_send_cancel(a, context_cid(ctx), 1, ACRE_REASON_ASKED, LIFE_TOTAL_NS);
	assert_remote(acre_result(ctx, acre_nil, &nil), ACRE_ECTXC);
	assert_true(acre_outcome(ctx).cancel_acked);
	assert_class(acre_context_close(&ctx, 0), ACRE_ECTXC);
	assert_false(has_begun());
	return 0;
}

/*
 * One outcome.
 */

/* A callee that answers three times: 1, 2, a failure. */
ACRE_CONTEXT(answer_thrice, acre_nil)
{
	struct msg m = { .kind = MSG_RETURN, .cid = context_cid(ctx), .pld = { "\x01", 1 } };
	int r = peer_send(ctx->peer, &m);

	m.pld = (struct slice){ "\x02", 1 };
	if (r >= 0)
		r = peer_send(ctx->peer, &m);
	return r < 0 ? r : acre_fail(T_VALUE, "the third answer");
}

TEST_ACTOR(g8_an_outcome_is_set_once)
{
	struct acre_int v = { 0 };
	int r = 0;

	ACRE_OPEN(ctx, r, a, answer_thrice, &nil) {
		assert_int_equal(acre_result(ctx, acre_int, &v), 1);
		assert_int_equal(v.value, 1);
		round_trip(a); /* all three are here */
		assert_int_equal(acre_result(ctx, acre_int, &v), 1);
		assert_int_equal(v.value, 1);
		assert_int_equal(acre_outcome(ctx).r, 0);
	}
	assert_ok(r);
	assert_true(acre_actor_is_connected(a));
	return 0;
}

TEST_TREE(g8_a_result_outlives_its_link)
{
	struct acre_actor *a;
	struct acre_int v;
	int r = 0;

	ACRE_NURSERY(n, r) {
		struct acre_context *ctx;

		r = acre_spawn(&n, &a, .name = "callee");
		assert_ok(r);
		ctx = start(a, "ten");
		assert_int_equal(acre_result(ctx, acre_int, &v), 1);
		link_close(&a->link, acre_fail(ACRE_ECLOSED, "closed here"));
		assert_int_equal(acre_outcome(ctx).r, 0);
		assert_int_equal(acre_result(ctx, acre_int, &v), 1);
		assert_int_equal(v.value, 10);
		assert_ok(acre_context_close(&ctx, 0));
	}
	/* without its link it is lost, unless it was asked to end before it had noticed */
	assert_true(r >= 0 || acre_is(r, ACRE_EDIED));
	return 0;
}

/*
 * In bounded time.
 */

struct leaving {
	struct acre_actor *actor;
	struct task *task;
};

ACRE_TASK(leave_at_once, struct leaving *l)
{
	int r = 0;

	ACRE_OPEN(ctx, r, l->actor, sleeps_for_ever, &nil)
		l->task = task_this();
	return r;
}

TEST_ACTOR(g8_leaving_waits_for_the_callee_until_it_is_cancelled)
{
	struct leaving l = { .actor = a };
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_go(&n, leave_at_once, &l);
		while (r >= 0 && !(l.task && l.task->what == WAIT_RESULT))
			r = acre_yield();
		round_trip(a);
		assert_int_equal(acre_nursery_n(&n), 1); /* it still waits */
		acre_nursery_cancel(&n);
	}
	assert_ok(r);
	assert_true(acre_actor_is_connected(a));
	assert_int_equal(a->n_contexts, 0);
	return 0;
}

static struct acre_event let_go; /* in the callee */

ACRE_CONTEXT(ignore_the_cancel, acre_nil)
{
	int r = acre_started(ctx, acre_nil);

	acre_event_init(&let_go);
	ACRE_SHIELD(acre_secs(60), r)
		acre_ignore_result(acre_event_wait(&let_go));
	return r;
}

ACRE_CONTEXT(let_it_go, acre_nil)
{
	acre_event_set(&let_go);
	return 0;
}

TEST_ACTOR(g8_a_callee_that_does_not_end_is_given_up)
{
	acre_instant begun = acre_now();
	int r = 0;

	ACRE_OPEN(ctx, r, a, ignore_the_cancel, &nil)
		assert_ok(acre_context_cancel(ctx));
	assert_class(r, ACRE_ETOOSLOW);
	assert_text_has(acre_why(r)->message, "acknowledged its cancel and did not end");
	assert_true(seconds_since(begun) < (double)LIFE_TOTAL_NS / 1e9 + 1);
	return acre_call(a, let_it_go, &nil, acre_nil, &nil); /* it serves on */
}

TEST_TREE(g8_a_callee_that_does_not_answer_is_given_up)
{
	struct acre_actor *a;
	int r = 0;

	needs_a_process("it is stopped alone");
	ACRE_NURSERY(n, r) {
		int opened = 0;

		r = acre_spawn(&n, &a, .name = "stopped");
		assert_ok(r);
		ACRE_OPEN(ctx, opened, a, sleeps_for_ever, &nil) {
			stop_actor(a);
			assert_class(acre_context_cancel(ctx), ACRE_ETOOSLOW);
		}
		assert_class(opened, ACRE_ETOOSLOW);
		kill(acre_actor_pid(a), SIGCONT);
		round_trip(a); /* what it says to the old cancel is nobody's */
	}
	return r;
}

/*
 * What is out of time is never begun.
 */

#define HOP(F) F(uint32_t, further)
ACRE_MSG(hop, HOP)

static int next_hop(uint32_t further);

ACRE_CONTEXT(relay, hop)
{
	return next_hop(in->further);
}

static void burn_until(int64_t ns)
{
	while (acre_now().ns <= ns)
		; /* no timer of this loop can run */
}

static int next_hop(uint32_t further)
{
	int64_t deadline = acre_deadline().ns;
	struct acre_actor *a;
	int r = 0;

	assert_true(deadline <= acre_after(acre_now(), acre_ms(500)).ns); /* it has travelled */
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "hop");
		if (r >= 0 && further)
			r = acre_call(a, relay, &(struct hop){ further - 1 }, acre_nil, &nil);
		else if (r >= 0) {
			burn_until(deadline);
			r = acre_call(a, begin_work, &nil, acre_nil, &nil);
		}
	}
	return r;
}

TEST_TREE(g8_no_work_starts_after_its_time_three_hops_away)
{
	int r = 0;

	ACRE_WITHIN(acre_ms(500), r)
		r = next_hop(2);
	assert_class(r, ETIMEDOUT);
	assert_false(has_begun());
	return 0;
}

ACRE_CONTEXT(burn, acre_nil)
{
	burn_until(acre_after(acre_now(), acre_ms(100)).ns);
	return 0;
}

TEST_ACTOR(g8_no_work_starts_whose_time_passed_in_the_ready_queue)
{
	int r = 0;

	ACRE_WITHIN(acre_ms(50), r) {
		struct acre_context *first = start(a, "burn"), *second = start(a, "begin_work");

		r = acre_result(second, acre_nil, &nil);
		r = acre_context_close(&second, r);
		r = acre_context_close(&first, r);
	}
	assert_class(r, ETIMEDOUT);
	round_trip(a);
	assert_false(has_begun());
	return 0;
}

/*
 * Threads: a context is for its loop's only.
 */

static void *close_on_a_thread(void *ctx)
{
	acre_ignore(acre_context_close(ctx, 0));
	return NULL;
}

static int open_for_a_thread(void *unused)
{
	struct acre_context *ctx = NULL;
	struct acre_actor *a;
	pthread_t thread;
	int r = 0;

	(void)unused;
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "callee");
		assert_ok(r);
		r = acre_open(&ctx, a, ten, &nil);
		assert_ok(r);
		assert_int_equal(pthread_create(&thread, NULL, close_on_a_thread, &ctx),
				 0);
		pthread_join(thread, NULL);
	}
	return r;
}

TEST_FAILS(a_context_closed_by_another_thread_is_a_bug,
	   "acre_context_close outside of a task")
{
	use_backend(NULL);
	assert_ok(acre_run(open_for_a_thread, NULL, NULL));
}
