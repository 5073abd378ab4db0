/* SPDX-License-Identifier: MIT */
/* test_unpack.c - the reader of msgpack: types, limits, and what it says of faults. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/test.h"
#include "vectors/vectors.h"
#include "wire/pack.h"

/* A reader of bytes in memory of exactly their size, so that ASan sees their end. */
struct bench {
	struct pack_reader r;
	struct wire_limits limits;
	uint8_t *bytes;
};

static void read_hex(struct bench *b, const char *hex)
{
	uint8_t bytes[500];
	size_t len = hex_decode(bytes, sizeof bytes, hex);

	b->limits = wire_limits_default;
	b->bytes = malloc(len);
	memcpy(b->bytes, bytes, len);
	pack_reader_init(&b->r, b->bytes, len, &b->limits);
}

static void tear_down(struct bench *b)
{
	free(b->bytes);
}

/* Everything was read, and well. */
static void assert_read(struct bench *b)
{
	char text[200];

	pack_error_text(&b->r, text, sizeof text);
	assert_string_equal(text, "");
	assert_ok(pack_reader_end(&b->r));
	tear_down(b);
}

/* There is this fault, and this is what it says. */
static void assert_fault(struct bench *b, int class, const char *expected)
{
	char text[200];
	int n = pack_error_text(&b->r, text, sizeof text);

	assert_string_equal(text, expected);
	assert_int_equal(n, strlen(expected));
	assert_int_equal(pack_reader_result(&b->r), -class);
	assert_int_equal(pack_reader_end(&b->r), -class);
	tear_down(b);
}

TEST(an_unsigned_integer_is_read_from_each_form)
{
	static const struct {
		const char *hex;
		uint64_t value;
	} rows[] = {
		{ "00", 0 },
		{ "7f", 127 },
		{ "cc05", 5 },
		{ "ccff", 255 },
		{ "cd0005", 5 },
		{ "cdffff", 65535 },
		{ "ce00000005", 5 },
		{ "ceffffffff", UINT32_MAX },
		{ "cf0000000000000005", 5 },
		{ "cfffffffffffffffff", UINT64_MAX },
		{ "d005", 5 },
		{ "d17fff", 32767 },
		{ "d27fffffff", INT32_MAX },
		{ "d37fffffffffffffff", INT64_MAX },
	};
	struct bench b;

	for (size_t i = 0; i < ARRAY_N(rows); i++) {
		read_hex(&b, rows[i].hex);
		assert_true(pack_read_u64(&b.r) == rows[i].value);
		assert_read(&b);
	}
}

TEST(a_signed_integer_is_read_from_each_form)
{
	static const struct {
		const char *hex;
		int64_t value;
	} rows[] = {
		{ "00", 0 },
		{ "7f", 127 },
		{ "e0", -32 },
		{ "ff", -1 },
		{ "ccff", 255 },
		{ "cdffff", 65535 },
		{ "ceffffffff", UINT32_MAX },
		{ "cf7fffffffffffffff", INT64_MAX },
		{ "d0ff", -1 },
		{ "d080", -128 },
		{ "d1ffff", -1 },
		{ "d18000", -32768 },
		{ "d2ffffffff", -1 },
		{ "d280000000", INT32_MIN },
		{ "d3ffffffffffffffff", -1 },
		{ "d38000000000000000", INT64_MIN },
	};
	struct bench b;

	for (size_t i = 0; i < ARRAY_N(rows); i++) {
		read_hex(&b, rows[i].hex);
		assert_true(pack_read_i64(&b.r) == rows[i].value);
		assert_read(&b);
	}
}

