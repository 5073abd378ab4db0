/* SPDX-License-Identifier: MIT */
/* test_value.c - values from parts and back: every type, every misuse, every limit. */
#include <acre/value.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <acre/error.h>

#include "base/mem.h"
#include "lib/run.h"
#include "wire/limits.h"

static struct acre_value end_of(struct acre_packer *p)
{
	struct acre_value v = { NULL, 0 };

	assert_ok(acre_pack_end(p, &v));
	return v;
}

static struct acre_part next_of(struct acre_value *from)
{
	struct acre_part part;

	assert_int_equal(acre_value_next(from, &part), 1);
	return part;
}

/*
 * Both ways
 */

static void pack_one_of_each(struct acre_packer *p)
{
	acre_pack_list(p, 10);
	acre_pack_nil(p);
	acre_pack_bool(p, true);
	acre_pack_int(p, INT64_MIN);
	acre_pack_natural(p, UINT64_MAX);
	acre_pack_float(p, -0.5);
	acre_pack_text(p, "a text");
	acre_pack_text_of(p, "a\0b", 3);
	acre_pack_bytes(p, "\xff\0", 2);
	acre_pack_map(p, 1);
	acre_pack_text(p, "key");
	acre_pack_list(p, 0);
	acre_pack_int(p, 7);
}

TEST_TASK(every_part_comes_back_as_it_was)
{
	struct acre_packer *p = acre_pack_new();
	struct acre_value v;
	struct acre_part part;

	pack_one_of_each(p);
	v = end_of(p);
	part = next_of(&v);
	assert_int_equal(part.type, ACRE_PART_LIST);
	assert_int_equal(part.count, 10);
	assert_int_equal(next_of(&v).type, ACRE_PART_NIL);
	part = next_of(&v);
	assert_int_equal(part.type, ACRE_PART_BOOL);
	assert_true(part.boolean);
	part = next_of(&v);
	assert_int_equal(part.type, ACRE_PART_INT);
	assert_true(part.integer == INT64_MIN);
	part = next_of(&v);
	assert_int_equal(part.type, ACRE_PART_NATURAL);
	assert_true(part.natural == UINT64_MAX);
	part = next_of(&v);
	assert_int_equal(part.type, ACRE_PART_FLOAT);
	assert_true(part.real == -0.5);
	part = next_of(&v);
	assert_int_equal(part.type, ACRE_PART_TEXT);
	assert_int_equal(part.bytes.len, 6);
	assert_memory_equal(part.bytes.data, "a text", 6);
	part = next_of(&v);
	assert_int_equal(part.bytes.len, 3);
	assert_memory_equal(part.bytes.data, "a\0b", 3);
	part = next_of(&v);
	assert_int_equal(part.type, ACRE_PART_BYTES);
	assert_memory_equal(part.bytes.data, "\xff\0", 2);
	part = next_of(&v);
	assert_int_equal(part.type, ACRE_PART_MAP);
	assert_int_equal(part.count, 1);
	assert_int_equal(next_of(&v).type, ACRE_PART_TEXT);
	part = next_of(&v);
	assert_int_equal(part.type, ACRE_PART_LIST);
	assert_int_equal(part.count, 0);
	assert_int_equal(next_of(&v).integer, 7);
	assert_int_equal(acre_value_next(&v, &part), 0);
	assert_int_equal(acre_value_next(&v, &part), 0);
	acre_pack_free(p);
	return 0;
}

TEST_TASK(an_integer_that_fits_is_an_int_in_every_form)
{
	static const char forms[] =
		"\x07\xcc\x07\xcd\0\x07\xce\0\0\0\x07"
		"\xcf\0\0\0\0\0\0\0\x07\xd0\x07\xd3\0\0\0\0\0\0\0\x07";
	struct acre_value v = { forms, sizeof forms - 1 };
	struct acre_part part;
	int n = 0;

	for (; acre_value_next(&v, &part) > 0; n++) {
		assert_int_equal(part.type, ACRE_PART_INT);
		assert_int_equal(part.integer, 7);
	}
	assert_int_equal(n, 7);
	v = (struct acre_value){ "\xcf\x80\0\0\0\0\0\0\0", 9 };
	assert_int_equal(next_of(&v).type, ACRE_PART_NATURAL);
	return 0;
}

