/* SPDX-License-Identifier: MIT */
/* debug.h - where a process is entered by who looks at it from outside. */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

/*
 * Who looks from outside (`acre dump PID`, gdb) has an address space and nothing else. An ELF
 * note named "acre" is in every program or library that acre is part of; it is mapped, also
 * where symbols were stripped, and tells how far from itself the root lies. From there all
 * is pointers between our own structs, which is why the layout of those that are followed
 * must be the reader's: `layout` is a number made of their offsets.
 */
#define DEBUG_MAGIC	 "acre root"
#define DEBUG_NOTE_NAME	 "acre"
#define DEBUG_NOTE_TYPE	 1
#define DEBUG_LOOPS_MAX	 1024 /* that a reader follows: a list may be torn */

struct debug_root {
	char magic[16];
	char version[16];
	uint64_t layout;       /* of the structs of core/, see debug.c */
	/* of those of actor/, see snap.c; 0: no actor has begun. Each one sets it. */
	_Atomic uint64_t actor_layout;
	_Atomic int n_left; /* guests that did not end, see actor/guest_beside.c */
	/* Of a Python in it, see actor/python_layout.h; 0: there is none. Set once, early */
	_Atomic uintptr_t python;
	struct list loops; /* struct loop.debug, under a lock that readers do not take */
};

extern struct debug_root acre_debug_root;

struct loop;
/* A loop begins and ends. Any thread. */
void debug_add(struct loop *loop);
void debug_remove(struct loop *loop);
/* In a child of fork, while it has one thread: there is no loop. */
void debug_forget(void);

/* One more number of a layout; a constant expression. */
#define DEBUG_MIX(h, n) ((((uint64_t)(h)) ^ (uint64_t)(n)) * UINT64_C(0x100000001b3))
#define DEBUG_FIELD(h, type, field)                                                   \
	DEBUG_MIX(DEBUG_MIX(h, offsetof(type, field)), sizeof(((type *)NULL)->field))
