/* SPDX-License-Identifier: MIT */
/* test_start.c - tasks that say when they are ready, and who waits for that. */
#include "lib/test.h"

#include <string.h>

#include <acre/chan.h>

#include "lib/run.h"

/* How a service behaves, and what became of it. */
struct service {
	acre_span boot,
		serve; /* how long it takes to be ready, and how long it goes on then */
	int boot_failure;  /* class, instead of being ready; 0: none */
	int late_failure;  /* class, after it was ready; 0: none */
	bool says_nothing; /* returns 0 without being ready */
	bool says_it_twice;
	int goodbye_failure; /* class, when it is cancelled before it is ready; 0: none */
	int second_ready;
	int value;
	bool ended;
	char name[32];
};

static int boot(struct service *s)
{
	int r = acre_sleep(s->boot);

	if (r < 0 && s->goodbye_failure)
		return acre_fail(s->goodbye_failure, "a failure on the way out");
	if (r < 0)
		return r;
	if (s->boot_failure)
		return acre_fail(s->boot_failure, "it does not come up");
	return 0;
}

static int run_service(struct service *s)
{
	int r = boot(s);

	if (r < 0 || s->says_nothing)
		return r;
	r = acre_ready(&s->value);
	if (r >= 0 && s->says_it_twice) {
		s->second_ready = acre_ready(NULL);
		r = s->second_ready;
	}
	if (r >= 0)
		r = acre_sleep(s->serve);
	if (r >= 0 && s->late_failure)
		return acre_fail(s->late_failure, "it went down");
	return r;
}

ACRE_TASK(serve, struct service *s)
{
	int r;

	strncpy(s->name, acre_task_name(), sizeof s->name - 1);
	r = run_service(s);
	s->ended = true;
	return r;
}

struct failing {
	acre_span after;
	int failure;
};

ACRE_TASK(fail_later, struct failing *f)
{
	int r = acre_sleep(f->after);

	return r < 0 ? r : acre_fail(f->failure, "the sibling failed");
}

TEST_TASK(c112_start_handshake_passes_arguments_and_values)
{
	struct service s = { .boot = acre_ms(20), .serve = acre_ms(50), .value = 41 };
	acre_instant begin;
	void *value = NULL;
	int r = 0;

	test_virtual_clock();
	begin = acre_now();
	ACRE_NURSERY(n, r) {
		r = acre_go_ready(&n, serve, &s, &value, .name = "server");

		assert_int_equal(r, 0);
		assert_ptr_equal(value, &s.value);
		assert_int_equal(*(int *)value, 41);
		assert_string_equal(s.name, "server");
		assert_int_equal(acre_between(begin, acre_now()).ns, acre_ms(20).ns);
		assert_false(s.ended);
		assert_int_equal(acre_nursery_n(&n), 1);
	}
	assert_true(s.ended);
	return r;
}

TEST_TASK(c112_start_handshake_disturbed_by_a_sibling)
{
	struct service s = { .boot = acre_ms(50) };
	struct failing sibling = { acre_ms(10), EADDRINUSE };
	void *value = &s;
	int started = 0;
	int r = 0;

	test_virtual_clock();
	ACRE_NURSERY(n, r) {
		r = acre_go(&n, fail_later, &sibling);
		if (r >= 0)
			r = started = acre_go_ready(&n, serve, &s, &value);
		assert_true(s.ended);
	}
	/* only that failure leaves */
	assert_class(started, ECANCELED);
	assert_class(r, EADDRINUSE);
	assert_int_equal(acre_count(r), 1);
	assert_ptr_equal(value, &s);
	return 0;
}

TEST_TASK(c112_start_handshake_cancelled)
{
	struct service s = { .boot = acre_secs(50) };
	struct acre_scope scope;
	void *value = &s;
	int r = 0;

	test_virtual_clock();
	acre_scope_open(&scope);
	acre_scope_deadline(&scope, acre_after(acre_now(), acre_ms(10)));
	ACRE_NURSERY(n, r) {
		r = acre_go_ready(&n, serve, &s, &value);
		assert_class(r, ECANCELED);
		assert_true(s.ended);
		assert_int_equal(acre_nursery_n(&n), 0);
	}
	assert_class(r, ECANCELED);
	r = acre_scope_close(&scope, r);
	assert_class(r, ETIMEDOUT);
	assert_ptr_equal(value, &s);
	return 0;
}

TEST_TASK(c112_start_handshake_cancelled_by_the_nursery_is_clean)
{
	struct service s = { .boot = acre_ms(10) };
	void *value;
	int r = 0;

	ACRE_NURSERY(n, r) {
		acre_nursery_cancel(&n);
		r = acre_go_ready(&n, serve, &s, &value);
		assert_class(r, ECANCELED);
	}
	return r;
}

TEST_TASK(c112_start_handshake_that_is_missing)
{
	struct service s = { .boot = acre_ms(10), .says_nothing = true };
	void *value = &s;
	int r = 0;

	test_virtual_clock();
	ACRE_NURSERY(n, r) {
		r = acre_go_ready(&n, serve, &s, &value);
		assert_class(r, EPROTO);
		assert_text_has(acre_why(r)->message, "without acre_ready");
		assert_ptr_equal(value, &s);
		r = 0; /* it was told here, and is told here only */
	}
	assert_int_equal(r, 0);
	return r;
}

