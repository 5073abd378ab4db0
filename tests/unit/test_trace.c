/* SPDX-License-Identifier: MIT */
/* test_trace.c - the ring of events: what it keeps, and how it is printed. */
#define _GNU_SOURCE
#include "core/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/panic.h"
#include "core/loop.h"
#include "lib/test.h"

/* As much of a loop as tracing looks at. */
static struct loop loop;
static struct task task = { .id = 3 };

static void enter(void)
{
	memset(&loop, 0, sizeof loop);
	assert_int_equal(trace_init(&loop.trace), 0);
	loop.polled_at = 4711000123456;
	loop_this = &loop;
}

static void leave(void)
{
	loop_this = NULL;
	trace_fini(&loop.trace);
}

/* What the newest n events look like; static storage. */
static const char *printed(size_t n)
{
	static char text[64 * 1024];
	ssize_t len;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	acre_trace_print(fds[1], n);
	len = read(fds[0], text, sizeof text - 1);
	close(fds[0]);
	close(fds[1]);
	text[len > 0 ? len : 0] = '\0';
	return text;
}

TEST(without_a_loop_nothing_is_traced)
{
	struct acre_trace_event event;

	acre_trace(1, 2);

	assert_int_equal(acre_trace_read(&event, 1), 0);
	assert_string_equal(printed(10), "");
}

TEST(without_memory_there_is_no_ring)
{
	struct trace t;

	mem_fail_at(1, false);
	assert_int_equal(trace_init(&t), -ENOMEM);
	mem_fail_at(0, false);
}

TEST(events_are_read_oldest_first)
{
	struct acre_trace_event events[4];

	enter();
	acre_trace(1, 10);
	loop.current = &task;
	acre_trace(2, 20);
	acre_trace(3, 30);

	assert_int_equal(acre_trace_read(events, 4), 3);
	assert_int_equal(events[0].kind, ACRE_EVENT_USER);
	assert_int_equal(events[0].a, 1);
	assert_int_equal(events[0].b, 10);
	assert_int_equal(events[0].task, 0);
	assert_int_equal(events[0].at_ns, 4711000123456);
	assert_int_equal(events[1].task, 3);
	assert_int_equal(events[2].sequence, 2);
	assert_int_equal(acre_trace_read(events, 2), 2);
	assert_int_equal(events[0].a, 2);
	leave();
}

TEST(a_full_ring_forgets_the_oldest)
{
	static struct acre_trace_event events[TRACE_N + 1];
	size_t n;

	enter();
	for (uint64_t i = 0; i < 3 * TRACE_N; i++)
		acre_trace(i, 0);
	n = acre_trace_read(events, TRACE_N + 1);

	assert_int_equal(n, TRACE_N - 1); /* all but the one that is written next */
	for (size_t i = 0; i < n; i++)
		assert_int_equal(events[i].a, 2 * TRACE_N + 1 + i);
	leave();
}

TEST(an_event_is_a_line)
{
	enter();
	loop.current = &task;
	trace(ACRE_EVENT_PARK, 3, WAIT_SLEEP);
	trace(ACRE_EVENT_UNPARK, 3, (uint64_t)-ECANCELED);
	trace(ACRE_EVENT_UNPARK, 3, 5);
	trace(ACRE_EVENT_SCOPE_CANCEL, 3, ACRE_REASON_DEADLINE);
	trace(ACRE_EVENT_LINK_CLOSE, 0x7fff12345678, ACRE_ECLOSED);
	trace(ACRE_EVENT_SIGNAL, 2, 0);
	trace(ACRE_EVENT_USER, (uint64_t)-1, UINT32_MAX);

	assert_string_equal(printed(10),
			    "4711.000123 task 3 PARK task=3 reason=sleeps\n"
			    "4711.000123 task 3 UNPARK task=3 result=ECANCELED\n"
			    "4711.000123 task 3 UNPARK task=3 result=5\n"
			    "4711.000123 task 3 SCOPE_CANCEL task=3 reason=deadline\n"
			    "4711.000123 task 3 LINK_CLOSE link=0x7fff12345678 "
			    "class=ACRE_ECLOSED\n"
			    "4711.000123 task 3 SIGNAL signal=2\n"
			    "4711.000123 task 3 USER a=-1 b=4294967295\n");
	leave();
}

TEST(only_so_many_are_printed)
{
	enter();
	for (uint64_t i = 0; i < 100; i++)
		acre_trace(i, 0);

	assert_string_equal(printed(1), "4711.000123 task 0 USER a=99 b=0\n");
	assert_string_equal(printed(0), "");
	leave();
}

TEST(values_out_of_range_are_printed_too)
{
	enter();
	trace(ACRE_EVENT_PARK, 1, 1000000);
	trace(ACRE_EVENT_SCOPE_CANCEL, 1, UINT64_MAX);
	trace((enum acre_event_kind)1000, 1, 2);

	assert_text_has(printed(3), "PARK task=1 reason=?\n");
	assert_text_has(printed(3), "SCOPE_CANCEL task=1 reason=?\n");
	assert_text_has(printed(3), "<unknown> a=1 b=2\n");
	leave();
}

TEST(every_event_has_a_name)
{
	for (uint32_t kind = 0; kind < ACRE_N_EVENTS_; kind++)
		assert_true(strlen(acre_event_name(kind)) > 0);
	assert_string_equal(acre_event_name(ACRE_EVENT_USER), "USER");
	assert_string_equal(acre_event_name(ACRE_N_EVENTS_), "<unknown>");
}

static void count(void *arg, const struct acre_trace_event *event)
{
	uint64_t *sum = arg;

	*sum += event->a;
}

TEST(c151_a_listener_hears_every_event_until_it_leaves)
{
	uint64_t sum = 0;

	enter();
	acre_trace(1, 0);
	acre_trace_listen(count, &sum);
	acre_trace(10, 0);
	acre_trace(100, 0);
	acre_trace_listen(NULL, NULL);
	acre_trace(1000, 0);

	assert_int_equal(sum, 110);
	leave();
}

TEST_FAILS(a_bug_prints_the_last_events, "USER a=41 b=42\n")
{
	enter();
	acre_trace(41, 42);
	BUG("on purpose");
}
