/* SPDX-License-Identifier: MIT */
/* test_torture_values.c - values of parts and messages with lists, while things fail. */
#include "torture/torture.h"

#include <string.h>

#include "torture/endpoints.h"

static const int tree_may[] = { ACRE_EBOOT, ACRE_EDIED, ACRE_ECLOSED, 0 };

static void pack_parts(struct acre_packer *p, struct acre_value part)
{
	acre_pack_map(p, 2);
	acre_pack_text(p, "list");
	acre_pack_list(p, 8);
	acre_pack_nil(p);
	acre_pack_bool(p, true);
	acre_pack_int(p, -1);
	acre_pack_natural(p, UINT64_MAX);
	acre_pack_float(p, 0.5);
	acre_pack_text_of(p, "text", 4);
	acre_pack_bytes(p, "\0\1", 2);
	acre_pack_value(p, part);
	acre_pack_text(p, "value");
	acre_pack_int(p, 7);
}

TORTURE(a_value_of_parts)
{
	struct acre_value v = { "\x07", 1 }, got;
	struct acre_packer *p = acre_pack_new();
	struct acre_part part;
	int r;

	pack_parts(p, v);
	r = acre_pack_end(p, &v);
	if (r >= 0) {
		assert_int_equal(acre_value_get(v, "value", &got), 1);
		assert_int_equal(acre_value_next(&got, &part), 1);
		assert_string_equal(acre_part_name(part.type), "int");
		assert_int_equal(acre_value_skip(&v, NULL), 1);
	}
	acre_pack_free(p);
	return r;
}

TORTURE(a_call_by_names, .may = tree_may)
{
	struct acre_value arg = { "\x81\xa5value\x07", 8 }, got;
	struct acre_actor *a;
	struct acre_part part;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "callee");
		if (r >= 0)
			r = acre_call_named(a, "main", "square", arg, &got);
		if (r >= 0) {
			assert_int_equal(acre_value_next(&got, &part), 1);
			assert_int_equal(part.integer, 49);
			r = 0;
		}
	}
	return r;
}

#define WORD(F) F(const char *, text) F(const char *, note, or_null)
ACRE_MSG(word, WORD)
#define WORDS(F) F(word, all, message_list) F(word, named, message_map)
ACRE_MSG(words, WORDS)

ACRE_CONTEXT(repeats, words, .kind = ACRE_ENDPOINT_ONESHOT,
	     .returns = ACRE_PAYLOAD(words))
{
	return acre_return_(ctx, ACRE_KIND(words), in);
}

TORTURE(a_one_shot_of_lists, .may = tree_may)
{
	const struct word all[] = { { "a", "first" }, { "b", NULL } };
	const char *const keys[] = { "one", "two" };
	const struct words in = { all, 2, all, keys, 2 };
	struct words got;
	int r = acre_oneshot(repeats, &in, words, &got);

	if (r < 0)
		return r;
	assert_int_equal(got.n_all, 2);
	assert_string_equal(got.all[0].note, "first");
	assert_string_equal(got.named_keys[1], "two");
	acre_msg_free(words, &got);
	return 0;
}
