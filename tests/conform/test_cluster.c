/* SPDX-License-Identifier: MIT */
/* test_cluster.c - clusters: as many as cores, a stream to each, and their ends: case C116. */
#include "conform/tree.h"

#include <sched.h>
#include <stdio.h>

static int cores(void)
{
	cpu_set_t set;

	assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
	return CPU_COUNT(&set);
}

/* Says who it is, and sends back what comes. */
ACRE_CONTEXT(echoes, acre_nil)
{
	struct acre_int item;
	int64_t n = 0;
	int r = acre_started(ctx, acre_text, .value = acre_self_name());

	for (; r >= 0 && (r = acre_recv(ctx, acre_int, &item)) > 0; n++)
		r = acre_send(ctx, acre_int, .value = item.value);
	return r < 0 ? r : acre_return(ctx, acre_int, .value = n);
}

#define ROUNDS 200

static int first_is(const struct acre_worker *worker, const char *name)
{
	struct acre_text first;
	int r = acre_first(worker->ctx, acre_text, &first);

	assert_true(r < 0 || !strcmp(first.value, name));
	assert_string_equal(acre_actor_name(worker->actor), name);
	return r;
}

static int exchange(struct acre_worker *workers, size_t n)
{
	struct acre_int item;
	int r = 0;

	for (int64_t i = 0; i < ROUNDS && r >= 0; i++) {
		for (size_t w = 0; w < n && r >= 0; w++)
			r = acre_send(workers[w].ctx, acre_int,
				      .value = i * (int64_t)n + (int64_t)w);
		for (size_t w = 0; w < n && r >= 0; w++) {
			r = acre_recv(workers[w].ctx, acre_int, &item);
			assert_true(r < 0 || (r == 1 &&
					      item.value == i * (int64_t)n + (int64_t)w));
		}
	}
	return r;
}

static int results(struct acre_worker *workers, size_t n)
{
	struct acre_int answered;
	int r = 0;

	for (size_t w = 0; w < n && r >= 0; w++)
		r = acre_finish(workers[w].ctx);
	for (size_t w = 0; w < n && r >= 0; w++) {
		r = acre_result(workers[w].ctx, acre_int, &answered);
		assert_true(r < 0 || answered.value == ROUNDS);
	}
	return r;
}

static int go_round(struct acre_worker *workers, size_t n, void *had)
{
	char name[ACRE_ACTOR_NAME_SIZE];
	int r = 0;

	assert_int_equal(acre_children(NULL, 0), n);
	for (size_t w = 0; w < n && r >= 0; w++) {
		snprintf(name, sizeof name, "root.worker_%zu", w);
		r = first_is(&workers[w], name);
	}
	if (r >= 0)
		r = exchange(workers, n);
	if (r >= 0)
		r = results(workers, n);
	*(size_t *)had = n;
	return r;
}

TEST_TREE(c116_a_worker_for_each_core_and_a_stream_to_each)
{
	acre_instant begun = acre_now();
	size_t had = 0;
	int r = acre_cluster(echoes, &nil, go_round, &had);

	assert_ok(r);
	assert_int_equal(had, cores());
	assert_int_equal(acre_children(NULL, 0), 0);
	assert_true(seconds_since(begun) < 6);
	return r;
}

TEST_TREE(c116_as_many_as_asked_for)
{
	size_t had = 0;
	int r = acre_cluster(echoes, &nil, go_round, &had, .n = 5);

	assert_int_equal(had, 5);
	return r;
}

static int are_named(struct acre_worker *workers, size_t n, void *unused)
{
	int r = 0;

	(void)unused;
	assert_int_equal(n, 2);
	r = first_is(&workers[0], "mare");
	if (r >= 0)
		r = first_is(&workers[1], "foal");
	return r < 0 ? r : 7;
}

/* Streams that the body has left open are closed for it: the workers see the end. */
TEST_TREE(c116_with_names_and_a_body_that_finishes_nothing)
{
	static const char *const names[] = { "mare", "foal", NULL };

	assert_ok(acre_cluster(echoes, &nil, are_named, NULL, .names = names));
	assert_ok(acre_cluster(echoes, &nil, are_named, NULL, .names = names, .n = 2));
	return 0;
}

