/* SPDX-License-Identifier: MIT */
/* test_supervision.c - failures, cancellation and interrupts over a tree: cases C022 to C035. */
#include "conform/tree.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>

TEST_TREE(c022_remote_error_fells_the_nursery)
{
	struct acre_actor *a;
	int called = 0, r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "errorer");
		assert_ok(r);
		r = called = acre_call(a, fails_with_assert, &(struct acre_int){ 0 },
				       acre_nil, &nil);
		assert_remote(called, T_ASSERT);
		assert_string_equal(acre_why(called)->actor, "errorer");
	}
	assert_remote(r, T_ASSERT);
	return 0;
}

struct errorer {
	struct acre_nursery *nursery;
	int64_t after_ms;
	int r;
};

ACRE_TASK(fail_in_an_actor, struct errorer *e)
{
	struct acre_actor *a;

	e->r = acre_spawn(e->nursery, &a, .name = "errorer");
	if (e->r >= 0)
		e->r = acre_call(a, fails_with_assert, &(struct acre_int){ e->after_ms },
				 acre_nil, &nil);
	return e->r;
}

/* n one-shots that fail after some time, each in a task and an actor of its own. */
static int run_errorers(struct errorer *errorers, int n_errorers)
{
	int r = 0;

	ACRE_NURSERY(n, r)
		for (int i = 0; i < n_errorers && r >= 0; i++) {
			errorers[i].nursery = &n;
			r = acre_go(&n, fail_in_an_actor, &errorers[i]);
		}
	return r;
}

TEST_TREE(c023_two_errorers_make_a_group)
{
	struct errorer two[2] = { { .after_ms = 300 }, { .after_ms = 300 } };
	int r = run_errorers(two, 2);

	/* the second may have been cancelled before it failed: then it is no member */
	assert_true(acre_is(r, T_ASSERT));
	assert_in_range(acre_count(r), 1, 2);
	assert_int_equal(acre_code(r), acre_count(r) == 1 ? T_ASSERT : ACRE_EGROUP);
	return 0;
}

ACRE_TASK(fail_locally, struct acre_event *go)
{
	int r = acre_event_wait(go);

	return acre_fail(T_ASSERT, "%s", r < 0 ? "although cancelled" : "when told");
}

TEST_TREE(c024_twenty_five_errorers)
{
	struct errorer many[25] = { { .after_ms = 0 } };
	struct acre_event go;
	acre_instant begun = acre_now();
	int r = run_errorers(
		many, 25); /* failing while others are being spawned: all is reaped */

	assert_true(acre_has(r, T_ASSERT));
	assert_in_range(acre_count(r), 1, 25);
	assert_int_equal(acre_children(NULL, 0), 0);
	assert_true(seconds_since(begun) < 30);

	acre_event_init(&go);
	r = 0;
	ACRE_NURSERY(n, r) {
		for (int i = 0; i < 25 && r >= 0; i++)
			r = acre_go(&n, fail_locally, &go);
		acre_event_set(&go);
	}
	assert_int_equal(acre_code(r), ACRE_EGROUP);
	assert_int_equal(acre_count(r), 25); /* exact, though eight are kept */
	assert_true(acre_has(r, T_ASSERT));
	assert_false(acre_is(r, T_ASSERT)); /* of those not kept nobody can tell */
	return 0;
}

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

TEST_TREE(c026_cancel_an_endless_stream)
{
	enum acre_reason reason = ACRE_REASON_NONE;
	struct acre_actor *a;
	struct acre_int v;
	int within = 0, got = 0, r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "streamer");
		assert_ok(r);
		ACRE_WITHIN(acre_secs(1), within)
			ACRE_OPEN(ctx, within, a, stream_for_ever, &nil)
				while ((within = acre_recv(ctx, acre_int, &v)) > 0)
					got++;
		assert_class(within, ETIMEDOUT);
		acre_nursery_cancel(&n);
		reason = acre_nursery_cancelled(&n);
	}
	assert_int_equal(r, 0);
	assert_true(got > 5);
	assert_int_equal(reason, ACRE_REASON_ASKED);
	return 0;
}

