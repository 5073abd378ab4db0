/* SPDX-License-Identifier: MIT */
/* test_select.c - waiting for one of several things: exactly one of them happens. */
#define _GNU_SOURCE
#include "lib/test.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <acre/chan.h>

#include "lib/run.h"

#define RECV(c, p)                                               \
	{                                                        \
		.kind = ACRE_CASE_RECV, .chan = (c), .item = (p) \
	}
#define SEND(c, p)                                               \
	{                                                        \
		.kind = ACRE_CASE_SEND, .chan = (c), .item = (p) \
	}
#define EVENT(e)                                      \
	{                                             \
		.kind = ACRE_CASE_EVENT, .event = (e) \
	}
#define READABLE(fd_)                                               \
	{                                                           \
		.kind = ACRE_CASE_FD, .fd = (fd_), .events = POLLIN \
	}

/* A select in a task of its own, which hands on what came of it. */
struct selector {
	struct acre_case *cases;
	size_t n;
	int r;
	bool done;
	struct acre_scope scope;
};

ACRE_TASK(select_once, struct selector *s)
{
	acre_scope_open(&s->scope);
	s->r = acre_select(s->cases, s->n);
	s->done = true;
	return acre_scope_close(&s->scope, s->r);
}

static int start(struct acre_nursery *n, struct selector *s, struct acre_case *cases,
		 size_t n_cases)
{
	int r;

	*s = (struct selector){ .cases = cases, .n = n_cases };
	r = acre_go(n, select_once, s);
	test_settle();
	return r;
}

TEST_TASK(of_several_that_are_ready_the_first_happens_and_no_other)
{
	struct acre_chan a, b;
	int ring_a[2], ring_b[2];
	int item_a = 0, item_b = 0, sent = 7;
	struct acre_case cases[] = { RECV(&a, &item_a), RECV(&b, &item_b),
				     SEND(&a, &sent) };

	acre_chan_init(&a, sizeof(int), ring_a, 2);
	acre_chan_init(&b, sizeof(int), ring_b, 2);
	assert_int_equal(acre_chan_send(&b, &(int){ 20 }), 0);
	assert_int_equal(acre_select(cases, 3), 1);
	assert_int_equal(cases[1].result, 1);
	assert_int_equal(item_b, 20);
	assert_int_equal(acre_chan_n(&a), 0);

	assert_int_equal(acre_select(cases, 3), 2);
	assert_int_equal(cases[2].result, 0);
	assert_int_equal(acre_chan_n(&a), 1);

	assert_int_equal(acre_chan_send(&b, &(int){ 21 }), 0);
	assert_int_equal(acre_select(cases, 3), 0);
	assert_int_equal(item_a, 7);
	assert_int_equal(item_b, 20);
	assert_int_equal(acre_chan_n(&b), 1);
	return 0;
}

TEST_TASK(it_waits_for_whichever_comes_first)
{
	struct acre_chan a, b;
	struct acre_event e;
	struct selector s;
	int item_a = -1, item_b = -1;
	struct acre_case cases[] = { RECV(&a, &item_a), EVENT(&e), RECV(&b, &item_b) };
	int r = 0;

	acre_chan_init(&a, sizeof(int), NULL, 0);
	acre_chan_init(&b, sizeof(int), NULL, 0);
	acre_event_init(&e);
	ACRE_NURSERY(n, r) {
		r = start(&n, &s, cases, 3);
		assert_false(s.done);
		assert_int_equal(acre_chan_send(&b, &(int){ 4 }), 0);

		/* its other cases are gone in the same step */
		assert_int_equal(acre_chan_try_send(&a, &(int){ 5 }), -EAGAIN);
		assert_int_equal(acre_chan_try_send(&b, &(int){ 5 }), -EAGAIN);
		acre_event_set(&e);
	}
	assert_int_equal(s.r, 2);
	assert_int_equal(cases[2].result, 1);
	assert_int_equal(item_b, 4);
	assert_int_equal(item_a, -1);
	return r;
}

TEST_TASK(an_event_ends_it)
{
	struct acre_chan a;
	struct acre_event e;
	struct selector s;
	int item = -1;
	struct acre_case cases[] = { RECV(&a, &item), EVENT(&e) };
	int r = 0;

	acre_chan_init(&a, sizeof(int), NULL, 0);
	acre_event_init(&e);
	ACRE_NURSERY(n, r) {
		r = start(&n, &s, cases, 2);
		acre_event_set(&e);
	}
	assert_int_equal(s.r, 1);
	assert_int_equal(cases[1].result, 0);
	assert_int_equal(acre_chan_try_send(&a, &item), -EAGAIN);
	return r;
}

