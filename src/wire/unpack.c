/* SPDX-License-Identifier: MIT */
/* unpack.c - msgpack: reading, all of it on one decoder of heads.
 *
 * A value is a head (a byte, and up to eight more of a number, length or count) and
 * perhaps a body. read_head() is the only place that knows the forms, by one table, and
 * the only one that believes a length: what it returns lies within the bytes and the
 * limits, and its text is UTF-8. The typed calls, pack_skip() and pack_read_raw() are
 * made of it. The fast paths of the header take the shortest forms off its hands and
 * leave to it all that they doubt.
 *
 * A fault makes r->end equal to r->p. So a fast path needs no test for it, and here one
 * test at the door of each call is enough.
 */
#include "wire/pack.h"

#include <endian.h>
#include <stdio.h>

#include "base/panic.h"

struct form {
	uint8_t type;  /* enum pack_type */
	uint8_t width; /* how many bytes of the value follow the first byte */
	uint8_t mask;  /* width 0: which bits of the first byte are the value */
	uint8_t fixed; /* width 0, mask 0: the value */

	/* What the value announces: bytes of a body, or values of a container. */
	uint8_t bytes_each, bytes_more;
	uint8_t values_each;
};

#define STR_FORM   .type = PACK_STR, .bytes_each = 1
#define BIN_FORM   .type = PACK_BIN, .bytes_each = 1
#define EXT_FORM   .type = PACK_EXT, .bytes_each = 1, .bytes_more = 1 /* its type */
#define ARRAY_FORM .type = PACK_ARRAY, .values_each = 1
#define MAP_FORM   .type = PACK_MAP, .values_each = 2

static const struct form forms[256] = {
	[0x00 ... 0x7f] = { .type = PACK_UINT, .mask = 0x7f },
	[0x80 ... 0x8f] = { MAP_FORM, .mask = 0x0f },
	[0x90 ... 0x9f] = { ARRAY_FORM, .mask = 0x0f },
	[0xa0 ... 0xbf] = { STR_FORM, .mask = 0x1f },
	[0xc0] = { .type = PACK_NIL },
	[0xc1] = { .type = PACK_INVALID },
	[0xc2 ... 0xc3] = { .type = PACK_BOOL, .mask = 1 },
	[0xc4] = { BIN_FORM, .width = 1 },
	[0xc5] = { BIN_FORM, .width = 2 },
	[0xc6] = { BIN_FORM, .width = 4 },
	[0xc7] = { EXT_FORM, .width = 1 },
	[0xc8] = { EXT_FORM, .width = 2 },
	[0xc9] = { EXT_FORM, .width = 4 },
	[0xca] = { .type = PACK_FLOAT, .width = 4 },
	[0xcb] = { .type = PACK_FLOAT, .width = 8 },
	[0xcc] = { .type = PACK_UINT, .width = 1 },
	[0xcd] = { .type = PACK_UINT, .width = 2 },
	[0xce] = { .type = PACK_UINT, .width = 4 },
	[0xcf] = { .type = PACK_UINT, .width = 8 },
	[0xd0] = { .type = PACK_INT, .width = 1 },
	[0xd1] = { .type = PACK_INT, .width = 2 },
	[0xd2] = { .type = PACK_INT, .width = 4 },
	[0xd3] = { .type = PACK_INT, .width = 8 },
	[0xd4] = { EXT_FORM, .fixed = 1 },
	[0xd5] = { EXT_FORM, .fixed = 2 },
	[0xd6] = { EXT_FORM, .fixed = 4 },
	[0xd7] = { EXT_FORM, .fixed = 8 },
	[0xd8] = { EXT_FORM, .fixed = 16 },
	[0xd9] = { STR_FORM, .width = 1 },
	[0xda] = { STR_FORM, .width = 2 },
	[0xdb] = { STR_FORM, .width = 4 },
	[0xdc] = { ARRAY_FORM, .width = 2 },
	[0xdd] = { ARRAY_FORM, .width = 4 },
	[0xde] = { MAP_FORM, .width = 2 },
	[0xdf] = { MAP_FORM, .width = 4 },
	[0xe0 ... 0xff] = { .type = PACK_INT, .mask = 0xff },
};

