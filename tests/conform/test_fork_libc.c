/* SPDX-License-Identifier: MIT */
/* test_fork_libc.c - what libc can do in a child of a fork of ours, while threads of ours do it. */
/*
 * G17, the matrix of kernel-facts K23: each of fifteen operations that hang in the children of
 * a fork made while other threads are in them, in each of the ways in which we fork without
 * exec. Three threads of ours are busy in the operation all the time (calls of
 * acre_blocking()); each child makes it, and another one, and has to end.
 *
 * ACRE_TEST_FORKS is how often for each operation and way: 10, or 200 for the figure of the
 * promise.
 */
#include "conform/tree.h"

#include <pthread.h>

#include "core/loop.h"
#include "lib/locking.h"
#include "unit/forks.h"

enum {
	N_BUSY = 3,
	BUSY_NS =
		1000000, /* of a blocking call: most of the time it is in the operation */
	FORKS = 10,
	LIMIT = 1200, /* seconds, of 200 forks of each: a guard against hanging */
};

struct crowd {
	void (*fn)(void);
	bool over;
};

static int do_in_a_row(void *arg)
{
	const struct crowd *c = arg;

	acre_instant begun = acre_now();

	while (acre_between(begun, acre_now()).ns < BUSY_NS)
		c->fn();
	return 0;
}

ACRE_TASK(be_busy, struct crowd *crowd)
{
	int r = 0;

	while (r >= 0 && !crowd->over)
		r = acre_blocking(do_in_a_row, crowd);
	return r;
}

/* Two operations: one that the threads are in, and one after the other of all. */
#define PAIR(F) F(uint32_t, first) F(uint32_t, second)
ACRE_MSG(pair, PAIR)

static int do_both(void *arg)
{
	const struct pair *p = arg;

	locking[p->first].fn();
	locking[p->second].fn();
	return 0;
}

ACRE_CONTEXT(do_in_actor, pair, .kind = ACRE_ENDPOINT_ONESHOT)
{
	struct pair p = *in;
	int r;

	locking_begin(); /* one of a forkserver is without our memory */
	r = do_both(&p);
	return r < 0 ? r : acre_return(ctx, acre_nil, 0);
}

/*
 * The ways. Each makes a child that does both, and waits for its end.
 */

static int by_worker(struct pair *p)
{
	return strcmp(status_of(do_both, p, 0), "rc=0") ? acre_fail(T_VALUE, "its status")
							: 0;
}

/* The thread that has made the loop's is a stranger; it waits and holds nothing. */
static int by_worker_of_a_thread(struct pair *p)
{
	return strcmp(status_of(do_both, p, ACRE_FORK_STRANGERS), "rc=0")
		       ? acre_fail(T_VALUE, "its status")
		       : 0;
}

static int by_actor(struct pair *p)
{
	int r = 0;

	ACRE_WITHIN(acre_secs(SOON), r)
		r = acre_oneshot(do_in_actor, p, acre_nil, &nil);
	return r;
}

static uint32_t n_forks(void)
{
	const char *given = getenv("ACRE_TEST_FORKS");

	return given ? (uint32_t)strtoul(given, NULL, 10) : FORKS;
}

static int fork_beside(uint32_t first, int (*way)(struct pair *p))
{
	struct crowd crowd = { .fn = locking[first].fn };
	int r = 0;

	ACRE_NURSERY(n, r) {
		for (int i = 0; i < N_BUSY && r >= 0; i++)
			r = acre_go(&n, be_busy, &crowd);
		for (uint32_t i = 0; i < n_forks() && r >= 0; i++) {
			struct pair p = { first, (first + i) % (uint32_t)n_locking };

			r = acre_note(way(&p), "doing %s and %s in a child, fork %u",
				      locking[p.first].name, locking[p.second].name, i);
		}
		crowd.over = true;
	}
	return r;
}

static int fork_beside_all(int (*way)(struct pair *p))
{
	int r = 0;

	locking_begin();
	test_limit(LIMIT);
	for (uint32_t i = 0; i < n_locking && r >= 0; i++)
		r = fork_beside(i, way);
	locking_end();
	test_note("%u forks beside each of %zu operations", n_forks(), n_locking);
	return r;
}

static void needs_libc(void)
{
	if (is_sanitized())
		test_skip("a sanitizer stands between this test and libc");
}

static int all_by_worker(void)
{
	int r = fork_beside_all(by_worker);

	assert_no_child();
	return r;
}

TEST(g17_no_operation_of_libc_hangs_in_a_forked_function)
{
	needs_libc();
	assert_ok(tree_result(all_by_worker, false));
	report_thread_fini();
}

static int all_by_worker_of_a_thread(void *unused)
{
	(void)unused;
	return fork_beside_all(by_worker_of_a_thread);
}

static void *run_in_thread(void *unused)
{
	static const struct acre_task_kind kind = { "root", all_by_worker_of_a_thread,
						    __FILE__, __LINE__ };

	test_run_task(&kind);
	return unused;
}

TEST(g17_nor_in_one_that_another_threads_loop_forks)
{
	pthread_t thread;

	needs_libc();
	assert_int_equal(pthread_create(&thread, NULL, run_in_thread, NULL), 0);
	pthread_join(thread, NULL);
	assert_no_child();
}

static int all_by_actor(void)
{
	return fork_beside_all(by_actor);
}

static void check_actors(const char *backend)
{
	needs_libc();
	use_backend(backend);
	assert_ok(tree_result(all_by_actor, false));
	report_thread_fini();
}

TEST(g17_nor_in_a_forked_actor)
{
	check_actors("fork");
}

TEST(g17_nor_in_an_actor_of_a_forkserver)
{
	check_actors("forkserver");
}