TEST_TASK(an_extension_keeps_its_number_and_bytes)
{
	static const char forms[] = "\xd4\x05x\xd5\xffxy\xc7\x03\x80"
				    "abc\xc7\x00\x01";
	static const int numbers[] = { 5, -1, -128, 1 };
	static const char *const bytes[] = { "x", "xy", "abc", "" };
	struct acre_value v = { forms, sizeof forms - 1 };

	for (size_t i = 0; i < 4; i++) {
		struct acre_part part = next_of(&v);

		assert_int_equal(part.type, ACRE_PART_EXT);
		assert_int_equal(part.ext, numbers[i]);
		assert_int_equal(part.bytes.len, strlen(bytes[i]));
		assert_memory_equal(part.bytes.data, bytes[i], part.bytes.len);
	}
	assert_int_equal(v.len, 0);
	return 0;
}

TEST_TASK(every_part_has_a_name)
{
	assert_string_equal(acre_part_name(ACRE_PART_NIL), "nil");
	assert_string_equal(acre_part_name(ACRE_PART_MAP), "map");
	assert_string_equal(acre_part_name(ACRE_PART_MAP + 1), "<unknown>");
	return 0;
}

/*
 * Parts of parts
 */

TEST_TASK(a_value_of_a_map_is_found_by_its_key)
{
	static const char map[] = "\x84\x07\x01\xa1"
				  "a\x92\x01\x02\xa1"
				  "b\x80\xa1"
				  "a\xa1z";
	struct acre_value v = { map, sizeof map - 1 }, got;

	assert_int_equal(acre_value_get(v, "a", &got), 1); /* the last one */
	assert_int_equal(got.len, 2);
	assert_int_equal(acre_value_get(v, "b", &got), 1);
	assert_int_equal(next_of(&got).type, ACRE_PART_MAP);
	assert_int_equal(acre_value_get(v, "c", &got), 0);
	assert_class(acre_value_get((struct acre_value){ "\x91\x07", 2 }, "a", &got),
		     ACRE_ETYPE);
	assert_class(acre_value_get((struct acre_value){ map, 8 }, "a", &got),
		     ACRE_ETYPE);
	assert_class(acre_value_get((struct acre_value){ NULL, 0 }, "a", &got),
		     ACRE_ETYPE);
	return 0;
}

TEST_TASK(a_value_is_skipped_with_all_that_is_in_it)
{
	struct acre_packer *p = acre_pack_new();
	struct acre_value v, inner, copy;

	pack_one_of_each(p);
	v = end_of(p);
	copy = v;
	assert_int_equal(acre_value_skip(&copy, &inner), 1);
	assert_ptr_equal(inner.packed, v.packed);
	assert_int_equal(inner.len, v.len);
	assert_int_equal(copy.len, 0);
	assert_int_equal(acre_value_skip(&copy, &inner), 0);
	next_of(&v);
	for (int i = 0; i < 9; i++)
		assert_int_equal(acre_value_skip(&v, NULL), 1);
	assert_int_equal(next_of(&v).integer, 7);
	acre_pack_free(p);
	return 0;
}

TEST_TASK(a_value_is_packed_into_another)
{
	struct acre_packer *p = acre_pack_new(), *q = acre_pack_new();

	pack_one_of_each(p);
	acre_pack_list(q, 1);
	acre_pack_value(q, end_of(p));
	assert_int_equal(end_of(q).len, end_of(p).len + 1);
	acre_pack_free(p);
	acre_pack_free(q);
	return 0;
}

/*
 * What is wrong is said
 */