/* C027: idle children, one-shots beside them, and what is called on each idle one in turn. */
ACRE_CONTEXT(do_nothing, acre_nil)
{
	return 0;
}

struct mix {
	int n;
	int64_t oneshots_fail_after_ms; /* -1: they sleep for ever; -2: they do nothing; -3: none */
	int64_t call_fails_after_ms; /* -1: none is made; -2: it does nothing */
};

struct oneshot {
	struct acre_nursery *nursery;
	int64_t fail_after_ms;
};

ACRE_TASK(one_shot_task, struct oneshot *o)
{
	struct acre_actor *a;
	int r = acre_spawn(o->nursery, &a, .name = "oneshot");

	if (r < 0)
		return r;
	if (o->fail_after_ms == -1)
		return acre_call(a, sleeps_for_ever, &nil, acre_nil, &nil);
	if (o->fail_after_ms == -2)
		return acre_call(a, do_nothing, &nil, acre_nil, &nil);
	return acre_call(a, fails_with_assert, &(struct acre_int){ o->fail_after_ms },
			 acre_nil, &nil);
}

static int run_mix(const struct mix *mix, enum acre_reason *ret_reason)
{
	struct acre_actor *idle[3];
	struct oneshot shots[3];
	int r = 0;

	ACRE_NURSERY(n, r) {
		for (int i = 0; i < mix->n && r >= 0; i++)
			r = acre_spawn(&n, &idle[i], .name = "idle");
		for (int i = 0; i < mix->n && r >= 0 && mix->oneshots_fail_after_ms != -3;
		     i++) {
			shots[i] = (struct oneshot){ &n, mix->oneshots_fail_after_ms };
			r = acre_go(&n, one_shot_task, &shots[i]);
		}
		for (int i = 0; i < mix->n && r >= 0 && mix->call_fails_after_ms != -1;
		     i++)
			r = mix->call_fails_after_ms == -2
				    ? acre_call(idle[i], do_nothing, &nil, acre_nil, &nil)
				    : acre_call(idle[i], fails_with_assert,
						&(struct acre_int){
							mix->call_fails_after_ms },
						acre_nil, &nil);
		*ret_reason = acre_nursery_cancelled(&n);
		if (r >= 0 && mix->call_fails_after_ms == -1)
			r = acre_sleep(acre_secs(
				60)); /* until a one-shot's failure cancels it */
		*ret_reason = acre_nursery_cancelled(&n);
	}
	return r;
}

TEST_TREE(c027_some_cancels_all)
{
	static const struct mix mixes[] = {
		{ 1, 0, -1 }, { 2, 0, -1 },    { 3, 0, -1 },
		{ 3, -1, 0 }, { 3, -2, 1000 }, { 3, 1000, -2 },
	};

	for (size_t i = 0; i < sizeof mixes / sizeof *mixes; i++) {
		enum acre_reason reason = ACRE_REASON_NONE;
		acre_instant begun = acre_now();
		int r = run_mix(&mixes[i], &reason);

		test_note("mix %zu", i);
		assert_true(acre_is(r, T_ASSERT));
		assert_true(acre_is(r, ACRE_EREMOTE));
		assert_in_range(acre_count(r), 1, mixes[i].n);
		assert_int_equal(acre_children(NULL, 0), 0);
		assert_true(seconds_since(begun) < 10);
	}
	return 0;
}

/* Runs a body as the root of a process of its own, with signals; tells its pidfd-like pipe when it is up. */
static int up[2];

static void say_up(void)
{
	assert_int_equal(write(up[1], "u", 1), 1);
}

static int idle_tree(void)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "idle");
		if (r >= 0)
			say_up();
		if (r >= 0)
			r = acre_sleep(acre_secs(3600));
	}
	return r;
}

ACRE_TASK(hold_three, void *unused)
{
	struct acre_actor *a;
	int r = 0;

	(void)unused;
	ACRE_NURSERY(n, r) {
		for (int i = 0; i < 3 && r >= 0; i++)
			r = acre_spawn(&n, &a, .name = "sleeper");
		if (r >= 0)
			say_up();
		if (r >= 0)
			r = acre_sleep(acre_secs(3600));
	}
	return r;
}

