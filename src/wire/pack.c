/* SPDX-License-Identifier: MIT */
/* pack.c - msgpack: writing.
 *
 * What the header writes inline are the forms of one byte and short texts; here are the
 * others, and the book-keeping of containers: `left` is what the innermost one still
 * lacks, `outer` the same for those around it. A container counts as a value of the one
 * around it when it is opened, so closing one is only a matter of going back to what was
 * left there.
 */
#include "wire/pack.h"

#include <endian.h>

#include "base/panic.h"

/* The fast paths see all the room that buf has. */
static void take_room(struct pack_writer *w)
{
	w->p = w->end = buf_tail(w->buf);
	if (w->p)
		w->end += w->buf->cap - w->buf->end;
}

/* buf is as long as what was written; the fast paths see no room any more. */
static void give_room(struct pack_writer *w)
{
	if (w->p)
		buf_grow(w->buf, (size_t)(w->p - buf_tail(w->buf)));
	w->end = w->p;
}

void pack_writer_init(struct pack_writer *w, struct buf *buf,
		      const struct wire_limits *limits)
{
	w->buf = buf;
	w->limits = limits;
	w->r = 0;
	w->depth = 0;
	w->max_depth = pack_depth_limit_(limits);
	w->mark = buf_len(buf);
	w->left = 1;
	take_room(w);
}

void pack_writer_fail(struct pack_writer *w, int r)
{
	CHECK(r < 0);
	if (w->r < 0)
		return;
	w->r = r;
	w->buf->end = w->buf->start + w->mark;
	w->end = w->p;
}

int pack_writer_result(const struct pack_writer *w)
{
	if (w->r == 0 && w->left > 0)
		BUG("a value is not whole: %zu are missing in level %u", w->left,
		    w->depth);
	return w->r;
}

uint8_t *pack_make_room_(struct pack_writer *w, size_t n)
{
	int r;

	if (w->r < 0)
		return NULL;
	if (w->left == 0)
		BUG("more is written to a value that is whole");
	give_room(w);
	r = buf_reserve(w->buf, n);
	if (r < 0) {
		pack_writer_fail(w, r);
		return NULL;
	}
	take_room(w);
	return w->p;
}

/* The innermost container has all its values, and so perhaps have some around it. */
void pack_close_(struct pack_writer *w)
{
	while (w->left == 0 && w->depth > 0)
		w->left = w->outer[--w->depth];
	if (w->left == 0)
		give_room(w);
}

/* A first byte, and the low `width` bytes of `value`, most significant first. */
static uint8_t *put_head(uint8_t *p, uint8_t first, uint64_t value, unsigned width)
{
	uint16_t u16 = htobe16((uint16_t)value);
	uint32_t u32 = htobe32((uint32_t)value);
	uint64_t u64 = htobe64(value);

	*p++ = first;
	switch (width) {
	case 0:
		break;
	case 1:
		*p = (uint8_t)value;
		break;
	case 2:
		memcpy(p, &u16, sizeof u16);
		break;
	case 4:
		memcpy(p, &u32, sizeof u32);
		break;
	default:
		memcpy(p, &u64, sizeof u64);
		break;
	}
	return p + width;
}

static inline void write_scalar(struct pack_writer *w, uint8_t first, uint64_t value,
				unsigned width)
{
	uint8_t *p = pack_room_(w, 1 + width);

	if (!p)
		return;
	pack_wrote_(w, put_head(p, first, value, width));
}

void pack_u64_wide_(struct pack_writer *w, uint64_t value)
{
	if (value <= UINT8_MAX)
		write_scalar(w, 0xcc, value, 1);
	else if (value <= UINT16_MAX)
		write_scalar(w, 0xcd, value, 2);
	else if (value <= UINT32_MAX)
		write_scalar(w, 0xce, value, 4);
	else
		write_scalar(w, 0xcf, value, 8);
}

void pack_i64_wide_(struct pack_writer *w, int64_t value)
{
	if (value >= INT8_MIN)
		write_scalar(w, 0xd0, (uint64_t)value, 1);
	else if (value >= INT16_MIN)
		write_scalar(w, 0xd1, (uint64_t)value, 2);
	else if (value >= INT32_MIN)
		write_scalar(w, 0xd2, (uint64_t)value, 4);
	else
		write_scalar(w, 0xd3, (uint64_t)value, 8);
}

