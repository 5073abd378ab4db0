/* SPDX-License-Identifier: MIT */
/* test_teardown.c - children that do not listen, in bounded time: cases C028, C031, C032, C036 to C038, G5. */
#include "conform/tree.h"

#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "actor/life.h"
#include "base/sys.h"

#define LADDER_S 2.1 /* no ack within 0.5 s, SIGTERM, SIGKILL after 1.6 s */

/* By SIGKILL and SIGTERM, through the library, in this process. */
static _Atomic int n_killed, n_soft;

static int count_signals(int fd, int sig, siginfo_t *info, unsigned flags)
{
	n_killed += sig == SIGKILL;
	n_soft += sig == SIGTERM;
	return sys_real.pidfd_send_signal(fd, sig, info, flags);
}

static void begin_counting(void)
{
	n_killed = n_soft = 0;
}

/* The table is chosen while there is one thread. */
static void run_counted(int (*body)(void))
{
	static struct sys_table counting;

	counting = *sys_used();
	counting.pidfd_send_signal = count_signals;
	sys_use(&counting);
	assert_ok(tree_result(body, false));
	sys_use(&sys_real);
	report_thread_fini();
}

#define TEST_COUNTED(name)                 \
	static int name##_body_(void);     \
	TEST(name)                         \
	{                                  \
		use_backend(NULL);         \
		run_counted(name##_body_); \
	}                                  \
	static int name##_body_(void)

/*
 * C028: failures at the leaves of a tree of actors.
 */

#define SHAPE(F) F(uint32_t, height)
ACRE_MSG(shape, SHAPE)

static int fail_below(uint32_t height);

ACRE_CONTEXT(fail_at_leaves, shape)
{
	(void)ctx;
	return in->height ? fail_below(in->height) : acre_fail(T_ASSERT, "assert 0");
}

struct limb {
	struct acre_actor *actor;
	struct shape below;
};

/* Shielded: the failure of the other limb does not cancel this one. */
ACRE_TASK(call_limb, struct limb *l)
{
	int r = 0;

	ACRE_SHIELD(acre_secs(10), r) {
		r = acre_ready(NULL);
		if (r >= 0)
			r = acre_call(l->actor, fail_at_leaves, &l->below, acre_nil,
				      &nil);
	}
	return r;
}

static int fail_below(uint32_t height)
{
	struct limb limbs[2];
	void *none;
	int r = 0;

	ACRE_NURSERY(actors, r) { /* they outlive the failure of either call */
		for (int i = 0; i < 2 && r >= 0; i++) {
			limbs[i] = (struct limb){ .below = { height - 1 } };
			r = acre_spawn(&actors, &limbs[i].actor, .name = "limb");
		}
		if (r >= 0)
			ACRE_NURSERY(n, r)
				for (int i = 0; i < 2 && r >= 0; i++)
					r = acre_go_ready(&n, call_limb, &limbs[i],
							  &none);
	}
	return r;
}

static void check_group(const struct acre_report *why, uint32_t height)
{
	assert_int_equal(why->code, ACRE_EGROUP);
	assert_int_equal(why->n_members, 2);
	assert_int_equal(why->n_more, 0);
	for (int i = 0; height > 1 && i < 2; i++) {
		assert_string_equal(why->members[i]->actor, "limb");
		check_group(why->members[i], height - 1);
	}
}

static void grow_and_fail(uint32_t height, double within_s)
{
	acre_instant begun = acre_now();
	int r = fail_below(height);

	test_note("height %u: %.2f s", height, seconds_since(begun));
	assert_true(seconds_since(begun) < within_s);
	assert_remote(r, T_ASSERT);
	check_group(acre_why(r), height);
}

TEST_TREE(c028_nested_error_tree)
{
	grow_and_fail(1, 6);
	grow_and_fail(3, 12);
	return 0;
}

/*
 * Actors that do not look: in a synchronous sleep, or in a loop.
 */

static void sleep_synchronously(int seconds)
{
	struct timespec t = { .tv_sec = seconds };

	while (nanosleep(&t, &t) < 0)
		;
}

ACRE_CONTEXT(sleep_blocked, acre_int)
{
	acre_ignore_result(acre_started(ctx, acre_nil));
	acre_ignore_result(acre_sleep(acre_ms(20))); /* what was said goes out */
	sleep_synchronously((int)in->value);
	return 0;
}

ACRE_CONTEXT(compute_for_ever, acre_int)
{
	acre_ignore_result(acre_started(ctx, acre_nil));
	acre_ignore_result(acre_sleep(acre_ms(20)));
	for (volatile int64_t n = in->value;; n = n + 1)
		;
	return 0;
}

/* Its child is in a sync sleep: it has to kill it. */
ACRE_CONTEXT(hold_sleeper, acre_int)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "grandchild");
		if (r >= 0)
			ACRE_OPEN(c, r, a, sleep_blocked, in) {
				if (acre_first(c, acre_nil, &nil) >= 0)
					r = acre_started(ctx, acre_int,
							 .value = acre_actor_pid(a));
				if (r >= 0)
					r = acre_sleep(acre_secs(3600));
			}
	}
	return r;
}

