/* SPDX-License-Identifier: MIT */
/* test_stack.c - stacks are apart, guarded, reused, and cost what they touch. */
#define _GNU_SOURCE
#include "core/stack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/util.h"
#include "core/fiber.h"
#include "lib/test.h"

enum { USABLE = 64 << 10, SOME = 100 };

static struct stack_pool pool;

static void init_pool(size_t cache_max)
{
	assert_int_equal(stack_pool_init(&pool, USABLE, cache_max), 0);
}

static void *get(void)
{
	void *low = stack_get(&pool);

	if (!low)
		fail_msg("no stack: %s", stack_why_not());
	return low;
}

static bool is_accessible(const void *address)
{
	return test_peek(address) >= 0;
}

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t n_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	size_t n = 0;
	int c;

	assert_non_null(maps);
	while ((c = fgetc(maps)) != EOF)
		n += c == '\n';
	fclose(maps);
	return n;
}

/* What is handed out */

TEST(all_bytes_of_a_stack_can_be_used)
{
	uint8_t *low;

	init_pool(0);
	low = get();
	memset(low, 0xa5, USABLE);

	assert_int_equal((uintptr_t)low % page_size(), 0);
	assert_true(is_accessible(low));
	assert_true(is_accessible(low + USABLE - 1));
	stack_put(&pool, low);
	stack_pool_fini(&pool);
}

TEST(a_size_is_rounded_up_to_pages)
{
	assert_int_equal(stack_pool_init(&pool, 1, 0), 0);
	assert_int_equal(pool.usable, page_size());
	assert_int_equal(stack_pool_init(&pool, page_size(), 0), 0);
	assert_int_equal(pool.usable, page_size());
	assert_int_equal(stack_pool_init(&pool, page_size() + 1, 0), 0);
	assert_int_equal(pool.usable, 2 * page_size());
}

TEST(a_size_that_cannot_be_is_refused)
{
	assert_int_equal(stack_pool_init(&pool, 0, 0), -EINVAL);
	assert_int_equal(stack_pool_init(&pool, SIZE_MAX, 0), -EINVAL);
	assert_int_equal(stack_pool_init(&pool, SIZE_MAX / 2, 0), -EINVAL);
}

TEST(a_stack_larger_than_a_slab_has_one_of_its_own)
{
	size_t large = (size_t)8 << 20;
	uint8_t *low[3];

	assert_int_equal(stack_pool_init(&pool, large, 1), 0);
	for (size_t i = 0; i < ARRAY_N(low); i++) {
		low[i] = get();
		low[i][0] = low[i][large - 1] = 1;
		assert_false(is_accessible(low[i] - 1));
	}
	for (size_t i = 0; i < ARRAY_N(low); i++)
		stack_put(&pool, low[i]);
	stack_pool_fini(&pool);
}

/* The highest byte that is the owner's, and the lowest one, bear the owner's number. */
static void mark(uint8_t *low, size_t i)
{
	low[0] = low[USABLE - STACK_LINK_SIZE - 1] = (uint8_t)i;
}

static bool is_marked(const uint8_t *low, size_t i)
{
	return low[0] == (uint8_t)i && low[USABLE - STACK_LINK_SIZE - 1] == (uint8_t)i;
}

/* Any order of getting and giving back, against a plain list of what is out. */
TEST(no_stack_has_two_owners)
{
	static uint8_t *out[SOME];
	size_t n = 0, i;

	srandom((unsigned)test_seed());
	init_pool(SOME / 4);
	for (int step = 0; step < 5000; step++) {
		if (n < SOME && (n == 0 || random() % 2)) {
			out[n] = get();
			mark(out[n], n);
			n++;
		} else {
			i = (size_t)random() % n;
			assert_true(is_marked(out[i], i));
			stack_put(&pool, out[i]);
			n--;
			if (i < n) {
				assert_true(is_marked(out[n], n));
				out[i] = out[n];
				mark(out[i], i);
			}
		}
		assert_int_equal(pool.n_out, n);
	}
	while (n > 0)
		stack_put(&pool, out[--n]);
	stack_pool_fini(&pool);
}

