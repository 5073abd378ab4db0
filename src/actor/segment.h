/* SPDX-License-Identifier: MIT */
/* segment.h - named pieces of memory that end with whoever made them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * A segment is a file in a directory of ours alone, on /dev/shm:
 *
 *	/dev/shm/acre-UID/		0700, there while something is in it
 *	/dev/shm/acre-UID/TOKEN		0600, a random uuid
 *
 * Why a named object. A memfd has no name; it can be opened through /proc/PID/fd of its owner
 * only, by a number that another process or file may have by then, and not at all where
 * /proc is hidden or the owner is not dumpable. Passing the descriptor needs a frame that
 * carries one (PROTOCOL.md, feature fds). The runtime directory of a tree (rundir.h) is
 * there only for trees with transports, and is no memory where it is in /tmp.
 *
 * A name can outlive its owner, so each owner holds a lock on its file: flock(), which the
 * kernel lets go when the last descriptor of it is closed, however the process ended. A file
 * without that lock belongs to nobody, and anybody may remove it. No list, no pid and no clock is
 * needed to know that.
 */

#define SEGMENT_TOKEN_SIZE 37 /* UUID_SIZE */

struct segment {
	char token[SEGMENT_TOKEN_SIZE];
	void *memory; /* owned */
	size_t len;
	int fd; /* owned, with the lock: of the owner; else -1 */
};

/* A new one, of zeros, all of it there. ENOSPC, EPERM, ENOENT (no /dev/shm), EMFILE ... */
int segment_create(struct segment *ret, size_t len);
/* An existing one. EINVAL: no token; ENOENT; EPROTO: it is shorter than `least`. */
int segment_attach(struct segment *ret, const char *token, bool writes, size_t least);
/* Unmaps it; if it is ours, it has no name any more. Idempotent. */
void segment_close(struct segment *s);
/* Removes those whose owners are no more. Never waits. */
void segment_clear(void);
