/* SPDX-License-Identifier: MIT */
/* test_torture_core.c - tasks, scopes, channels, descriptors and helper threads while things fail. */
#include "torture/torture.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

static int nothing(void *unused)
{
	(void)unused;
	return acre_checkpoint();
}

TORTURE(an_empty_root)
{
	return 0;
}

TORTURE(an_empty_root_with_signals, .signals = true)
{
	return 0;
}

static int keep_going(void *arg)
{
	int *steps = arg;
	int r = 0;

	for (*steps = 0; r >= 0 && *steps < 3; ++*steps)
		r = acre_yield();
	return r;
}

TORTURE(a_loop_inside_another_one, .is_whole = true)
{
	int steps, r = acre_begin(keep_going, &steps, NULL);

	if (r < 0)
		return r;
	r = acre_fd();
	assert_true(r >= 0);
	do
		r = acre_step();
	while (r > 0);
	assert_int_equal(r, 0);
	r = acre_end();
	assert_true(r < 0 || steps == 3);
	return r;
}

TORTURE(two_roots_in_one_process, .is_whole = true)
{
	int r = acre_run(nothing, NULL, NULL);

	return r < 0 ? r : acre_run(nothing, NULL, NULL);
}

/*
 * Tasks.
 */

ACRE_TASK(count_up, int *n)
{
	int r = acre_yield();

	++*n;
	return r;
}

TORTURE(tasks_in_a_nursery)
{
	int n = 0, r = 0;

	ACRE_NURSERY(nursery, r) {
		for (int i = 0; r >= 0 && i < 12; i++)
			r = acre_go(&nursery, count_up, &n, .name = "counter");
	}
	assert_true(r < 0 || n == 12);
	return r;
}

TORTURE(tasks_with_stacks_of_several_sizes)
{
	int n = 0, r = 0;

	ACRE_NURSERY(nursery, r) {
		for (int i = 0; r >= 0 && i < 9; i++)
			r = acre_go(&nursery, count_up, &n,
				    .stack_size = (size_t)(i + 1) * 40000);
	}
	assert_true(r < 0 || n == 9);
	return r;
}

ACRE_TASK(spawn_below, int *n)
{
	int r = 0;

	ACRE_NURSERY(nursery, r) {
		r = acre_go(&nursery, count_up, n);
		if (r >= 0)
			r = acre_go(&nursery, count_up, n);
	}
	return r;
}

TORTURE(nurseries_below_nurseries)
{
	int n = 0, r = 0;

	ACRE_NURSERY(nursery, r) {
		for (int i = 0; r >= 0 && i < 3; i++)
			r = acre_go(&nursery, spawn_below, &n);
	}
	assert_true(r < 0 || n == 6);
	return r;
}

ACRE_TASK(serve_until_cancelled, int *value)
{
	int r = acre_ready(value);

	return r < 0 ? r : acre_sleep(acre_secs(3600));
}

TORTURE(a_task_that_says_it_is_ready, .virtual_clock = true)
{
	int value = 7, r = 0;
	void *got = NULL;

	ACRE_NURSERY(nursery, r) {
		r = acre_go_ready(&nursery, serve_until_cancelled, &value, &got);
		assert_true(r < 0 || got == &value);
		acre_nursery_cancel(&nursery);
	}
	return r;
}

ACRE_TASK(fail_plainly, int *code)
{
	int r = acre_yield();

	return r < 0 ? r : acre_fail(*code, "as it was told");
}

TORTURE(a_failure_cancels_the_others, .virtual_clock = true,
	.may = (const int[]){ EDOM, 0 })
{
	int code = EDOM, value = 7, r = 0;
	void *got;

	ACRE_NURSERY(nursery, r) {
		r = acre_go_ready(&nursery, serve_until_cancelled, &value, &got);
		if (r >= 0)
			r = acre_go(&nursery, fail_plainly, &code);
	}
	assert_true(r < 0);
	return acre_is(r, EDOM) ? 0 : r;
}

TORTURE(several_failures_make_a_group, .may = (const int[]){ EDOM, 0 })
{
	int code = EDOM, r = 0;

	ACRE_NURSERY(nursery, r) {
		for (int i = 0; r >= 0 && i < 4; i++)
			r = acre_go(&nursery, fail_plainly, &code);
	}
	assert_true(r < 0);
	return acre_is(r, EDOM) ? 0 : r;
}

/*
 * Scopes and time.
 */

TORTURE(a_deadline, .virtual_clock = true)
{
	int r = 0;

	ACRE_WITHIN(acre_ms(5), r)
		r = acre_sleep(acre_secs(3600));
	assert_true(acre_is(r, ETIMEDOUT));
	r = 0;
	ACRE_WITHIN(acre_secs(5), r)
		r = acre_sleep(acre_ms(1));
	return r;
}

TORTURE(a_deadline_in_real_time)
{
	int r = 0;

	ACRE_WITHIN(acre_us(100), r)
		r = acre_sleep(acre_secs(3600));
	return acre_is(r, ETIMEDOUT) ? 0 : r;
}

ACRE_TASK(say_goodbye, int *said)
{
	int r = acre_sleep(acre_secs(3600));

	ACRE_SHIELD(acre_secs(1), r) {
		*said = acre_sleep(acre_ms(10)) >= 0;
	}
	return r;
}

TORTURE(a_shielded_goodbye, .virtual_clock = true)
{
	int said = 0, r = 0;

	ACRE_NURSERY(nursery, r) {
		r = acre_go(&nursery, say_goodbye, &said);
		if (r >= 0)
			r = acre_sleep(acre_ms(1));
		acre_nursery_cancel(&nursery);
	}
	assert_true(r < 0 || said);
	return r;
}

/*
 * Waiting for each other.
 */

