/* SPDX-License-Identifier: MIT */
/* test_scope.c - cancel scopes: levels, deadlines, shields, and their misuse. */
#include <acre/chan.h>
#include <acre/error.h>
#include <acre/scope.h>
#include <acre/task.h>
#include <acre/trace.h>

#include "lib/run.h"

TEST_TASK(cancellation_is_a_level_until_its_scope_ends)
{
	struct acre_scope scope;
	int r = 0;

	acre_scope_open(&scope);
	acre_scope_cancel(&scope);
	for (int i = 0; i < 100; i++) {
		assert_class(acre_checkpoint(), ECANCELED);
		assert_class(acre_sleep(acre_ms(1)), ECANCELED);
		assert_class(acre_yield(), ECANCELED);
	}
	assert_int_equal(acre_scope_cancelled(&scope), ACRE_REASON_ASKED);
	r = acre_scope_close(&scope, -ECANCELED);
	assert_int_equal(r, 0); /* it was asked for */
	return acre_checkpoint();
}

TEST_TASK(a_deadline_is_the_scopes_own_failure)
{
	acre_instant begun;
	int r = 0;

	test_virtual_clock();
	begun = acre_now();
	ACRE_WITHIN(acre_ms(50), r) {
		assert_int_equal(acre_between(begun, acre_deadline()).ns, acre_ms(50).ns);
		r = acre_sleep(acre_secs(5));
		assert_class(r, ECANCELED);
	}
	assert_class(r, ETIMEDOUT);
	assert_string_equal(acre_why(r)->message,
			    "the deadline of this scope passed; it slept");
	assert_int_equal(acre_between(begun, acre_now()).ns, acre_ms(50).ns);
	return 0;
}

TEST_TASK(the_outer_of_two_deadlines_is_not_taken_for_the_inner_one)
{
	int inner = 0, outer = 0;

	test_virtual_clock();
	ACRE_WITHIN(acre_ms(10), outer) {
		ACRE_WITHIN(acre_ms(20), inner)
			inner = acre_sleep(acre_secs(1));
		assert_class(inner, ECANCELED); /* not its own: it goes on outwards */
		outer = inner;
	}
	assert_class(outer, ETIMEDOUT);
	return 0;
}

TEST_TASK(a_past_deadline_cancels_at_once_and_a_removed_one_never)
{
	struct acre_scope scope;
	int r;

	test_virtual_clock();
	acre_scope_open(&scope);
	acre_scope_deadline(&scope, acre_after(acre_now(), acre_ms(1)));
	acre_scope_deadline(&scope, acre_never());
	assert_ok(acre_sleep(acre_ms(10)));
	acre_scope_deadline(&scope, acre_now());
	assert_class(acre_checkpoint(), ECANCELED);
	r = acre_scope_close(&scope, -ECANCELED);
	assert_class(r, ETIMEDOUT);
	assert_string_equal(acre_why(r)->message,
			    "the deadline of this scope passed"); /* it ran */
	return 0;
}

ACRE_TASK(sleep_long, int *ret_r)
{
	*ret_r = acre_sleep(acre_secs(60));
	return *ret_r;
}

TEST_TASK(a_deadline_says_what_was_waited_for_in_the_tasks_that_are_joined)
{
	int slept = 0, r = 0;

	test_virtual_clock();
	ACRE_WITHIN(acre_ms(10), r)
		ACRE_NURSERY(n, r)
			r = acre_go(&n, sleep_long, &slept);
	assert_class(r, ETIMEDOUT);
	assert_string_equal(acre_why(r)->message,
			    "the deadline of this scope passed; task sleep_long slept");
	return 0;
}

TEST_TASK(of_two_deadlines_the_one_that_passes_says_what_was_waited_for)
{
	struct acre_event never;
	int inner = 0, outer = 0;

	test_virtual_clock();
	acre_event_init(&never);
	ACRE_WITHIN(acre_ms(20), outer) {
		ACRE_WITHIN(acre_ms(10), inner)
			inner = acre_event_wait(&never);
		assert_string_equal(
			acre_why(inner)->message,
			"the deadline of this scope passed; it waited for an event");
		outer = acre_sleep(acre_secs(1));
	}
	assert_text_has(acre_why(outer)->message, "; it slept");
	return 0;
}

/* How often a bound has expired, and what reached inside by the last that did. */
static int count_shields_over(enum acre_reason *ret_last)
{
	struct acre_trace_event events[64];
	size_t n = acre_trace_read(events, sizeof events / sizeof *events);
	int count = 0;

	for (size_t i = 0; i < n; i++) {
		if (events[i].kind != ACRE_EVENT_SHIELD_OVER)
			continue;
		*ret_last = (enum acre_reason)events[i].b;
		count++;
	}
	return count;
}

