/* SPDX-License-Identifier: MIT */
/* test_schedule.c - orders of ready tasks: each from its seed, fair, and worth its time. */
#include "lib/test.h"

#include <string.h>

#include <acre/chan.h>
#include <acre/share.h>

#include "base/util.h"
#include "lib/run.h"

static const char *const names[] = { "shuffle", "pct", "lifo", "fifo" };

static void run_under(const char *name, uint64_t seed, const struct acre_task_kind *kind,
		      void *arg)
{
	struct loop *loop = NULL;
	int r = loop_open(&loop,
			  &(const struct loop_options){ .seed = seed, .schedule = name });

	assert_ok(r);
	r = loop_run(loop, kind, arg);
	assert_ok(r);
	loop_free(loop);
}

/*
 * What an order is made of.
 */

#define N_WALKERS 6
#define N_STEPS	  4

struct walk {
	char order[N_WALKERS * N_STEPS + 1]; /* who ran, as letters */
	size_t n;
};

struct walker {
	struct walk *walk;
	char letter;
};

ACRE_TASK(walk_on, struct walker *w)
{
	for (int i = 0; i < N_STEPS; i++) {
		int r;

		w->walk->order[w->walk->n++] = w->letter;
		r = acre_yield();
		if (r < 0)
			return r;
	}
	return 0;
}

static int walk_all(void *arg)
{
	struct walker walkers[N_WALKERS];
	int r = 0;

	ACRE_NURSERY(n, r)
		for (int i = 0; i < N_WALKERS && r >= 0; i++) {
			walkers[i] = (struct walker){ arg, (char)('a' + i) };
			r = acre_go(&n, walk_on, &walkers[i]);
		}
	return r;
}

static const struct acre_task_kind walk_kind = { "root", walk_all, __FILE__, __LINE__ };

static struct walk walk_under(const char *name, uint64_t seed)
{
	struct walk walk = { .n = 0 };

	run_under(name, seed, &walk_kind, &walk);
	assert_int_equal(walk.n, N_WALKERS * N_STEPS);
	return walk;
}

TEST(the_same_seed_gives_the_same_order)
{
	for (size_t i = 0; i < ARRAY_N(names); i++)
		for (uint64_t seed = 1; seed <= 20; seed++)
			assert_string_equal(walk_under(names[i], seed).order,
					    walk_under(names[i], seed).order);
}

TEST(another_seed_gives_another_order_where_there_is_a_choice)
{
	for (size_t i = 0; i < 2; i++) {
		int n = 0;

		for (uint64_t seed = 1; seed <= 20; seed++)
			n += strcmp(walk_under(names[i], seed).order,
				    walk_under(names[i], seed + 1).order) != 0;
		assert_true(n >= 19);
	}
}

TEST(fifo_and_lifo_are_what_they_say)
{
	assert_string_equal(walk_under("fifo", 1).order, "abcdefabcdefabcdefabcdef");
	assert_string_equal(walk_under(NULL, 0).order, "abcdefabcdefabcdefabcdef");
	assert_string_equal(walk_under("pct", 0).order, "abcdefabcdefabcdefabcdef");
	/* who yields goes behind all others */
	assert_string_equal(walk_under("lifo", 1).order, "fedcbafedcbafedcbafedcba");
}

TEST(each_of_the_ready_is_the_first_as_often_in_a_shuffle)
{
	int n[N_WALKERS] = { 0 };

	for (uint64_t seed = 1; seed <= 1200; seed++)
		n[walk_under("shuffle", seed).order[0] - 'a']++;
	for (int i = 0; i < N_WALKERS; i++)
		assert_in_range(n[i], 160, 240); /* of 200; the seeds are always these */
}

TEST(an_unknown_schedule_is_refused)
{
	struct loop *loop = NULL;

	assert_int_equal(loop_open(&loop,
				   &(const struct loop_options){ .seed = 1,
								 .schedule = "any" }),
			 -EINVAL);
	assert_null(loop);
}

/*
 * Two tasks that wake each other, and one beside them.
 */

struct pair {
	struct acre_event ping, pong;
	bool over;
};

static int turn(struct pair *p)
{
	int r;

	acre_event_set(&p->ping);
	r = acre_event_wait(&p->pong);
	acre_event_reset(&p->pong);
	return r;
}

ACRE_TASK(answer, struct pair *p)
{
	int r = acre_event_wait(&p->ping);

	while (r >= 0 && !p->over) {
		acre_event_reset(&p->ping);
		acre_event_set(&p->pong);
		r = acre_event_wait(&p->ping);
	}
	acre_event_set(&p->pong);
	return r;
}

ACRE_TASK(ask, struct pair *p)
{
	int r = 0;

	while (r >= 0 && !p->over)
		r = turn(p);
	acre_event_set(&p->ping);
	return r;
}

ACRE_TASK(end_it, struct pair *p)
{
	p->over = true;
	return 0;
}

