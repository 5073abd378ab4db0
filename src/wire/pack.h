/* SPDX-License-Identifier: MIT */
/* pack.h - msgpack in and out, within limits, with an error that sticks.
 *
 * Ten fields are written, or read, and the result is asked for once:
 *
 *	pack_writer_init(&w, buf, limits);
 *	pack_map(&w, 2);
 *	pack_cstr(&w, "cid");
 *	pack_str(&w, cid.s, cid.len);
 *	pack_cstr(&w, "items");
 *	pack_u64(&w, items);
 *	r = pack_writer_result(&w);
 *
 * With its first error a writer takes back what it has appended, and writes nothing more;
 * a reader stays where it is and reads zeros (0, "", an empty container). The sticky
 * error is an idea of mpack's.
 *
 * A writer writes one whole value in the shortest form there is, so equal values are
 * equal bytes. It keeps the receiver's limits, and counts: a container that got more or
 * fewer values than it announced is a BUG() here, not a puzzle at the other end.
 *
 * A reader neither copies nor allocates: texts and bytes point into what it reads. Each
 * length and count is held against the rest of the bytes and the limits before it is
 * used. Each text is valid UTF-8. A value nobody asked for can be skipped; that does not
 * recurse.
 *
 * Not here: frames and their length prefix (frame.c: a writer appends behind whatever is
 * in the buffer), and which keys a message has (msg.c).
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <acre/error.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "base/util.h"
#include "wire/limits.h"

/* Most levels that either can keep count of. */
#define PACK_DEPTH_MAX 64

/* For what is small once constant arguments are folded; the compiler counts before. */
#define pack_inline_ static inline __attribute__((always_inline))

static inline unsigned pack_depth_limit_(const struct wire_limits *limits)
{
	return (unsigned)size_min(limits->depth, PACK_DEPTH_MAX);
}

/*
 * Writing
 */

struct pack_writer {
	uint8_t *p, *end;                 /* free room in buf; none after a failure and
					   * after the value: no fast path goes on */
	struct buf *buf;                  /* borrowed; p is ahead of it until the end */
	const struct wire_limits *limits; /* borrowed */
	int r;                            /* 0 or the failure */
	unsigned depth, max_depth;        /* containers open around the next value */
	size_t mark;                      /* length of buf that a failure goes back to */
	size_t left;                      /* values the innermost container still lacks */
	size_t outer[PACK_DEPTH_MAX];     /* the same for those around it, [0, depth) */
};

/* The buffer is the writer's until the value is whole, or has failed. */
void pack_writer_init(struct pack_writer *w, struct buf *buf,
		      const struct wire_limits *limits);

/* Sticks a failure of the caller's own, e.g. a value that no form exists for. r < 0. */
void pack_writer_fail(struct pack_writer *w, int r);

/* 0: the value is whole. -EMSGSIZE: beyond a limit, or the buffer's; -EILSEQ: a text is
 * not UTF-8; -EINVAL: not one packed value in pack_raw(); -ENOMEM; pack_writer_fail()'s
 * own. */
int pack_writer_result(const struct pack_writer *w) __attribute__((warn_unused_result));

/* The rest of the inline calls below: what is rare. */
uint8_t *pack_make_room_(struct pack_writer *w, size_t n);
void pack_close_(struct pack_writer *w);
void pack_u64_wide_(struct pack_writer *w, uint64_t value);
void pack_i64_wide_(struct pack_writer *w, int64_t value);
void pack_str_(struct pack_writer *w, const char *s, size_t len);
void pack_array_(struct pack_writer *w, size_t n);
void pack_map_(struct pack_writer *w, size_t n);

/* Where the next n bytes go; NULL after a failure. */
static inline uint8_t *pack_room_(struct pack_writer *w, size_t n)
{
	return likely(n <= (size_t)(w->end - w->p)) ? w->p : pack_make_room_(w, n);
}

/* The room holds one value now, which ends at p. */
static inline void pack_wrote_(struct pack_writer *w, uint8_t *p)
{
	w->p = p;
	if (unlikely(--w->left == 0))
		pack_close_(w);
}