void pack_f64(struct pack_writer *w, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof bits);
	write_scalar(w, 0xcb, bits, 8);
}

void pack_ext1(struct pack_writer *w, int8_t type, uint8_t byte)
{
	write_scalar(w, 0xd4, (uint64_t)(uint8_t)type << 8 | byte, 2);
}

/* A length or count, as the shortest of up to four forms: within the first byte if it is
 * below `n_fix`, or behind `first8` and the two bytes that follow it. */
struct form_set {
	uint8_t fix, n_fix;
	uint8_t first8; /* 0: this type has no form with one byte */
	uint8_t first16;
};

static const struct form_set str_forms = { 0xa0, 32, 0xd9, 0xda };
static const struct form_set bin_forms = { 0, 0, 0xc4, 0xc5 };
static const struct form_set array_forms = { 0x90, 16, 0, 0xdc };
static const struct form_set map_forms = { 0x80, 16, 0, 0xde };

static unsigned length_width(const struct form_set *forms, size_t n)
{
	if (n < forms->n_fix)
		return 0;
	if (n <= UINT8_MAX && forms->first8)
		return 1;
	return n <= UINT16_MAX ? 2 : 4;
}

static uint8_t *put_length(uint8_t *p, const struct form_set *forms, size_t n,
			   unsigned width)
{
	uint8_t first = width == 0   ? (uint8_t)(forms->fix | n)
			: width == 1 ? forms->first8
			: width == 2 ? forms->first16
				     : (uint8_t)(forms->first16 + 1);

	return put_head(p, first, n, width);
}

static void write_bytes(struct pack_writer *w, const struct form_set *forms,
			const void *bytes, size_t len)
{
	unsigned width = length_width(forms, len);
	uint8_t *p;

	if (len > w->limits->str) {
		pack_writer_fail(w, -EMSGSIZE);
		return;
	}
	p = pack_room_(w, 1 + width + len);
	if (!p)
		return;
	p = put_length(p, forms, len, width);
	if (len > 0)
		memcpy(p, bytes, len);
	pack_wrote_(w, p + len);
}

void pack_str_(struct pack_writer *w, const char *s, size_t len)
{
	if (len <= w->limits->str && !utf8_is_valid(s, len))
		pack_writer_fail(w, -EILSEQ);
	write_bytes(w, &str_forms, s, len);
}

void pack_bin(struct pack_writer *w, const void *bytes, size_t len)
{
	write_bytes(w, &bin_forms, bytes, len);
}

static void open_container(struct pack_writer *w, const struct form_set *forms, size_t n,
			   size_t n_values)
{
	unsigned width = length_width(forms, n);
	uint8_t *p;

	if (n > w->limits->items || w->depth >= w->max_depth) {
		pack_writer_fail(w, -EMSGSIZE);
		return;
	}
	p = pack_room_(w, 1 + width);
	if (!p)
		return;
	p = put_length(p, forms, n, width);
	if (n_values > 0) {
		w->outer[w->depth++] = w->left - 1;
		w->left = n_values + 1; /* the container itself is counted below */
	}
	pack_wrote_(w, p);
}

void pack_array_(struct pack_writer *w, size_t n)
{
	open_container(w, &array_forms, n, n);
}

void pack_map_(struct pack_writer *w, size_t n)
{
	open_container(w, &map_forms, n, 2 * n);
}

void pack_raw(struct pack_writer *w, const void *bytes, size_t len)
{
	struct pack_reader reader;
	uint8_t *p;
	int r;

	pack_reader_init(&reader, bytes, len, w->limits);
	reader.depth = w->depth;
	pack_skip(&reader);
	r = pack_reader_end(&reader);
	if (r < 0)
		pack_writer_fail(w, r == -EMSGSIZE ? r : -EINVAL);
	p = pack_room_(w, len);
	if (!p)
		return;
	memcpy(p, bytes, len);
	pack_wrote_(w, p + len);
}