static void pair_init(struct pair *p)
{
	*p = (struct pair){ .over = false };
	acre_event_init(&p->ping);
	acre_event_init(&p->pong);
}

static int end_a_pair(void *unused)
{
	struct pair p;
	int r = 0;

	(void)unused;
	pair_init(&p);
	ACRE_NURSERY(n, r) {
		r = acre_go(&n, end_it, &p);
		if (r >= 0)
			r = acre_go(&n, answer, &p);
		if (r >= 0)
			r = acre_go(&n, ask, &p);
	}
	return r;
}

static const struct acre_task_kind pair_kind = { "root", end_a_pair, __FILE__, __LINE__ };

TEST(nobody_starves_for_ever_beside_two_who_wake_each_other)
{
	for (size_t i = 0; i < ARRAY_N(names); i++)
		for (uint64_t seed = 1; seed <= 100; seed++)
			run_under(names[i], seed, &pair_kind, NULL);
}

static int wait_by_yielding(void *unused)
{
	struct pair p;
	int r = 0;

	(void)unused;
	pair_init(&p);
	ACRE_NURSERY(n, r) {
		r = acre_go(&n, end_it, &p);
		while (r >= 0 && !p.over)
			r = acre_yield();
	}
	return r;
}

static const struct acre_task_kind yield_kind = { "root", wait_by_yielding, __FILE__,
						  __LINE__ };

TEST(who_yields_lets_the_others_run)
{
	for (size_t i = 0; i < ARRAY_N(names); i++)
		for (uint64_t seed = 1; seed <= 100; seed++)
			run_under(names[i], seed, &yield_kind, NULL);
}

/*
 * A bug that needs an order of two: a task waits while a resource is opened (so it runs before
 * the open ends), and then does not run until all who use it have left (twenty choices later).
 * A shuffle does that once in a million times, since it has to decide against the task at each
 * of the choices; pct decides once, and lifo always.
 */
#define N_TURNS 10

struct resource {
	struct pair pair; /* its opener, and who that talks to */
	struct acre_cache *cache;
	bool is_opening, is_open, has_left, was_overtaken;
};

static int resource_open(void *arg, void **ret)
{
	struct resource *res = arg;
	int r;

	res->is_opening = true;
	r = turn(&res->pair);
	res->is_opening = false;
	res->is_open = r >= 0;
	*ret = res;
	return r;
}

static int resource_close(void *arg, void *value, int r)
{
	struct resource *res = arg;

	assert_ptr_equal(value, res);
	res->is_open = false;
	return r;
}

static int enter(struct resource *res)
{
	struct acre_resource resource = { "it", resource_open, resource_close, res };
	void *value = NULL;
	int r = acre_cache_enter(res->cache, &resource, &value);

	assert_ok(r);
	assert_true(res->is_open);
	assert_ptr_equal(value, res);
	return r;
}

/* Who opened it works for twenty choices, the other one only looks. */
ACRE_TASK(use, struct resource *res)
{
	bool waits = res->is_opening;
	int r = enter(res);
	bool opened = r > 0;

	for (int i = 0; i < N_TURNS && r >= 0 && opened; i++)
		r = turn(&res->pair);
	res->was_overtaken |= waits && res->has_left;
	r = acre_cache_leave(res->cache, "it", r);
	res->has_left = true;
	return r;
}

static int use_by_two(void *arg)
{
	struct resource *res = arg;
	int r;

	pair_init(&res->pair);
	r = acre_cache_open(&res->cache);
	if (r < 0)
		return r;
	ACRE_NURSERY(all, r) {
		r = acre_go(&all, answer, &res->pair);
		ACRE_NURSERY(users, r) {
			r = acre_go(&users, use, res);
			if (r >= 0)
				r = acre_go(&users, use, res);
		}
		res->pair.over = true;
		acre_event_set(&res->pair.ping);
	}
	return acre_cache_close(&res->cache, r);
}

static const struct acre_task_kind use_kind = { "root", use_by_two, __FILE__, __LINE__ };

static int count_overtaken(const char *name, uint64_t n_seeds)
{
	int n = 0;

	for (uint64_t seed = 1; seed <= n_seeds; seed++) {
		struct resource res = { .is_open = false };

		run_under(name, seed, &use_kind, &res);
		n += res.was_overtaken;
	}
	test_note("%s: %d of %d", name, n, (int)n_seeds);
	return n;
}

TEST(an_order_of_two_is_met_by_pct)
{
	assert_true(count_overtaken("pct", 200) > 0);
}

TEST(an_order_of_two_is_met_by_lifo)
{
	assert_true(count_overtaken("lifo", 1) > 0);
}

/* If this fails, the two above prove nothing: make N_TURNS larger. */
TEST(an_order_of_two_is_not_met_by_a_shuffle_in_ten_times_as_many_seeds)
{
	assert_int_equal(count_overtaken("shuffle", 2000), 0);
	assert_int_equal(count_overtaken("fifo", 1), 0);
}
