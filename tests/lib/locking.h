/* SPDX-License-Identifier: MIT */
/* locking.h - calls of libc that take a lock, each of which may hang in a child of fork. */
#pragma once

#include <stddef.h>

/*
 * The operations of kernel-facts K23: each takes a lock that all threads of a process share.
 * A child that was forked while another thread had it waits for ever. They leave nothing open
 * and change nothing that another one of them minds; several threads may be in them.
 */
struct locking {
	const char *name;
	void (*fn)(void);
};

extern const struct locking locking[];
extern const size_t n_locking;

/* Before the first of them, while no thread is in any; a second time it does nothing. */
void locking_begin(void);
/* After the last. */
void locking_end(void);
