/* SPDX-License-Identifier: MIT */
/* unwind.h - from where code stands to the calls that led there, of any process. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/freeze.h"
#include "core/peek.h"

/*
 * By libdw, which reads the unwinding tables of each module, and so gets through libc and
 * through programs without frame pointers; where it is not installed, by frame pointers and
 * without names.
 *
 * Allocates, reads files, and needs a big stack: on a thread of its own, while nobody stands
 * still for it. That is why stacks are copied first.
 */
struct unwind;

/* A stack as it was: the bytes from the stack pointer on. */
struct unwind_stack {
	struct freeze_place place;
	uintptr_t at;
	size_t len;
	const uint8_t *bytes; /* borrowed */
};

/* A session for one process, which may be our own. -ENOMEM. */
int unwind_open(struct unwind **ret, pid_t pid);
struct unwind *unwind_free(struct unwind *u);

/* The place first, then return addresses, innermost first; how many. */
size_t unwind_walk(struct unwind *u, const struct unwind_stack *stack, uintptr_t *pcs, size_t n);

/* "function file:line", or what is known. An address that is to return to is that of the
 * call before it. */
void unwind_name(struct unwind *u, uintptr_t pc, bool returns_to, char *ret, size_t size);
