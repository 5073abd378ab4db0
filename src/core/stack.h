/* SPDX-License-Identifier: MIT */
/* stack.h - stacks for fibers: cut from slabs, guarded, kept warm for the next one. */
#pragma once

/*
 * A pool hands out stacks of one size. They are cut from slabs, large mappings of which
 * only those pages cost memory that were touched. Below each stack lies a guard, address
 * space that traps: an overflow ends there, and does not reach the neighbour's data. A
 * guard that the kernel keeps without a mapping of its own (Linux 6.13) makes a million
 * stacks in some tens of mappings; a guard by mprotect takes one, and the process may
 * have 65,530.
 *
 * A stack is in one of four places:
 *
 *	out	with a task
 *	warm	free, with its pages; listed through its high end, at most cache_max
 *	cold	free, without pages: its address is in a ring outside
 *	fresh	never used: the rest of the newest slab
 *
 * Builds with ACRE_LIKELY_BUGS keep none warm. What is cold traps there, all of it, so
 * that whoever still uses the stack of a task that has ended is found at once; and it
 * stays cold as long as possible.
 *
 * Not here: staggering. All stacks begin at multiples of the page; who lays something at
 * their high ends moves it by some cache lines from one to the next.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/util.h"

/* Of address space. A frame larger than a page steps over a small guard, if its code is
 * not built with -fstack-clash-protection; over this one hardly (kernel-facts K51). */
#define STACK_GUARD_SIZE ((size_t)64 << 10)
/* Usable bytes: who asks for more has made a mistake, -1 say */
#define STACK_SIZE_MAX	 ((size_t)1 << 30)

/* The highest bytes of a stack are not for its user: the list of free ones runs there. It
 * is a cache line, so what lies below is aligned. */
#define STACK_LINK_SIZE 64

/* One thread at a time. */
struct stack_pool {
	size_t usable;	  /* bytes of a stack */
	size_t stride;	  /* guard and stack */
	size_t cache_max; /* warm ones */
	size_t n_out;

	struct stack_link *warm;
	size_t n_warm;

	void **cold; /* a ring of n_all places, from which n_cold are taken; owned */
	size_t first_cold, n_cold;

	uintptr_t fresh, fresh_end;	    /* of the newest slab */
	_Atomic(struct stack_slab *) slabs; /* newest first; owned */
	size_t slab_len;		    /* of the next one */
	size_t n_all;			    /* stacks in all slabs */

	bool on_valgrind;
	bool by_mprotect; /* guards, since this kernel or locked memory has no others */
};

/* `usable` is rounded up to pages. Maps nothing yet. -EINVAL: none of that size. */
int stack_pool_init(struct stack_pool *p, size_t usable, size_t cache_max);

/* All stacks are back. Idempotent, and a zeroed pool is fine. */
void stack_pool_fini(struct stack_pool *p);

/* At the very end of a warm stack, in a page that was touched. */
struct stack_link {
	struct stack_link *next;
};

/* When there is none warm, or it is not to be that quick. */
void *stack_get_slowly(struct stack_pool *p);
void stack_put_slowly(struct stack_pool *p, void *low);

/* The low end of a stack, above its guard. NULL: there is none to be had, and
 * stack_why_not() says why, for this thread's last attempt. What lies in it is not
 * defined. */
static inline void *stack_get(struct stack_pool *p)
{
	struct stack_link *link = p->warm;

	if (unlikely(!link || p->on_valgrind))
		return stack_get_slowly(p);
	p->warm = link->next;
	p->n_warm--;
	p->n_out++;
	return (void *)((uintptr_t)(link + 1) - p->usable);
}

const char *stack_why_not(void);

/* From here on the cache takes that many, if it took fewer. */
void stack_pool_keep(struct stack_pool *p, size_t n);

/* Gives back half of what is in the cache beyond n, and has it take no more than that, or than
 * there are stacks out. */
void stack_pool_trim(struct stack_pool *p, size_t n);

/* Nobody stands on it any more. */
static inline void stack_put(struct stack_pool *p, void *low)
{
	struct stack_link *link = (struct stack_link *)((uintptr_t)low + p->usable) - 1;

	CHECK(p->n_out > 0);
	if (unlikely(p->n_warm == p->cache_max || p->on_valgrind)) {
		stack_put_slowly(p, low);
		return;
	}
	link->next = p->warm;
	p->warm = link;
	p->n_warm++;
	p->n_out--;
}

/* In which stack or guard an address lies. Any thread, async-signal-safe. */
bool stack_find(const struct stack_pool *p, uintptr_t address, uintptr_t *ret_low,
		bool *ret_in_guard);
