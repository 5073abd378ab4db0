/* SPDX-License-Identifier: MIT */
/* test_nursery.c - what a nursery owns, waits for, returns, and refuses. */
#include <acre/error.h>
#include <acre/task.h>

#include <pthread.h>

#include "base/mem.h"
#include "lib/run.h"

struct work {
	int ms;
	int failure; /* 0: none */
	bool ended;
	int r;
};

ACRE_TASK(work, struct work *w)
{
	w->r = w->ms ? acre_sleep(acre_ms(w->ms)) : 0;
	w->ended = true;
	if (w->r >= 0 && w->failure)
		w->r = acre_fail(w->failure, "after %d ms", w->ms);
	return w->r;
}

TEST_TASK(g4_a_nursery_closes_only_when_all_in_it_has_ended)
{
	struct work three[3] = { { .ms = 30 }, { .ms = 10 }, { .ms = 20 } };
	int r = 0;

	test_virtual_clock();
	ACRE_NURSERY(n, r)
		for (int i = 0; i < 3 && r >= 0; i++)
			r = acre_go(&n, work, &three[i]);
	for (int i = 0; i < 3; i++)
		assert_true(three[i].ended);
	return r;
}

TEST_TASK(the_first_failure_cancels_the_others_and_is_what_leaves)
{
	struct work two[2] = { { .ms = 10, .failure = ENOENT }, { .ms = 10000 } };
	int r = 0;

	test_virtual_clock();
	ACRE_NURSERY(n, r)
		for (int i = 0; i < 2 && r >= 0; i++)
			r = acre_go(&n, work, &two[i]);
	assert_class(r, ENOENT);
	assert_int_equal(acre_count(r), 1);
	assert_class(two[1].r, ECANCELED);
	assert_string_equal(acre_why(r)->message, "after 10 ms");
	return 0;
}

TEST_TASK(a_failing_body_is_a_member_like_any_other)
{
	struct work w = { .ms = 0, .failure = EIO };
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_go(&n, work, &w);
		test_settle();
		r = acre_fail(EBADF, "the body's");
	}
	assert_int_equal(acre_count(r), 2);
	assert_true(acre_has(r, EIO) && acre_has(r, EBADF));
	assert_false(acre_is(r, EIO));
	return 0;
}

/* A group of two, also once the others have been cancelled. */
ACRE_TASK(fail_twice, void *unused)
{
	struct work one = { .failure = EIO };
	int r = 0;

	(void)unused;
	ACRE_SHIELD(acre_secs(10), r)
		ACRE_NURSERY(n, r) {
			assert_ok(acre_go(&n, work, &one));
			r = acre_fail(EPIPE, "the body");
		}
	return r;
}

TEST_TASK(of_more_groups_than_are_kept_each_failure_counts)
{
	int r = 0;

	ACRE_NURSERY(n, r)
		for (int i = 0; i < 11; i++)
			assert_ok(acre_go(&n, fail_twice, NULL));
	assert_class(r, ACRE_EGROUP);
	assert_int_equal(acre_count(r), 22);
	assert_int_equal(acre_why(r)->n_members, 8);
	assert_int_equal(acre_why(r)->n_more, 6);
	return 0;
}

TEST_TASK(an_outer_deadline_that_ends_the_children_after_the_body_is_no_success)
{
	struct work w = { .ms = 10000 };
	int r = 0;

	test_virtual_clock();
	ACRE_WITHIN(acre_ms(20), r)
		ACRE_NURSERY(n, r)
			r = acre_go(&n, work, &w);
	assert_class(r, ETIMEDOUT);
	return 0;
}

TEST_TASK(a_nursery_that_was_asked_to_end_ends_well)
{
	struct work w = { .ms = 10000 };
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_go(&n, work, &w);
		acre_nursery_cancel(&n);
		assert_int_equal(acre_nursery_cancelled(&n), ACRE_REASON_ASKED);
		assert_class(acre_go(&n, work, &w),
			     ECANCELED); /* nothing is started any more */
		assert_class(acre_checkpoint(), ECANCELED);
	}
	assert_int_equal(r, 0);
	assert_class(w.r, ECANCELED);
	return 0;
}