static int tree_in_background(void)
{
	int r = 0;

	ACRE_NURSERY(n, r)
		r = acre_go(&n, hold_three, NULL);
	return r;
}

static int body_of_main;

static int main_body(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return body_of_main ? tree_in_background() : idle_tree();
}

/* SIGINT to a root under ACRE_MAIN: its exit status, in less than 2 s. */
static void interrupt_main(int which)
{
	acre_instant begun;
	char c;
	pid_t pid;
	int status;

	assert_int_equal(pipe2(up, O_CLOEXEC), 0);
	body_of_main = which;
	pid = fork();
	if (pid == 0) {
		char *argv[] = { (char *)(uintptr_t) "root", NULL };

		_exit(acre_main_(1, argv, main_body));
	}
	close(up[1]);
	assert_int_equal(read(up[0], &c, 1), 1);
	begun = acre_now();
	assert_int_equal(kill(pid, SIGINT), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(up[0]);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 130);
	assert_true(seconds_since(begun) < 2);
}

TEST(c029_sigint_simple)
{
	interrupt_main(0);
}

TEST(c030_sigint_nursery_in_another_task)
{
	interrupt_main(1);
}

ACRE_TASK(interrupt_after, void *unused)
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
			r = acre_go(&n, interrupt_after, NULL);
	}
	assert_class(r, EINTR);
	assert_true(seconds_since(begun) < 2.9); /* no wait for a hard kill */
	return 0;
}

/* C034: a nursery that lives in the actor's state. */
static struct acre_nursery *kept;

ACRE_CONTEXT(keep_a_nursery, acre_nil)
{
	int r = acre_started(ctx, acre_nil);

	ACRE_NURSERY(n, r) {
		kept = &n;
		r = acre_sleep(acre_secs(3600));
	}
	kept = NULL;
	return r;
}

ACRE_TASK(fail_with_name, void *unused)
{
	int r = acre_sleep(acre_ms(500));

	(void)unused;
	return r < 0 ? r : acre_fail(T_NAME, "no such name");
}

ACRE_CONTEXT(start_in_kept, acre_nil)
{
	return kept ? acre_go(kept, fail_with_name, NULL)
		    : acre_fail(T_RUNTIME, "no nursery");
}

TEST_TREE(c034_actor_local_nursery)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "keeper");
		ACRE_OPEN(ctx, r, a, keep_a_nursery, &nil)
			r = acre_call(a, start_in_kept, &nil, acre_nil, &nil);
		assert_remote(r, T_NAME);
		r = 0;
	}
	return r;
}

/* C035: chains and trees of responsive actors. */
#define NODE(F) F(uint32_t, depth) F(uint32_t, breadth)
ACRE_MSG(node, NODE)

static int hold_below(struct acre_context *ctx, struct node at);

ACRE_CONTEXT(hold, node)
{
	return hold_below(ctx, *in);
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
static int hold_below(struct acre_context *ctx, struct node at)
{
	struct held held[4];
	void *none;
	int r = 0;

	ACRE_NURSERY(n, r) {
		for (uint32_t i = 0; at.depth && i < at.breadth && r >= 0; i++) {
			held[i].node = (struct node){ at.depth - 1, at.breadth };
			r = acre_spawn(&n, &held[i].actor, .name = "held");
			if (r >= 0)
				r = acre_go_ready(&n, hold_one, &held[i], &none);
		}
		if (r >= 0 && ctx)
			r = acre_started(ctx, acre_nil);
		if (r >= 0 && ctx)
			r = acre_sleep(acre_secs(3600));
		if (r >= 0)
			acre_nursery_cancel(&n);
	}
	return r;
}

TEST_TREE(c035_deep_cancel_cost)
{
	static const struct node shapes[] = { { 1, 1 }, { 3, 1 }, { 3, 2 } };

	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
		struct held top = { .node = { shapes[i].depth - 1, shapes[i].breadth } };
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
		assert_ok(acre_nursery_close(&n, 0));
		test_note("shape %zu: %.1f ms", i, seconds_since(begun) * 1e3);
		assert_true(seconds_since(begun) <
			    1.5); /* far from any rung of the ladder */
	}
	return 0;
}
