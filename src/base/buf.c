/* SPDX-License-Identifier: MIT */
/* buf.c - bytes that come in at the end and go out at the front.
 *
 * Room is made in one of two ways: by moving the content to the front, or by a larger block.
 * Moving is chosen when at least as many bytes are gone as are left, so each byte is moved
 * at most once for each byte consumed; else the block doubles. Only a block that cannot grow
 * any more is moved whatever it costs, which its `max` bounds.
 */
#include "base/buf.h"

#include <errno.h>

#include "base/mem.h"

enum { BUF_SMALLEST = 64 };

void buf_init(struct buf *b, size_t max)
{
	CHECK(max <= PTRDIFF_MAX / 2); /* so that doubling does not overflow */
	*b = (struct buf){ .max = max };
}

static void wipe(struct buf *b, size_t from, size_t to)
{
	if (b->is_secret && b->data)
		explicit_bzero(b->data + from, to - from);
}

void buf_fini(struct buf *b)
{
	wipe(b, 0, b->cap);
	mem_free(b->data);
	buf_init(b, b->max);
}

static void move_to_front(struct buf *b)
{
	size_t len = buf_len(b), old_end = b->end;

	memmove(b->data, b->data + b->start, len);
	b->start = 0;
	b->end = len;
	wipe(b, len, old_end);
}

/* realloc would leave what it has moved. */
static uint8_t *copy_secret(struct buf *b, size_t cap)
{
	uint8_t *data = mem_alloc(cap);

	if (!data || !b->data)
		return data;
	memcpy(data, b->data, b->end);
	wipe(b, 0, b->cap);
	mem_free(b->data);
	return data;
}

/* Does nothing without memory. */
static void enlarge(struct buf *b, size_t needed)
{
	size_t cap = size_min(b->max, size_max(2 * needed, BUF_SMALLEST));
	uint8_t *data = b->is_secret ? copy_secret(b, cap) : mem_realloc(b->data, cap);

	if (!data)
		return;
	b->data = data;
	b->cap = cap;
}

int buf_make_room_(struct buf *b, size_t n)
{
	size_t len = buf_len(b);

	if (n > b->max - len)
		return -EMSGSIZE;
	if (b->cap < b->max && (len + n > b->cap || b->start < len))
		enlarge(b, len + n);
	if (len + n > b->cap)
		return -ENOMEM;
	if (n > b->cap - b->end)
		move_to_front(b);
	return 0;
}