static int never(struct acre_worker *workers, size_t n, void *unused)
{
	(void)workers, (void)n, (void)unused;
	fail_msg("the body of a cluster that cannot be ran");
	return 0;
}

TEST_TREE(c116_wrong_numbers_and_options)
{
	static const char *const names[] = { "mare", "foal", NULL }, *const none[] = {
		NULL
	};

	assert_class(acre_cluster(echoes, &nil, never, NULL, .names = names, .n = 3),
		     EINVAL);
	assert_class(acre_cluster(echoes, &nil, never, NULL, .names = names, .n = 1),
		     EINVAL);
	assert_class(acre_cluster(echoes, &nil, never, NULL, .names = none), EINVAL);
	assert_class(acre_cluster(echoes, &nil, never, NULL, .n = 1025), EINVAL);
	assert_class(acre_cluster(echoes, &nil, never, NULL, .spawn = { .name = "x" }),
		     EINVAL);
	assert_class(acre_cluster(echoes, &nil, never, NULL, .reserved = { 1 }), EINVAL);
	assert_class(acre_cluster(echoes, &nil, never, NULL, .spawn = { .backend = "?" }),
		     EINVAL);
	assert_int_equal(acre_children(NULL, 0), 0);
	return 0;
}

static int fails(struct acre_worker *workers, size_t n, void *unused)
{
	(void)workers, (void)n, (void)unused;
	return acre_fail(T_VALUE, "the body's own");
}

TEST_TREE(c116_a_failing_body_ends_all)
{
	assert_class(acre_cluster(sleeps_for_ever, &nil, fails, NULL, .n = 3), T_VALUE);
	assert_int_equal(acre_children(NULL, 0), 0);
	return 0;
}

/* The first value 'who' of the workers fails, when it is told. */
ACRE_CONTEXT(fails_if_told, acre_nil)
{
	struct acre_int item;
	int r = acre_started(ctx, acre_nil);

	if (r >= 0)
		r = acre_recv(ctx, acre_int, &item);
	if (r > 0)
		return acre_fail(T_ASSERT, "told to");
	return r < 0 ? r : acre_sleep(acre_secs(3600));
}

static int tells_the_last(struct acre_worker *workers, size_t n, void *unused)
{
	(void)unused;
	return acre_send(workers[n - 1].ctx, acre_int, .value = 1);
}

/* The others would sleep for ever: the failure cancels them. */
TEST_TREE(c116_a_failing_worker_ends_all)
{
	assert_remote(acre_cluster(fails_if_told, &nil, tells_the_last, NULL, .n = 3),
		      T_ASSERT);
	assert_int_equal(acre_children(NULL, 0), 0);
	return 0;
}

ACRE_CONTEXT(fails_at_once, acre_nil)
{
	return strstr(acre_self_name(), "_1") ? acre_fail(T_RUNTIME, "at once")
					      : acre_sleep(acre_secs(3600));
}

TEST_TREE(c116_a_worker_that_does_not_start_ends_all)
{
	assert_remote(acre_cluster(fails_at_once, &nil, never, NULL, .n = 3), T_RUNTIME);
	assert_int_equal(acre_children(NULL, 0), 0);
	return 0;
}

static int waits(struct acre_worker *workers, size_t n, void *entered)
{
	(void)workers, (void)n;
	*(bool *)entered = true;
	return acre_sleep(acre_secs(3600));
}

struct cancelled {
	struct acre_nursery *nursery;
	bool entered;
};

ACRE_TASK(a_cluster_that_waits, struct cancelled *c)
{
	return acre_cluster(sleeps_for_ever, &nil, waits, &c->entered, .n = 2);
}

TEST_TREE(c116_a_cancelled_cluster_ends_its_actors)
{
	struct cancelled c = { .entered = false };
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_go(&n, a_cluster_that_waits, &c);
		while (r >= 0 && !c.entered) /* bound: the test's own */
			r = acre_sleep(acre_ms(1));
		acre_nursery_cancel(&n);
	}
	assert_ok(r);
	assert_true(c.entered);
	assert_int_equal(acre_children(NULL, 0), 0);
	return r;
}