TEST_TASK(every_cut_is_refused)
{
	struct acre_packer *p = acre_pack_new();
	struct acre_value whole, v;
	struct acre_part part;
	int r;

	pack_one_of_each(p);
	whole = end_of(p);
	for (size_t len = 1; len < whole.len; len++) {
		uint8_t *exact = malloc(len);

		assert_non_null(exact);
		memcpy(exact, whole.packed, len);
		v = (struct acre_value){ exact, len };
		assert_class(acre_value_skip(&v, NULL), ACRE_ETYPE);
		assert_int_equal(v.len, len); /* it is where it was */
		while ((r = acre_value_next(&v, &part)) > 0)
			;
		free(exact);
	}
	acre_pack_free(p);
	return 0;
}

TEST_TASK(bytes_that_are_no_value_are_refused)
{
	struct acre_value v = { "\xc1", 1 };
	struct acre_part part;
	int r = acre_value_next(&v, &part);

	assert_class(r, ACRE_ETYPE);
	assert_text_has(acre_why(r)->message, "not a packed value: at byte 0: 0xc1");
	v = (struct acre_value){ "\xa1\xff", 2 };
	assert_class(acre_value_next(&v, &part), ACRE_ETYPE);
	return 0;
}

static void refuses_end(struct acre_packer *p, int class, const char *why)
{
	struct acre_value v;
	int r = acre_pack_end(p, &v);

	assert_class(r, class);
	assert_text_has(acre_why(r)->message, why);
}

TEST_TASK(a_value_must_be_whole_and_one)
{
	struct acre_packer *p = acre_pack_new();

	refuses_end(p, EINVAL, "not whole");
	acre_pack_list(p, 2);
	acre_pack_int(p, 1);
	refuses_end(p, EINVAL, "not whole");
	acre_pack_int(p, 1);
	acre_pack_int(p, 2);
	refuses_end(p, EINVAL, "more parts than one value has");
	acre_pack_int(p, 3); /* and it can be filled again */
	assert_int_equal(end_of(p).len, 1);
	acre_pack_free(p);
	return 0;
}

TEST_TASK(what_cannot_travel_is_told_at_the_end)
{
	struct acre_packer *p = acre_pack_new();
	size_t len = wire_limits_default.str;
	char *text = malloc(len + 1);

	assert_non_null(text);
	memset(text, 't', len + 1);
	acre_pack_text_of(p, text, len);
	assert_int_equal(end_of(p).len, len + 5);
	acre_pack_text_of(p, text, len + 1);
	refuses_end(p, EMSGSIZE, "of a text");
	acre_pack_bytes(p, text, len + 1);
	refuses_end(p, EMSGSIZE, "of a text");
	acre_pack_list(p, wire_limits_default.items + 1);
	refuses_end(p, EMSGSIZE, "of a list");
	for (unsigned i = 0; i < wire_limits_default.depth + 1; i++)
		acre_pack_list(p, 1);
	refuses_end(p, EMSGSIZE, "levels");
	acre_pack_text(p, "\xff");
	refuses_end(p, ACRE_ETYPE, "not UTF-8");
	acre_pack_value(p, (struct acre_value){ "\x91", 1 });
	refuses_end(p, ACRE_ETYPE, "not a packed one");
	acre_pack_value(p, (struct acre_value){ "\x07\x07", 2 });
	refuses_end(p, ACRE_ETYPE, "not a packed one");
	free(text);
	acre_pack_free(p);
	return 0;
}

TEST_TASK(without_memory_packing_fails_at_the_end)
{
	struct acre_packer *p;

	mem_fail_at(1, true);
	p = acre_pack_new();
	assert_null(p);
	pack_one_of_each(p);
	mem_fail_at(0, false);
	refuses_end(p, ENOMEM, "no memory");
	acre_pack_free(p);

	p = acre_pack_new();
	mem_fail_at(1, true);
	pack_one_of_each(p);
	mem_fail_at(0, false);
	refuses_end(p, ENOMEM, "no memory");
	acre_pack_free(p);
	return 0;
}