/* Guards */

static bool dies_of_writing_to(uint8_t *address)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		sigaction(SIGSEGV, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
		*(volatile uint8_t *)address = 1;
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

static void check_guard(uint8_t *low)
{
	for (size_t below = 1; below <= STACK_GUARD_SIZE; below += 4095)
		assert_false(is_accessible(low - below));
	assert_false(is_accessible(low - STACK_GUARD_SIZE));
	assert_true(dies_of_writing_to(low - 1));
	assert_true(dies_of_writing_to(low - STACK_GUARD_SIZE));
	assert_false(dies_of_writing_to(low));
}

TEST(below_each_stack_a_guard_traps)
{
	uint8_t *low[SOME];

	init_pool(0);
	for (size_t i = 0; i < SOME; i++)
		low[i] = get();
	check_guard(low[0]);
	check_guard(low[SOME - 1]);

	for (size_t i = 0; i < SOME; i++)
		stack_put(&pool, low[i]);
	stack_pool_fini(&pool);
}

TEST(a_stack_is_guarded_also_the_second_time)
{
	uint8_t *low;

	init_pool(0);
	low = get();
	stack_put(&pool, low);
	assert_ptr_equal(get(), low);

	check_guard(low);
	stack_put(&pool, low);
	stack_pool_fini(&pool);
}

TEST(an_older_kernel_guards_with_mappings)
{
	uint8_t *low[2];

	sys_hide(SYS_HAS_GUARD_INSTALL, true);
	init_pool(0);
	low[0] = get();
	low[1] = get();
	assert_true(pool.by_mprotect);

	check_guard(low[0]);
	check_guard(low[1]);
	stack_put(&pool, low[0]);
	check_guard(low[1]);
	stack_put(&pool, low[1]);
	low[1] = get();
	check_guard(low[1]);
	stack_put(&pool, low[1]);
	stack_pool_fini(&pool);
	sys_hide(SYS_HAS_GUARD_INSTALL, false);
}

/* Locked from birth, not filled; by the raw call, which the sanitizers leave alone. */
TEST(locked_memory_is_guarded_too)
{
	uint8_t *low;

	init_pool(0);
	if (syscall(SYS_mlockall, MCL_FUTURE | MCL_ONFAULT) != 0)
		test_skip("mlockall: %m");
	low = stack_get(&pool);
	assert_int_equal(syscall(SYS_munlockall), 0);
	assert_non_null(low);
	assert_true(pool.by_mprotect);

	check_guard(low);
	stack_put(&pool, low);
	low = get();
	check_guard(low);
	stack_put(&pool, low);
	stack_pool_fini(&pool);
}

static struct fiber home, deep;

static uintptr_t frame_pointer_of(const ucontext_t *context)
{
#ifdef __x86_64__
	return (uintptr_t)context->uc_mcontext.gregs[REG_RBP];
#else
	return (uintptr_t)context->uc_mcontext.regs[29];
#endif
}

/* Runs on the alternate stack, since there is no room on the other one. */
static void on_segv(int sig, siginfo_t *info, void *context)
{
	static uintptr_t pcs[2000];
	uintptr_t low = 0;
	bool in_guard = false;
	size_t n;

	(void)sig;
	if (!stack_find(&pool, (uintptr_t)info->si_addr, &low, &in_guard) || !in_guard)
		_exit(2);
	if (low != (uintptr_t)deep.low)
		_exit(3);
	n = fiber_walk(frame_pointer_of(context), low, low + USABLE, pcs, ARRAY_N(pcs));
	_exit(n < 50 ? 4 : 0);
}

__attribute__((noinline))
static int descend(int depth)
{
	volatile char room[256];

	room[0] = (char)depth;
	return depth < 0 ? 0 : descend(depth + 1) + room[0];
}

static void overflow(void *unused)
{
	(void)unused;
	descend(1);
	_exit(5);
}

static void overflow_in_child(void)
{
	static uint8_t own_stack[64 << 10];

	sigaltstack(&(stack_t){ .ss_sp = own_stack, .ss_size = sizeof own_stack }, NULL);
	sigaction(SIGSEGV,
		  &(struct sigaction){ .sa_sigaction = on_segv,
				       .sa_flags = SA_SIGINFO | SA_ONSTACK },
		  NULL);
	fiber_switch(&home, &deep);
}

TEST(an_overflow_ends_in_the_guard_and_its_frames_can_be_walked)
{
	void *low;
	int status;
	pid_t pid;

	fiber_adopt(&home);
	init_pool(0);
	low = get();
	fiber_init(&deep, low, USABLE, overflow, NULL);
	pid = fork();
	if (pid == 0)
		overflow_in_child();
	assert_int_equal(waitpid(pid, &status, 0), pid);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	fiber_fini(&deep);
	stack_put(&pool, low);
	stack_pool_fini(&pool);
}

/* Free ones */

#ifdef ACRE_LIKELY_BUGS
TEST(a_stack_given_back_traps)
{
	uint8_t *low;

	init_pool(SOME);
	low = get();
	memset(low, 1, USABLE);
	stack_put(&pool, low);

	assert_false(is_accessible(low));
	assert_false(is_accessible(low + USABLE - 1));
	assert_true(dies_of_writing_to(low + USABLE / 2));
	assert_ptr_equal(get(), low);
	memset(low, 1, USABLE);
	stack_put(&pool, low);
	stack_pool_fini(&pool);
}
#else
static size_t n_resident(void *low)
{
	size_t page = page_size(), n = 0;
	unsigned char in_memory[USABLE / 4096];

	assert_int_equal(mincore(low, USABLE, in_memory), 0);
	for (size_t i = 0; i < USABLE / page; i++)
		n += in_memory[i] & 1;
	return n;
}

TEST(the_stack_given_back_last_is_the_next_one)
{
	uint8_t *a, *b;

	init_pool(2);
	a = get();
	b = get();
	stack_put(&pool, a);
	stack_put(&pool, b);

	assert_ptr_equal(get(), b);
	assert_ptr_equal(get(), a);
	stack_put(&pool, a);
	stack_put(&pool, b);
	stack_pool_fini(&pool);
}

TEST(a_warm_stack_keeps_its_pages)
{
	uint8_t *low;

	init_pool(1);
	low = get();
	memset(low, 0xa5, USABLE);
	stack_put(&pool, low);

	assert_int_equal(n_resident(low), USABLE / page_size());
	assert_ptr_equal(get(), low);
	assert_int_equal(test_peek(low), 0xa5);
	assert_int_equal(test_peek(low + USABLE - STACK_LINK_SIZE - 1), 0xa5);
	stack_put(&pool, low);
	stack_pool_fini(&pool);
}

TEST(a_stack_in_the_cache_costs_what_its_task_has_touched)
{
	uint8_t *low;

	init_pool(1);
	low = get();
	low[USABLE - STACK_LINK_SIZE - 1] = 1;
	assert_int_equal(n_resident(low), 1);
	stack_put(&pool, low);

	assert_int_equal(n_resident(low), 1);
	assert_ptr_equal(get(), low);
	assert_int_equal(n_resident(low), 1);
	stack_put(&pool, low);
	stack_pool_fini(&pool);
}

TEST(beyond_the_cache_stacks_cost_nothing)
{
	uint8_t *low[3];

	init_pool(1);
	for (int i = 0; i < 3; i++) {
		low[i] = get();
		memset(low[i], 0xa5, USABLE);
	}
	for (int i = 0; i < 3; i++)
		stack_put(&pool, low[i]);

	assert_int_equal(n_resident(low[0]), USABLE / page_size());
	assert_int_equal(n_resident(low[1]), 0);
	assert_int_equal(n_resident(low[2]), 0);
	stack_pool_fini(&pool);
}
#endif

TEST(free_stacks_are_used_before_new_ones)
{
	uint8_t *low[SOME];
	uintptr_t fresh;

	init_pool(SOME / 2);
	for (int i = 0; i < SOME; i++)
		low[i] = get();
	fresh = pool.fresh;
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < SOME; i++)
			stack_put(&pool, low[i]);
		for (int i = 0; i < SOME; i++)
			low[i] = get();
	}

	assert_true(pool.fresh == fresh);
	for (int i = 0; i < SOME; i++)
		stack_put(&pool, low[i]);
	stack_pool_fini(&pool);
}