struct pipe_line {
	struct acre_chan chan;
	int sum;
};

ACRE_TASK(produce, struct pipe_line *line)
{
	int r = 0;

	for (int i = 1; r >= 0 && i <= 5; i++)
		r = acre_chan_send(&line->chan, &i);
	acre_chan_close(&line->chan);
	return r;
}

static int consume(struct pipe_line *line)
{
	int item, r;

	while ((r = acre_chan_recv(&line->chan, &item)) > 0)
		line->sum += item;
	return r;
}

static int through_channel(int *ring, size_t n)
{
	struct pipe_line line = { .sum = 0 };
	int r = 0;

	acre_chan_init(&line.chan, sizeof *ring, ring, n);
	ACRE_NURSERY(nursery, r) {
		r = acre_go(&nursery, produce, &line);
		if (r >= 0)
			r = consume(&line);
	}
	assert_true(r < 0 || line.sum == 15);
	return r;
}

TORTURE(channels)
{
	int ring[2];
	int r = through_channel(ring, 2);

	return r < 0 ? r : through_channel(NULL, 0);
}

struct meeting {
	struct acre_event event;
	struct acre_lock lock;
	int n;
};

ACRE_TASK(wait_and_lock, struct meeting *m)
{
	int r = acre_event_wait(&m->event);

	if (r >= 0)
		r = acre_lock_acquire(&m->lock);
	if (r < 0)
		return r;
	r = acre_yield();
	m->n++;
	acre_lock_release(&m->lock);
	return r;
}

TORTURE(events_and_locks)
{
	struct meeting m = { .n = 0 };
	int r = 0;

	acre_event_init(&m.event);
	acre_lock_init(&m.lock);
	ACRE_NURSERY(nursery, r) {
		for (int i = 0; r >= 0 && i < 3; i++)
			r = acre_go(&nursery, wait_and_lock, &m);
		acre_event_set(&m.event);
	}
	assert_true(r < 0 || m.n == 3);
	return r;
}

/*
 * Descriptors.
 */

struct ends {
	int r, w;
};

ACRE_TASK(write_a_byte, struct ends *ends)
{
	int r = acre_yield();

	assert_int_equal(write(ends->w, "x", 1), 1);
	return r;
}

TORTURE(waiting_for_a_descriptor)
{
	struct ends ends;
	int fds[2], r = 0;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	ends = (struct ends){ fds[0], fds[1] };
	ACRE_NURSERY(nursery, r) {
		r = acre_go(&nursery, write_a_byte, &ends);
		if (r >= 0)
			r = acre_wait_fd(ends.r, POLLIN);
		assert_true(r < 0 || r == POLLIN);
	}
	close(fds[0]);
	close(fds[1]);
	return r;
}

TORTURE(selecting_among_a_descriptor_a_channel_and_an_event)
{
	struct acre_chan chan;
	struct acre_event event;
	struct ends ends;
	int fds[2], item, r = 0;
	struct acre_case cases[3];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	ends = (struct ends){ fds[0], fds[1] };
	acre_chan_init(&chan, sizeof item, NULL, 0);
	acre_event_init(&event);
	cases[0] = (struct acre_case){ .kind = ACRE_CASE_RECV,
				       .chan = &chan,
				       .item = &item };
	cases[1] = (struct acre_case){ .kind = ACRE_CASE_EVENT, .event = &event };
	cases[2] = (struct acre_case){ .kind = ACRE_CASE_FD,
				       .fd = ends.r,
				       .events = POLLIN };
	ACRE_NURSERY(nursery, r) {
		r = acre_go(&nursery, write_a_byte, &ends);
		if (r >= 0)
			r = acre_select(cases, 3);
		assert_true(r < 0 || r == 2);
		if (r >= 0 && cases[2].result < 0)
			r = cases[2].result;
	}
	close(fds[0]);
	close(fds[1]);
	return r;
}

ACRE_TASK(wait_for_input, struct ends *ends)
{
	int r = acre_wait_fd(ends->r, POLLIN);

	return r < 0 ? r : 0;
}

TORTURE(several_tasks_wait_for_a_descriptor_and_are_cancelled, .virtual_clock = true)
{
	struct ends ends;
	int fds[2], r = 0;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	ends = (struct ends){ fds[0], fds[1] };
	ACRE_NURSERY(nursery, r) {
		for (int i = 0; r >= 0 && i < 3; i++)
			r = acre_go(&nursery, wait_for_input, &ends);
		if (r >= 0)
			r = acre_sleep(acre_ms(1));
		acre_nursery_cancel(&nursery);
	}
	close(fds[0]);
	close(fds[1]);
	return r;
}

/*
 * Helper threads.
 */

static int square(void *arg)
{
	int *n = arg;

	*n *= *n;
	return *n;
}

static int fail_on_a_thread(void *unused)
{
	(void)unused;
	return acre_fail(EDOM, "on a thread");
}

ACRE_TASK(square_on_a_thread, int *n)
{
	int r = acre_blocking(square, n);

	return r < 0 ? r : 0;
}

TORTURE(calls_that_block, .may = (const int[]){ EAGAIN, 0 })
{
	int n[4] = { 1, 2, 3, 4 }, r = 0;

	ACRE_NURSERY(nursery, r) {
		for (int i = 0; r >= 0 && i < 4; i++)
			r = acre_go(&nursery, square_on_a_thread, &n[i]);
	}
	assert_true(r < 0 || n[3] == 16);
	return r;
}

TORTURE(a_call_that_blocks_and_fails, .may = (const int[]){ EDOM, EAGAIN, 0 })
{
	int r = acre_blocking(fail_on_a_thread, NULL);

	assert_true(r < 0);
	return acre_is(r, EDOM) ? 0 : r;
}
