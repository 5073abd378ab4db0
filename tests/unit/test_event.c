/* SPDX-License-Identifier: MIT */
/* test_event.c - events: setting, waiting, resetting, and misuse. */
#include "lib/test.h"

#include <pthread.h>
#include <string.h>

#include <acre/chan.h>

#include "lib/run.h"

struct waiter {
	struct acre_event *event;
	int r;
	bool done;
	struct acre_scope scope;
};

ACRE_TASK(wait_once, struct waiter *w)
{
	acre_scope_open(&w->scope);
	w->r = acre_event_wait(w->event);
	w->done = true;
	return acre_scope_close(&w->scope, w->r);
}

static int start(struct acre_nursery *n, struct waiter *waiters, size_t n_waiters,
		 struct acre_event *event)
{
	int r = 0;

	for (size_t i = 0; i < n_waiters && r >= 0; i++) {
		waiters[i].event = event;
		r = acre_go(n, wait_once, &waiters[i]);
	}
	test_settle();
	return r;
}

TEST_TASK(an_event_that_is_set_is_not_waited_for)
{
	struct acre_event e;

	acre_event_init(&e);
	assert_false(acre_event_is_set(&e));
	acre_event_set(&e);
	acre_event_set(&e);

	assert_true(acre_event_is_set(&e));
	assert_int_equal(acre_event_wait(&e), 0);
	assert_int_equal(acre_event_wait(&e), 0);
	return 0;
}

TEST_TASK(setting_it_wakes_all_who_wait)
{
	struct waiter waiters[5] = { 0 };
	struct acre_event e;
	int r = 0;

	acre_event_init(&e);
	ACRE_NURSERY(n, r) {
		r = start(&n, waiters, ARRAY_N(waiters), &e);
		for (size_t i = 0; i < ARRAY_N(waiters); i++)
			assert_false(waiters[i].done);

		acre_event_set(&e);
	}
	for (size_t i = 0; i < ARRAY_N(waiters); i++)
		assert_true(waiters[i].done);
	return r;
}

TEST_TASK(a_reset_does_not_call_back_who_was_woken)
{
	struct waiter first[2] = { 0 }, second[1] = { 0 };
	struct acre_event e;
	int r = 0;

	acre_event_init(&e);
	ACRE_NURSERY(n, r) {
		r = start(&n, first, ARRAY_N(first), &e);
		acre_event_set(&e);
		acre_event_reset(&e);
		assert_false(acre_event_is_set(&e));

		r = start(&n, second, ARRAY_N(second), &e);
		assert_true(first[0].done && first[1].done);
		assert_false(second[0].done);
		acre_event_set(&e);
	}
	assert_true(second[0].done);
	return r;
}

TEST_TASK(a_cancelled_wait_leaves_the_others_waiting)
{
	struct waiter waiters[3] = { 0 };
	struct acre_event e;
	int r = 0;

	acre_event_init(&e);
	ACRE_NURSERY(n, r) {
		r = start(&n, waiters, ARRAY_N(waiters), &e);
		acre_scope_cancel(&waiters[1].scope);
		test_settle();
		assert_class(waiters[1].r, ECANCELED);
		assert_false(waiters[0].done || waiters[2].done);

		acre_event_set(&e);
	}
	assert_int_equal(waiters[0].r, 0);
	assert_int_equal(waiters[2].r, 0);
	return r;
}

TEST_TASK(a_wait_that_has_ended_well_is_not_cancelled_afterwards)
{
	struct waiter waiter[1] = { 0 };
	struct acre_event e;
	int r = 0;

	acre_event_init(&e);
	ACRE_NURSERY(n, r) {
		r = start(&n, waiter, 1, &e);
		acre_event_set(&e);
		acre_scope_cancel(&waiter[0].scope);
	}
	assert_int_equal(waiter[0].r, 0);
	return r;
}

TEST_TASK(a_cancelled_task_does_not_pass_even_if_it_is_set)
{
	struct acre_scope scope;
	struct acre_event e;

	acre_event_init(&e);
	acre_event_set(&e);
	acre_scope_open(&scope);
	acre_scope_cancel(&scope);

	assert_class(acre_event_wait(&e), ECANCELED);
	return acre_scope_close(&scope, 0);
}

TEST_TASK(a_deadline_ends_the_wait)
{
	struct acre_event e;
	int r = 0;

	test_virtual_clock();
	acre_event_init(&e);
	ACRE_WITHIN(acre_secs(3600), r)
		r = acre_event_wait(&e);

	assert_class(r, ETIMEDOUT);
	acre_event_set(&e); /* nobody is left in it */
	return 0;
}

static int wait_for_rubbish(void *arg)
{
	struct acre_event e;

	(void)arg;
	memset(&e, 0xdd, sizeof e);
	return acre_event_wait(&e);
}

TEST_FAILS(an_event_that_was_not_initialised_is_a_bug, "was not initialised (task root)")
{
	static const struct acre_task_kind kind = { "root", wait_for_rubbish, "", 0 };

	test_run_task(&kind);
}

TEST_FAILS(waiting_outside_of_a_task_is_a_bug, "acre_event_wait outside of a task")
{
	struct acre_event e;

	acre_event_init(&e);
	acre_ignore(acre_event_wait(&e));
}

static void *set_on_a_thread(void *event)
{
	acre_event_set(event);
	return NULL;
}

TEST_FAILS(a_thread_without_a_loop_must_not_set_an_event,
	   "is used by a thread without a loop")
{
	struct acre_event e;
	pthread_t thread;

	acre_event_init(&e);
	assert_int_equal(pthread_create(&thread, NULL, set_on_a_thread, &e), 0);
	pthread_join(thread, NULL);
}

/* A loop of another thread, which must not wake our task. */

static int set_in_another_loop(void *event)
{
	acre_event_set(event);
	return 0;
}

static void *run_another_loop(void *event)
{
	static const struct acre_task_kind kind = { "other", set_in_another_loop, "", 0 };
	struct loop *loop = NULL;

	assert_int_equal(loop_open(&loop, &(const struct loop_options){ 0 }), 0);
	assert_int_equal(loop_run(loop, &kind, event), 0);
	loop_free(loop);
	return NULL;
}

static int wait_while_another_loop_sets_it(void *arg)
{
	struct waiter waiter[1] = { 0 };
	struct acre_event e;
	pthread_t thread;
	int r = 0;

	(void)arg;
	acre_event_init(&e);
	ACRE_NURSERY(n, r) {
		r = start(&n, waiter, 1, &e);
		assert_int_equal(pthread_create(&thread, NULL, run_another_loop, &e), 0);
		pthread_join(thread, NULL);
	}
	return r;
}

TEST_FAILS(a_task_of_another_thread_is_not_woken,
	   "task wait_once waits for it on another thread")
{
	static const struct acre_task_kind kind = { "root",
						    wait_while_another_loop_sets_it, "",
						    0 };

	test_run_task(&kind);
}
