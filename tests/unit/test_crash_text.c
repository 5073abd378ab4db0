/* SPDX-License-Identifier: MIT */
/* test_crash_text.c - addresses in last words are looked up, and nothing else is touched. */
#include "core/crash_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/symbol.h"
#include "lib/test.h"

#define FIRST_LINE "acre: SIGSEGV at address 0x0 in task root\n"

static char text[8192];

static void add(const char *more)
{
	size_t len = strlen(text);

	snprintf(text + len, sizeof text - len, "%s", more);
}

static void add_frame(int number, const char *name, uint64_t offset)
{
	char line[256];

	snprintf(line, sizeof line, "    #%d %s+%#" PRIx64 "\n", number, name, offset);
	add(line);
}

static void add_module(const char *name, const struct symbol_module *m)
{
	size_t n = m->build_id_len;

	add("    module ");
	add(name);
	add(" is ");
	add(m->path);
	add(n ? ", build " : "");
	for (size_t i = 0; i < n; i++) {
		char byte[3];

		snprintf(byte, sizeof byte, "%02x", m->build_id[i]);
		add(byte);
	}
	add("\n");
}

/* A return address into this function, in the module that it is in. */
__attribute__((noinline)) static uint64_t offset_here(struct symbol_module *ret)
{
	uint64_t offset = 0;

	assert_ok(symbol_module((uintptr_t)__builtin_return_address(0), ret, &offset));
	return offset;
}

static bool libdw_is_there(void)
{
#ifdef ACRE_HAVE_LIBDW
	return true;
#else
	return false;
#endif
}

TEST(frames_get_their_places_and_module_lines_go)
{
	struct symbol_module m;
	uint64_t offset = offset_here(&m);
	int line = __LINE__ - 1;
	char place[64], *told;

	if (!libdw_is_there())
		test_skip("no libdw");
	add(FIRST_LINE);
	add_frame(0, "me", offset - 1); /* the place itself, not where it returns to */
	add_frame(1, "me", offset);
	add_module("me", &m);
	add("4711.000123 task 3 PARK task=3 reason=sleeps\n");

	told = crash_text_looked_up(text);

	assert_non_null(told);
	test_note("%s", told);
	snprintf(place, sizeof place, "test_crash_text.c:%d\n    #1", line);
	assert_text_has(told, FIRST_LINE "    #0 test_frames_get_their_places_");
	assert_text_has(told, place);
	assert_text_has(told, "\n4711.000123 task 3 PARK task=3 reason=sleeps\n");
	assert_null(strstr(told, "    module "));
	free(told);
}

TEST(other_text_has_nothing_to_look_up)
{
	assert_null(crash_text_looked_up(""));
	assert_null(crash_text_looked_up("assertion failed\n"));
	assert_null(crash_text_looked_up("    #0 somebody+0x12\n"));
	assert_null(crash_text_looked_up("    module somebody is /bin/true\n"));
}

TEST(a_frame_that_is_not_found_stays)
{
	char *told = crash_text_looked_up("    #0 gone+0x12\n"
					  "    #1 other+0x13\n"
					  "    module gone is /not/there, build 0102\n"
					  "the end");

	assert_non_null(told);
	assert_string_equal(told, "    #0 gone+0x12\n"
				  "    #1 other+0x13\n"
				  "the end\n");
	free(told);
}

TEST(a_module_of_another_build_is_not_believed)
{
	struct symbol_module m;
	uint64_t offset = offset_here(&m);
	char *told;

	m.build_id = (const uint8_t *)"\1\2\3\4";
	m.build_id_len = 4;
	add_frame(0, "me", offset - 1);
	add_module("me", &m);

	told = crash_text_looked_up(text);

	assert_non_null(told);
	assert_null(strstr(told, "test_crash_text.c"));
	free(told);
}

TEST(a_frame_is_of_the_next_module_of_its_name)
{
	struct symbol_module m;
	uint64_t offset = offset_here(&m);
	char *told;

	if (!libdw_is_there())
		test_skip("no libdw");
	add("    module me is /of/a/child, build 0102\n");
	add_frame(3, "me", offset);
	add_module("me", &m);
	add_frame(4, "me", offset);
	add("    module me is /of/a/parent, build 0102\n");

	told = crash_text_looked_up(text);

	assert_non_null(told);
	assert_text_has(told, "    #3 test_a_frame_is_of_the_next_module_of_its_name ");
	assert_text_has(told, "    #4 me+0x");
	free(told);
}

TEST(broken_lines_are_text)
{
	static const char *const lines[] = {
		"    #", "    # me+0x1", "    #x me+0x1", "    #1", "    #1 me+0x",
		"    #1 me+0xg", "    #1 me+0x12345678901234567", "    #1 me", "    #1 +0x1",
	};
	char *told;

	add_frame(0, "me", 0x12);
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		add(lines[i]);
		add("\n");
	}
	add("    module me is /x, build 0\n    module me is /x, build zz\n    module \n");

	told = crash_text_looked_up(text);

	assert_non_null(told);
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		assert_text_has(told, lines[i]);
	free(told);
}

TEST(a_path_too_long_is_no_module)
{
	add_frame(0, "me", 0x12);
	add("    module me is /");
	for (size_t i = 0; i < 100; i++)
		add("a path that is too long");
	add("\n");

	assert_null(crash_text_looked_up(text));
}