static int fail_over_sleeper(int *ret_pidfd)
{
	struct acre_actor *a;
	struct acre_int pid;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "child");
		assert_ok(r);
		ACRE_OPEN(ctx, r, a, hold_sleeper, &(struct acre_int){ 3 }) {
			assert_int_equal(acre_first(ctx, acre_int, &pid), 1);
			*ret_pidfd = pidfd_open((pid_t)pid.value, 0);
			r = acre_sleep(acre_ms(100)); /* it sleeps now */
			if (r >= 0)
				r = acre_fail(T_ASSERT, "assert 0");
		}
	}
	return r;
}

static void assert_sleeper_gone(int pidfd, acre_instant begun)
{
	test_note("%.2f s", seconds_since(begun));
	assert_true(seconds_since(begun) < 4);
	assert_ok(test_wait_pidfd(pidfd, 0)); /* before the root's nursery closed */
	close(pidfd);
}

TEST_TREE(c031_sync_blocked_grandchild)
{
	acre_instant begun = acre_now();
	int pidfd = -1, r;

	needs_a_process("it is killed alone");
	actors_are_killed();
	r = fail_over_sleeper(&pidfd);
	assert_class(r, T_ASSERT);
	assert_int_equal(acre_count(r), 1);
	assert_sleeper_gone(pidfd, begun);
	return 0;
}

TEST_TREE(c032_sync_blocked_grandchild_and_outer_cancel)
{
	acre_instant begun = acre_now();
	struct acre_scope scope;
	int pidfd = -1, r;

	needs_a_process("it is killed alone");
	actors_are_killed();
	acre_scope_open(&scope);
	r = fail_over_sleeper(&pidfd);
	acre_scope_cancel(&scope);
	r = acre_scope_close(&scope, r);
	assert_class(r, T_ASSERT);
	assert_int_equal(acre_count(r), 1);
	assert_sleeper_gone(pidfd, begun);
	return 0;
}

/*
 * C036: all at once, however many.
 */

struct stuck {
	struct acre_actor *actor;
	bool computes;
};

ACRE_TASK(get_stuck, struct stuck *s)
{
	struct acre_int seconds = { 3600 };
	int r = 0;

	if (s->computes) {
		ACRE_OPEN(ctx, r, s->actor, compute_for_ever, &seconds) {
			r = acre_ready(NULL);
			if (r >= 0)
				r = acre_sleep(acre_secs(3600));
		}
		return r;
	}
	ACRE_OPEN(ctx, r, s->actor, sleep_blocked, &seconds) {
		r = acre_ready(NULL);
		if (r >= 0)
			r = acre_sleep(acre_secs(3600));
	}
	return r;
}

enum ending { BY_THE_LADDER, BY_US };

/* How long they take to end, once they are stuck: asked by the nursery, or killed at once. */
static double end_stuck(int how_many, bool compute, enum ending ending)
{
	struct stuck *stuck = calloc((size_t)how_many, sizeof *stuck);
	struct acre_nursery n;
	acre_instant begun = { 0 };
	void *none;
	int r = 0;

	acre_nursery_open(&n);
	for (int i = 0; i < how_many && r >= 0; i++) {
		stuck[i].computes = compute;
		r = acre_spawn(&n, &stuck[i].actor, .name = "stuck");
	}
	for (int i = 0; i < how_many && r >= 0; i++)
		r = acre_go_ready(&n, get_stuck, &stuck[i], &none);
	assert_ok(r);
	assert_ok(acre_sleep(acre_ms(200))); /* now they do not listen */
	begin_counting();
	begun = acre_now();
	for (int i = 0; i < how_many && ending == BY_US; i++)
		kill(acre_actor_pid(stuck[i].actor), SIGKILL);
	acre_nursery_cancel(&n);
	r = acre_nursery_close(&n, 0);
	free(stuck);
	if (ending == BY_US) {
		assert_true(acre_has(r, ACRE_EDIED));
		return seconds_since(begun);
	}
	assert_ok(r); /* they were cancelled: that some had to be killed is no failure */
	assert_int_equal(n_killed, how_many);
	return seconds_since(begun);
}

/* What it takes to end so many processes at all is not the ladder's: much under a sanitizer, whose
 * processes have much memory, and on a machine that has other work. */
