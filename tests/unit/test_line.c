/* SPDX-License-Identifier: MIT */
/* test_line.c - lines that are put together without stdio. */
#include "base/line.h"

#include <string.h>
#include <unistd.h>

#include "lib/test.h"

/* What the line is when it has been written. */
static const char *written(struct line *l)
{
	static char text[LINE_LEN_MAX + 2];
	int ends[2];
	ssize_t n;

	assert_int_equal(pipe(ends), 0);
	line_write(l, ends[1]);
	close(ends[1]);
	n = read(ends[0], text, sizeof text - 1);
	close(ends[0]);
	assert_true(n >= 0);
	text[n] = '\0';
	return text;
}

TEST(texts_and_numbers_make_a_line)
{
	struct line l = { .len = 0 };

	line_text(&l, "a ");
	line_decimal(&l, 0);
	line_text(&l, " ");
	line_decimal(&l, UINT64_MAX);
	line_text(&l, " ");
	line_hex(&l, 0);
	line_text(&l, " ");
	line_hex(&l, 0xdeadbeef);
	line_text(&l, " ");
	line_padded(&l, 42, 6);
	line_text(&l, " ");
	line_padded(&l, 1234567, 6);
	line_text(&l, " ");
	line_bytes(&l, (const uint8_t[]){ 0x00, 0x7f, 0xff }, 3);

	assert_string_equal(
		written(&l),
		"a 0 18446744073709551615 0x0 0xdeadbeef 000042 1234567 007fff\n");
}

TEST(a_line_that_was_written_is_empty)
{
	struct line l = { .len = 0 };

	line_text(&l, "first");
	assert_string_equal(written(&l), "first\n");
	line_text(&l, "second");

	assert_string_equal(written(&l), "second\n");
}

TEST(what_does_not_fit_is_left_out)
{
	struct line l = { .len = 0 };
	char text[2 * LINE_LEN_MAX];
	const char *out;

	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';

	line_text(&l, text);
	line_decimal(&l, 7);

	out = written(&l);
	assert_int_equal(strlen(out), LINE_LEN_MAX + 1);
	assert_int_equal(out[LINE_LEN_MAX - 1], 'x');
	assert_int_equal(out[LINE_LEN_MAX], '\n');
}

TEST(a_line_to_nowhere_is_dropped)
{
	struct line l = { .len = 0 };

	line_text(&l, "lost");
	line_write(&l, -1);

	assert_int_equal(l.len, 0);
}
