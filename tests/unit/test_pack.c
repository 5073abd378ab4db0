/* SPDX-License-Identifier: MIT */
/* test_pack.c - the writer of msgpack: forms, limits, and the error that sticks. */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "lib/test.h"
#include "vectors/vectors.h"
#include "wire/pack.h"

enum { MIB = 1024 * 1024 };

/* A writer on a buffer of its own. */
struct bench {
	struct buf buf;
	struct wire_limits limits;
	struct pack_writer w;
};

static void set_up(struct bench *b)
{
	buf_init(&b->buf, 4 * MIB);
	b->limits = wire_limits_default;
	pack_writer_init(&b->w, &b->buf, &b->limits);
}

static void tear_down(struct bench *b)
{
	buf_fini(&b->buf);
}

/* Starts over, on an empty buffer. */
static void again(struct bench *b)
{
	buf_consume(&b->buf, buf_len(&b->buf));
	pack_writer_init(&b->w, &b->buf, &b->limits);
}

/* What was written is whole and is exactly this; starts over. */
static void assert_wrote(struct bench *b, const char *hex)
{
	char *wrote = malloc(2 * buf_len(&b->buf) + 1);

	assert_ok(pack_writer_result(&b->w));
	hex_encode(wrote, buf_bytes(&b->buf), buf_len(&b->buf));
	assert_string_equal(wrote, hex);
	free(wrote);
	again(b);
}

/* It failed like this, and nothing is left of it; starts over. */
static void assert_failed(struct bench *b, int class)
{
	assert_int_equal(pack_writer_result(&b->w), -class);
	assert_int_equal(buf_len(&b->buf), 0);
	again(b);
}

/* What was written is whole and begins with these bytes, and has that length. */
static void assert_wrote_head(struct bench *b, const char *hex, size_t len)
{
	char head[32];

	assert_ok(pack_writer_result(&b->w));
	assert_int_equal(buf_len(&b->buf), len);
	hex_encode(head, buf_bytes(&b->buf), strlen(hex) / 2);
	assert_string_equal(head, hex);
	again(b);
}

/* A text of n letters; borrowed until the next call. */
static char *letters(size_t n)
{
	static char text[2 * MIB];

	memset(text, 'x', n);
	return text;
}

TEST(unsigned_integers_have_the_shortest_form)
{
	static const struct {
		uint64_t value;
		const char *hex;
	} rows[] = {
		{ 0, "00" },
		{ 0x7f, "7f" },
		{ 0x80, "cc80" },
		{ 0xff, "ccff" },
		{ 0x100, "cd0100" },
		{ 0xffff, "cdffff" },
		{ 0x10000, "ce00010000" },
		{ 0xffffffff, "ceffffffff" },
		{ 0x100000000, "cf0000000100000000" },
		{ UINT64_MAX, "cfffffffffffffffff" },
	};
	struct bench b;

	set_up(&b);
	for (size_t i = 0; i < ARRAY_N(rows); i++) {
		pack_u64(&b.w, rows[i].value);
		assert_wrote(&b, rows[i].hex);
	}
	tear_down(&b);
}

TEST(signed_integers_have_the_shortest_form_and_an_unsigned_one_if_they_can)
{
	static const struct {
		int64_t value;
		const char *hex;
	} rows[] = {
		{ 0, "00" },
		{ 127, "7f" },
		{ 128, "cc80" },
		{ INT64_MAX, "cf7fffffffffffffff" },
		{ -1, "ff" },
		{ -32, "e0" },
		{ -33, "d0df" },
		{ -128, "d080" },
		{ -129, "d1ff7f" },
		{ -32768, "d18000" },
		{ -32769, "d2ffff7fff" },
		{ INT32_MIN, "d280000000" },
		{ (int64_t)INT32_MIN - 1, "d3ffffffff7fffffff" },
		{ INT64_MIN, "d38000000000000000" },
	};
	struct bench b;

	set_up(&b);
	for (size_t i = 0; i < ARRAY_N(rows); i++) {
		pack_i64(&b.w, rows[i].value);
		assert_wrote(&b, rows[i].hex);
	}
	tear_down(&b);
}

TEST(nil_booleans_floats_and_extensions_have_one_form)
{
	struct bench b;

	set_up(&b);
	pack_nil(&b.w);
	assert_wrote(&b, "c0");
	pack_bool(&b.w, false);
	assert_wrote(&b, "c2");
	pack_bool(&b.w, true);
	assert_wrote(&b, "c3");
	pack_f64(&b.w, 1);
	assert_wrote(&b, "cb3ff0000000000000");
	pack_f64(&b.w, -0.0);
	assert_wrote(&b, "cb8000000000000000");
	pack_ext1(&b.w, 1, 3);
	assert_wrote(&b, "d40103");
	pack_ext1(&b.w, -1, 0xff);
	assert_wrote(&b, "d4ffff");
	tear_down(&b);
}