TEST(an_integer_out_of_range_says_the_range_and_what_came)
{
	static const struct {
		const char *hex;
		bool is_signed;
		int64_t min, max;
		const char *text;
	} rows[] = {
		{ "ff", false, 0, 255, "at byte 0: expected uint of 0 to 255, got -1" },
		{ "cd0100", false, 0, 255,
		  "at byte 0: expected uint of 0 to 255, got 256" },
		{ "05", false, 0, 4, "at byte 0: expected uint of 0 to 4, got 5" },
		{ "cc80", true, -128, 127,
		  "at byte 0: expected int of -128 to 127, got 128" },
		{ "d1ff7f", true, -128, 127,
		  "at byte 0: expected int of -128 to 127, got -129" },
		{ "00", true, 1, 4, "at byte 0: expected uint of 1 to 4, got 0" },
		{ "ff", true, 1, 4, "at byte 0: expected uint of 1 to 4, got -1" },
		{ "cc05", true, 6, 9, "at byte 0: expected uint of 6 to 9, got 5" },
		{ "05", true, 1, 4, "at byte 0: expected uint of 1 to 4, got 5" },
		{ "cf8000000000000000", true, INT64_MIN, INT64_MAX,
		  "at byte 0: expected int of -9223372036854775808 to "
		  "9223372036854775807, "
		  "got 9223372036854775808" },
	};
	struct bench b;

	for (size_t i = 0; i < ARRAY_N(rows); i++) {
		read_hex(&b, rows[i].hex);
		if (rows[i].is_signed)
			assert_int_equal(pack_read_int(&b.r, rows[i].min, rows[i].max),
					 0);
		else
			assert_int_equal(pack_read_uint(&b.r, (uint64_t)rows[i].max), 0);
		assert_fault(&b, ACRE_ETYPE, rows[i].text);
	}
}

TEST(an_integer_at_either_end_of_its_range_is_read)
{
	struct bench b;

	read_hex(&b, "ccff d080 7f 01 04");
	assert_int_equal(pack_read_uint(&b.r, 255), 255);
	assert_int_equal(pack_read_int(&b.r, -128, 127), -128);
	assert_int_equal(pack_read_int(&b.r, -128, 127), 127);
	assert_int_equal(pack_read_int(&b.r, 1, 4), 1);
	assert_int_equal(pack_read_int(&b.r, 1, 4), 4);
	assert_read(&b);
}

TEST(a_float_is_read_from_both_widths_and_from_an_exact_integer)
{
	struct bench b;

	read_hex(&b, "cb3fb999999999999a ca3fc00000 07 e0 cf0020000000000000 "
		     "cb7ff8000000000000");
	assert_true(pack_read_f64(&b.r) == 0.1);
	assert_true(pack_read_f64(&b.r) == 1.5);
	assert_true(pack_read_f64(&b.r) == 7);
	assert_true(pack_read_f64(&b.r) == -32);
	assert_true(pack_read_f64(&b.r) == 9007199254740992.0);
	assert_true(isnan(pack_read_f64(&b.r)));
	assert_read(&b);

	read_hex(&b, "cf0020000000000001");
	assert_true(pack_read_f64(&b.r) == 0);
	assert_fault(&b, ACRE_ETYPE,
		     "at byte 0: expected int of -9007199254740992 to 9007199254740992, "
		     "got 9007199254740993");
}

TEST(nil_booleans_and_bytes_are_read)
{
	struct pack_bytes bytes;
	struct bench b;

	read_hex(&b, "c0 c2 c3 c0 c400 c40201ff c50001aa c600000001bb");
	pack_read_nil(&b.r);
	assert_false(pack_read_bool(&b.r));
	assert_false(pack_read_if_nil(&b.r));
	assert_true(pack_read_bool(&b.r));
	assert_true(pack_read_if_nil(&b.r));
	assert_int_equal(pack_read_bin(&b.r).len, 0);
	bytes = pack_read_bin(&b.r);
	assert_int_equal(bytes.len, 2);
	assert_memory_equal(bytes.p, "\x01\xff", 2);
	assert_int_equal(*pack_read_bin(&b.r).p, 0xaa);
	assert_int_equal(*pack_read_bin(&b.r).p, 0xbb);
	assert_read(&b);
}