struct head {
	enum pack_type type;
	unsigned width;
	uint64_t value; /* number (INT: sign extended, FLOAT: bits), length or count */
	const uint8_t *body; /* behind the head; of a str, bin or ext (its type first) */
	size_t body_len;
	size_t n_values; /* how many a container consists of */
};

static const char *const type_names[N_PACK_TYPE] = {
#define AS_NAME(name, text) [PACK_##name] = text,
	PACK_TYPES(AS_NAME)
#undef AS_NAME
};

static const int fault_classes[N_PACK_FAULT] = {
#define AS_CLASS(name, number, text) [PACK_FAULT_##name] = number,
	PACK_FAULTS(AS_CLASS)
#undef AS_CLASS
};

const char *pack_type_name(enum pack_type type)
{
	CHECK(type < N_PACK_TYPE);
	return type_names[type];
}

/* Sticks a fault; there is none yet. Returns false, for whoever has to. */
static bool fail(struct pack_reader *r, const uint8_t *at, enum pack_fault fault,
		 const char *came, uint64_t figure, uint64_t bound)
{
	CHECK_SLOW(!r->fault);
	r->fault = fault;
	r->at = (size_t)(at - r->start);
	r->came = came;
	r->figure = figure;
	r->bound = bound;
	r->end = r->p;
	return false;
}

void pack_reader_refuse(struct pack_reader *r, const uint8_t *at, const char *expected,
			const char *came)
{
	if (r->fault)
		return;
	CHECK(at >= r->start && at <= r->end);
	if (!came)
		came = type_names[at < r->end ? forms[*at].type : PACK_END];
	r->expected = expected;
	fail(r, at, PACK_FAULT_TYPE, came, 0, 0);
}

int pack_reader_result(const struct pack_reader *r)
{
	return -fault_classes[r->fault];
}

int pack_reader_end(struct pack_reader *r)
{
	if (r->p < r->end)
		fail(r, r->p, PACK_FAULT_TRAILING, NULL, (uint64_t)(r->end - r->p), 0);
	return pack_reader_result(r);
}

static int range_text(const struct pack_reader *r, char *text, size_t size)
{
	if (r->came == type_names[PACK_INT])
		return snprintf(text, size,
				"at byte %zu: expected %s of %jd to %ju, got %jd", r->at,
				r->expected, (intmax_t)r->lowest, (uintmax_t)r->bound,
				(intmax_t)r->figure);
	return snprintf(text, size, "at byte %zu: expected %s of %jd to %ju, got %ju",
			r->at, r->expected, (intmax_t)r->lowest, (uintmax_t)r->bound,
			(uintmax_t)r->figure);
}