static inline void pack_byte_(struct pack_writer *w, uint8_t byte)
{
	uint8_t *p = pack_room_(w, 1);

	if (!p)
		return;
	*p = byte;
	pack_wrote_(w, p + 1);
}

/* The head of a container that is not empty and fits into one byte. */
static inline void pack_open_(struct pack_writer *w, uint8_t head, size_t n,
			      size_t n_values)
{
	uint8_t *p = pack_room_(w, 1);

	if (!p)
		return;
	if (n > w->limits->items || w->depth >= w->max_depth) {
		pack_writer_fail(w, -EMSGSIZE);
		return;
	}
	*p = head;
	w->p = p + 1;
	w->outer[w->depth++] = w->left - 1;
	w->left = n_values;
}

static inline void pack_nil(struct pack_writer *w)
{
	pack_byte_(w, 0xc0);
}

static inline void pack_bool(struct pack_writer *w, bool value)
{
	pack_byte_(w, value ? 0xc3 : 0xc2);
}

static inline void pack_u64(struct pack_writer *w, uint64_t value)
{
	if (value < 0x80)
		pack_byte_(w, (uint8_t)value);
	else
		pack_u64_wide_(w, value);
}

static inline void pack_i64(struct pack_writer *w, int64_t value)
{
	if (value >= 0)
		pack_u64(w, (uint64_t)value);
	else if (value >= -32)
		pack_byte_(w, (uint8_t)value);
	else
		pack_i64_wide_(w, value);
}

/* Always as a float64, also if it is integral. */
void pack_f64(struct pack_writer *w, double value);

/* A literal is folded into a store or two. */
pack_inline_ void pack_str(struct pack_writer *w, const char *s, size_t len)
{
	uint8_t *p;

	if (!__builtin_constant_p(len) || len >= 32 || len > w->limits->str ||
	    !utf8_is_ascii(s, len)) {
		pack_str_(w, s, len);
		return;
	}
	p = pack_room_(w, 1 + len);
	if (!p)
		return;
	*p = (uint8_t)(0xa0 | len);
	memcpy(p + 1, s, len);
	pack_wrote_(w, p + 1 + len);
}

pack_inline_ void pack_cstr(struct pack_writer *w, const char *s)
{
	pack_str(w, s, strlen(s));
}

void pack_bin(struct pack_writer *w, const void *bytes, size_t len);

/* Opens a container: the next n values, or 2 * n for a map's keys and values, are its
 * own. */
static inline void pack_array(struct pack_writer *w, size_t n)
{
	if (n > 0 && n < 16)
		pack_open_(w, (uint8_t)(0x90 | n), n, n);
	else
		pack_array_(w, n);
}

static inline void pack_map(struct pack_writer *w, size_t n)
{
	if (n > 0 && n < 16)
		pack_open_(w, (uint8_t)(0x80 | n), n, 2 * n);
	else
		pack_map_(w, n);
}

/* An extension of one byte. */
void pack_ext1(struct pack_writer *w, int8_t type, uint8_t byte);

/* A value that is packed already. It is checked like one that came from outside, since an
 * invalid one would cost us the link. */
void pack_raw(struct pack_writer *w, const void *bytes, size_t len);

/*
 * Reading
 */

/* name, how messages call it */
#define PACK_TYPES(T)                                                                    \
	T(END, "nothing")                                                                \
	T(NIL, "nil")                                                                    \
	T(BOOL, "bool")                                                                  \
	T(UINT, "uint")                                                                  \
	T(INT, "int")                                                                    \
	T(FLOAT, "float")                                                                \
	T(STR, "str")                                                                    \
	T(BIN, "bin")                                                                    \
	T(ARRAY, "array")                                                                \
	T(MAP, "map")                                                                    \
	T(EXT, "ext")                                                                    \
	T(INVALID, "invalid byte")

enum pack_type {
#define AS_ENUM(name, text) PACK_##name,
	PACK_TYPES(AS_ENUM)
#undef AS_ENUM
	N_PACK_TYPE
};