TEST(texts_have_the_shortest_head)
{
	static const struct {
		size_t len;
		const char *head;
		size_t head_len;
	} rows[] = {
		{ 0, "a0", 1 },
		{ 31, "bf78", 1 },
		{ 32, "d92078", 2 },
		{ 255, "d9ff78", 2 },
		{ 256, "da010078", 3 },
		{ 65535, "daffff78", 3 },
		{ 65536, "db0001000078", 5 },
	};
	struct bench b;

	set_up(&b);
	for (size_t i = 0; i < ARRAY_N(rows); i++) {
		pack_str(&b.w, letters(rows[i].len), rows[i].len);
		assert_wrote_head(&b, rows[i].head, rows[i].head_len + rows[i].len);
	}
	tear_down(&b);
}

TEST(literals_are_written_like_other_texts)
{
	static const char at_run_time[] = "thirty-one letters, no more ...";
	struct bench b;

	set_up(&b);
	pack_cstr(&b.w, "");
	assert_wrote(&b, "a0");
	pack_cstr(&b.w, "cid");
	assert_wrote(&b, "a3636964");
	pack_cstr(&b.w, "\xc3\xa9");
	assert_wrote(&b, "a2c3a9");
	pack_cstr(&b.w, "thirty-one letters, no more ...");
	assert_wrote_head(&b, "bf746869", 1 + sizeof at_run_time - 1);
	pack_cstr(&b.w, "thirty-two letters, which is one");
	assert_wrote_head(&b, "d92074", 2 + 32);
	tear_down(&b);
}

TEST(bytes_have_the_shortest_head)
{
	static const struct {
		size_t len;
		const char *head;
		size_t head_len;
	} rows[] = {
		{ 0, "c400", 2 },	  { 31, "c41f78", 2 },
		{ 255, "c4ff78", 2 },	  { 256, "c5010078", 3 },
		{ 65535, "c5ffff78", 3 }, { 65536, "c60001000078", 5 },
	};
	struct bench b;

	set_up(&b);
	for (size_t i = 0; i < ARRAY_N(rows); i++) {
		pack_bin(&b.w, letters(rows[i].len), rows[i].len);
		assert_wrote_head(&b, rows[i].head, rows[i].head_len + rows[i].len);
	}
	pack_bin(&b.w, NULL, 0);
	assert_wrote(&b, "c400");
	tear_down(&b);
}

TEST(containers_have_the_shortest_head)
{
	static const struct {
		size_t n;
		const char *array, *map;
		size_t head_len;
	} rows[] = {
		{ 0, "90", "80", 1 },
		{ 1, "91", "81", 1 },
		{ 15, "9f", "8f", 1 },
		{ 16, "dc0010", "de0010", 3 },
		{ 65535, "dcffff", "deffff", 3 },
		{ 65536, "dd00010000", "df00010000", 5 },
	};
	struct bench b;

	set_up(&b);
	for (size_t i = 0; i < ARRAY_N(rows); i++) {
		pack_array(&b.w, rows[i].n);
		for (size_t k = 0; k < rows[i].n; k++)
			pack_nil(&b.w);
		assert_wrote_head(&b, rows[i].array, rows[i].head_len + rows[i].n);

		pack_map(&b.w, rows[i].n);
		for (size_t k = 0; k < 2 * rows[i].n; k++)
			pack_nil(&b.w);
		assert_wrote_head(&b, rows[i].map, rows[i].head_len + 2 * rows[i].n);
	}
	tear_down(&b);
}

TEST(empty_containers_count_as_values_and_close_those_around_them)
{
	struct bench b;

	set_up(&b);
	pack_array(&b.w, 2);
	pack_map(&b.w, 1);
	pack_array(&b.w, 0);
	pack_map(&b.w, 0);
	pack_array(&b.w, 1);
	pack_array(&b.w, 0);
	assert_wrote(&b, "928190809190");
	tear_down(&b);
}

TEST(a_text_at_the_limit_is_written_and_one_above_it_is_not)
{
	struct bench b;

	set_up(&b);
	pack_str(&b.w, letters(MIB), MIB);
	assert_wrote_head(&b, "db00100000", 5 + MIB);
	pack_str(&b.w, letters(MIB + 1), MIB + 1);
	assert_failed(&b, EMSGSIZE);
	pack_bin(&b.w, letters(MIB), MIB);
	assert_wrote_head(&b, "c600100000", 5 + MIB);
	pack_bin(&b.w, letters(MIB + 1), MIB + 1);
	assert_failed(&b, EMSGSIZE);

	b.limits.str = 3;
	pack_cstr(&b.w, "abc");
	assert_wrote(&b, "a3616263");
	pack_cstr(&b.w, "abcd");
	assert_failed(&b, EMSGSIZE);
	pack_cstr(&b.w, "abc\xff"); /* nobody looks into what is too long */
	assert_failed(&b, EMSGSIZE);
	tear_down(&b);
}