TEST_TASK(s41_the_end_of_a_bound_is_traced_whether_or_not_it_cancels)
{
	enum acre_reason last = ACRE_REASON_LIMIT;
	struct acre_scope scope;
	int r = 0, s = 0;

	test_virtual_clock();
	ACRE_SHIELD(acre_ms(10), r)
		r = acre_sleep(acre_ms(20)); /* nothing is cancelled */
	assert_ok(r);
	assert_int_equal(count_shields_over(&last), 1);
	assert_int_equal(last, ACRE_REASON_NONE);
	acre_scope_open(&scope);
	acre_scope_cancel(&scope);
	ACRE_SHIELD(acre_ms(10), s)
		s = acre_sleep(acre_ms(5)); /* in time */
	assert_ok(s);
	assert_int_equal(count_shields_over(&last), 1);
	ACRE_SHIELD(acre_ms(10), s)
		s = acre_sleep(acre_ms(20));
	assert_class(s, ECANCELED);
	assert_int_equal(count_shields_over(&last), 2);
	assert_int_equal(last, ACRE_REASON_ASKED);
	return acre_scope_close(&scope, s);
}

TEST_TASK(a_shield_lets_a_goodbye_end_and_no_more)
{
	int within = 0, goodbye = 0;

	test_virtual_clock();
	ACRE_WITHIN(acre_ms(10), within) {
		within = acre_sleep(acre_secs(1));
		ACRE_SHIELD(acre_secs(1), goodbye) {
			goodbye = acre_sleep(acre_ms(500)); /* within its bound */
			assert_ok(goodbye);
			goodbye = acre_sleep(acre_secs(5)); /* beyond it */
			assert_class(goodbye, ECANCELED);
		}
		assert_class(acre_checkpoint(), ECANCELED);
	}
	assert_class(within, ETIMEDOUT);
	return 0;
}

TEST_TASK(cancelling_reaches_tasks_of_nurseries_inside)
{
	struct acre_scope scope;
	int slept[3] = { 0 }, r = 0;

	acre_scope_open(&scope);
	ACRE_NURSERY(n, r) {
		for (int i = 0; i < 3 && r >= 0; i++)
			r = acre_go(&n, sleep_long, &slept[i]);
		test_settle();
		acre_scope_cancel(&scope);
	}
	assert_class(r, ECANCELED); /* the children were cancelled from outside */
	for (int i = 0; i < 3; i++)
		assert_class(slept[i], ECANCELED);
	return acre_scope_close(&scope, r);
}

TEST_TASK(a_shield_also_keeps_a_nursery_inside_it)
{
	struct acre_scope scope;
	int slept = 0, r = 0;

	test_virtual_clock();
	acre_scope_open(&scope);
	acre_scope_cancel(&scope);
	ACRE_SHIELD(acre_ms(20), r)
		ACRE_NURSERY(n, r)
			r = acre_go(&n, sleep_long, &slept);
	assert_class(slept, ECANCELED); /* by the end of the bound */
	return acre_scope_close(&scope, r);
}

static int return_out_of_a_block(void)
{
	int r = 0;

	ACRE_WITHIN(acre_ms(1), r)
		return acre_sleep(acre_secs(1));
	return r;
}

ACRE_TASK(leave_by_return, int *ret_r)
{
	*ret_r = return_out_of_a_block();
	return acre_checkpoint(); /* its scope has gone: nothing is cancelled here */
}

TEST_TASK(a_scope_left_by_return_while_cancelled_fails_the_task_aloud)
{
	int inside = 0, r = 0;

	ACRE_NURSERY(n, r)
		r = acre_go(&n, leave_by_return, &inside);
	assert_class(r, EPROTO);
	assert_text_has(acre_why(r)->message, "leave it by break");
	return 0;
}

static struct acre_scope first, second;

static int close_out_of_order(void *unused)
{
	(void)unused;
	acre_scope_open(&first);
	acre_scope_open(&second);
	return acre_scope_close(&first, 0);
}

static const struct acre_task_kind out_of_order = { "root", close_out_of_order, __FILE__,
						    __LINE__ };

TEST_FAILS(a_scope_closed_out_of_order_is_a_bug, "while the one opened at")
{
	test_run_task(&out_of_order);
}

static int shield_for_ever(void *unused)
{
	int r = 0;

	(void)unused;
	ACRE_SHIELD(acre_secs(INT64_MAX), r)
		r = 0;
	return r;
}

static const struct acre_task_kind unbounded = { "root", shield_for_ever, __FILE__,
						 __LINE__ };

TEST_FAILS(a_shield_without_a_bound_is_a_bug, "has no bound")
{
	test_run_task(&unbounded);
}

TEST_FAILS(a_checkpoint_outside_of_a_task_is_a_bug, "outside of a task")
{
	assert_ok(acre_sleep(acre_ms(1)));
}