TEST_TASK(c112_start_handshake_does_not_demote_the_failure_of_the_task)
{
	struct service s = { .boot = acre_ms(10), .boot_failure = ENODEV };
	void *value = &s;
	int r = 0;

	test_virtual_clock();
	ACRE_NURSERY(n, r) {
		r = acre_go_ready(&n, serve, &s, &value);
		assert_class(r, ENODEV);
		assert_string_equal(acre_why(r)->message, "it does not come up");
		assert_text_has(acre_why(r)->task, "serve");
		r = 0;
	}
	assert_int_equal(r, 0);
	return r;
}

TEST_TASK(c112_start_handshake_cancelled_does_not_hide_the_failure_of_the_task)
{
	struct service s = { .boot = acre_secs(50), .goodbye_failure = EBADMSG };
	void *value;
	int r = 0;

	test_virtual_clock();
	ACRE_WITHIN(acre_ms(10), r)
		ACRE_NURSERY(n, r)
			r = acre_go_ready(&n, serve, &s, &value);

	assert_class(r, EBADMSG);
	assert_int_equal(acre_count(r), 1);
	return 0;
}

TEST_TASK(c112_start_handshake_said_twice)
{
	struct service s = { .says_it_twice = true };
	void *value;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_go_ready(&n, serve, &s, &value);
		assert_int_equal(r, 0);
	}
	assert_class(r, EPROTO);
	assert_int_equal(report_class(s.second_ready), EPROTO);
	assert_text_has(acre_why(r)->message, "twice");
	return 0;
}

TEST_TASK(a_task_that_is_ready_is_an_ordinary_task_of_the_nursery)
{
	struct service s = { .serve = acre_ms(10), .late_failure = ENOTCONN };
	struct service other = { .serve = acre_secs(60) };
	void *value;
	int r = 0;

	test_virtual_clock();
	ACRE_NURSERY(n, r) {
		r = acre_go_ready(&n, serve, &s, &value);
		if (r >= 0)
			r = acre_go_ready(&n, serve, &other, &value);
		assert_int_equal(r, 0);
	}
	assert_class(r, ENOTCONN);
	assert_true(other.ended);
	return 0;
}

TEST_TASK(a_task_that_is_ready_just_before_the_cancellation_has_been_started)
{
	struct service s = { .serve = acre_ms(10) };
	struct acre_scope scope;
	void *value = NULL;
	int r = 0;

	test_virtual_clock();
	ACRE_NURSERY(n, r) {
		acre_scope_open(&scope);
		r = acre_go_ready(&n, serve, &s, &value);
		acre_scope_cancel(&scope);
		r = acre_scope_close(&scope, r);
		assert_int_equal(r, 0);
	}
	assert_ptr_equal(value, &s.value);
	return r;
}

TEST_TASK(a_task_that_is_ready_and_ends_at_once_has_been_started)
{
	struct service s = { .serve = acre_ns(0), .value = 5 };
	void *value = NULL;
	int r = 0;

	ACRE_NURSERY(n, r) {
		for (int i = 0; i < 10 && r >= 0; i++) {
			r = acre_go_ready(&n, serve, &s, &value);
			assert_int_equal(r, 0);
			assert_ptr_equal(value, &s.value);
		}
	}
	return r;
}

TEST_TASK(a_start_that_is_cancelled_in_the_moment_of_readiness_has_ended_the_task)
{
	struct service s = { .boot = acre_ms(10), .serve = acre_secs(60) };
	struct acre_scope scope;
	void *value = &s;
	int r = 0;

	test_virtual_clock();
	ACRE_NURSERY(n, r) {
		acre_scope_open(&scope);
		acre_scope_deadline(&scope, acre_after(acre_now(), acre_ms(10)));
		r = acre_go_ready(&n, serve, &s, &value);
		assert_class(r, ECANCELED);
		assert_true(s.ended);
		assert_int_equal(acre_nursery_n(&n), 0);
		r = acre_scope_close(&scope, r);
		assert_class(r, ETIMEDOUT);
		r = 0;
	}
	assert_ptr_equal(value, &s);
	return r;
}

TEST_TASK(being_ready_means_nothing_in_a_task_that_nobody_waits_for)
{
	struct service s = { .value = 3 };
	int r = 0;

	ACRE_NURSERY(n, r)
		r = acre_go(&n, serve, &s);

	assert_true(s.ended);
	return r;
}

TEST_TASK(several_starts_wait_at_the_same_time)
{
	struct service s[4];
	void *value[4];
	int r = 0;

	test_virtual_clock();
	ACRE_NURSERY(n, r)
		for (int i = 0; i < 4 && r >= 0; i++) {
			s[i] = (struct service){ .boot = acre_ms(5),
						 .serve = acre_ms(7 * (4 - i)),
						 .value = i };
			r = acre_go_ready(&n, serve, &s[i], &value[i]);
			assert_int_equal(r, 0);
			assert_int_equal(*(int *)value[i], i);
		}
	return r;
}
