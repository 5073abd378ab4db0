/* SPDX-License-Identifier: MIT */
/* test_one_death.c - an actor's death is one failure, whoever talked with it. */
#include "conform/tree.h"

ACRE_CONTEXT(kills_itself, acre_nil)
{
	kill(getpid(), SIGKILL);
	return acre_sleep(acre_secs(3600)); /* bound: SIGKILL */
}

/* One failure, and it says how the actor ended. */
static void assert_one_death(int r)
{
	assert_class(r, ACRE_EDIED);
	assert_int_equal(acre_count(r), 1);
	assert_non_null(acre_why(r)->death);
	assert_int_equal(acre_why(r)->death->signal, SIGKILL);
}

static int call_noted(struct acre_actor *a)
{
	return acre_note(acre_call(a, kills_itself, &nil, acre_nil, &nil),
			 "asking for the impossible");
}

TEST_TREE(a_call_that_kills_its_actor_fails_as_its_death)
{
	struct acre_actor *a;
	int called = 0, r = 0;

	needs_a_process("it is killed");
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "victim");
		assert_ok(r);
		r = called = call_noted(a);
		assert_class(called,
			     ACRE_ECLOSED); /* at once: how it died is not known */
	}
	assert_one_death(r);
	assert_string_equal(acre_why(r)->actor, "victim");
	assert_non_null(acre_why(r)->notes);
	assert_string_equal(acre_why(r)->notes->text, "asking for the impossible");
	return 0;
}

TEST_TREE(a_one_shot_that_kills_its_actor_fails_as_its_death)
{
	needs_a_process("it is killed");
	assert_one_death(acre_oneshot(kills_itself, &nil, acre_nil, &nil));
	return 0;
}

ACRE_TASK(wait_for_it, struct acre_actor *a)
{
	int r = 0;

	ACRE_OPEN(ctx, r, a, sleeps_for_ever, &nil) {
		r = acre_ready(NULL);
		if (r >= 0)
			r = acre_recv(ctx, acre_nil, &nil);
	}
	return r;
}

static int start_waiters(struct acre_nursery *n, struct acre_actor *a, int n_waiters)
{
	void *unused;
	int r = 0;

	for (int i = 0; i < n_waiters && r >= 0; i++)
		r = acre_go_ready(n, wait_for_it, a, &unused);
	return r;
}

/* More than a nursery keeps the stories of. */
TEST_TREE(all_who_wait_for_an_actor_that_dies_tell_of_one_death)
{
	struct acre_actor *a;
	int r = 0;

	needs_a_process("it is killed");
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "victim");
		assert_ok(r);
		assert_ok(start_waiters(&n, a, 25));
		r = call_noted(a);
	}
	assert_one_death(r);
	return 0;
}

TEST_TREE(the_actor_may_be_of_a_nursery_around_the_others)
{
	struct acre_actor *a;
	int inner = 0, r = 0;

	needs_a_process("it is killed");
	ACRE_NURSERY(outer, r) {
		r = acre_spawn(&outer, &a, .name = "victim");
		assert_ok(r);
		ACRE_NURSERY(n, inner) {
			assert_ok(start_waiters(&n, a, 3));
			inner = call_noted(a);
		}
		assert_class(inner, ACRE_ECLOSED);
		assert_true(acre_count(inner) > 1);
		r = inner;
	}
	assert_one_death(r);
	assert_string_equal(acre_why(r)->notes->text, "asking for the impossible");
	return 0;
}

TEST_TREE(who_has_waited_for_the_death_tells_it_once)
{
	struct acre_actor *a;
	int r = 0;

	needs_a_process("it is killed");
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "victim");
		assert_ok(r);
		assert_class(call_noted(a), ACRE_ECLOSED);
		ACRE_SHIELD(acre_secs(10), r)
			r = acre_note(acre_actor_wait(a), "waiting for its end");
	}
	assert_one_death(r);
	assert_string_equal(acre_why(r)->notes->text, "waiting for its end");
	return 0;
}

/* Which of the two the nursery hears of first is for the order of tasks to say. */
TEST_TREE(a_body_that_returns_what_the_wait_gave_tells_it_once)
{
	struct acre_actor *a;
	int r = 0;

	needs_a_process("it is killed");
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "victim");
		assert_ok(r);
		assert_int_equal(kill(acre_actor_pid(a), SIGKILL), 0);
		r = acre_actor_wait(a);
	}
	assert_one_death(r);
	return 0;
}

