/* SPDX-License-Identifier: MIT */
/* run.h - tests whose body is a task. */
#pragma once

/*
 *	TEST_TASK(an_event_wakes_who_waits)
 *	{
 *		...
 *		return r;
 *	}
 *
 * The body is the root task of a fresh loop, whose schedule is made by the seed of
 * this run. It returns as a task does, and the test fails with the whole story of a
 * failure that it returns.
 */

#include <stdlib.h>

#include <acre/task.h>

#include "base/clock.h"
#include "core/loop.h"
#include "core/sched.h"
#include "lib/test.h"

#define TEST_TASK(name)                                                           \
	static int name##_body_(void);                                            \
	static int name##_root_(void *unused)                                     \
	{                                                                         \
		(void)unused;                                                     \
		return name##_body_();                                            \
	}                                                                         \
	static const struct acre_task_kind name##_kind_ = { "root", name##_root_, \
							    __FILE__, __LINE__ }; \
	TEST(name)                                                                \
	{                                                                         \
		test_run_task(&name##_kind_);                                     \
	}                                                                         \
	static int name##_body_(void)

/* Runs a root task to its end, in a loop of its own. */
static inline void test_run_task(const struct acre_task_kind *kind)
{
	struct loop *loop = NULL;
	int r = loop_open(&loop, &(const struct loop_options){
					 .seed = test_seed(),
					 .schedule = getenv("ACRE_SCHEDULE") });

	assert_ok(r);
	r = loop_run(loop, kind, NULL);
	assert_ok(r); /* before its story goes with the loop */
	loop_free(loop);
}

/* In a body: from here on time passes only while all tasks wait, and then at once. */
static inline void test_virtual_clock(void)
{
	clock_use_virtual(clock_now());
}

/* In a body: lets the other tasks run until all of them wait. */
static inline void test_settle(void)
{
	while (!list_is_empty(&loop_this->ready))
		sched_yield_task();
}
