/* SPDX-License-Identifier: MIT */
/* test_utf8.c - whether bytes are text. */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "lib/test.h"

/* The definition, spelt out: which code point is encoded, and is that its only form? */
static size_t slow_character_len(const uint8_t *p, size_t n)
{
	static const uint32_t first_of[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = p[0] < 0x80 ? 1 : p[0] >> 5 == 6 ? 2 : p[0] >> 4 == 14 ? 3 : 4;
	uint32_t code = len == 1 ? p[0] : p[0] & (0x7fU >> len);

	if (p[0] >= 0x80 && p[0] < 0xc0)
		return 0;
	if (p[0] >= 0xf8 || n < len)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if (p[i] >> 6 != 2)
			return 0;
		code = code << 6 | (p[i] & 0x3f);
	}
	if (code < first_of[len] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	return len;
}

TEST(ascii_is_found_out_at_each_length_and_place)
{
	for (size_t len = 0; len <= 40; len++) {
		uint8_t *text = malloc(len + 1); /* exact but for one: malloc(0) */

		memset(text, 'x', len);
		assert_true(utf8_is_ascii(text, len));
		for (size_t i = 0; i < len; i++) {
			text[i] = 0x80;
			assert_false(utf8_is_ascii(text, len));
			text[i] = 0x7f;
			assert_true(utf8_is_ascii(text, len));
		}
		free(text);
	}
}

TEST(each_two_and_three_bytes_are_judged_as_by_the_definition)
{
	/* from 80 00 00 on: before that the first byte is a character */
	for (uint32_t all = 0x800000; all < 0x1000000; all++) {
		uint8_t text[] = { (uint8_t)(all >> 16), (uint8_t)(all >> 8),
				   (uint8_t)all };
		size_t expected = slow_character_len(text, 3);
		size_t valid = utf8_valid_len(text, expected ? expected : 3);

		if (valid != expected)
			fail_msg("%06x: %zu, not %zu", all, valid, expected);
	}
}

TEST(the_edges_of_four_bytes_are_judged_as_by_the_definition)
{
	static const uint8_t edges[] = { 0x00, 0x7f, 0x80, 0x8f, 0x90, 0xbf, 0xc0, 0xff };
	uint8_t text[4];

	for (unsigned first = 0xf0; first <= 0xff; first++)
		for (unsigned i = 0; i < 8 * 8 * 8; i++) {
			text[0] = (uint8_t)first;
			text[1] = edges[i / 64];
			text[2] = edges[i / 8 % 8];
			text[3] = edges[i % 8];
			assert_int_equal(utf8_valid_len(text, 4),
					 slow_character_len(text, 4));
		}
}

TEST(the_valid_part_ends_before_the_first_bad_character)
{
	static const char text[] = "eight by\xc3\xa9tes \xe2\x82\xac and then \xe2\x82";

	assert_int_equal(utf8_valid_len(text, sizeof text - 1), sizeof text - 3);
	assert_false(utf8_is_valid(text, sizeof text - 1));
	assert_true(utf8_is_valid(text, sizeof text - 3));
}

TEST(a_character_cut_by_the_end_is_not_valid)
{
	static const uint8_t four[] = { 0xf0, 0x9d, 0x84, 0x9e };

	for (size_t len = 1; len < 4; len++) {
		uint8_t *cut = malloc(len);

		memcpy(cut, four, len);
		assert_int_equal(utf8_valid_len(cut, len), 0);
		free(cut);
	}
	assert_int_equal(utf8_valid_len(four, 4), 4);
}

TEST(no_bytes_are_a_valid_text)
{
	assert_true(utf8_is_valid("", 0));
	assert_int_equal(utf8_valid_len("", 0), 0);
}