int pack_error_text(const struct pack_reader *r, char *text, size_t size)
{
	uintmax_t figure = r->figure, bound = r->bound;

	switch (r->fault) {
	case PACK_FAULT_NONE:
		return snprintf(text, size, "%s", "");
	case PACK_FAULT_ENDED:
		return snprintf(text, size,
				"at byte %zu: %s needs %ju bytes, there are %ju", r->at,
				r->expected ? r->expected : r->came, figure, bound);
	case PACK_FAULT_TRAILING:
		return snprintf(text, size, "at byte %zu: %ju bytes behind the value",
				r->at, figure);
	case PACK_FAULT_INVALID:
		return snprintf(text, size, "at byte %zu: 0x%jx, which is not msgpack",
				r->at, figure);
	case PACK_FAULT_NOT_UTF8:
		return snprintf(text, size, "at byte %zu: 0x%jx, which is not UTF-8 here",
				r->at, figure);
	case PACK_FAULT_CROWDED:
		return snprintf(text, size, "at byte %zu: %s of %ju items in %ju bytes",
				r->at, r->came, figure, bound);
	case PACK_FAULT_TOO_LONG:
		return snprintf(text, size,
				"at byte %zu: %s of %ju bytes, the limit is %ju", r->at,
				r->came, figure, bound);
	case PACK_FAULT_TOO_MANY:
		return snprintf(text, size,
				"at byte %zu: %s of %ju items, the limit is %ju", r->at,
				r->came, figure, bound);
	case PACK_FAULT_TOO_DEEP:
		return snprintf(text, size,
				"at byte %zu: %s in level %ju, the limit is %ju", r->at,
				r->came, figure, bound);
	case PACK_FAULT_TYPE:
		return snprintf(text, size, "at byte %zu: expected %s, got %s", r->at,
				r->expected, r->came);
	case PACK_FAULT_RANGE:
		return range_text(r, text, size);
	case N_PACK_FAULT:
		break;
	}
	BUG("fault %d of a reader that was not initialised", (int)r->fault);
}

static uint64_t big_endian(const uint8_t *p, unsigned width)
{
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;

	switch (width) {
	case 1:
		return *p;
	case 2:
		memcpy(&u16, p, sizeof u16);
		return be16toh(u16);
	case 4:
		memcpy(&u32, p, sizeof u32);
		return be32toh(u32);
	default:
		memcpy(&u64, p, sizeof u64);
		return be64toh(u64);
	}
}

static uint64_t sign_extended(uint64_t value, unsigned width)
{
	unsigned shift = 64 - 8 * (width ? width : 1);

	return (uint64_t)((int64_t)(value << shift) >> shift);
}

static bool check_text(struct pack_reader *r, const uint8_t *text, size_t len)
{
	size_t valid;

	if (utf8_is_ascii(text, len))
		return true;
	valid = utf8_valid_len(text, len);
	if (valid == len)
		return true;
	return fail(r, text + valid, PACK_FAULT_NOT_UTF8, type_names[PACK_STR],
		    text[valid], 0);
}

/* Does what a head announces keep to the limits and to the bytes? */
static bool check_body(struct pack_reader *r, const uint8_t *at, const struct head *h)
{
	const char *name = type_names[h->type];
	size_t rest = (size_t)(r->end - h->body);
	size_t head_len = (size_t)(h->body - at);

	if (h->value > r->limits->str)
		return fail(r, at, PACK_FAULT_TOO_LONG, name, h->value, r->limits->str);
	if (h->body_len > rest)
		return fail(r, at, PACK_FAULT_ENDED, name, head_len + h->body_len,
			    head_len + rest);
	return h->type != PACK_STR || check_text(r, h->body, h->body_len);
}

static bool check_count(struct pack_reader *r, const uint8_t *at, const struct head *h)
{
	const char *name = type_names[h->type];
	size_t rest = (size_t)(r->end - h->body);

	if (h->value > r->limits->items)
		return fail(r, at, PACK_FAULT_TOO_MANY, name, h->value, r->limits->items);
	if (h->n_values > rest)
		return fail(r, at, PACK_FAULT_CROWDED, name, h->value, rest);
	return true;
}

/* Reads the head at p, which lies in [r->p, r->end]. Moves nothing. */
pack_inline_ bool read_head(struct pack_reader *r, const uint8_t *p, struct head *ret)
{
	size_t rest = (size_t)(r->end - p);
	const struct form *form;

	if (rest == 0)
		return fail(r, p, PACK_FAULT_ENDED, "a value", 1, 0);
	form = &forms[*p];
	if (rest <= form->width)
		return fail(r, p, PACK_FAULT_ENDED, type_names[form->type],
			    1 + (uint64_t)form->width, rest);

	ret->type = form->type;
	ret->width = form->width;
	ret->value = form->width ? big_endian(p + 1, form->width)
				 : (uint64_t)(*p & form->mask) + form->fixed;
	ret->body = p + 1 + form->width;
	ret->body_len = ret->value * form->bytes_each + form->bytes_more;
	ret->n_values = ret->value * form->values_each;

	if (form->bytes_each)
		return check_body(r, p, ret);
	if (form->values_each)
		return check_count(r, p, ret);
	if (form->type == PACK_INT)
		ret->value = sign_extended(ret->value, form->width);
	else if (form->type == PACK_INVALID)
		return fail(r, p, PACK_FAULT_INVALID, type_names[form->type], *p, 0);
	return true;
}

