/* SPDX-License-Identifier: MIT */
/* line.c - a line of text, put together where stdio must not be used. */
#include "base/line.h"

#include <string.h>

#include "base/sys.h"
#include "base/util.h"

static void add(struct line *l, const char *text, size_t len)
{
	len = size_min(len, LINE_LEN_MAX - l->len);
	memcpy(l->text + l->len, text, len);
	l->len += len;
}

static void add_number(struct line *l, uint64_t number, unsigned base,
		       unsigned min_digits)
{
	char digits[20]; /* of 2^64 - 1 */
	size_t at = sizeof digits, least = at - size_min(min_digits, at);

	do {
		digits[--at] = "0123456789abcdef"[number % base];
		number /= base;
	} while (number > 0 || at > least);
	add(l, digits + at, sizeof digits - at);
}

void line_text(struct line *l, const char *text)
{
	add(l, text, strlen(text));
}

void line_decimal(struct line *l, uint64_t number)
{
	add_number(l, number, 10, 1);
}

void line_padded(struct line *l, uint64_t number, unsigned min_digits)
{
	add_number(l, number, 10, min_digits);
}

void line_hex(struct line *l, uint64_t number)
{
	add(l, "0x", 2);
	add_number(l, number, 16, 1);
}

void line_bytes(struct line *l, const uint8_t *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++)
		add(l, (char[]){ digits[bytes[i] >> 4], digits[bytes[i] & 15] }, 2);
}

void line_write(struct line *l, int fd)
{
	size_t written = 0;
	ssize_t n;

	l->text[l->len++] = '\n';
	while (written < l->len) {
		n = sys_real.write(fd, l->text + written, l->len - written);
		if (n == -EINTR)
			continue;
		if (n <= 0)
			break;
		written += (size_t)n;
	}
	l->len = 0;
}
