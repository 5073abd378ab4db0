/* SPDX-License-Identifier: MIT */
/* mem.c - the only allocator. */
#include "base/mem.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/util.h"

static void *use_libc(void *user, void *p, size_t len)
{
	(void)user;
	if (len > 0)
		return realloc(p, len);
	free(p);
	return NULL;
}

static mem_fn allocator = use_libc;
static void *allocator_user;
static _Atomic bool used;

static _Atomic uint64_t calls, live;
static _Atomic uint64_t fail_nth;
static _Atomic bool fail_for_ever;

int mem_hook_set(mem_fn fn, void *user)
{
	if (atomic_load(&used))
		return -EBUSY;
	allocator = fn;
	allocator_user = user;
	return 0;
}

void mem_fail_at(uint64_t nth, bool for_ever)
{
	atomic_store(&fail_nth, 0);
	atomic_store(&calls, 0);
	atomic_store(&fail_for_ever, for_ever);
	atomic_store(&fail_nth, nth);
}

uint64_t mem_calls(void)
{
	return atomic_load(&calls);
}

uint64_t mem_live(void)
{
	return atomic_load(&live);
}

/* Each call has its own number, so exactly one of several threads is the nth. */
static bool is_to_fail(void)
{
	uint64_t call = atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed) + 1;
	uint64_t nth = atomic_load_explicit(&fail_nth, memory_order_relaxed);

	if (FAULT(ALLOC))
		return true;
	return unlikely(nth != 0) && (call == nth || (call > nth && fail_for_ever));
}

void *mem_realloc(void *p, size_t len)
{
	bool is_new = !p;

	if (is_to_fail())
		return NULL;
	if (unlikely(!atomic_load_explicit(&used, memory_order_relaxed)))
		atomic_store(&used, true);
	p = allocator(allocator_user, p, size_max(len, 1));
	if (p && is_new)
		atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
	return p;
}

void *mem_alloc(size_t len)
{
	return mem_realloc(NULL, len);
}

void *mem_zalloc(size_t len)
{
	void *p = mem_alloc(len);

	return p ? memset(p, 0, len) : NULL;
}

void *mem_free(void *p)
{
	if (!p)
		return NULL;
	atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
	return allocator(allocator_user, p, 0);
}

static char *copy(const char *s, size_t n)
{
	char *p = mem_alloc(n + 1);

	if (!p)
		return NULL;
	memcpy(p, s, n);
	p[n] = '\0';
	return p;
}

char *mem_strdup(const char *s)
{
	return copy(s, strlen(s));
}

char *mem_strndup(const char *s, size_t len)
{
	return copy(s, strnlen(s, len));
}
