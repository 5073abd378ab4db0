/* SPDX-License-Identifier: MIT */
/* test_lock.c - locks: exclusion, order, cancelling, and misuse. */
#include "lib/test.h"

#include <string.h>

#include <acre/chan.h>

#include "lib/run.h"

/* Tasks that take the lock write down their number while they hold it. */
struct taker {
	struct acre_lock *lock;
	int number;
	int *order; /* next place to write to, shared */
	int *n_inside;
	int r;
	struct acre_scope scope;
};

static int take_and_release(struct taker *t)
{
	int r = acre_lock_acquire(t->lock);

	if (r < 0)
		return r;
	assert_int_equal(++*t->n_inside, 1);
	t->order[t->order[0]++] = t->number;
	r = acre_yield();
	assert_int_equal(--*t->n_inside, 0);
	acre_lock_release(t->lock);
	return r;
}

ACRE_TASK(take_once, struct taker *t)
{
	acre_scope_open(&t->scope);
	t->r = take_and_release(t);
	return acre_scope_close(&t->scope, t->r);
}

/* Starts them one after the other, so that they arrive in this order. */
static int start(struct acre_nursery *n, struct taker *takers, int n_takers,
		 struct acre_lock *lock, int *order)
{
	static int n_inside;
	int r = 0;

	order[0] = 1;
	for (int i = 0; i < n_takers && r >= 0; i++) {
		takers[i] = (struct taker){ lock, i, order, &n_inside, 0, { { 0 } } };
		r = acre_go(n, take_once, &takers[i]);
		test_settle();
	}
	return r;
}

TEST_TASK(a_free_lock_is_taken_at_once)
{
	struct acre_lock l;

	acre_lock_init(&l);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(acre_lock_acquire(&l), 0);
		acre_lock_release(&l);
	}
	return 0;
}

TEST_TASK(one_task_at_a_time_holds_it_in_order_of_arrival)
{
	struct taker takers[4];
	struct acre_lock l;
	int order[1 + ARRAY_N(takers)];
	int r = 0;

	acre_lock_init(&l);
	assert_int_equal(acre_lock_acquire(&l), 0);
	ACRE_NURSERY(n, r) {
		r = start(&n, takers, ARRAY_N(takers), &l, order);
		assert_int_equal(order[0], 1);
		acre_lock_release(&l);
	}
	for (int i = 0; i < (int)ARRAY_N(takers); i++)
		assert_int_equal(order[1 + i], i);
	return r;
}

TEST_TASK(nobody_slips_in_between_a_release_and_the_next_holder)
{
	struct taker takers[1];
	struct acre_lock l;
	int order[3];
	int r = 0;

	acre_lock_init(&l);
	assert_int_equal(acre_lock_acquire(&l), 0);
	ACRE_NURSERY(n, r) {
		r = start(&n, takers, 1, &l, order);
		acre_lock_release(&l);
		assert_int_equal(acre_lock_acquire(&l), 0);

		/* the other one has had its turn */
		assert_int_equal(order[0], 2);
		acre_lock_release(&l);
	}
	return r;
}

TEST_TASK(a_cancelled_acquire_does_not_hold_it)
{
	struct taker takers[3];
	struct acre_lock l;
	int order[1 + ARRAY_N(takers)];
	int r = 0;

	acre_lock_init(&l);
	assert_int_equal(acre_lock_acquire(&l), 0);
	ACRE_NURSERY(n, r) {
		r = start(&n, takers, ARRAY_N(takers), &l, order);
		acre_scope_cancel(&takers[0].scope);
		test_settle();
		assert_class(takers[0].r, ECANCELED);

		acre_lock_release(&l);
	}
	assert_int_equal(order[0], 3);
	assert_int_equal(order[1], 1);
	assert_int_equal(order[2], 2);
	return r;
}

TEST_TASK(a_lock_handed_over_before_the_cancellation_is_held)
{
	struct taker takers[2];
	struct acre_lock l;
	int order[1 + ARRAY_N(takers)];
	int r = 0;

	acre_lock_init(&l);
	assert_int_equal(acre_lock_acquire(&l), 0);
	ACRE_NURSERY(n, r) {
		r = start(&n, takers, ARRAY_N(takers), &l, order);
		acre_lock_release(&l);
		acre_scope_cancel(&takers[0].scope);
	}
	/* it went in, its yield was cancelled, and it let the next one in */
	assert_class(takers[0].r, ECANCELED);
	assert_int_equal(order[0], 3);
	assert_int_equal(order[1], 0);
	assert_int_equal(order[2], 1);
	return r;
}

TEST_TASK(a_cancelled_task_does_not_get_a_free_lock)
{
	struct acre_scope scope;
	struct acre_lock l;

	acre_lock_init(&l);
	acre_scope_open(&scope);
	acre_scope_cancel(&scope);
	assert_class(acre_lock_acquire(&l), ECANCELED);
	assert_ok(acre_scope_close(&scope, 0));

	assert_int_equal(acre_lock_acquire(&l), 0);
	acre_lock_release(&l);
	return 0;
}

static int take_it_twice(void *arg)
{
	struct acre_lock l;
	int r;

	(void)arg;
	acre_lock_init(&l);
	r = acre_lock_acquire(&l);
	return r < 0 ? r : acre_lock_acquire(&l);
}

TEST_FAILS(taking_it_twice_is_a_bug, "task root takes lock")
{
	static const struct acre_task_kind kind = { "root", take_it_twice, "", 0 };

	test_run_task(&kind);
}

ACRE_TASK(release_it, struct acre_lock *lock)
{
	acre_lock_release(lock);
	return 0;
}

static int let_another_task_release_it(void *arg)
{
	struct acre_lock l;
	int r;

	(void)arg;
	acre_lock_init(&l);
	r = acre_lock_acquire(&l);
	ACRE_NURSERY(n, r)
		r = acre_go(&n, release_it, &l);
	return r;
}

TEST_FAILS(releasing_what_another_task_holds_is_a_bug, "task release_it releases lock")
{
	static const struct acre_task_kind kind = { "root", let_another_task_release_it,
						    "", 0 };

	test_run_task(&kind);
}

static int release_what_is_free(void *arg)
{
	struct acre_lock l;

	(void)arg;
	acre_lock_init(&l);
	acre_lock_release(&l);
	return 0;
}

TEST_FAILS(releasing_a_free_lock_is_a_bug, "which it does not hold")
{
	static const struct acre_task_kind kind = { "root", release_what_is_free, "", 0 };

	test_run_task(&kind);
}

static int take_rubbish(void *arg)
{
	struct acre_lock l;

	(void)arg;
	memset(&l, 0xdd, sizeof l);
	return acre_lock_acquire(&l);
}

TEST_FAILS(a_lock_that_was_not_initialised_is_a_bug, "was not initialised (task root)")
{
	static const struct acre_task_kind kind = { "root", take_rubbish, "", 0 };

	test_run_task(&kind);
}

TEST_FAILS(a_lock_outside_of_a_task_is_a_bug, "acre_lock_acquire outside of a task")
{
	struct acre_lock l;

	acre_lock_init(&l);
	acre_ignore(acre_lock_acquire(&l));
}
