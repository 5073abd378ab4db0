/* SPDX-License-Identifier: MIT */
/* test_limits.c - the list of limits. */
#include <string.h>

#include "lib/test.h"
#include "wire/limits.h"

TEST(the_defaults_are_those_of_the_protocol)
{
	assert_int_equal(wire_limits_default.frame, 16777216);
	assert_int_equal(wire_limits_default.ctl, 65536);
	assert_int_equal(wire_limits_default.hello, 4096);
	assert_int_equal(wire_limits_default.hello_ms, 2000);
	assert_int_equal(wire_limits_default.hello_reference_ms, 10000);
	assert_int_equal(wire_limits_default.unadmitted, 16);
	assert_int_equal(wire_limits_default.depth, 32);
	assert_int_equal(wire_limits_default.items, 65536);
	assert_int_equal(wire_limits_default.str, 1048576);
	assert_int_equal(wire_limits_default.endpoint, 128);
	assert_int_equal(wire_limits_default.ctx, 1024);
	assert_int_equal(wire_limits_default.credit_items, 64);
	assert_int_equal(wire_limits_default.credit_items_max, 1024);
	assert_int_equal(wire_limits_default.credit_bytes, 1048576);
	assert_int_equal(wire_limits_default.error_text, 16384);
	assert_int_equal(wire_limits_default.error_nodes, 256);
	assert_int_equal(wire_limits_default.error_depth, 16);
	assert_int_equal(wire_limits_default.fds, 4);
	assert_int_equal(wire_limits_default.hops, 16);
}

TEST(a_limit_is_set_and_read_by_its_number)
{
	struct wire_limits limits = wire_limits_default;

	for (unsigned i = 0; i < N_WIRE_LIMIT; i++) {
		enum wire_limit number = (enum wire_limit)i;

		wire_limit_set(&limits, number, 7000 + i);
		assert_int_equal(wire_limit_value(&limits, number), 7000 + i);
	}
	assert_int_equal(limits.frame, 7000 + WIRE_LIMIT_FRAME);
	assert_int_equal(limits.hops, 7000 + WIRE_LIMIT_HOPS);
}

TEST(each_limit_has_a_name_of_its_own_a_unit_and_a_reason)
{
	for (unsigned i = 0; i < N_WIRE_LIMIT; i++) {
		assert_true(strlen(wire_limit_rows[i].name) > 0);
		assert_true(strlen(wire_limit_rows[i].unit) > 0);
		assert_true(strlen(wire_limit_rows[i].reason) > 20);
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(wire_limit_rows[i].name,
						wire_limit_rows[j].name);
	}
}

TEST_FAILS(reading_a_limit_that_does_not_exist_is_a_bug, "number < N_WIRE_LIMIT")
{
	wire_limit_value(&wire_limits_default, N_WIRE_LIMIT);
}