ACRE_TASK(wait_for_its_end, struct acre_actor *a)
{
	int r = 0;

	ACRE_SHIELD(acre_secs(10), r)
		r = acre_actor_wait(a);
	return r;
}

TEST_TREE(tasks_of_an_inner_nursery_that_waited_for_its_end_tell_it_once)
{
	struct acre_actor *a;
	int inner = 0, r = 0;

	needs_a_process("it is killed");
	ACRE_NURSERY(outer, r) {
		r = acre_spawn(&outer, &a, .name = "victim");
		assert_ok(r);
		ACRE_NURSERY(n, inner) {
			for (int i = 0; i < 12; i++)
				assert_ok(acre_go(&n, wait_for_its_end, a));
			assert_ok(start_waiters(&n, a, 2));
			assert_int_equal(kill(acre_actor_pid(a), SIGKILL), 0);
			ACRE_SHIELD(acre_secs(10), inner)
				inner = acre_actor_wait(a);
		}
		assert_one_death(inner);
		r = inner;
	}
	assert_one_death(r);
	return 0;
}

TEST_TREE(a_wait_in_blocks_of_the_body_tells_it_once)
{
	struct acre_actor *a;
	int r = 0;

	needs_a_process("it is killed");
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "victim");
		assert_ok(r);
		ACRE_WITHIN(acre_secs(10), r)
			ACRE_OPEN(ctx, r, a, sleeps_for_ever, &nil) {
				assert_int_equal(kill(acre_actor_pid(a), SIGKILL), 0);
				ACRE_SHIELD(acre_secs(10), r)
					r = acre_actor_wait(a);
			}
	}
	assert_one_death(r);
	return 0;
}

TEST_TREE(a_call_after_the_death_has_it_as_its_cause)
{
	struct acre_actor *a;
	int r = 0;

	needs_a_process("it is killed");
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "victim");
		assert_ok(r);
		ACRE_SHIELD(acre_secs(10), r) {
			assert_class(call_noted(a), ACRE_ECLOSED);
			assert_class(acre_actor_wait(a), ACRE_EDIED);
			r = call_noted(a);
		}
		assert_class(r, ACRE_ECLOSED);
		assert_int_equal(acre_why(r)->n_members, 1);
		assert_int_equal(acre_why(r)->members[0]->death->signal, SIGKILL);
	}
	assert_one_death(r);
	return 0;
}

/* What tells of anything else stays a failure of its own. */

TEST_TREE(two_deaths_are_two_failures)
{
	struct acre_actor *a[2];
	int called = 0, r = 0;

	needs_a_process("it is killed");
	ACRE_NURSERY(n, r) {
		for (int i = 0; i < 2; i++)
			assert_ok(acre_spawn(&n, &a[i], .name = "victim"));
		assert_int_equal(kill(acre_actor_pid(a[1]), SIGKILL), 0);
		ACRE_SHIELD(acre_secs(10), called) {
			assert_class(acre_actor_wait(a[1]), ACRE_EDIED);
			called = call_noted(a[0]);
		}
		r = called;
	}
	assert_class(r, ACRE_EDIED);
	assert_int_equal(acre_count(r), 2);
	return 0;
}

TEST_TREE(a_failure_that_came_of_it_is_one_of_its_own)
{
	struct acre_actor *a;
	int r = 0;

	needs_a_process("it is killed");
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "victim");
		assert_ok(r);
		if (acre_is(call_noted(a), ACRE_ECLOSED))
			r = acre_fail(T_VALUE, "nothing came");
	}
	assert_int_equal(acre_count(r), 2);
	assert_true(acre_has(r, ACRE_EDIED) && acre_has(r, T_VALUE));
	return 0;
}

ACRE_CONTEXT(has_a_victim, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "victim");
		if (r >= 0)
			r = acre_call(a, kills_itself, &nil, acre_nil, &nil);
	}
	return r;
}

TEST_TREE(a_death_further_down_comes_up_as_one_failure)
{
	int r;

	needs_a_process("it is killed");
	r = acre_oneshot(has_a_victim, &nil, acre_nil, &nil);
	assert_remote(r, ACRE_EDIED);
	assert_int_equal(acre_count(r), 1);
	return 0;
}