TEST(a_text_is_borrowed_from_the_bytes)
{
	struct pack_str str;
	struct bench b;

	read_hex(&b, "a3636964 a0 d902c3a9 da0001 78 db00000001 79");
	str = pack_read_str(&b.r);
	assert_ptr_equal(str.s, b.bytes + 1);
	assert_true(pack_str_is(str, "cid"));
	assert_false(pack_str_is(str, "ci"));
	assert_false(pack_str_is(str, "cie"));
	assert_false(pack_str_is(str, "cids"));
	assert_true(pack_str_is(pack_read_str(&b.r), ""));
	assert_true(pack_str_is(pack_read_str(&b.r), "\xc3\xa9"));
	assert_true(pack_str_is(pack_read_str(&b.r), "x"));
	assert_true(pack_str_is(pack_read_str(&b.r), "y"));
	assert_read(&b);
}

TEST(containers_say_how_much_they_hold)
{
	struct bench b;

	read_hex(&b, "81 c0 92 90 80");
	assert_int_equal(pack_read_map(&b.r), 1);
	pack_read_nil(&b.r);
	assert_int_equal(pack_read_array(&b.r), 2);
	assert_int_equal(pack_read_array(&b.r), 0);
	assert_int_equal(pack_read_map(&b.r), 0);
	assert_read(&b);

	read_hex(&b, "dc0002 de0000 df00000000 dd00000001 c3");
	assert_int_equal(pack_read_array(&b.r), 2);
	assert_int_equal(pack_read_map(&b.r), 0);
	assert_int_equal(pack_read_map(&b.r), 0);
	assert_int_equal(pack_read_array(&b.r), 1);
	assert_true(pack_read_bool(&b.r));
	assert_read(&b);
}

TEST(an_extension_of_one_byte_is_read_if_it_is_the_one_asked_for)
{
	struct bench b;

	read_hex(&b, "d40103 c701ff07");
	assert_int_equal(pack_read_ext1(&b.r, 1), 3);
	assert_int_equal(pack_read_ext1(&b.r, -1), 7);
	assert_read(&b);

	read_hex(&b, "d40203");
	assert_int_equal(pack_read_ext1(&b.r, 1), 0);
	assert_fault(&b, ACRE_ETYPE,
		     "at byte 0: expected ext of one byte, got another ext");
	read_hex(&b, "d5010303");
	assert_int_equal(pack_read_ext1(&b.r, 1), 0);
	assert_fault(&b, ACRE_ETYPE,
		     "at byte 0: expected ext of one byte, got another ext");
	read_hex(&b, "03");
	assert_int_equal(pack_read_ext1(&b.r, 1), 0);
	assert_fault(&b, ACRE_ETYPE, "at byte 0: expected ext of one byte, got uint");
	read_hex(&b, "c70001");
	assert_int_equal(pack_read_ext1(&b.r, 1), 0);
	assert_fault(&b, ACRE_ETYPE,
		     "at byte 0: expected ext of one byte, got another ext");
}

/* One value of each type, and all calls that take one type. */
static const struct {
	enum pack_type type;
	const char *hex;
} samples[] = {
	{ PACK_NIL, "c0" },
	{ PACK_BOOL, "c3" },
	{ PACK_UINT, "ccff" },
	{ PACK_UINT, "05" },
	{ PACK_INT, "ff" },
	{ PACK_INT, "d180ff" },
	{ PACK_FLOAT, "cb3ff0000000000000" },
	{ PACK_FLOAT, "ca3f800000" },
	{ PACK_STR, "a131" },
	{ PACK_STR, "d90131" },
	{ PACK_BIN, "c40131" },
	{ PACK_ARRAY, "9105" },
	{ PACK_ARRAY, "dc000105" },
	{ PACK_MAP, "810506" },
	{ PACK_MAP, "de00010506" },
	{ PACK_EXT, "d40103" },
	{ PACK_EXT, "c7020103ff" },
	{ PACK_EXT, "d6ff01020304" },
};

