/* SPDX-License-Identifier: MIT */
/* test_dump_large.c - dumps of many tasks, and of many actors: promise G11. */
#include "conform/dumps.h"

/*
 * None of them is cut. How long they take is noted: the plan gave a thousand tasks a second, and a
 * tree of forty ten, on a machine that is idle.
 */

#define CROWD 1000

ACRE_TASK(stand_in_crowd, struct acre_event *end)
{
	return acre_event_wait(end);
}

static int count_in(const char *text, const char *what)
{
	int n = 0;

	for (text = strstr(text, what); text; text = strstr(text + 1, what))
		n++;
	return n;
}

static int thousand_tasks(void)
{
	acre_instant begun;
	struct acre_event end;
	const char *text;
	int r = 0;

	acre_event_init(&end);
	ACRE_NURSERY(n, r) {
		for (int i = 0; i < CROWD && r >= 0; i++)
			r = acre_go(&n, stand_in_crowd, &end);
		assert_ok(r);
		r = acre_sleep(acre_us(1));
		begun = acre_now();
		text = text_of_dump(0);
		test_note("%.3f s", seconds_since(begun));
		assert_int_equal(count_in(text, " stand_in_crowd: waits for an event"),
				 CROWD);
		assert_int_equal(count_in(text, "end of dump"), 1);
		acre_event_set(&end);
	}
	return r;
}

TEST(g11_a_thousand_tasks_are_told_each_once)
{
	assert_ok(tree_result(thousand_tasks, false));
	report_thread_fini();
}

enum { BRANCHES = 5, TWIGS = 7 }; /* and so forty actors below the root */

ACRE_CONTEXT(grows_twigs, acre_nil)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		for (int i = 0; i < TWIGS && r >= 0; i++)
			r = acre_spawn(&n, &a, .name = "twig");
		if (r >= 0)
			r = acre_started(ctx, acre_nil);
		if (r >= 0)
			r = acre_sleep(acre_secs(3600));
	}
	return r;
}

ACRE_TASK(hold_branch, void *unused)
{
	struct acre_actor *a;
	int r = 0;

	(void)unused;
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "branch");
		if (r >= 0)
			ACRE_OPEN(ctx, r, a, grows_twigs, &nil) {
				r = acre_first(ctx, acre_nil, &nil);
				if (r >= 0)
					r = acre_ready(NULL);
				if (r >= 0)
					r = acre_sleep(acre_secs(3600));
			}
	}
	return r;
}

static int tree_of_forty(void)
{
	acre_instant begun;
	const char *text;
	void *unused;
	int r = 0;

	ACRE_NURSERY(n, r) {
		for (int i = 0; i < BRANCHES && r >= 0; i++)
			r = acre_go_ready(&n, hold_branch, NULL, &unused);
		assert_ok(r);
		begun = acre_now();
		text = text_of_dump(0);
		test_note("%.3f s", seconds_since(begun));
		assert_int_equal(count_in(text, "end of actor branch\n"), BRANCHES);
		assert_int_equal(count_in(text, "end of actor twig\n"), BRANCHES * TWIGS);
		assert_int_equal(count_in(text, "end of dump"), 1);
		acre_nursery_cancel(&n);
		r = 0;
	}
	return r;
}

TEST(g11_each_actor_of_a_tree_of_forty_is_told)
{
	test_limit(
		180); /* forty processes are stopped and read on a machine that is busy */
	assert_ok(tree_result(tree_of_forty, false));
	report_thread_fini();
}