/* name, class, meaning */
#define PACK_FAULTS(F)                                                                   \
	F(NONE, 0, "no fault")                                                           \
	F(ENDED, EPROTO, "the bytes end within a value")                                 \
	F(TRAILING, EPROTO, "bytes are left behind the value")                           \
	F(INVALID, EPROTO, "a byte that msgpack does not use")                           \
	F(NOT_UTF8, EPROTO, "a text is not UTF-8")                                       \
	F(CROWDED, EPROTO, "more items than the rest of the bytes can hold")             \
	F(TOO_LONG, EMSGSIZE, "a str, bin or ext beyond the limit")                      \
	F(TOO_MANY, EMSGSIZE, "more items than the limit")                               \
	F(TOO_DEEP, EMSGSIZE, "nested deeper than the limit")                            \
	F(TYPE, ACRE_ETYPE, "a value of another type than asked for")                    \
	F(RANGE, ACRE_ETYPE, "a number outside of the range asked for")

enum pack_fault {
#define AS_ENUM(name, number, text) PACK_FAULT_##name,
	PACK_FAULTS(AS_ENUM)
#undef AS_ENUM
	N_PACK_FAULT
};

struct pack_reader {
	const uint8_t *p;                 /* the next byte */
	const uint8_t *end;               /* p after a fault: no fast path goes on */
	const uint8_t *start;
	const struct wire_limits *limits; /* borrowed */
	unsigned depth;                   /* levels around p that skip and raw count too;
					   * 0 at first, the caller's to set */
	enum pack_fault fault;

	/* What the fault was; set by it. */
	size_t at;              /* where, counted from start */
	const char *expected;   /* what was asked for; NULL if anything would do */
	const char *came;       /* name of the type that came */
	uint64_t figure, bound; /* the offending size, count, level, byte or number; and
				 * the most it may be (ENDED, CROWDED: what there is) */
	int64_t lowest;         /* RANGE: the least it may be */
};

/* Borrowed from the bytes that are read; never NULL. */
struct pack_str {
	const char *s; /* no NUL behind it */
	size_t len;
};

struct pack_bytes {
	const uint8_t *p;
	size_t len;
};

/* `limits` and the bytes are borrowed until the last call. */
static inline void pack_reader_init(struct pack_reader *r, const void *bytes, size_t len,
				    const struct wire_limits *limits)
{
	r->start = r->p = len > 0 ? bytes : (const uint8_t *)"";
	r->end = r->p + len;
	r->limits = limits;
	r->depth = 0;
	r->fault = PACK_FAULT_NONE;
	r->expected = NULL;
}

/* Sticks a fault that only the caller can see: the value at `at` (r->p from before it was
 * read) is not `expected`, a literal. `came` NULL: the name of its type. */
void pack_reader_refuse(struct pack_reader *r, const uint8_t *at, const char *expected,
			const char *came);

/* 0, or minus the class of the fault: EPROTO, EMSGSIZE or ACRE_ETYPE. */
int pack_reader_result(const struct pack_reader *r) __attribute__((warn_unused_result));

/* The same, and that nothing is left is part of it. */
int pack_reader_end(struct pack_reader *r) __attribute__((warn_unused_result));

/* The fault as a sentence without a stop: "at byte 37: expected str, got bin". Returns
 * what snprintf() does; empty if there is no fault. */
int pack_error_text(const struct pack_reader *r, char *text, size_t size);

const char *pack_type_name(enum pack_type type);

/* The type of the next value; PACK_END behind the last one and after a fault.
 * Non-negative integers are UINT where their form is unsigned: a UINT fits
 * pack_read_u64(), an INT pack_read_i64(). */
enum pack_type pack_peek(const struct pack_reader *r);

/* The rest of the inline calls below. */
uint64_t pack_read_uint_(struct pack_reader *r, uint64_t max);
int64_t pack_read_int_(struct pack_reader *r, int64_t min, int64_t max);
struct pack_str pack_read_str_(struct pack_reader *r);
struct pack_bytes pack_read_bin_(struct pack_reader *r);
size_t pack_read_count_(struct pack_reader *r, enum pack_type type);

/* Whether the next byte is one of those whose bits under `mask` are `bits`. */
static inline bool pack_comes_(const struct pack_reader *r, uint8_t mask, uint8_t bits)
{
	return likely(r->p < r->end && (*r->p & mask) == bits);
}