static void read_as(struct pack_reader *r, enum pack_type type)
{
	switch (type) {
	case PACK_NIL:
		pack_read_nil(r);
		break;
	case PACK_BOOL:
		assert_false(pack_read_bool(r));
		break;
	case PACK_UINT:
		assert_int_equal(pack_read_u64(r), 0);
		break;
	case PACK_STR:
		assert_string_equal(pack_read_str(r).s, "");
		break;
	case PACK_BIN:
		assert_int_equal(pack_read_bin(r).len, 0);
		break;
	case PACK_ARRAY:
		assert_int_equal(pack_read_array(r), 0);
		break;
	case PACK_MAP:
		assert_int_equal(pack_read_map(r), 0);
		break;
	case PACK_END:
	case PACK_INT:
	case PACK_FLOAT:
	case PACK_EXT:
	case PACK_INVALID:
	case N_PACK_TYPE:
		fail_msg("no call reads just %s", pack_type_name(type));
	}
}

TEST(no_type_passes_for_another)
{
	static const enum pack_type asked[] = { PACK_NIL, PACK_BOOL,  PACK_UINT, PACK_STR,
						PACK_BIN, PACK_ARRAY, PACK_MAP };
	char text[100];
	struct bench b;

	for (size_t i = 0; i < ARRAY_N(samples); i++)
		for (size_t k = 0; k < ARRAY_N(asked); k++) {
			if (samples[i].type == asked[k] || samples[i].type == PACK_INT)
				continue;
			read_hex(&b, samples[i].hex);
			read_as(&b.r, asked[k]);
			snprintf(text, sizeof text, "at byte 0: expected %s, got %s",
				 pack_type_name(asked[k]),
				 pack_type_name(samples[i].type));
			assert_fault(&b, ACRE_ETYPE, text);
		}

	read_hex(&b, "cb3ff0000000000000");
	assert_int_equal(pack_read_i64(&b.r), 0);
	assert_fault(&b, ACRE_ETYPE, "at byte 0: expected int, got float");
	read_hex(&b, "a131");
	assert_true(pack_read_f64(&b.r) == 0);
	assert_fault(&b, ACRE_ETYPE, "at byte 0: expected float, got str");
}

TEST(the_type_of_the_next_value_can_be_seen)
{
	struct bench b;

	for (size_t i = 0; i < ARRAY_N(samples); i++) {
		read_hex(&b, samples[i].hex);
		assert_int_equal(pack_peek(&b.r), samples[i].type);
		pack_skip(&b.r);
		assert_int_equal(pack_peek(&b.r), PACK_END);
		assert_read(&b);
	}
	read_hex(&b, "c1");
	assert_int_equal(pack_peek(&b.r), PACK_INVALID);
	pack_skip(&b.r);
	assert_int_equal(pack_peek(&b.r), PACK_END);
	assert_fault(&b, EPROTO, "at byte 0: 0xc1, which is not msgpack");
}

