/* SPDX-License-Identifier: MIT */
/* test_unpack_depth.c - the reader of msgpack: how deep values may be nested. */
#include <errno.h>
#include <string.h>

#include "lib/test.h"
#include "wire/pack.h"

/* Arrays of one value, one in the other, and a last value. */
struct nest {
	uint8_t bytes[100];
	struct wire_limits limits;
	struct pack_reader r;
};

static void read_nest(struct nest *n, unsigned depth, uint8_t last)
{
	memset(n->bytes, 0x91, depth);
	n->bytes[depth] = last;
	n->limits = wire_limits_default;
	pack_reader_init(&n->r, n->bytes, depth + 1, &n->limits);
}

static void assert_too_deep(struct nest *n, const char *expected)
{
	char text[100];

	assert_int_equal(pack_reader_result(&n->r), -EMSGSIZE);
	pack_error_text(&n->r, text, sizeof text);
	assert_string_equal(text, expected);
}

TEST(nesting_at_the_limit_is_skipped)
{
	struct nest n;

	read_nest(&n, 32, 0x05);
	pack_skip(&n.r);
	assert_ok(pack_reader_end(&n.r));
}

TEST(an_empty_container_at_the_limit_is_skipped)
{
	struct nest n;

	read_nest(&n, 31, 0x80);
	pack_skip(&n.r);
	assert_ok(pack_reader_end(&n.r));
}

TEST(one_level_above_the_limit_is_a_fault)
{
	struct nest n;

	read_nest(&n, 33, 0x05);
	pack_skip(&n.r);
	assert_too_deep(&n, "at byte 32: array in level 33, the limit is 32");
}

TEST(an_empty_container_above_the_limit_is_a_fault)
{
	struct nest n;

	read_nest(&n, 32, 0x80);
	pack_skip(&n.r);
	assert_too_deep(&n, "at byte 32: map in level 33, the limit is 32");
}

TEST(levels_that_the_caller_has_opened_count)
{
	struct nest n;

	read_nest(&n, 32, 0x05);
	assert_int_equal(pack_read_array(&n.r), 1);
	n.r.depth = 1;
	assert_int_equal(pack_read_raw(&n.r).len, 32);
	assert_ok(pack_reader_end(&n.r));

	read_nest(&n, 33, 0x05);
	assert_int_equal(pack_read_array(&n.r), 1);
	n.r.depth = 1;
	assert_int_equal(pack_read_raw(&n.r).len, 0);
	assert_too_deep(&n, "at byte 32: array in level 33, the limit is 32");
}

TEST(levels_beyond_all_counting_are_a_fault)
{
	struct nest n;

	read_nest(&n, 1, 0x05);
	n.r.depth = UINT32_MAX;
	pack_skip(&n.r);
	assert_int_equal(pack_reader_result(&n.r), -EMSGSIZE);
}

TEST(a_limit_beyond_what_can_be_counted_is_that)
{
	struct nest n;

	read_nest(&n, PACK_DEPTH_MAX, 0x05);
	n.limits.depth = UINT32_MAX;
	pack_skip(&n.r);
	assert_ok(pack_reader_end(&n.r));

	read_nest(&n, PACK_DEPTH_MAX + 1, 0x05);
	n.limits.depth = UINT32_MAX;
	pack_skip(&n.r);
	assert_too_deep(&n, "at byte 64: array in level 65, the limit is 64");
}

TEST(levels_side_by_side_do_not_add_up)
{
	static const char bytes[] = "\x93\x91\x80\x91\x80\x81\x05\x80";
	struct wire_limits limits = wire_limits_default;
	struct pack_reader r;

	limits.depth = 3;
	pack_reader_init(&r, bytes, sizeof bytes - 1, &limits);
	pack_skip(&r);
	assert_ok(pack_reader_end(&r));

	limits.depth = 2;
	pack_reader_init(&r, bytes, sizeof bytes - 1, &limits);
	pack_skip(&r);
	assert_int_equal(pack_reader_result(&r), -EMSGSIZE);
}

TEST(no_level_at_all_leaves_scalars)
{
	struct nest n;

	read_nest(&n, 0, 0x05);
	n.limits.depth = 0;
	pack_skip(&n.r);
	assert_ok(pack_reader_end(&n.r));

	read_nest(&n, 0, 0x90);
	n.limits.depth = 0;
	pack_skip(&n.r);
	assert_int_equal(pack_reader_result(&n.r), -EMSGSIZE);
}