TEST_TASK(a_send_ends_it_once_a_receiver_has_the_item)
{
	struct acre_chan a;
	struct acre_event e;
	struct selector s;
	int sent = 30, item = 0;
	struct acre_case cases[] = { EVENT(&e), SEND(&a, &sent) };
	int r = 0;

	acre_chan_init(&a, sizeof(int), NULL, 0);
	acre_event_init(&e);
	ACRE_NURSERY(n, r) {
		r = start(&n, &s, cases, 2);
		assert_int_equal(acre_chan_recv(&a, &item), 1);
	}
	assert_int_equal(s.r, 1);
	assert_int_equal(cases[1].result, 0);
	assert_int_equal(item, 30);
	return r;
}

TEST_TASK(a_task_does_not_meet_itself)
{
	struct acre_chan c;
	struct selector s;
	int sent = 1, received = -1;
	struct acre_case cases[] = { SEND(&c, &sent), RECV(&c, &received) };
	int r = 0;

	acre_chan_init(&c, sizeof(int), NULL, 0);
	ACRE_NURSERY(n, r) {
		r = start(&n, &s, cases, 2);
		assert_false(s.done);

		assert_int_equal(acre_chan_send(&c, &(int){ 2 }), 0);
		assert_int_equal(acre_chan_try_send(&c, &(int){ 3 }), -EAGAIN);
	}
	assert_int_equal(s.r, 1);
	assert_int_equal(received, 2);
	return r;
}

TEST_TASK(two_tasks_that_would_do_either_meet)
{
	struct acre_chan c;
	struct selector s[2];
	int sent[2] = { 10, 11 }, received[2] = { -1, -1 };
	struct acre_case cases[2][2] = {
		{ RECV(&c, &received[0]), SEND(&c, &sent[0]) },
		{ RECV(&c, &received[1]), SEND(&c, &sent[1]) },
	};
	int r = 0;

	acre_chan_init(&c, sizeof(int), NULL, 0);
	ACRE_NURSERY(n, r) {
		r = start(&n, &s[0], cases[0], 2);
		r = start(&n, &s[1], cases[1], 2);
	}
	/* the second one finds the first one waiting on both sides: its first case
	 * wins */
	assert_int_equal(s[1].r, 0);
	assert_int_equal(received[1], 10);
	assert_int_equal(s[0].r, 1);
	assert_int_equal(received[0], -1);
	return r;
}

TEST_TASK(the_same_channel_may_be_in_several_cases)
{
	struct acre_chan c;
	struct selector s;
	int items[3] = { -1, -1, -1 };
	struct acre_case cases[] = { RECV(&c, &items[0]), RECV(&c, &items[1]),
				     RECV(&c, &items[2]) };
	int r = 0;

	acre_chan_init(&c, sizeof(int), NULL, 0);
	ACRE_NURSERY(n, r) {
		r = start(&n, &s, cases, 3);
		assert_int_equal(acre_chan_send(&c, &(int){ 6 }), 0);
		assert_int_equal(acre_chan_try_send(&c, &(int){ 7 }), -EAGAIN);
	}
	assert_int_equal(s.r, 0);
	assert_int_equal(items[0], 6);
	assert_int_equal(items[1], -1);
	return r;
}

TEST_TASK(a_close_ends_it_with_what_the_plain_call_returns)
{
	struct acre_chan c;
	struct selector s;
	int item = -1, sent = 2;
	struct acre_case receive[] = { RECV(&c, &item) };
	struct acre_case both[] = { SEND(&c, &sent), RECV(&c, &item) };
	int r = 0;

	acre_chan_init(&c, sizeof(int), NULL, 0);
	ACRE_NURSERY(n, r) {
		r = start(&n, &s, receive, 1);
		acre_chan_close(&c);
	}
	assert_int_equal(s.r, 0);
	assert_int_equal(receive[0].result, 0);

	assert_int_equal(acre_select(both, 2), 0);
	assert_class(both[0].result, ACRE_ECLOSED);
	assert_int_equal(item, -1);
	return r;
}

TEST_TASK(a_close_wakes_who_waits_on_both_sides_once)
{
	struct acre_chan c;
	struct selector s;
	int item = -1, sent = 2;
	struct acre_case both[] = { SEND(&c, &sent), RECV(&c, &item) };
	int r = 0;

	acre_chan_init(&c, sizeof(int), NULL, 0);
	ACRE_NURSERY(n, r) {
		r = start(&n, &s, both, 2);
		acre_chan_close(&c);
	}
	assert_int_equal(s.r, 1);
	assert_int_equal(both[1].result, 0);
	return r;
}

