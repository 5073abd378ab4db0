/* SPDX-License-Identifier: MIT */
/* stack.c - slabs, guards, and the three kinds of free stacks. */
/*
 * Slabs double in size, so there are few of them, and a small program maps little. They
 * are given back all together, at the end: a program that had many tasks will have many
 * again, and a stack without its pages costs nothing but addresses.
 *
 * A guard is installed when its stack is cut, not for the whole slab, so that no start of
 * a task pays for a thousand others.
 */
#define _GNU_SOURCE
#include "core/stack.h"

#include <linux/prctl.h>
#include <sys/mman.h>
#include <unistd.h>

#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#endif

#include "base/fault.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/sys.h"
#include "base/util.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA	     0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

#define SLAB_LEN_FIRST ((size_t)1 << 20) /* 8 stacks of 64 KiB */
#define SLAB_LEN_LAST  ((size_t)4 << 30) /* 32,768 of them */
#define USABLE_MAX     ((size_t)1 << 40) /* beyond, the sums below could overflow */

#ifdef ACRE_LIKELY_BUGS
static const bool keep_warm = false;
#else
static const bool keep_warm = true;
#endif

/* Not changed any more once it is in the list: stack_find() may look at any moment. */
struct stack_slab {
	struct stack_slab *next;
	uintptr_t low;
	size_t len;
};

static _Thread_local const char *why_not = "";

const char *stack_why_not(void)
{
	return why_not;
}

static struct stack_link *link_of(const struct stack_pool *p, void *low)
{
	return (struct stack_link *)((uintptr_t)low + p->usable) - 1;
}

static void *low_of(const struct stack_pool *p, struct stack_link *link)
{
	return (void *)((uintptr_t)(link + 1) - p->usable);
}

/* Memcheck believes that all of a slab can be read, and would scan guards for pointers,
 * with a trap for each word: 8,192 of them for each guard. */
static void tell_that_it_traps(const struct stack_pool *p, void *at, size_t len)
{
#ifdef VALGRIND_MAKE_MEM_NOACCESS
	if (unlikely(p->on_valgrind))
		(void)VALGRIND_MAKE_MEM_NOACCESS(at, len);
#else
	(void)p;
	(void)at;
	(void)len;
#endif
}

/* Makes a range trap, without its pages; `at` is in no stack in use. */
static int protect(struct stack_pool *p, void *at, size_t len)
{
	int r;

	tell_that_it_traps(p, at, len);
	if (!p->by_mprotect) {
		r = sys_madvise(at, len, MADV_GUARD_INSTALL);
		if (r == -ENOMEM)
			why_not = "no memory for the page tables of its guard";
		if (r != -EINVAL)
			return r;
		/* locked memory has no such guards (kernel-facts K50) */
		p->by_mprotect = true;
	}
	r = sys_mprotect(at, len, PROT_NONE);
	if (r == -ENOMEM)
		why_not = "its guard takes a mapping, and the process has as many as "
			  "vm.max_map_count allows";
	return r;
}

/* The range may have been protected in either way. */
static int unprotect(struct stack_pool *p, void *at, size_t len)
{
	int r = 0;

	if (sys_has(SYS_HAS_GUARD_INSTALL))
		r = sys_madvise(at, len, MADV_GUARD_REMOVE);
	if (r >= 0 && p->by_mprotect)
		r = sys_mprotect(at, len, PROT_READ | PROT_WRITE);
	if (r < 0)
		why_not = "a free one could not be made accessible";
	return r;
}

int stack_pool_init(struct stack_pool *p, size_t usable, size_t cache_max)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (usable == 0 || usable > USABLE_MAX)
		return -EINVAL;
	*p = (struct stack_pool){
		.usable = (usable + page - 1) & ~(page - 1),
		.cache_max = keep_warm ? cache_max : 0,
		.slab_len = SLAB_LEN_FIRST,
		.by_mprotect = !sys_has(SYS_HAS_GUARD_INSTALL),
	};
	p->stride = p->usable + STACK_GUARD_SIZE;
#ifdef RUNNING_ON_VALGRIND
	p->on_valgrind = RUNNING_ON_VALGRIND;
#endif
	return 0;
}

/* What is there for people to read, and for the kernel to keep small: with huge pages a
 * task would cost 2 MiB where it touches 4 KiB. Not all kernels know either. */
static void describe(void *slab, size_t len)
{
	acre_ignore(sys_madvise(slab, len, MADV_NOHUGEPAGE));
	if (sys_has(SYS_HAS_VMA_NAME))
		acre_ignore(sys_prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, (uintptr_t)slab,
				      len, (uintptr_t) "acre stacks"));
}

/* Maps `n` stacks, or fewer where there are not so many addresses (RLIMIT_AS), or where
 * the kernel promises no more memory than it has (vm.overcommit_memory = 2). The length,
 * 0 for none. */
static size_t map_stacks(const struct stack_pool *p, size_t n, void **ret)
{
	for (; n > 0; n /= 2) {
		*ret = NULL;
		if (sys_mmap(ret, n * p->stride, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1,
			     0) >= 0)
			return n * p->stride;
	}
	return 0;
}

static struct stack_slab *slab_free(struct stack_slab *slab)
{
	acre_ignore(sys_munmap((void *)slab->low, slab->len));
	return mem_free(slab);
}

static struct stack_slab *slab_new(const struct stack_pool *p)
{
	struct stack_slab *slab = mem_alloc(sizeof *slab);
	void *low = NULL;
	size_t len;

	if (!slab) {
		why_not = "no memory";
		return NULL;
	}
	len = map_stacks(p, size_max(p->slab_len / p->stride, 1), &low);
	if (len == 0) {
		why_not = "no address space (see RLIMIT_AS and vm.overcommit_memory, for "
			  "locked memory RLIMIT_MEMLOCK)";
		return mem_free(slab);
	}
	describe(low, len);
	*slab = (struct stack_slab){ .low = (uintptr_t)low, .len = len };
	return slab;
}