TEST_COUNTED(c036_many_stuck_children)
{
	double one, some, many, killed;

	needs_a_process("each is killed alone");
	one = end_stuck(1, false, BY_THE_LADDER);
	some = end_stuck(25, false, BY_THE_LADDER);
	many = end_stuck(100, false, BY_THE_LADDER);
	killed = end_stuck(100, false, BY_US);
	test_note("1: %.2f s, 25: %.2f s, 100: %.2f s, of which %.2f s to end them at all",
		  one, some, many, killed);
	assert_true(one < LADDER_S + 0.5 + killed);
	assert_true(some < LADDER_S + 0.5 + killed);
	assert_true(many < LADDER_S + 0.5 + killed);
	assert_true(many - killed < 1.3 * one);
	return 0;
}

/* They take each other's processors, which is no reason to wait for them for long: how
 * long is in unit/test_progress.c; here it depends on who else is on this machine. */
TEST_COUNTED(c036_many_children_that_compute)
{
	double one, many;

	needs_a_process("each is killed alone");
	one = end_stuck(1, true, BY_THE_LADDER);
	many = end_stuck(8, true, BY_THE_LADDER);
	test_note("1: %.2f s, 8: %.2f s", one, many);
	assert_true(many < LADDER_S + LIFE_CEILING_NS / 1e9 + 1);
	return 0;
}

/*
 * C037, C038: no ack; and not up yet.
 */

TEST_TREE(c037_never_acking_child)
{
	acre_instant begun = acre_now();
	struct acre_actor *a;
	int called, r = 0;

	needs_a_process("it is stopped, and killed alone");
	actors_are_killed();
	ACRE_NURSERY(n, r) {
		struct stuck s = { .actor = NULL };
		void *none;

		r = acre_spawn(&n, &a, .name = "stopped");
		assert_ok(r);
		s.actor = a;
		assert_ok(acre_go_ready(&n, get_stuck, &s, &none));
		stop_actor(a);
		begun = acre_now();
		called = acre_actor_cancel(a);
		assert_class(called, ACRE_ETOOSLOW);
		assert_true(seconds_since(begun) < 0.5 + 0.5); /* shared machine */
		acre_nursery_cancel(&n);
		r = 0;
	}
	test_note("%.2f s", seconds_since(begun));
	assert_true(seconds_since(begun) < 3.5);
	return r;
}

/* Stopped, and then without anything that keeps it from obeying: no hard kill. */
TEST_COUNTED(k8_a_stopped_child_is_continued_and_obeys)
{
	struct acre_actor *a;
	int r = 0;

	needs_a_process("it is stopped alone");
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "stopped");
		assert_ok(r);
		stop_actor(a);
		begin_counting();
	}
	assert_int_equal(n_killed, 0);
	return r;
}

/* Its last words take longer than an ack may. */
ACRE_CONTEXT(take_long_leave, acre_nil)
{
	struct timespec goodbye = { .tv_nsec = 800000000 };
	int r = acre_started(ctx, acre_nil);

	if (r >= 0)
		r = acre_sleep(acre_secs(3600));
	nanosleep(&goodbye, NULL); /* without a checkpoint: the loop stands still */
	return r;
}

ACRE_TASK(have_long_leave, struct stuck *s)
{
	int r = 0;

	ACRE_OPEN(ctx, r, s->actor, take_long_leave, &nil) {
		r = acre_ready(NULL);
		if (r >= 0)
			r = acre_sleep(acre_secs(3600));
	}
	return r;
}

TEST_COUNTED(an_ack_does_not_wait_for_goodbyes)
{
	int r = 0;

	ACRE_NURSERY(n, r) {
		struct stuck s = { .actor = NULL };
		void *none;

		r = acre_spawn(&n, &s.actor, .name = "slow");
		assert_ok(r);
		assert_ok(acre_go_ready(&n, have_long_leave, &s, &none));
		begin_counting();
		r = acre_actor_cancel(s.actor);
		assert_int_equal(n_soft, 0);
		acre_nursery_cancel(&n);
	}
	return r;
}

TEST_TREE(c038_cancel_during_spawn)
{
	struct acre_actor *a;
	acre_instant begun = { 0 };
	int r = 0;

	actors_are_killed();
	begun = acre_now();
	ACRE_WITHIN(acre_ms(1), r)
		ACRE_NURSERY(n, r) {
			r = acre_spawn(&n, &a, .name = "late");
			if (r >= 0) /* a quick machine: then it is cancelled here */
				r = acre_sleep(acre_secs(3600));
		}
	test_note("%.3f s", seconds_since(begun));
	assert_class(r, ETIMEDOUT);
	assert_int_equal(acre_children(NULL, 0), 0);
	assert_true(seconds_since(begun) < 0.5 + 0.5);
	return 0;
}
