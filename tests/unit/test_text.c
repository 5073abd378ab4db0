/* SPDX-License-Identifier: MIT */
/* test_text.c - a text of bounded size. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/test.h"
#include "lib/text.h"

static void assert_text(const struct text *text, const char *expected)
{
	char *string = text_string(text);

	assert_string_equal(string, expected);
	free(string);
}

/* Adds what is numbered from first on, in lines of eight bytes. */
static void add_lines(struct text *text, int first, int n)
{
	for (int i = first; i < first + n; i++)
		text_say(text, "%07d", i);
}

TEST(a_zeroed_text_is_empty)
{
	static struct text text;

	assert_text(&text, "");
	assert_false(text_has(&text, "x"));
}

TEST(a_text_has_what_was_added)
{
	static struct text text;

	text_add(&text, "a", 1);
	text_say(&text, "%s-%d", "b", 3);

	assert_text(&text, "ab-3\n");
	assert_true(text_has(&text, "b-3"));
	assert_false(text_has(&text, "b-4"));
}

TEST(a_text_of_twice_the_half_is_whole)
{
	static struct text text;

	add_lines(&text, 0, 2 * TEXT_HALF / 8);

	assert_true(text_has(&text, "\n0004095\n0004096\n")); /* across the halves */
	assert_true(text_has(&text, "\n0008191\n"));
	assert_false(text_has(&text, "left out"));
}

TEST(a_longer_text_keeps_its_beginning_and_its_end)
{
	static struct text text;

	add_lines(&text, 0, 2 * TEXT_HALF / 8 + 1000);

	assert_true(text_has(&text, "0000000\n0000001\n"));
	assert_true(
		text_has(&text, "\n0004095\n\n[... 8000 bytes left out ...]\n0005096\n"));
	assert_true(text_has(&text, "\n0009191\n"));
	assert_false(text_has(&text, "0004096"));
}

TEST(a_byte_of_zero_does_not_end_a_text)
{
	static struct text text;

	text_add(&text, "a\0b", 3);

	assert_text(&text, "a?b");
}

TEST(each_line_is_printed_behind_the_prefix)
{
	static struct text text;
	char *printed;
	size_t len;
	FILE *f = open_memstream(&printed, &len);

	text_add(&text, "one\n\ntwo", 8);
	text_print(&text, f, "> ");
	fclose(f);

	assert_string_equal(printed, "> one\n> \n> two\n");
	free(printed);
}

TEST(a_pipe_is_drained_until_it_has_no_writer)
{
	static struct text text;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(write(fds[1], "some", 4), 4);
	assert_true(text_drain(&text, fds[0]));
	assert_text(&text, "some");
	assert_true(text_drain(&text, fds[0]));

	close(fds[1]);
	assert_false(text_drain(&text, fds[0]));
	close(fds[0]);
}

TEST(a_writer_that_never_pauses_does_not_hold_the_reader)
{
	static struct text text;
	int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	assert_true(text_drain(&text, zero));
	close(zero);
}