/* Only if there is nothing cold: the new ring starts empty. */
static int grow(struct stack_pool *p)
{
	struct stack_slab *slab = slab_new(p);
	void **cold;
	size_t n;

	if (!slab)
		return -ENOMEM;
	n = p->n_all + slab->len / p->stride;
	cold = mem_alloc(n * sizeof *cold);
	if (!cold) {
		why_not = "no memory";
		slab_free(slab);
		return -ENOMEM;
	}
	mem_free(p->cold);
	p->cold = cold;
	p->first_cold = 0;
	p->n_all = n;
	p->fresh = slab->low;
	p->fresh_end = slab->low + slab->len;
	p->slab_len = size_min(p->slab_len * 2, SLAB_LEN_LAST);
	slab->next = atomic_load_explicit(&p->slabs, memory_order_relaxed);
	atomic_store_explicit(&p->slabs, slab, memory_order_release);
	return 0;
}

void stack_pool_fini(struct stack_pool *p)
{
	struct stack_slab *slab = atomic_load(&p->slabs), *next;

	CHECK(p->n_out == 0);
	for (; slab; slab = next) {
		next = slab->next;
		slab_free(slab);
	}
	mem_free(p->cold);
	*p = (struct stack_pool){ 0 };
}

static void *cut(struct stack_pool *p)
{
	void *guard;

	if (p->fresh == p->fresh_end && grow(p) < 0)
		return NULL;
	guard = (void *)p->fresh;
	if (!PLANTED(NO_STACK_GUARD) && protect(p, guard, STACK_GUARD_SIZE) < 0)
		return NULL;
	p->fresh += p->stride;
	return (uint8_t *)guard + STACK_GUARD_SIZE;
}

static void *take_warm(struct stack_pool *p)
{
	struct stack_link *link = p->warm;

	p->warm = link->next;
	p->n_warm--;
	return low_of(p, link);
}

/* Guards survive it; on locked memory it fails, and the pages stay (K50). */
static void drop_pages(uintptr_t low, size_t len)
{
	if (len > 0)
		acre_ignore(sys_madvise((void *)low, len, MADV_DONTNEED));
}

static void *warm_up(struct stack_pool *p)
{
	void *low = p->cold[p->first_cold];

	if (!keep_warm && unprotect(p, low, p->usable) < 0)
		return NULL;
	p->first_cold = (p->first_cold + 1) % p->n_all;
	p->n_cold--;
	return low;
}

static void add_cold(struct stack_pool *p, void *low)
{
	p->cold[(p->first_cold + p->n_cold) % p->n_all] = low;
	p->n_cold++;
}

static void cool_down(struct stack_pool *p, void *low)
{
	drop_pages((uintptr_t)low, p->usable);
	if (!keep_warm)
		acre_ignore(protect(p, low, p->usable));
	add_cold(p, low);
}

/* Those that lie side by side in one call, guards in between included: a crowd of tasks has
 * mostly taken them in order, and ended in order. */
static void cool_down_warm(struct stack_pool *p, size_t n)
{
	uintptr_t run = 0, run_end = 0, low;

	for (; n > 0; n--) {
		low = (uintptr_t)take_warm(p);
		add_cold(p, (void *)low);
		if (low + p->stride == run) {
			run = low;
		} else if (low == run_end + STACK_GUARD_SIZE) {
			run_end = low + p->usable;
		} else {
			drop_pages(run, run_end - run);
			run = low;
			run_end = low + p->usable;
		}
	}
	drop_pages(run, run_end - run);
}

void stack_pool_keep(struct stack_pool *p, size_t n)
{
	if (keep_warm)
		p->cache_max = size_max(p->cache_max, n);
}

void stack_pool_trim(struct stack_pool *p, size_t n)
{
	size_t spare = p->n_warm > n ? p->n_warm - n : 0;

	cool_down_warm(p, spare - spare / 2);
	p->cache_max = size_min(p->cache_max, size_max(size_max(p->n_out, p->n_warm), n));
}

/* What memcheck took for dead when its user left it can be written again. */
static void revive(const struct stack_pool *p, void *low)
{
#ifdef VALGRIND_MAKE_MEM_UNDEFINED
	if (p->on_valgrind)
		(void)VALGRIND_MAKE_MEM_UNDEFINED(low, p->usable);
#else
	(void)p;
	(void)low;
#endif
}

void *stack_get_slowly(struct stack_pool *p)
{
	void *low;

	if (p->n_warm > 0)
		low = take_warm(p);
	else
		low = p->n_cold > 0 ? warm_up(p) : cut(p);
	p->n_out += low != NULL;
	if (low)
		revive(p, low);
	return low;
}

void stack_put_slowly(struct stack_pool *p, void *low)
{
	struct stack_link *link = link_of(p, low);

	p->n_out--;
	revive(p, low);
	if (p->n_warm == p->cache_max) {
		cool_down(p, low);
		return;
	}
	link->next = p->warm;
	p->warm = link;
	p->n_warm++;
}

bool stack_find(const struct stack_pool *p, uintptr_t address, uintptr_t *ret_low,
		bool *ret_in_guard)
{
	const struct stack_slab *slab;
	size_t into;

	slab = atomic_load_explicit(&p->slabs, memory_order_acquire);
	while (slab && address - slab->low >= slab->len)
		slab = slab->next;
	if (!slab)
		return false;
	into = (address - slab->low) % p->stride;
	*ret_low = address - into + STACK_GUARD_SIZE;
	*ret_in_guard = into < STACK_GUARD_SIZE;
	return true;
}
