/* SPDX-License-Identifier: MIT */
/* forked.h - a child of fork from its first step to its last. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* Laid out before the fork. */
struct forked {
	int (*fn)(void *arg); /* NULL: it ends at once */
	void *arg;
	pid_t parent;
	int gate[2]; /* a pipe: a byte lets it begin, the end of file ends it */
	/* what it keeps besides 0, 1 and 2, its end of the gate included; ascending */
	size_t n_fds;
	const int *fds;
};

/* In the child, on the stack of the thread that forked. */
_Noreturn void forked_live(struct forked *child);

/* For a child that is made by another way, and whose maker has blocked all signals: it dies
 * with the thread that made it, keeps the descriptors 0, 1, 2 and these (ascending), and has
 * default dispositions and an empty mask. 0 or -errno; ESRCH: its parent has died. */
int forked_begin_in_child(pid_t parent, const int *fds, size_t n_fds);