/* Many */

/* More than there could be if each guard took a mapping: 32,754 (kernel-facts K49). */
TEST(many_stacks_take_few_mappings)
{
	enum { MANY = 40000 };
	static uint8_t *low[MANY];
	size_t before = n_mappings();

	if (!sys_has(SYS_HAS_GUARD_INSTALL))
		test_skip("this kernel has no MADV_GUARD_INSTALL");
	init_pool(0);
	for (int i = 0; i < MANY; i++)
		low[i] = get();

	assert_in_range(n_mappings(), 0, before + 200); /* the sanitizers map some, too */
	assert_false(is_accessible(low[MANY - 1] - 1));
	for (int i = 0; i < MANY; i++)
		stack_put(&pool, low[i]);
	stack_pool_fini(&pool);
}

static bool is_mapped(void *low)
{
	unsigned char in_memory;

	return mincore(low, 1, &in_memory) == 0;
}

TEST(the_end_of_a_pool_unmaps_all)
{
	uint8_t *low[SOME];

	init_pool(SOME);
	for (int i = 0; i < SOME; i++)
		low[i] = get();
	for (int i = 0; i < SOME; i++)
		stack_put(&pool, low[i]);
	stack_pool_fini(&pool);

	for (int i = 0; i < SOME; i++)
		assert_false(is_mapped(low[i]));
	stack_pool_fini(&pool);
}