/* The door of all typed calls: the head of the next value, whatever its type is. */
static bool open_value(struct pack_reader *r, const char *expected, struct head *ret)
{
	if (r->fault)
		return false;
	r->expected = expected;
	if (!read_head(r, r->p, ret))
		return false;
	r->expected = NULL;
	return true;
}

static bool mismatch(struct pack_reader *r, const char *expected, enum pack_type came)
{
	r->expected = expected;
	return fail(r, r->p, PACK_FAULT_TYPE, type_names[came], 0, 0);
}

/* The same for a call that takes one type only; it moves behind head and body. */
static bool read_value(struct pack_reader *r, enum pack_type type, struct head *ret)
{
	if (!open_value(r, type_names[type], ret))
		return false;
	if (ret->type != type)
		return mismatch(r, type_names[type], ret->type);
	r->p = ret->body + ret->body_len;
	return true;
}

enum pack_type pack_peek(const struct pack_reader *r)
{
	return r->p < r->end ? (enum pack_type)forms[*r->p].type : PACK_END;
}

void pack_read_nil(struct pack_reader *r)
{
	struct head h;

	read_value(r, PACK_NIL, &h);
}

bool pack_read_bool(struct pack_reader *r)
{
	struct head h;

	return read_value(r, PACK_BOOL, &h) && h.value;
}

static bool is_within(const struct head *h, int64_t min, uint64_t max)
{
	if (h->type == PACK_INT && (int64_t)h->value < 0)
		return (int64_t)h->value >= min;
	return h->value <= max && (min <= 0 || h->value >= (uint64_t)min);
}

/* An integer of any form. */
static bool read_integer(struct pack_reader *r, int64_t min, uint64_t max,
			 struct head *ret)
{
	const char *expected = min < 0 ? type_names[PACK_INT] : type_names[PACK_UINT];

	if (!open_value(r, expected, ret))
		return false;
	if (ret->type != PACK_UINT && ret->type != PACK_INT)
		return mismatch(r, expected, ret->type);
	if (!is_within(ret, min, max)) {
		r->expected = expected;
		r->lowest = min;
		return fail(r, r->p, PACK_FAULT_RANGE, type_names[ret->type], ret->value,
			    max);
	}
	r->p = ret->body;
	return true;
}

uint64_t pack_read_uint_(struct pack_reader *r, uint64_t max)
{
	struct head h;

	return read_integer(r, 0, max, &h) ? h.value : 0;
}

int64_t pack_read_int_(struct pack_reader *r, int64_t min, int64_t max)
{
	struct head h;

	CHECK(max >= 0);
	return read_integer(r, min, (uint64_t)max, &h) ? (int64_t)h.value : 0;
}

static double float_of_bits(uint64_t bits, unsigned width)
{
	uint32_t half = (uint32_t)bits;
	double value;
	float single;

	if (width == sizeof single) {
		memcpy(&single, &half, sizeof single);
		return (double)single;
	}
	memcpy(&value, &bits, sizeof value);
	return value;
}

double pack_read_f64(struct pack_reader *r)
{
	const int64_t exact = (int64_t)1 << 53;
	struct head h;

	if (pack_peek(r) == PACK_UINT || pack_peek(r) == PACK_INT)
		return (double)pack_read_int(r, -exact, exact);
	if (!read_value(r, PACK_FLOAT, &h))
		return 0;
	return float_of_bits(h.value, h.width);
}