/* Reads a nil if there is one: `if (!pack_read_if_nil(&r)) x = pack_read_u64(&r);` */
static inline bool pack_read_if_nil(struct pack_reader *r)
{
	if (!pack_comes_(r, 0xff, 0xc0))
		return false;
	r->p++;
	return true;
}

void pack_read_nil(struct pack_reader *r);
bool pack_read_bool(struct pack_reader *r);

/* Integers of any form that lie within [0, max], or [min, max] with max >= 0. A float is
 * none. */
static inline uint64_t pack_read_uint(struct pack_reader *r, uint64_t max)
{
	if (pack_comes_(r, 0x80, 0) && *r->p <= max)
		return *r->p++;
	return pack_read_uint_(r, max);
}

static inline int64_t pack_read_int(struct pack_reader *r, int64_t min, int64_t max)
{
	if (pack_comes_(r, 0x80, 0) && *r->p >= min && *r->p <= max)
		return *r->p++;
	return pack_read_int_(r, min, max);
}

static inline uint64_t pack_read_u64(struct pack_reader *r)
{
	return pack_read_uint(r, UINT64_MAX);
}

static inline int64_t pack_read_i64(struct pack_reader *r)
{
	return pack_read_int(r, INT64_MIN, INT64_MAX);
}

/* A float of either width, or an integer that a double holds exactly: other languages
 * write 1.0 as 1. */
double pack_read_f64(struct pack_reader *r);

static inline struct pack_str pack_read_str(struct pack_reader *r)
{
	const uint8_t *s;
	size_t len;

	if (pack_comes_(r, 0xe0, 0xa0)) {
		s = r->p + 1;
		len = *r->p & 0x1f;
		if (likely(len <= (size_t)(r->end - s) && len <= r->limits->str &&
			   utf8_is_ascii(s, len))) {
			r->p = s + len;
			return (struct pack_str){ (const char *)s, len };
		}
	}
	return pack_read_str_(r);
}

static inline struct pack_bytes pack_read_bin(struct pack_reader *r)
{
	const uint8_t *p;
	size_t len;

	if (pack_comes_(r, 0xff, 0xc4) && r->end - r->p > 1) {
		p = r->p + 2;
		len = p[-1];
		if (likely(len <= (size_t)(r->end - p) && len <= r->limits->str)) {
			r->p = p + len;
			return (struct pack_bytes){ p, len };
		}
	}
	return pack_read_bin_(r);
}

/* Opens a container: returns how many values, or pairs of a key and a value, come now.
 * That many fit into the rest of the bytes. */
static inline size_t pack_read_array(struct pack_reader *r)
{
	size_t n;

	if (pack_comes_(r, 0xf0, 0x90)) {
		n = *r->p & 0x0f;
		if (likely(n < (size_t)(r->end - r->p) && n <= r->limits->items)) {
			r->p++;
			return n;
		}
	}
	return pack_read_count_(r, PACK_ARRAY);
}

static inline size_t pack_read_map(struct pack_reader *r)
{
	size_t n;

	if (pack_comes_(r, 0xf0, 0x80)) {
		n = *r->p & 0x0f;
		if (likely(2 * n < (size_t)(r->end - r->p) && n <= r->limits->items)) {
			r->p++;
			return n;
		}
	}
	return pack_read_count_(r, PACK_MAP);
}

/* The byte of an extension of that type and of one byte. */
uint8_t pack_read_ext1(struct pack_reader *r, int8_t type);

/* The bytes of an extension of any type. */
struct pack_bytes pack_read_ext(struct pack_reader *r, int *ret_type);

/* Goes over one whole value, which is checked on the way as if it were read. */
void pack_skip(struct pack_reader *r);

/* The same, and returns its bytes: one valid value, for pack_raw() or another reader. */
struct pack_bytes pack_read_raw(struct pack_reader *r);

static inline bool pack_str_is(struct pack_str str, const char *s)
{
	size_t len = strlen(s);

	return str.len == len && memcmp(str.s, s, len) == 0;
}
