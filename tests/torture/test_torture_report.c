/* SPDX-License-Identifier: MIT */
/* test_torture_report.c - filing failures, printing them, and the trace, while things fail. */
#include "torture/torture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/crash.h"

static int fail_deeply(int depth)
{
	if (depth == 0)
		return acre_fail(EDOM, "at the bottom, with %d", 42);
	return acre_note(fail_deeply(depth - 1), "at depth %d", depth);
}

TORTURE(a_failure_and_its_notes, .is_whole = true)
{
	int r = fail_deeply(5);

	assert_true(acre_is(r, EDOM));
	assert_int_equal(acre_count(r), 1);
	assert_non_null(acre_why(r));
	assert_non_null(acre_why(r)->message);
	return 0;
}

TORTURE(more_failures_than_are_kept)
{
	int r = 0;

	for (int i = 0; i < 40; i++) {
		r = fail_deeply(1);
		assert_true(acre_is(r, EDOM));
		assert_non_null(acre_why(r)->message);
	}
	return 0;
}

TORTURE(a_story_of_full_length)
{
	static char words[900];
	int r = acre_fail(EDOM, "long");

	memset(words, 'w', sizeof words - 1);
	for (int i = 0; i < 40; i++)
		r = acre_note(r, "%s", words);
	assert_true(acre_is(r, EDOM));
	return 0;
}

static int print(int r)
{
	FILE *f = fopen("/dev/null", "we");

	assert_non_null(f);
	acre_print(f, r);
	fclose(f);
	return 0;
}

/* With threads of its own: looking up symbols has one. */
TORTURE(printing_a_story)
{
	return print(fail_deeply(2));
}

TORTURE(a_story_as_a_string)
{
	char *story = acre_story(fail_deeply(2));

	if (!story)
		return -ENOMEM;
	assert_non_null(strstr(story, "EDOM"));
	free(story);
	return 0;
}

ACRE_TASK(fail_with, int *depth)
{
	int r = acre_yield();

	return r < 0 ? r : fail_deeply(*depth);
}

TORTURE(printing_a_group)
{
	int depth = 1, r = 0;

	ACRE_NURSERY(outer, r) {
		ACRE_NURSERY(nursery, r) {
			for (int i = 0; r >= 0 && i < 12; i++)
				r = acre_go(&nursery, fail_with, &depth);
		}
		r = acre_note(r, "gathering");
	}
	assert_true(r < 0);
	print(r);
	return acre_has(r, EDOM) ? 0 : r;
}

static void count_event(void *arg, const struct acre_trace_event *event)
{
	(void)event;
	++*(int *)arg;
}

TORTURE(the_trace)
{
	struct acre_trace_event events[8];
	int n = 0, fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	acre_trace_listen(count_event, &n);
	acre_trace(1, 2);
	acre_trace_listen(NULL, NULL);
	assert_int_equal(n, 1);
	assert_true(acre_trace_read(events, 8) > 0);
	acre_trace_print(fd, 8);
	close(fd);
	return 0;
}

TORTURE(catching_crashes, .is_whole = true)
{
	int r = crash_catch();

	crash_release();
	return r;
}