TEST(a_fault_says_where_and_how_much)
{
	static const struct {
		const char *hex;
		int class;
		const char *text;
	} rows[] = {
		{ "", EPROTO, "at byte 0: a value needs 1 bytes, there are 0" },
		{ "92c0", EPROTO, "at byte 0: array of 2 items in 1 bytes" },
		{ "9191", EPROTO, "at byte 1: array of 1 items in 0 bytes" },
		{ "82c0c0c0", EPROTO, "at byte 0: map of 2 items in 3 bytes" },
		{ "91a36161", EPROTO, "at byte 1: str needs 4 bytes, there are 3" },
		{ "91cd00", EPROTO, "at byte 1: uint needs 3 bytes, there are 2" },
		{ "91d90561", EPROTO, "at byte 1: str needs 7 bytes, there are 3" },
		{ "91d501ff", EPROTO, "at byte 1: ext needs 4 bytes, there are 3" },
		{ "92c0c1", EPROTO, "at byte 2: 0xc1, which is not msgpack" },
		{ "91a361c328", EPROTO, "at byte 3: 0xc3, which is not UTF-8 here" },
		{ "db00100001", EMSGSIZE,
		  "at byte 0: str of 1048577 bytes, the limit is 1048576" },
		{ "c6ffffffff", EMSGSIZE,
		  "at byte 0: bin of 4294967295 bytes, the limit is 1048576" },
		{ "c900100001", EMSGSIZE,
		  "at byte 0: ext of 1048577 bytes, the limit is 1048576" },
		{ "dd00010001", EMSGSIZE,
		  "at byte 0: array of 65537 items, the limit is 65536" },
		{ "df00010001", EMSGSIZE,
		  "at byte 0: map of 65537 items, the limit is 65536" },
		{ "c0c0", EPROTO, "at byte 1: 1 bytes behind the value" },
	};
	struct bench b;

	for (size_t i = 0; i < ARRAY_N(rows); i++) {
		read_hex(&b, rows[i].hex);
		pack_skip(&b.r);
		acre_ignore(pack_reader_end(&b.r));
		assert_fault(&b, rows[i].class, rows[i].text);
	}
}

TEST(a_call_that_asks_for_a_type_names_it_where_the_bytes_end)
{
	struct bench b;

	read_hex(&b, "c0");
	pack_read_nil(&b.r);
	assert_int_equal(pack_read_u64(&b.r), 0);
	assert_fault(&b, EPROTO, "at byte 1: uint needs 1 bytes, there are 0");

	read_hex(&b, "d9");
	assert_int_equal(pack_read_str(&b.r).len, 0);
	assert_fault(&b, EPROTO, "at byte 0: str needs 2 bytes, there are 1");

	read_hex(&b, "cc05 d9");
	assert_int_equal(pack_read_u64(&b.r), 5);
	pack_skip(&b.r); /* asks for none */
	assert_fault(&b, EPROTO, "at byte 2: str needs 2 bytes, there are 1");

	read_hex(&b, "c1");
	assert_int_equal(pack_read_str(&b.r).len, 0);
	assert_fault(&b, EPROTO, "at byte 0: 0xc1, which is not msgpack");
}

TEST(a_fault_sticks_and_all_that_is_read_after_it_is_zero)
{
	static const enum pack_type asked[] = { PACK_NIL, PACK_BOOL,  PACK_UINT, PACK_STR,
						PACK_BIN, PACK_ARRAY, PACK_MAP };
	struct bench b;
	const uint8_t *at;

	read_hex(&b, "05 c3 05 a131 9105 810505 c0");
	pack_read_u64(&b.r);
	pack_read_nil(&b.r);
	at = b.r.p;
	assert_ptr_equal(at, b.bytes + 1);
	for (size_t i = 0; i < ARRAY_N(asked); i++)
		read_as(&b.r, asked[i]);
	assert_int_equal(pack_read_i64(&b.r), 0);
	assert_true(pack_read_f64(&b.r) == 0);
	assert_false(pack_read_if_nil(&b.r));
	assert_int_equal(pack_read_ext1(&b.r, 1), 0);
	pack_skip(&b.r);
	assert_int_equal(pack_read_raw(&b.r).len, 0);
	pack_reader_refuse(&b.r, at, "something else", NULL);

	assert_ptr_equal(b.r.p, at);
	assert_fault(&b, ACRE_ETYPE, "at byte 1: expected nil, got bool");
}