TEST(a_zeroed_pool_can_be_finished)
{
	struct stack_pool zeroed = { 0 };

	stack_pool_fini(&zeroed);
	init_pool(3);
	stack_pool_fini(&pool);
	stack_pool_fini(&pool);
}

TEST_FAILS(a_pool_cannot_end_with_a_stack_out, "n_out == 0")
{
	init_pool(0);
	get();
	stack_pool_fini(&pool);
}

/* Where an address lies */

TEST(an_address_is_found_in_its_stack_or_guard)
{
	uintptr_t low[SOME], found;
	bool in_guard;

	init_pool(0);
	for (int i = 0; i < SOME; i++)
		low[i] = (uintptr_t)get();
	for (int i = 0; i < SOME; i++) {
		assert_true(stack_find(&pool, low[i], &found, &in_guard));
		assert_true(found == low[i] && !in_guard);
		assert_true(stack_find(&pool, low[i] + USABLE - 1, &found, &in_guard));
		assert_true(found == low[i] && !in_guard);
		assert_true(stack_find(&pool, low[i] - 1, &found, &in_guard));
		assert_true(found == low[i] && in_guard);
		assert_true(
			stack_find(&pool, low[i] - STACK_GUARD_SIZE, &found, &in_guard));
		assert_true(found == low[i] && in_guard);
	}
	for (int i = 0; i < SOME; i++)
		stack_put(&pool, (void *)low[i]);
	stack_pool_fini(&pool);
}

TEST(an_address_elsewhere_is_not_found)
{
	uintptr_t found = 1;
	bool in_guard = true;
	int local;
	void *low;

	init_pool(0);
	assert_false(stack_find(&pool, (uintptr_t)&local, &found, &in_guard));
	low = get();
	assert_false(stack_find(&pool, (uintptr_t)&local, &found, &in_guard));
	assert_false(stack_find(&pool, 0, &found, &in_guard));
	assert_false(stack_find(&pool, UINTPTR_MAX, &found, &in_guard));
	assert_false(stack_find(&pool, pool.fresh_end, &found, &in_guard));

	assert_true(found == 1 && in_guard);
	stack_put(&pool, low);
	stack_pool_fini(&pool);
}
