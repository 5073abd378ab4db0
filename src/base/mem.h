/* SPDX-License-Identifier: MIT */
/* mem.h - the only allocator.
 *
 * Everything that the library allocates comes from here, so that an application can bring
 * its own allocator, and tests can make any allocation fail and count what is left over.
 * NULL means out of memory and nothing else: a request of 0 bytes gets a pointer.
 *
 * Any thread may call; nothing here is async-signal-safe.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *mem_alloc(size_t len) __attribute__((malloc, warn_unused_result));
void *mem_zalloc(size_t len) __attribute__((malloc, warn_unused_result));

/* The old block stays as it is if there is no memory. */
void *mem_realloc(void *p, size_t len) __attribute__((warn_unused_result));

/* p = mem_free(p);	NULL is fine, and NULL is what it returns */
void *mem_free(void *p);

char *mem_strdup(const char *s) __attribute__((malloc, warn_unused_result));

/* At most len bytes of s; the copy is terminated. */
char *mem_strndup(const char *s, size_t len) __attribute__((malloc, warn_unused_result));

/* auto_free char *name = NULL;		is freed where its block is left, unless taken */
#define auto_free __attribute__((cleanup(mem_auto_free_)))

static inline void mem_auto_free_(void *pointer_to_pointer)
{
	mem_free(*(void **)pointer_to_pointer);
}

/* An allocator: allocates for p == NULL, frees and returns NULL for len == 0, resizes else.
 * Blocks are aligned for any type. It must be thread safe. */
typedef void *(*mem_fn)(void *user, void *p, size_t len);

/* Replaces malloc and its kin, once, before anything was allocated; -EBUSY afterwards, since
 * each block must go back to where it came from. For one thread at start only. */
int mem_hook_set(mem_fn fn, void *user);

/* For tests: the nth allocation from now fails (1 is the next one), and with `for_ever` all
 * after it; 0 turns it off. The count starts again in each case. */
void mem_fail_at(uint64_t nth, bool for_ever);

/* Allocations asked for since mem_fail_at, whether they succeeded or not. */
uint64_t mem_calls(void);

/* Blocks that are allocated and not freed. */
uint64_t mem_live(void);