TEST_TASK(a_cancelled_select_has_done_nothing)
{
	struct acre_chan a, b;
	struct acre_event e;
	struct selector s;
	int item = -1, sent = 3;
	struct acre_case cases[] = { RECV(&a, &item), SEND(&b, &sent), EVENT(&e) };
	int r = 0;

	acre_chan_init(&a, sizeof(int), NULL, 0);
	acre_chan_init(&b, sizeof(int), NULL, 0);
	acre_event_init(&e);
	ACRE_NURSERY(n, r) {
		r = start(&n, &s, cases, 3);
		acre_scope_cancel(&s.scope);

		assert_int_equal(acre_chan_try_send(&a, &(int){ 5 }), -EAGAIN);
		assert_int_equal(acre_chan_try_recv(&b, &(int){ 0 }), -EAGAIN);
		acre_event_set(&e);
	}
	assert_class(s.r, ECANCELED);
	assert_int_equal(item, -1);
	return r;
}

TEST_TASK(a_cancelled_task_selects_nothing_even_if_something_is_ready)
{
	struct acre_scope scope;
	struct acre_event e;
	struct acre_case cases[] = { EVENT(&e) };

	acre_event_init(&e);
	acre_event_set(&e);
	acre_scope_open(&scope);
	acre_scope_cancel(&scope);

	assert_class(acre_select(cases, 1), ECANCELED);
	return acre_scope_close(&scope, 0);
}

TEST_TASK(a_select_of_no_or_too_many_or_strange_cases_is_refused)
{
	struct acre_case cases[33];
	struct acre_event e;

	acre_event_init(&e);
	acre_event_set(&e);
	for (size_t i = 0; i < ARRAY_N(cases); i++)
		cases[i] = (struct acre_case)EVENT(&e);

	assert_class(acre_select(cases, 0), EINVAL);
	assert_class(acre_select(cases, 33), EINVAL);
	assert_int_equal(acre_select(cases, 32), 0);
	cases[31].kind = (enum acre_case_kind)77;
	assert_class(acre_select(cases, 32), EINVAL);
	return 0;
}

TEST_TASK(thirty_two_cases_are_waited_for)
{
	struct acre_case cases[32];
	struct acre_event events[32];
	struct selector s;
	int r = 0;

	for (size_t i = 0; i < ARRAY_N(cases); i++) {
		acre_event_init(&events[i]);
		cases[i] = (struct acre_case)EVENT(&events[i]);
	}
	ACRE_NURSERY(n, r) {
		r = start(&n, &s, cases, 32);
		acre_event_set(&events[31]);
		acre_event_set(&events[0]);
	}
	assert_int_equal(s.r, 31);
	return r;
}

TEST_TASK(a_descriptor_ends_it)
{
	struct acre_chan c;
	struct selector s;
	int pipes[2], item = -1;
	struct acre_case cases[] = { RECV(&c, &item), READABLE(0) };
	int r = 0;

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	cases[1].fd = pipes[0];
	acre_chan_init(&c, sizeof(int), NULL, 0);
	ACRE_NURSERY(n, r) {
		r = start(&n, &s, cases, 2);
		assert_false(s.done);
		assert_int_equal(write(pipes[1], "x", 1), 1);
	}
	assert_int_equal(s.r, 1);
	assert_int_equal(cases[1].result, POLLIN);
	assert_int_equal(acre_chan_try_send(&c, &item), -EAGAIN);
	close(pipes[0]);
	close(pipes[1]);
	return r;
}

TEST_TASK(a_channel_ends_it_and_the_descriptor_is_forgotten)
{
	struct acre_chan c;
	struct selector s;
	int pipes[2], item = -1;
	struct acre_case cases[] = { READABLE(0), RECV(&c, &item) };
	int r = 0;

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	cases[0].fd = pipes[0];
	acre_chan_init(&c, sizeof(int), NULL, 0);
	ACRE_NURSERY(n, r) {
		r = start(&n, &s, cases, 2);
		assert_int_equal(map_n(&loop_this->fds), 1);
		assert_int_equal(acre_chan_send(&c, &(int){ 8 }), 0);
	}
	assert_int_equal(s.r, 1);
	assert_int_equal(item, 8);
	assert_int_equal(map_n(&loop_this->fds), 0);
	close(pipes[0]);
	close(pipes[1]);
	return r;
}

TEST_TASK(a_cancelled_select_forgets_its_descriptor)
{
	struct selector s;
	int pipes[2];
	struct acre_case cases[] = { READABLE(0) };
	int r = 0;

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	cases[0].fd = pipes[0];
	ACRE_NURSERY(n, r) {
		r = start(&n, &s, cases, 1);
		acre_scope_cancel(&s.scope);
	}
	assert_class(s.r, ECANCELED);
	assert_int_equal(map_n(&loop_this->fds), 0);
	close(pipes[0]);
	close(pipes[1]);
	return r;
}