TEST(a_container_at_the_limit_is_written_and_one_above_it_is_not)
{
	struct bench b;

	set_up(&b);
	pack_array(&b.w, 64 * 1024 + 1);
	assert_failed(&b, EMSGSIZE);
	pack_map(&b.w, 64 * 1024 + 1);
	assert_failed(&b, EMSGSIZE);

	b.limits.items = 1;
	pack_array(&b.w, 1);
	pack_nil(&b.w);
	assert_wrote(&b, "91c0");
	pack_array(&b.w, 2);
	assert_failed(&b, EMSGSIZE);
	pack_map(&b.w, 2);
	assert_failed(&b, EMSGSIZE);
	tear_down(&b);
}

static void nest(struct bench *b, unsigned depth)
{
	for (unsigned i = 0; i < depth; i++)
		pack_array(&b->w, 1);
}

TEST(nesting_at_the_limit_is_written_and_one_level_more_is_not)
{
	struct bench b;

	set_up(&b);
	nest(&b, 32);
	pack_nil(&b.w);
	assert_wrote_head(&b, "919191", 33);
	nest(&b, 31);
	pack_map(&b.w, 0);
	assert_wrote_head(&b, "919191", 32);

	nest(&b, 33);
	assert_failed(&b, EMSGSIZE);
	nest(&b, 32);
	pack_array(&b.w, 0);
	assert_failed(&b, EMSGSIZE);
	tear_down(&b);
}

TEST(a_limit_of_depth_beyond_what_can_be_counted_is_that)
{
	struct bench b;

	set_up(&b);
	b.limits.depth = UINT32_MAX;
	again(&b);
	nest(&b, PACK_DEPTH_MAX);
	pack_nil(&b.w);
	assert_wrote_head(&b, "919191", PACK_DEPTH_MAX + 1);
	nest(&b, PACK_DEPTH_MAX + 1);
	assert_failed(&b, EMSGSIZE);
	tear_down(&b);
}

TEST(levels_that_are_closed_do_not_count)
{
	struct bench b;

	set_up(&b);
	b.limits.depth = 2;
	again(&b);
	pack_array(&b.w, 3);
	for (int i = 0; i < 3; i++) {
		pack_array(&b.w, 1);
		pack_nil(&b.w);
	}
	assert_wrote(&b, "9391c091c091c0");
	tear_down(&b);
}

TEST(a_text_that_is_not_utf8_is_refused)
{
	struct bench b;

	set_up(&b);
	pack_cstr(&b.w, "\xff");
	assert_failed(&b, EILSEQ);
	pack_cstr(&b.w,
		  "a text that is longer than 32 \xc3\xa9, up to its last byte \xc3");
	assert_failed(&b, EILSEQ);
	tear_down(&b);
}

TEST(the_first_error_sticks_and_nothing_is_written_after_it)
{
	struct bench b;

	set_up(&b);
	pack_map(&b.w, 3);
	pack_cstr(&b.w, "msg_type");
	pack_cstr(&b.w, "\xff");
	pack_array(&b.w, 1000000);
	pack_u64(&b.w, 1);
	pack_u64(&b.w, UINT64_MAX);
	pack_f64(&b.w, 1);
	pack_array(&b.w, 1);
	pack_map(&b.w, 16);
	pack_bin(&b.w, "x", 1);
	pack_raw(&b.w, "\xc0", 1);
	assert_failed(&b, EILSEQ);
	tear_down(&b);
}

TEST(a_failure_takes_back_only_what_the_writer_wrote)
{
	struct bench b;

	set_up(&b);
	assert_ok(buf_append(&b.buf, "abcdefgh", 8));
	buf_consume(&b.buf, 4);
	pack_writer_init(&b.w, &b.buf, &b.limits);
	pack_array(&b.w, 2);
	pack_str(&b.w, letters(100000), 100000);
	pack_cstr(&b.w, "\xff");

	assert_int_equal(pack_writer_result(&b.w), -EILSEQ);
	assert_int_equal(buf_len(&b.buf), 4);
	assert_memory_equal(buf_bytes(&b.buf), "efgh", 4);
	tear_down(&b);
}

TEST(a_length_prefix_is_reserved_before_and_patched_after)
{
	const uint32_t none = 0;
	struct bench b;
	uint32_t len;

	set_up(&b);
	assert_ok(buf_append(&b.buf, &none, sizeof none));
	pack_writer_init(&b.w, &b.buf, &b.limits);
	pack_array(&b.w, 1);
	pack_str(&b.w, letters(5000), 5000); /* moves the buffer */
	assert_ok(pack_writer_result(&b.w));
	len = htole32((uint32_t)(buf_len(&b.buf) - sizeof none));
	memcpy(buf_bytes(&b.buf), &len, sizeof len);

	assert_int_equal(buf_len(&b.buf), 4 + 1 + 3 + 5000);
	assert_memory_equal(buf_bytes(&b.buf), "\x8c\x13\0\0\x91\xda\x13\x88xx", 10);
	tear_down(&b);
}

