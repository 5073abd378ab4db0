/* SPDX-License-Identifier: MIT */
/* test_class.c - numbers, names, parents and meanings of classes. */
#include <errno.h>

#define ACRE_ERRORS(E)                                                                   \
	E(T_ASSERT, 0, "an assertion failed")                                            \
	E(T_VALUE, EINVAL, "a bad value")                                                \
	E(T_RANGE, T_VALUE, "a value out of range")                                      \
	E(T_CHICKEN, T_EGG, "which comes first")                                         \
	E(T_EGG, T_CHICKEN, "the other one")

#include "core/class.h"

#include <string.h>

#include "lib/test.h"

TEST(c070_errno_values_resolve_both_ways)
{
	assert_string_equal(acre_class_name(ENOENT), "ENOENT");
	assert_string_equal(acre_class_text(ENOENT), "no such file or directory");
	assert_int_equal(acre_class_number("ENOENT"), ENOENT);
	assert_int_equal(acre_class_number("EHWPOISON"), EHWPOISON);
	assert_int_equal(acre_class_number("EREMOTE"), EREMOTE);
}

TEST(c070_our_own_classes_resolve_both_ways)
{
	assert_string_equal(acre_class_name(ACRE_EDIED), "ACRE_EDIED");
	assert_int_equal(acre_class_number("ACRE_EREMOTE"), ACRE_EREMOTE);
	assert_int_equal(acre_class_number("ACRE_ENOTTYLOCK"), ACRE_ENOTTYLOCK);
	assert_int_equal(acre_class_number("EDIED"), 0);
}

TEST(c070_classes_of_the_application_resolve_both_ways)
{
	assert_int_equal(T_ASSERT, ACRE_CLASS_APPLICATION);
	assert_string_equal(acre_class_name(T_VALUE), "T_VALUE");
	assert_string_equal(acre_class_text(T_VALUE), "a bad value");
	assert_int_equal(acre_class_number("T_RANGE"), T_RANGE);
}

TEST(c070_what_has_no_name_is_unknown)
{
	assert_string_equal(acre_class_name(0), "<unknown>");
	assert_string_equal(acre_class_name(-ENOENT), "<unknown>");
	assert_string_equal(acre_class_name(41), "<unknown>"); /* a gap */
	assert_string_equal(acre_class_name(999), "<unknown>");
	assert_string_equal(acre_class_name(ACRE_CLASS_MAX), "<unknown>");
	assert_string_equal(acre_class_name(ACRE_CLASS_MAX + 1), "<unknown>");
	assert_int_equal(acre_class_number("UnregisteredAppError"), 0);
	assert_int_equal(acre_class_number(""), 0);
	assert_int_equal(class_of_name("UnregisteredAppError"), ACRE_ENAMED);
	assert_int_equal(class_of_name("EIO"), EIO);
}

TEST(every_number_has_its_name_and_every_name_its_number)
{
	int n = 0;

	for (int code = 1; code <= ACRE_CLASS_MAX; code++) {
		if (strcmp(acre_class_name(code), "<unknown>") == 0)
			continue;
		n++;
		assert_int_equal(acre_class_number(acre_class_name(code)), code);
		assert_true(strlen(acre_class_text(code)) > 0);
	}
	assert_true(n > 130 + 20);
}

TEST(second_names_of_errno_values_are_known)
{
	assert_int_equal(acre_class_number("EWOULDBLOCK"), EAGAIN);
	assert_int_equal(acre_class_number("ENOTSUP"), EOPNOTSUPP);
	assert_string_equal(acre_class_name(EAGAIN), "EAGAIN");
}

TEST(a_class_is_itself_and_what_is_above_it)
{
	assert_true(class_is(T_RANGE, T_RANGE));
	assert_true(class_is(T_RANGE, T_VALUE));
	assert_true(class_is(T_RANGE, EINVAL));
	assert_false(class_is(EINVAL, T_RANGE));
	assert_true(class_is(ACRE_ENOENDPOINT, ENOENT));
	assert_false(class_is(T_ASSERT, 0));
	assert_false(class_is(0, 0));
	assert_int_equal(class_parent(ACRE_ETYPE), EINVAL);
	assert_int_equal(class_parent(ENOENT), 0);
}

TEST(a_circle_of_parents_ends)
{
	assert_true(class_is(T_EGG, T_CHICKEN));
	assert_false(class_is(T_EGG, EINVAL));
}

TEST(the_same_rows_may_come_from_many_files)
{
	static const struct acre_class_row again[] = {
		{ T_ASSERT, 0, "T_ASSERT", "an assertion failed" },
		{ T_VALUE, EINVAL, "T_VALUE", "a bad value" },
	};

	acre_class_register_(again, 2);

	assert_string_equal(acre_class_name(T_ASSERT), "T_ASSERT");
}

TEST(rows_of_a_later_module_are_added)
{
	static const struct acre_class_row late = { 3000, T_VALUE, "T_LATE", "late" };

	acre_class_register_(&late, 1);

	assert_int_equal(acre_class_number("T_LATE"), 3000);
	assert_true(class_is(3000, EINVAL));
}

TEST_FAILS(a_number_with_two_names_is_a_bug, "class T_OTHER (number 2048, parent 0) "
					     "contradicts class T_ASSERT (number 2048")
{
	static const struct acre_class_row row = { T_ASSERT, 0, "T_OTHER", "" };

	acre_class_register_(&row, 1);
}

TEST_FAILS(a_name_with_two_numbers_is_a_bug, "class T_ASSERT (number 2500, parent 0) "
					     "contradicts class T_ASSERT (number 2048")
{
	static const struct acre_class_row row = { 2500, 0, "T_ASSERT", "" };

	acre_class_register_(&row, 1);
}

TEST_FAILS(a_class_with_two_parents_is_a_bug, "(number 2049, parent 5)")
{
	static const struct acre_class_row row = { T_VALUE, EIO, "T_VALUE", "a bad value" };

	acre_class_register_(&row, 1);
}

TEST_FAILS(a_number_out_of_range_is_a_bug, "an application's are 2048 to 4095")
{
	static const struct acre_class_row row = { 4096, 0, "T_MANY", "" };

	acre_class_register_(&row, 1);
}
