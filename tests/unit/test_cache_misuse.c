/* SPDX-License-Identifier: MIT */
/* test_cache_misuse.c - what stops a program that uses a cache of resources wrongly. */
#include "lib/test.h"

#include <acre/share.h>

#include "lib/run.h"

static int open_nothing(void *arg, void **ret_value)
{
	*ret_value = arg;
	return 0;
}

static int close_nothing(void *arg, void *value, int r)
{
	assert_ptr_equal(arg, value);
	return r;
}

static struct acre_cache *open_cache(void)
{
	struct acre_cache *cache = NULL;

	assert_ok(acre_cache_open(&cache));
	return cache;
}

static int close_in_use(void *arg)
{
	struct acre_cache *cache = open_cache();
	struct acre_resource resource = { "lamp", open_nothing, close_nothing, NULL };
	void *value;

	(void)arg;
	assert_int_equal(acre_cache_enter(cache, &resource, &value), 1);
	return acre_cache_close(&cache, 0);
}

TEST_FAILS(closing_a_cache_in_use_is_a_bug, "while resource lamp has 1 users")
{
	static const struct acre_task_kind kind = { "root", close_in_use, "", 0 };

	test_run_task(&kind);
}

static int leave_what_nobody_uses(void *arg)
{
	struct acre_cache *cache = open_cache();

	(void)arg;
	return acre_cache_leave(cache, "lamp", 0);
}

TEST_FAILS(leaving_what_nobody_uses_is_a_bug,
	   "task root leaves resource lamp, which nobody uses")
{
	static const struct acre_task_kind kind = { "root", leave_what_nobody_uses, "",
						    0 };

	test_run_task(&kind);
}

static struct acre_scope left_open;

static int open_and_leave_a_scope(void *arg, void **ret_value)
{
	*ret_value = arg;
	acre_scope_open(&left_open);
	return 0;
}

static int enter_what_leaves_a_scope(void *arg)
{
	struct acre_cache *cache = open_cache();
	struct acre_resource resource = { "lamp", open_and_leave_a_scope, close_nothing,
					  NULL };
	void *value;

	(void)arg;
	return acre_cache_enter(cache, &resource, &value);
}

TEST_FAILS(an_open_that_leaves_a_scope_open_is_a_bug,
	   "left a scope or a nursery open in task root")
{
	static const struct acre_task_kind kind = { "root", enter_what_leaves_a_scope, "",
						    0 };

	test_run_task(&kind);
}

static struct acre_cache *entered_from_within;

static int open_itself(void *arg, void **ret_value)
{
	struct acre_resource resource = { "lamp", open_itself, close_nothing, arg };

	return acre_cache_enter(entered_from_within, &resource, ret_value);
}

static int enter_what_enters_itself(void *arg)
{
	void *value;

	entered_from_within = open_cache();
	return open_itself(arg, &value);
}

TEST_FAILS(a_resource_that_needs_itself_is_a_bug,
	   "enters resource lamp while it opens or closes it")
{
	static const struct acre_task_kind kind = { "root", enter_what_enters_itself, "",
						    0 };

	test_run_task(&kind);
}