TEST(a_failure_of_the_callers_own_sticks)
{
	struct bench b;

	set_up(&b);
	pack_array(&b.w, 2);
	pack_nil(&b.w);
	pack_writer_fail(&b.w, -EOPNOTSUPP);
	pack_writer_fail(&b.w, -EINVAL);
	pack_nil(&b.w);
	assert_failed(&b, EOPNOTSUPP);

	pack_nil(&b.w);
	pack_writer_fail(&b.w, -EINVAL);
	assert_failed(&b, EINVAL);
	tear_down(&b);
}

TEST(a_full_buffer_is_a_failure_at_exactly_its_size)
{
	struct bench b;

	for (size_t max = 0; max <= 12; max++) {
		set_up(&b);
		buf_fini(&b.buf);
		buf_init(&b.buf, max);
		pack_writer_init(&b.w, &b.buf, &b.limits);
		pack_array(&b.w, 3);
		pack_cstr(&b.w, "abc");
		pack_u64(&b.w, UINT32_MAX);
		pack_bin(&b.w, NULL, 0);
		if (max < 12)
			assert_failed(&b, EMSGSIZE);
		else
			assert_wrote(&b, "93a3616263ceffffffffc400");
		tear_down(&b);
	}
}

TEST(no_memory_is_a_failure_wherever_it_strikes)
{
	struct bench b;
	int n_failed = 0, r;

	for (uint64_t nth = 1;; nth++) {
		set_up(&b);
		mem_fail_at(nth, false);
		pack_array(&b.w, 100);
		for (int i = 0; i < 100; i++)
			pack_str(&b.w, letters(1000), 1000);
		mem_fail_at(0, false);
		r = pack_writer_result(&b.w);
		if (r == 0)
			break;
		assert_int_equal(r, -ENOMEM);
		assert_int_equal(buf_len(&b.buf), 0);
		n_failed++;
		tear_down(&b);
	}
	assert_true(n_failed > 0);
	tear_down(&b);
}

TEST(a_packed_value_is_written_as_it_is)
{
	struct bench b;

	set_up(&b);
	pack_array(&b.w, 2);
	pack_raw(&b.w, "\x92\xcd\x00\x01\xa1x",
		 6); /* not the shortest: not ours to change */
	pack_raw(&b.w, "\xc0", 1);
	assert_wrote(&b, "9292cd0001a178c0");
	tear_down(&b);
}

TEST(what_is_not_one_packed_value_is_refused)
{
	static const struct {
		const char *bytes;
		size_t len;
	} rows[] = {
		{ "", 0 },     { "\xc0\xc0", 2 }, { "\x92\xc0", 2 },
		{ "\xc1", 1 }, { "\xa1\xff", 2 },
	};
	struct bench b;

	set_up(&b);
	for (size_t i = 0; i < ARRAY_N(rows); i++) {
		pack_raw(&b.w, rows[i].bytes, rows[i].len);
		assert_failed(&b, EINVAL);
	}
	tear_down(&b);
}

TEST(the_depth_of_a_packed_value_counts_from_where_it_is_written)
{
	static const char nested[] = "\x91\x91\xc0";
	struct bench b;

	set_up(&b);
	nest(&b, 30);
	pack_raw(&b.w, nested, 3);
	assert_wrote_head(&b, "919191", 33);
	nest(&b, 31);
	pack_raw(&b.w, nested, 3);
	assert_failed(&b, EMSGSIZE);
	tear_down(&b);
}

TEST_FAILS(a_missing_value_is_a_bug, "a value is not whole: 3 are missing in level 2")
{
	struct bench b;

	set_up(&b);
	pack_array(&b.w, 1);
	pack_map(&b.w, 2);
	pack_nil(&b.w);
	acre_ignore(pack_writer_result(&b.w));
}

TEST_FAILS(nothing_written_at_all_is_a_bug, "a value is not whole: 1 are missing")
{
	struct bench b;

	set_up(&b);
	acre_ignore(pack_writer_result(&b.w));
}

TEST_FAILS(a_surplus_value_is_a_bug, "more is written to a value that is whole")
{
	struct bench b;

	set_up(&b);
	pack_array(&b.w, 1);
	pack_nil(&b.w);
	pack_nil(&b.w);
}

TEST_FAILS(a_success_is_no_failure_to_stick, "r < 0")
{
	struct bench b;

	set_up(&b);
	pack_writer_fail(&b.w, 0);
}