TEST_TASK(a_descriptor_that_is_ready_comes_before_a_later_case)
{
	struct acre_event e;
	int pipes[2];
	struct acre_case cases[] = { READABLE(0), EVENT(&e) };

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	cases[0].fd = pipes[0];
	acre_event_init(&e);
	acre_event_set(&e);
	assert_int_equal(acre_select(cases, 2), 1);

	assert_int_equal(write(pipes[1], "x", 1), 1);
	assert_int_equal(acre_select(cases, 2), 0);
	assert_int_equal(cases[0].result, POLLIN);
	close(pipes[0]);
	close(pipes[1]);
	return 0;
}

TEST_TASK(a_bad_descriptor_is_the_failure_of_its_case)
{
	struct acre_event set, unset;
	int item;
	struct acre_chan c;
	struct acre_case cases[] = { RECV(&c, &item), EVENT(&unset), READABLE(12345),
				     EVENT(&set) };

	acre_chan_init(&c, sizeof item, NULL, 0);
	acre_event_init(&unset);
	acre_event_init(&set);
	assert_int_equal(acre_select(cases, 3), 2);
	assert_class(cases[2].result, EBADF);
	assert_text_has(acre_why(cases[2].result)->message, "12345");

	acre_event_set(&set);
	assert_int_equal(acre_select(cases, 4), 2);
	assert_class(cases[2].result, EBADF);

	/* nothing is left in the channel and the event */
	assert_int_equal(acre_chan_try_send(&c, &item), -EAGAIN);
	acre_event_set(&unset);
	return 0;
}

TEST_TASK(a_task_that_serves_a_descriptor_lets_others_run)
{
	struct selector s;
	struct acre_event never;
	int pipes[2];
	struct acre_case cases[] = { EVENT(&never), READABLE(0) };
	bool others_ran = false;
	struct acre_event e;
	struct acre_case other[] = { EVENT(&e) };
	int r = 0;

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	assert_int_equal(write(pipes[1], "x", 1), 1);
	cases[1].fd = pipes[0];
	acre_event_init(&never);
	acre_event_init(&e);
	acre_event_set(&e);
	ACRE_NURSERY(n, r) {
		s = (struct selector){ .cases = other, .n = 1 };
		r = acre_go(&n, select_once, &s);
		assert_int_equal(acre_select(cases, 2), 1);
		others_ran = s.done;
	}
	assert_true(others_ran);
	close(pipes[0]);
	close(pipes[1]);
	return r;
}

/* Many tasks, of which each selects between giving and taking in the same channels:
 * what was given was taken. */
enum { N_TRADERS = 6, N_TRADES = 60 };

struct market {
	struct acre_chan goods[3];
	struct acre_event closed;
	long given, taken;
	size_t n_given, n_taken;
};

struct trader {
	struct market *market;
	int number;
};

ACRE_TASK(trade, struct trader *t)
{
	struct market *m = t->market;
	int mine = 0, yours = 0;
	struct acre_case cases[] = {
		RECV(&m->goods[0], &yours), SEND(&m->goods[1], &mine),
		RECV(&m->goods[2], &yours), SEND(&m->goods[0], &mine),
		RECV(&m->goods[1], &yours), SEND(&m->goods[2], &mine),
		EVENT(&m->closed),
	};
	int r = 0;

	for (int i = 0; i < N_TRADES && r != 6; i++) {
		mine = t->number * 1000 + i;
		r = acre_select(cases, ARRAY_N(cases));
		if (r < 0)
			return r;
		if (cases[r].kind == ACRE_CASE_SEND)
			m->given += mine, m->n_given++;
		else if (cases[r].kind == ACRE_CASE_RECV)
			m->taken += yours, m->n_taken++;
		if (m->n_given + m->n_taken > N_TRADERS * N_TRADES * 3 / 4)
			acre_event_set(&m->closed);
	}
	return 0;
}

TEST_TASK(what_one_select_gives_exactly_one_other_takes)
{
	struct trader traders[N_TRADERS];
	struct market m = { 0 };
	int ring[2];
	int left, r = 0;

	acre_chan_init(&m.goods[0], sizeof(int), NULL, 0);
	acre_chan_init(&m.goods[1], sizeof(int), NULL, 0);
	acre_chan_init(&m.goods[2], sizeof(int), ring, 2);
	acre_event_init(&m.closed);
	ACRE_NURSERY(n, r)
		for (int i = 0; i < N_TRADERS && r >= 0; i++) {
			traders[i] = (struct trader){ &m, i };
			r = acre_go(&n, trade, &traders[i]);
		}
	while (acre_chan_try_recv(&m.goods[2], &left) > 0)
		m.taken += left, m.n_taken++;
	assert_int_equal(m.n_given, m.n_taken);
	assert_int_equal(m.given, m.taken);
	return r;
}
