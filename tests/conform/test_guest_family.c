/* SPDX-License-Identifier: MIT */
/* test_guest_family.c - many guests that fail, and one that sleeps, in their family: S37, C031, C032, C037. */
#include "conform/guest_stuck.h"

/*
 * S37: as many failures as guests.
 */

struct failing {
	struct acre_event all;
	int left;
	const char *function;
	struct guest_job jobs[STUCK];
};

static struct failing failing;

/* None is cancelled for the failure of another one. */
ACRE_TASK(fail_with_the_others, struct guest_job *job)
{
	int waited;

	job->r = call_guest(job->actor, failing.function, NULL);
	assert_remote(job->r, ACRE_EGUEST);
	if (--failing.left == 0)
		acre_event_set(&failing.all);
	waited = acre_event_wait(&failing.all);
	assert_ok(waited);
	return job->r;
}

static int fail_in_guests(const char *function)
{
	int r = 0;

	failing = (struct failing){ .left = STUCK, .function = function };
	acre_event_init(&failing.all);
	ACRE_NURSERY(actors, r) {
		for (int i = 0; i < STUCK && r >= 0; i++)
			r = spawn_source(&actors, &failing.jobs[i].actor,
					 source_of_stuck());
		assert_ok(r);
		ACRE_NURSERY(n, r)
			for (int i = 0; i < STUCK && r >= 0; i++)
				r = acre_go(&n, fail_with_the_others, &failing.jobs[i]);
	}
	return r;
}

static void assert_one_group(int r)
{
	const struct acre_report *group = acre_why(r);

	assert_int_equal(acre_code(r), ACRE_EGROUP);
	assert_int_equal(acre_count(r), STUCK);
	assert_int_equal(group->n_members + group->n_more, STUCK);
	for (uint32_t i = 0; i < group->n_members; i++) {
		assert_int_equal(group->members[i]->code, ACRE_EGUEST);
		assert_string_equal(group->members[i]->name, "ValueError");
		assert_string_equal(group->members[i]->message, "of this guest");
	}
	assert_int_equal(acre_children(NULL, 0), 0);
}

TEST_PYTHON(s37_twenty_five_guests_that_fail_are_one_group)
{
	assert_one_group(fail_in_guests("fails"));
	return 0;
}

TEST_PYTHON(s37_twenty_five_guests_that_fail_later_are_one_group)
{
	assert_one_group(fail_in_guests("fails_late"));
	return 0;
}

/*
 * Who does not check, as a child and below one, in one ladder: C031, C032.
 */

ACRE_CONTEXT(hold_one, acre_nil)
{
	(void)ctx;
	return hold_guests(1, "never_checks");
}

ACRE_TASK(have_one_held, struct acre_actor *a)
{
	return acre_call(a, hold_one, &nil, acre_nil, &nil);
}

ACRE_TASK(hold_one_here, int *unused)
{
	(void)unused;
	return hold_guests(1, "never_checks");
}

/* Of a nursery with a guest that sleeps, here or below a child; it fails once that is stuck. */
static int fail_over_sleeper(bool is_below, int *ret_pidfd)
{
	int fd = hear_of_stuck(), none = 0, r = 0;
	struct acre_actor *a;

	ACRE_NURSERY(n, r) {
		if (is_below)
			r = acre_spawn(&n, &a, .name = "child");
		assert_ok(r);
		r = is_below ? acre_go(&n, have_one_held, a)
			     : acre_go(&n, hold_one_here, &none);
		while (r >= 0 && poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, 0) == 0)
			r = acre_sleep(acre_ms(10));
		assert_ok(r);
		await_stuck(fd, ret_pidfd, 1);
		r = acre_fail(T_ASSERT, "assert 0");
	}
	return r;
}

static int fail_and_end(bool is_below, bool is_cancelled)
{
	struct acre_scope scope;
	acre_instant begun;
	int pidfd = -1, r;

	actors_are_killed();
	acre_scope_open(&scope);
	begun = acre_now(); /* its first start included */
	r = fail_over_sleeper(is_below, &pidfd);
	if (is_cancelled)
		acre_scope_cancel(&scope);
	r = acre_scope_close(&scope, r);
	test_note("%.2f s", seconds_since(begun));
	assert_class(r, T_ASSERT);
	assert_int_equal(acre_count(r), 1);
	assert_true(seconds_since(begun) < LADDER_S + 1 + BUSY_S);
	assert_gone(&pidfd, 1, 0); /* before the root's nursery closed */
	return 0;
}

TEST_PYTHON(c037_a_guest_that_does_not_check)
{
	return fail_and_end(false, false);
}

TEST_PYTHON(c031_a_sync_sleeping_guest_as_a_grandchild)
{
	return fail_and_end(true, false);
}

TEST_PYTHON(c032_a_sync_sleeping_guest_and_an_outer_cancel)
{
	return fail_and_end(true, true);
}
