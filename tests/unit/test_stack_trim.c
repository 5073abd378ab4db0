/* SPDX-License-Identifier: MIT */
/* test_stack_trim.c - the cache of stacks grows with a crowd of tasks, and shrinks after it. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/sys.h"
#include "lib/run.h"

enum { USABLE = 64 << 10, CROWD = 1000, SOME = 100 };

static struct stack_pool pool;
static uint8_t *low[CROWD];

static void skip_without_cache(void)
{
#ifdef ACRE_LIKELY_BUGS
	test_skip("this build keeps no stack warm");
#endif
}

static void get_all(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		low[i] = stack_get(&pool);
		assert_non_null(low[i]);
		low[i][USABLE - STACK_LINK_SIZE - 1] = 1;
	}
}

/* Of n stacks, every stepth, then those between. */
static void put_all(size_t n, size_t step)
{
	for (size_t from = 0; from < step; from++)
		for (size_t i = from; i < n; i += step)
			stack_put(&pool, low[i]);
}

/* Whose pages are in memory. */
static size_t n_resident(size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), n_in = 0;
	unsigned char in_memory;

	for (size_t i = 0; i < n; i++) {
		assert_int_equal(mincore(low[i] + USABLE - page, page, &in_memory), 0);
		n_in += in_memory & 1;
	}
	return n_in;
}

TEST(a_cache_that_is_to_keep_more_does)
{
	skip_without_cache();
	assert_int_equal(stack_pool_init(&pool, USABLE, 1), 0);
	get_all(SOME);

	stack_pool_keep(&pool, SOME);
	stack_pool_keep(&pool, 5); /* never less */
	put_all(SOME, 1);

	assert_int_equal(pool.n_warm, SOME);
	assert_int_equal(n_resident(SOME), SOME);
	stack_pool_fini(&pool);
}

TEST(half_of_the_surplus_goes_each_time)
{
	skip_without_cache();
	assert_int_equal(stack_pool_init(&pool, USABLE, SOME), 0);
	get_all(SOME);
	put_all(SOME, 1);

	stack_pool_trim(&pool, 20);
	assert_int_equal(n_resident(SOME), 60);
	assert_int_equal(pool.cache_max, 60);
	stack_pool_trim(&pool, 20);
	assert_int_equal(n_resident(SOME), 40);
	for (int i = 0; i < 10; i++)
		stack_pool_trim(&pool, 20);

	assert_int_equal(n_resident(SOME), 20);
	assert_int_equal(pool.cache_max, 20);
	stack_pool_fini(&pool);
}

TEST(as_many_as_are_out_are_welcome_back)
{
	skip_without_cache();
	assert_int_equal(stack_pool_init(&pool, USABLE, SOME), 0);
	get_all(SOME);
	for (int i = 0; i < SOME / 2; i++)
		stack_put(&pool, low[i]);

	for (int i = 0; i < 10; i++)
		stack_pool_trim(&pool, 0);

	assert_int_equal(pool.n_warm, 0);
	assert_int_equal(pool.cache_max, SOME / 2);
	for (int i = SOME / 2; i < SOME; i++)
		stack_put(&pool, low[i]);
	stack_pool_fini(&pool);
}

/* Memory goes back, guards stay, and no stack is lost or doubled, in whatever order they came. */
static void check_all_trimmed(size_t step)
{
	assert_int_equal(stack_pool_init(&pool, USABLE, CROWD), 0);
	get_all(CROWD);
	put_all(CROWD, step);

	while (pool.n_warm > 0)
		stack_pool_trim(&pool, 0);

	assert_int_equal(n_resident(CROWD), 0);
	for (size_t i = 0; i < CROWD; i++) {
		assert_int_equal(test_peek(low[i] - 1), -1);
		assert_int_equal(test_peek(low[i]), 0);
	}
	get_all(CROWD);
	for (size_t i = 0; i < CROWD; i++)
		low[i][0] = 0;
	for (size_t i = 0; i < CROWD; i++)
		assert_int_equal(low[i][0]++, 0);
	assert_int_equal(pool.n_all - pool.n_out, (pool.fresh_end - pool.fresh) / pool.stride);
	put_all(CROWD, 1);
	stack_pool_fini(&pool);
}

TEST(stacks_go_back_in_any_order)
{
	skip_without_cache();
	for (size_t step = 1; step < 8; step++)
		check_all_trimmed(step);
}

TEST(stacks_side_by_side_go_back_in_one_call)
{
	skip_without_cache();
	assert_int_equal(stack_pool_init(&pool, USABLE, CROWD), 0);
	get_all(CROWD);
	put_all(CROWD, 1);

	sys_use(&sys_fault);
	sys_fault_only("madvise");
	sys_fault_at(0, ENOMEM, false);
	while (pool.n_warm > 0)
		stack_pool_trim(&pool, 0);
	assert_in_range(sys_fault_calls(), 1, 30); /* 7 slabs, 10 times half of the rest */
	sys_use(&sys_real);

	assert_int_equal(n_resident(CROWD), 0);
	stack_pool_fini(&pool);
}

ACRE_TASK(end_at_once, void *unused)
{
	(void)unused;
	return 0;
}

TEST_TASK(a_loop_gives_back_the_stacks_of_a_crowd_while_it_sleeps)
{
	const struct stack_pool *p = loop_this->current->pool;
	struct acre_nursery n;
	int r = 0;

	skip_without_cache();
	test_virtual_clock();
	acre_nursery_open(&n);
	for (int i = 0; i < CROWD && r >= 0; i++)
		r = acre_go(&n, end_at_once, NULL);
	r = acre_nursery_close(&n, r);
	assert_ok(r);
	assert_true(p->n_warm + 1 >= CROWD);

	r = acre_sleep(acre_ms(50));
	assert_true(p->n_warm + 1 >= CROWD); /* another crowd may come soon */
	if (r >= 0)
		r = acre_sleep(acre_secs(10));

	assert_int_equal(p->n_warm, LOOP_STACK_CACHE);
	return r;
}