TEST(a_fault_of_the_callers_own_sticks)
{
	const uint8_t *at;
	struct bench b;

	read_hex(&b, "c0 93 c0 c0 c0");
	pack_read_nil(&b.r);
	at = b.r.p;
	assert_int_equal(pack_read_array(&b.r), 3);
	pack_reader_refuse(&b.r, at, "a uid", NULL);
	assert_int_equal(pack_peek(&b.r), PACK_END);
	assert_fault(&b, ACRE_ETYPE, "at byte 1: expected a uid, got array");

	read_hex(&b, "80");
	assert_int_equal(pack_read_map(&b.r), 0);
	pack_reader_refuse(&b.r, b.r.p, "key cid", NULL);
	assert_fault(&b, ACRE_ETYPE, "at byte 1: expected key cid, got nothing");

	read_hex(&b, "a56f74686572");
	pack_read_str(&b.r);
	pack_reader_refuse(&b.r, b.bytes, "a functype", "the str `other`");
	assert_fault(&b, ACRE_ETYPE,
		     "at byte 0: expected a functype, got the str `other`");
}

TEST(a_text_of_the_fault_is_cut_to_its_room)
{
	char text[10] = "xxxxxxxxx";
	struct bench b;
	int n;

	read_hex(&b, "c0");
	pack_read_str(&b.r);
	n = pack_error_text(&b.r, text, 8);
	assert_int_equal(n, strlen("at byte 0: expected str, got nil"));
	assert_string_equal(text, "at byte");
	assert_int_equal(text[8], 'x');
	assert_int_equal(pack_error_text(&b.r, NULL, 0), n);
	tear_down(&b);
}

TEST(the_limits_hold_for_the_shortest_forms_as_well)
{
	struct bench b;

	read_hex(&b, "a3616263 a461626364");
	b.limits.str = 3;
	assert_int_equal(pack_read_str(&b.r).len, 3);
	assert_int_equal(pack_read_str(&b.r).len, 0);
	assert_fault(&b, EMSGSIZE, "at byte 4: str of 4 bytes, the limit is 3");

	read_hex(&b, "92 81c0c0 82c0c0c0c0");
	b.limits.items = 2;
	assert_int_equal(pack_read_array(&b.r), 2);
	b.limits.items = 1;
	assert_int_equal(pack_read_map(&b.r), 1);
	pack_skip(&b.r);
	pack_skip(&b.r);
	assert_int_equal(pack_read_map(&b.r), 0);
	assert_fault(&b, EMSGSIZE, "at byte 4: map of 2 items, the limit is 1");

	read_hex(&b, "92c0c0");
	b.limits.items = 1;
	assert_int_equal(pack_read_array(&b.r), 0);
	assert_fault(&b, EMSGSIZE, "at byte 0: array of 2 items, the limit is 1");
}

TEST(a_skipped_value_is_checked_as_if_it_were_read)
{
	struct bench b;

	read_hex(&b, "82 a1ff c0 c0 c0");
	pack_skip(&b.r);
	assert_fault(&b, EPROTO, "at byte 2: 0xff, which is not UTF-8 here");
}

TEST(a_raw_value_is_its_bytes)
{
	struct pack_bytes raw;
	struct bench b;

	read_hex(&b, "05 82a16105a1629207c40102 c0");
	pack_read_u64(&b.r);
	raw = pack_read_raw(&b.r);
	assert_ptr_equal(raw.p, b.bytes + 1);
	assert_int_equal(raw.len, 11);
	pack_read_nil(&b.r);
	assert_read(&b);
}

TEST(no_bytes_can_be_read_from_nowhere)
{
	struct pack_reader r;

	pack_reader_init(&r, NULL, 0, &wire_limits_default);
	assert_int_equal(pack_peek(&r), PACK_END);
	assert_ok(pack_reader_end(&r));
	assert_int_equal(pack_read_str(&r).len, 0);
	assert_int_equal(pack_reader_result(&r), -EPROTO);
}

TEST_FAILS(a_range_that_ends_below_zero_is_a_bug, "max >= 0")
{
	struct bench b;

	read_hex(&b, "ff");
	pack_read_int(&b.r, -5, -1);
}
