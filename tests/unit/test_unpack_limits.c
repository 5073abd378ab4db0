/* SPDX-License-Identifier: MIT */
/* test_unpack_limits.c - the reader of msgpack: sizes at the limit, and where values end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/test.h"
#include "vectors/vectors.h"
#include "wire/pack.h"

/* Whether pack_skip() takes these bytes for one value. 0, or the failure. */
static int skip_bytes(const uint8_t *bytes, size_t len, const struct wire_limits *limits)
{
	struct pack_reader r;

	pack_reader_init(&r, bytes, len, limits);
	pack_skip(&r);
	return pack_reader_end(&r);
}

static int skip_hex(const char *hex, const struct wire_limits *limits)
{
	uint8_t bytes[100];

	return skip_bytes(bytes, hex_decode(bytes, sizeof bytes, hex), limits);
}

TEST(what_is_as_long_as_the_limit_is_read_and_one_byte_more_is_not)
{
	struct wire_limits limits = wire_limits_default;

	limits.str = 3;
	assert_ok(skip_hex("a3616263", &limits));
	assert_ok(skip_hex("d903616263", &limits));
	assert_ok(skip_hex("c403616263", &limits));
	assert_ok(skip_hex("c70301616263", &limits));
	assert_int_equal(skip_hex("a461626364", &limits), -EMSGSIZE);
	assert_int_equal(skip_hex("d90461626364", &limits), -EMSGSIZE);
	assert_int_equal(skip_hex("c40461626364", &limits), -EMSGSIZE);
	assert_int_equal(skip_hex("d60161626364", &limits), -EMSGSIZE);
}

TEST(what_holds_as_much_as_the_limit_is_read_and_one_item_more_is_not)
{
	struct wire_limits limits = wire_limits_default;

	limits.items = 2;
	assert_ok(skip_hex("92c0c0", &limits));
	assert_ok(skip_hex("dc0002c0c0", &limits));
	assert_ok(skip_hex("82c0c0c0c0", &limits));
	assert_ok(skip_hex("de0002c0c0c0c0", &limits));
	assert_int_equal(skip_hex("93c0c0c0", &limits), -EMSGSIZE);
	assert_int_equal(skip_hex("dc0003c0c0c0", &limits), -EMSGSIZE);
	assert_int_equal(skip_hex("83c0c0c0c0c0c0", &limits), -EMSGSIZE);
	assert_int_equal(skip_hex("de0003c0c0c0c0c0c0", &limits), -EMSGSIZE);
}

/* A head in hex, and n bytes of zero behind it. */
static int skip_large(const char *head, size_t n)
{
	uint8_t *bytes = calloc(1, 5 + n);
	size_t head_len;
	int r;

	assert_non_null(bytes);
	head_len = hex_decode(bytes, 5, head);
	r = skip_bytes(bytes, head_len + n, &wire_limits_default);
	free(bytes);
	return r;
}

TEST(the_default_limits_are_met_exactly)
{
	assert_ok(skip_large("db00100000", 1048576));
	assert_int_equal(skip_large("db00100001", 1048577), -EMSGSIZE);
	assert_ok(skip_large("c600100000", 1048576));
	assert_int_equal(skip_large("c600100001", 1048577), -EMSGSIZE);
	assert_ok(skip_large("dd00010000", 65536));
	assert_int_equal(skip_large("dd00010001", 65537), -EMSGSIZE);
	assert_ok(skip_large("df00010000", 2 * 65536));
	assert_int_equal(skip_large("df00010001", 2 * 65537), -EMSGSIZE);
}

TEST(each_form_ends_where_it_says)
{
	static const struct {
		const char *head;
		size_t n; /* bytes behind it */
	} rows[] = {
		{ "00", 0 },	       { "7f", 0 },	      { "80", 0 },
		{ "8f", 30 },	       { "90", 0 },	      { "9f", 15 },
		{ "a0", 0 },	       { "bf", 31 },	      { "c0", 0 },
		{ "c2", 0 },	       { "c3", 0 },	      { "c440", 64 },
		{ "c50102", 258 },     { "c600000102", 258 }, { "c740", 65 },
		{ "c80102", 259 },     { "c900000102", 259 }, { "ca", 4 },
		{ "cb", 8 },	       { "cc", 1 },	      { "cd", 2 },
		{ "ce", 4 },	       { "cf", 8 },	      { "d0", 1 },
		{ "d1", 2 },	       { "d2", 4 },	      { "d3", 8 },
		{ "d4", 2 },	       { "d5", 3 },	      { "d6", 5 },
		{ "d7", 9 },	       { "d8", 17 },	      { "d940", 64 },
		{ "da0102", 258 },     { "db00000102", 258 }, { "dc0102", 258 },
		{ "dd00000102", 258 }, { "de0102", 516 },     { "df00000102", 516 },
		{ "e0", 0 },	       { "ff", 0 },
	};

	for (size_t i = 0; i < ARRAY_N(rows); i++) {
		test_note("%s", rows[i].head);
		assert_ok(skip_large(rows[i].head, rows[i].n));
		assert_int_equal(skip_large(rows[i].head, rows[i].n + 1), -EPROTO);
		if (rows[i].n > 0)
			assert_int_equal(skip_large(rows[i].head, rows[i].n - 1),
					 -EPROTO);
	}
}

TEST(a_container_that_is_opened_fits_into_the_rest)
{
	static const struct {
		const char *hex;
		size_t n_array, n_map;
	} rows[] = {
		{ "90", 0, 0 },	      { "91c0", 1, 0 },	      { "91", 0, 0 },
		{ "92c0", 0, 0 },     { "dc0001c0", 1, 0 },   { "dc0001", 0, 0 },
		{ "80", 0, 0 },	      { "81c0c0", 0, 1 },     { "81c0", 0, 0 },
		{ "82c0c0c0", 0, 0 }, { "de0001c0c0", 0, 1 }, { "de0001c0", 0, 0 },
	};
	uint8_t bytes[8];
	struct pack_reader r;
	size_t len;

	for (size_t i = 0; i < ARRAY_N(rows); i++) {
		test_note("%s", rows[i].hex);
		len = hex_decode(bytes, sizeof bytes, rows[i].hex);
		pack_reader_init(&r, bytes, len, &wire_limits_default);
		assert_int_equal(pack_read_array(&r), rows[i].n_array);
		pack_reader_init(&r, bytes, len, &wire_limits_default);
		assert_int_equal(pack_read_map(&r), rows[i].n_map);
	}
}
