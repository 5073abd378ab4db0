/* SPDX-License-Identifier: MIT */
/* lines.h - lines in and out while the loop goes on. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Lines of a descriptor that may be slow; all zero but the fd to begin with. */
struct lines {
	int fd;	     /* borrowed */
	char *bytes; /* owned: see lines_free() */
	size_t len, room;
	size_t at;     /* where the next line begins */
	size_t number; /* of the line that was given last, from 1 */
	bool ended;
};

/* The next line, without its end: 1, borrowed until the next one; 0: there are no more.
 * EMSGSIZE: longer than a message may be. A checkpoint. */
int lines_next(struct lines *l, char **ret, size_t *ret_len);
void lines_free(struct lines *l);

/* Writes all of it, and waits where whoever reads is slow. A checkpoint. */
int lines_write(int fd, const char *bytes, size_t len);
