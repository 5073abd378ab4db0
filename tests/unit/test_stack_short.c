/* SPDX-License-Identifier: MIT */
/* test_stack_short.c - when memory, addresses or mappings are short, no stack is had. */
/*
 * Each of them fails once; then the reason is told, the pool is as it was, and the next
 * attempt succeeds.
 */
#include <string.h>

#include "base/mem.h"
#include "base/sys.h"
#include "core/stack.h"
#include "lib/test.h"

enum { USABLE = 64 << 10, FIRST_SLAB_MAX = 16 };

static struct stack_pool pool;

static void init_pool(void)
{
	assert_int_equal(stack_pool_init(&pool, USABLE, 0), 0);
}

static void fail_calls(const char *name, int err, bool for_ever)
{
	sys_use(&sys_fault);
	sys_fault_only(name);
	sys_fault_at(1, err, for_ever);
}

static void fail_none(void)
{
	sys_fault_at(0, ENOMEM, false);
	sys_fault_only(NULL);
	sys_use(&sys_real);
}

static void use_and_finish(void *low)
{
	assert_non_null(low);
	memset(low, 1, USABLE);
	stack_put(&pool, low);
	stack_pool_fini(&pool);
}

static void check_none_then_some(const char *why)
{
	void *low = stack_get(&pool);

	fail_none();
	assert_null(low);
	assert_text_has(stack_why_not(), why);
	assert_int_equal(pool.n_out, 0);
	use_and_finish(stack_get(&pool));
}

TEST(without_addresses_there_is_no_stack)
{
	init_pool();
	fail_calls("mmap", ENOMEM, true);
	check_none_then_some("no address space");
}

TEST(a_slab_is_smaller_where_addresses_are_short)
{
	void *low;

	init_pool();
	fail_calls("mmap", ENOMEM, false);
	low = stack_get(&pool);
	fail_none();

	assert_true(pool.n_all == ((size_t)1 << 20) / (USABLE + STACK_GUARD_SIZE) / 2);
	use_and_finish(low);
}

TEST(at_the_limit_of_mappings_there_is_no_stack)
{
	sys_hide(SYS_HAS_GUARD_INSTALL, true);
	init_pool();
	fail_calls("mprotect", ENOMEM, true);
	check_none_then_some("vm.max_map_count");
	sys_hide(SYS_HAS_GUARD_INSTALL, false);
}

TEST(without_page_tables_for_its_guard_there_is_no_stack)
{
	init_pool();
	if (pool.by_mprotect)
		test_skip("this kernel has no MADV_GUARD_INSTALL");
	fail_calls("madvise", ENOMEM, true);
	check_none_then_some("page tables");
}

TEST(without_memory_there_is_no_stack)
{
	void *low = NULL;
	uint64_t nth = 0;

	init_pool();
	while (!low) {
		mem_fail_at(++nth, false);
		low = stack_get(&pool);
		mem_fail_at(0, false);
		if (!low)
			assert_string_equal(stack_why_not(), "no memory");
	}

	assert_true(nth > 2);
	use_and_finish(low);
}

TEST(a_pool_that_cannot_grow_keeps_what_it_has)
{
	uint8_t *low[FIRST_SLAB_MAX];
	int n = 0;

	init_pool();
	do
		low[n++] = stack_get(&pool);
	while (pool.fresh < pool.fresh_end);
	mem_fail_at(1, true);
	assert_null(stack_get(&pool));
	stack_put(&pool, low[--n]);
	assert_ptr_equal(stack_get(&pool), low[n++]);
	mem_fail_at(0, false);

	while (n > 0)
		stack_put(&pool, low[--n]);
	stack_pool_fini(&pool);
}