struct pack_str pack_read_str_(struct pack_reader *r)
{
	struct head h;

	if (!read_value(r, PACK_STR, &h))
		return (struct pack_str){ "", 0 };
	return (struct pack_str){ (const char *)h.body, h.body_len };
}

static struct pack_bytes no_bytes(void)
{
	return (struct pack_bytes){ (const uint8_t *)"", 0 };
}

struct pack_bytes pack_read_bin_(struct pack_reader *r)
{
	struct head h;

	if (!read_value(r, PACK_BIN, &h))
		return no_bytes();
	return (struct pack_bytes){ h.body, h.body_len };
}

size_t pack_read_count_(struct pack_reader *r, enum pack_type type)
{
	struct head h;

	return read_value(r, type, &h) ? (size_t)h.value : 0;
}

uint8_t pack_read_ext1(struct pack_reader *r, int8_t type)
{
	const char *expected = "ext of one byte";
	struct head h;

	if (!open_value(r, expected, &h))
		return 0;
	if (h.type != PACK_EXT || h.value != 1 || h.body[0] != (uint8_t)type) {
		pack_reader_refuse(r, r->p, expected,
				   h.type == PACK_EXT ? "another ext" : NULL);
		return 0;
	}
	r->p = h.body + h.body_len;
	return h.body[1];
}

struct pack_bytes pack_read_ext(struct pack_reader *r, int *ret_type)
{
	struct head h;

	if (!read_value(r, PACK_EXT, &h))
		return no_bytes();
	*ret_type = h.body[0] > INT8_MAX ? h.body[0] - 256 : h.body[0];
	return (struct pack_bytes){ h.body + 1, h.body_len - 1 };
}

static bool is_container(enum pack_type type)
{
	return type == PACK_ARRAY || type == PACK_MAP;
}

/* The end of a short ASCII text at p, which keys are; NULL: it is something else, or to be
 * doubted. */
pack_inline_ const uint8_t *key_end(const struct pack_reader *r, const uint8_t *p)
{
	size_t len = *p & 0x1f;

	if ((*p & 0xe0) != 0xa0 || len >= (size_t)(r->end - p) || len > r->limits->str ||
	    !utf8_is_ascii(p + 1, len))
		return NULL;
	return p + 1 + len;
}

/* The end of the value at r->p; NULL with a fault. `owed` and `outer` are the values that
 * the containers still lack, as in a writer. */
static const uint8_t *value_end(struct pack_reader *r)
{
	unsigned limit = pack_depth_limit_(r->limits), depth = 0;
	size_t owed = 1, outer[PACK_DEPTH_MAX];
	const uint8_t *p = r->p, *next;
	struct head h;

	do {
		next = p < r->end && owed > 1 ? key_end(r, p) : NULL;
		if (next) {
			p = next;
			owed--;
			continue;
		}
		if (!read_head(r, p, &h))
			return NULL;
		owed--;
		if (is_container(h.type) && r->depth + depth >= limit) {
			fail(r, p, PACK_FAULT_TOO_DEEP, type_names[h.type],
			     r->depth + depth + 1, limit);
			return NULL;
		}
		if (h.n_values > 0) {
			outer[depth++] = owed;
			owed = h.n_values;
		}
		while (owed == 0 && depth > 0)
			owed = outer[--depth];
		p = h.body + h.body_len;
	} while (owed > 0);
	return p;
}

void pack_skip(struct pack_reader *r)
{
	pack_read_raw(r);
}

struct pack_bytes pack_read_raw(struct pack_reader *r)
{
	const uint8_t *start = r->p, *end = NULL;

	if (!r->fault)
		end = value_end(r);
	if (!end)
		return no_bytes();
	r->p = end;
	return (struct pack_bytes){ start, (size_t)(end - start) };
}