static int return_out_of_a_nursery(struct work *w)
{
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_go(&n, work, w);
		return 7;
	}
	return r;
}

TEST_TASK(a_nursery_left_by_return_cancels_and_joins)
{
	struct work w = { .ms = 10000 };

	assert_int_equal(return_out_of_a_nursery(&w), 7);
	assert_true(w.ended);
	assert_class(w.r, ECANCELED);
	return 0;
}

ACRE_TASK(claim_cancelled, int *unused)
{
	(void)unused;
	return -ECANCELED;
}

TEST_TASK(a_task_that_claims_to_be_cancelled_has_failed)
{
	int r = 0;

	ACRE_NURSERY(n, r)
		r = acre_go(&n, claim_cancelled, &r);
	assert_class(r, EPROTO);
	return 0;
}

TEST_TASK(unknown_options_are_refused)
{
	struct work w = { .ms = 0 };
	int r = 0;

	ACRE_NURSERY(n, r) {
		assert_class(acre_go(&n, work, &w, .flags = 1), EINVAL);
		assert_class(acre_go(&n, work, &w, .stack_size = SIZE_MAX), EINVAL);
		assert_class(acre_go(&n, work, &w, .reserved = { 0, 1 }), EINVAL);
		r = acre_go(&n, work, &w, .name = "named", .stack_size = 200000);
	}
	return r;
}

TEST_TASK(a_thousand_tasks_in_one_nursery)
{
	static struct work many[1000];
	int r = 0;

	ACRE_NURSERY(n, r) {
		for (int i = 0; i < 1000 && r >= 0; i++)
			r = acre_go(&n, work, &many[i]);
		assert_int_equal(acre_nursery_n(&n), 1000);
	}
	for (int i = 0; i < 1000; i++)
		assert_true(many[i].ended);
	return r;
}

static int go_in_a_closed_nursery(void *unused)
{
	struct acre_nursery n;
	struct work w = { .ms = 0 };

	(void)unused;
	acre_nursery_open(&n);
	if (acre_nursery_close(&n, 0) < 0)
		return -EIO;
	return acre_go(&n, work, &w);
}

static const struct acre_task_kind closed = { "root", go_in_a_closed_nursery, __FILE__,
					      __LINE__ };

TEST_FAILS(a_task_started_in_a_closed_nursery_is_a_bug, "nursery that is closed")
{
	test_run_task(&closed);
}

/*
 * Threads: a nursery is for its loop's only.
 */

static void *cancel_on_a_thread(void *n)
{
	acre_nursery_cancel(n);
	return NULL;
}

static void *start_on_a_thread(void *n)
{
	static struct work none;

	acre_ignore(acre_go((struct acre_nursery *)n, work, &none));
	return NULL;
}

static void *(*used_by)(void *n);

static int open_for_a_thread(void *unused)
{
	struct work w = { .ms = 1000 };
	pthread_t thread;
	int r = 0;

	(void)unused;
	ACRE_NURSERY(n, r) {
		r = acre_go(&n, work, &w);
		assert_int_equal(pthread_create(&thread, NULL, used_by, &n), 0);
		pthread_join(thread, NULL);
	}
	return r;
}

static const struct acre_task_kind shared = { "root", open_for_a_thread, __FILE__,
					      __LINE__ };

TEST_FAILS(a_nursery_cancelled_by_another_thread_is_a_bug,
	   "acre_nursery_cancel on another thread than that of the scope opened at")
{
	used_by = cancel_on_a_thread;
	test_run_task(&shared);
}

TEST_FAILS(a_task_started_by_another_thread_is_a_bug, "acre_go on another thread than")
{
	used_by = start_on_a_thread;
	test_run_task(&shared);
}
