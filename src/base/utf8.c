/* SPDX-License-Identifier: MIT */
/* utf8.c - how many bytes of a text are valid. */
#include "base/utf8.h"

/* The range of the second byte is what excludes overlong forms (after e0, f0), surrogates
 * (after ed) and all above U+10FFFF (after f4). */
static bool is_second(uint8_t first, uint8_t second)
{
	uint8_t low = 0x80, high = 0xbf;

	if (first == 0xe0)
		low = 0xa0;
	else if (first == 0xed)
		high = 0x9f;
	else if (first == 0xf0)
		low = 0x90;
	else if (first == 0xf4)
		high = 0x8f;
	return second >= low && second <= high;
}

/* The length of the character at p, of which n > 0 bytes can be seen; 0 if it is none. */
static size_t character_len(const uint8_t *p, size_t n)
{
	size_t len;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (n < len || !is_second(p[0], p[1]))
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

size_t utf8_valid_len(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	size_t i = 0, n = 1;

	while (i < len && n > 0) {
		if (len - i >= 8 && utf8_is_ascii(p + i, 8))
			n = 8;
		else
			n = character_len(p + i, len - i);
		i += n;
	}
	return i;
}
