/* SPDX-License-Identifier: MIT */
/* buf.h - bytes that come in at the end and go out at the front.
 *
 *	0        start          end        cap
 *	| gone   | content      | room     |
 *
 * Reading from a socket needs no copy: reserve, read to the tail, grow by what came.
 *
 *	r = buf_reserve(b, 4096);
 *	if (r >= 0)
 *		r = n = sys_read(fd, buf_tail(b), 4096);
 *	if (r > 0)
 *		buf_grow(b, n);
 *
 * The content never exceeds `max`: every queue has a limit, and its owner says which.
 * Pointers into the buffer hold until the next reserve, append or fini.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/panic.h"
#include "base/util.h"

struct buf {
	uint8_t *data;	   /* owned; NULL while cap is 0 */
	size_t start, end; /* the content is [start, end); both 0 when it is empty */
	size_t cap;	   /* <= max */
	size_t max;	   /* most bytes of content */
	bool is_secret;	   /* what is done with is wiped; set it before the first byte */
};

void buf_init(struct buf *b, size_t max);

/* Frees the bytes. The buffer is empty and usable afterwards. */
void buf_fini(struct buf *b);

/* The rest of buf_reserve: there is not enough room. */
int buf_make_room_(struct buf *b, size_t n);

static inline size_t buf_len(const struct buf *b)
{
	return b->end - b->start;
}

/* The content. NULL if nothing was ever reserved. */
static inline uint8_t *buf_bytes(const struct buf *b)
{
	return b->data ? b->data + b->start : NULL;
}

/* Where the next byte goes. */
static inline uint8_t *buf_tail(struct buf *b)
{
	return b->data ? b->data + b->end : NULL;
}

/* Room for n bytes at the tail. -EMSGSIZE: there would be more than max; -ENOMEM. */
static inline int buf_reserve(struct buf *b, size_t n)
{
	return likely(n <= b->cap - b->end) ? 0 : buf_make_room_(b, n);
}

/* n bytes were written at the tail. */
static inline void buf_grow(struct buf *b, size_t n)
{
	CHECK(n <= b->cap - b->end);
	b->end += n;
}

/* All of it or, with a failure, nothing. `bytes` must not lie in the buffer itself. */
static inline int buf_append(struct buf *b, const void *bytes, size_t n)
{
	int r = buf_reserve(b, n);

	if (r < 0 || n == 0)
		return r;
	memcpy(b->data + b->end, bytes, n);
	b->end += n;
	return 0;
}

/* n bytes at the front are done with. */
static inline void buf_consume(struct buf *b, size_t n)
{
	CHECK(n <= buf_len(b));
	if (unlikely(b->is_secret))
		explicit_bzero(b->data + b->start, n);
	b->start += n;
	if (b->start == b->end)
		b->start = b->end = 0;
}
