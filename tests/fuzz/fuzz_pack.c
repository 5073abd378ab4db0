/* SPDX-License-Identifier: MIT */
/* fuzz_pack.c - any bytes at all for the reader of msgpack, and what it reads for the writer.
 *
 * The first byte of the input chooses the limits, the second how many of the rest are a
 * script of calls; what is left is read three times:
 *
 *	by pack_skip();
 *	by the calls that fit, each value being written again: this succeeds just when
 *	pack_skip() did, and writing once more what was written changes nothing;
 *	by the calls of the script, which fit or do not: a fault sticks, and moves nothing.
 *
 * The bytes lie in memory of exactly their size, so that AddressSanitizer sees their end.
 * The corpus are the bodies of tests/vectors behind 00 04 and a script of four calls.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/panic.h"
#include "wire/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BUF_MAX = 64 * 1024 * 1024 };

static int skip(const uint8_t *bytes, size_t len, const struct wire_limits *limits)
{
	struct pack_reader r;
	char text[200] = "";
	int n;

	pack_reader_init(&r, bytes, len, limits);
	pack_skip(&r);
	acre_ignore(pack_reader_end(&r));
	n = pack_error_text(&r, text, sizeof text);
	CHECK(n >= 0 && (size_t)n < sizeof text);
	CHECK((n == 0) == (pack_reader_result(&r) == 0));
	return pack_reader_result(&r);
}

/* Writes the next value, a container without what it holds. Returns how many values that
 * is. */
static size_t copy_head(struct pack_reader *r, struct pack_writer *w)
{
	struct pack_bytes bytes;
	struct pack_str str;
	size_t n;

	switch (pack_peek(r)) {
	case PACK_NIL:
		pack_read_nil(r);
		pack_nil(w);
		return 0;
	case PACK_BOOL:
		pack_bool(w, pack_read_bool(r));
		return 0;
	case PACK_UINT:
		pack_u64(w, pack_read_u64(r));
		return 0;
	case PACK_INT:
		pack_i64(w, pack_read_i64(r));
		return 0;
	case PACK_FLOAT:
		pack_f64(w, pack_read_f64(r));
		return 0;
	case PACK_STR:
		str = pack_read_str(r);
		pack_str(w, str.s, str.len);
		return 0;
	case PACK_BIN:
		bytes = pack_read_bin(r);
		pack_bin(w, bytes.p, bytes.len);
		return 0;
	case PACK_ARRAY:
		n = pack_read_array(r);
		pack_array(w, n);
		return n;
	case PACK_MAP:
		n = pack_read_map(r);
		pack_map(w, n);
		return 2 * n;
	case PACK_EXT:
		bytes = pack_read_raw(r);
		if (bytes.len > 0)
			pack_raw(w, bytes.p, bytes.len);
		return 0;
	case PACK_END:
	case PACK_INVALID:
	case N_PACK_TYPE:
		break;
	}
	pack_skip(r); /* the fault is the reader's to name */
	return 0;
}

/* Writes a value again. A value is a row of heads, so nothing recurses here either. */
static int copy(struct buf *to, const uint8_t *bytes, size_t len,
		const struct wire_limits *limits)
{
	struct pack_reader r;
	struct pack_writer w;

	pack_reader_init(&r, bytes, len, limits);
	pack_writer_init(&w, to, limits);
	for (size_t owed = 1; owed > 0; owed--) {
		owed += copy_head(&r, &w);
		if (pack_reader_result(&r) < 0 || w.r < 0)
			break;
	}
	if (pack_reader_end(&r) < 0)
		pack_writer_fail(&w, pack_reader_result(&r));
	return pack_writer_result(&w);
}

static void copy_twice(const uint8_t *bytes, size_t len, const struct wire_limits *limits)
{
	struct buf once, twice;
	int r;

	buf_init(&once, BUF_MAX);
	buf_init(&twice, BUF_MAX);
	r = copy(&once, bytes, len, limits);
	CHECK((r == 0) == (skip(bytes, len, limits) == 0));
	if (r == 0) {
		CHECK(copy(&twice, buf_bytes(&once), buf_len(&once), limits) == 0);
		CHECK(buf_len(&once) == buf_len(&twice));
		CHECK(memcmp(buf_bytes(&once), buf_bytes(&twice), buf_len(&once)) == 0);
	} else {
		CHECK(buf_len(&once) == 0);
	}
	buf_fini(&once);
	buf_fini(&twice);
}

/* One call that may not fit. Returns whether it read something that is not zero. */
static bool read_as(struct pack_reader *r, uint8_t call)
{
	switch (call % 12) {
	case 0:
		pack_read_nil(r);
		return false;
	case 1:
		return pack_read_if_nil(r);
	case 2:
		return pack_read_bool(r);
	case 3:
		return pack_read_uint(r, 255) != 0;
	case 4:
		return pack_read_int(r, -128, 127) != 0;
	case 5:
		return pack_read_i64(r) != 0;
	case 6:
		return pack_read_f64(r) != 0;
	case 7:
		return pack_read_str(r).len != 0;
	case 8:
		return pack_read_bin(r).len != 0;
	case 9:
		return pack_read_array(r) != 0;
	case 10:
		return pack_read_map(r) != 0;
	default:
		return pack_read_ext1(r, 1) != 0;
	}
}

static void follow(const uint8_t *script, size_t n, const uint8_t *bytes, size_t len,
		   const struct wire_limits *limits)
{
	struct pack_reader r;
	const uint8_t *before;
	bool was_bad, is_something;

	pack_reader_init(&r, bytes, len, limits);
	for (size_t i = 0; i < n; i++) {
		before = r.p;
		was_bad = pack_reader_result(&r) < 0;
		is_something = read_as(&r, script[i]);
		CHECK(r.p >= before && r.p <= bytes + len);
		if (pack_reader_result(&r) < 0)
			CHECK(r.p == before && !is_something && r.at <= len);
		else
			CHECK(!was_bad);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_limits limits = wire_limits_default;
	size_t n_script, len;
	uint8_t *bytes;

	if (size < 2)
		return 0;
	if (data[0] & 1)
		limits.depth = data[0] >> 4;
	if (data[0] & 2)
		limits.items = data[0] >> 3;
	if (data[0] & 4)
		limits.str = data[0] >> 2;
	n_script = size_min(data[1], size - 2);
	len = size - 2 - n_script;
	bytes = malloc(len ? len : 1);
	if (!bytes)
		return 0;
	memcpy(bytes, data + 2 + n_script, len);
	copy_twice(bytes, len, &limits);
	follow(data + 2, n_script, bytes, len, &limits);
	free(bytes);
	return 0;
}
