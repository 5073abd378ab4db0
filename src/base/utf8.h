/* SPDX-License-Identifier: MIT */
/* utf8.h - whether bytes are text.
 *
 * UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. A
 * NUL is a character like others; whoever makes a C string of a text looks for it
 * himself.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* How many bytes at the front are whole, valid characters: `len` if all are. Text that
 * must be cut to n bytes is cut at utf8_valid_len(text, n). */
size_t utf8_valid_len(const void *bytes, size_t len);

/* Almost all text is ASCII, and most of it is short: eight bytes a step, and the rest by
 * loads that overlap, so that no byte costs a branch of its own. */
static inline bool utf8_is_ascii(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint64_t word, last;
	uint32_t half, last_half;

	if (len >= 8) {
		memcpy(&last, p + len - 8, 8);
		for (size_t i = 0; i + 8 < len; i += 8) {
			memcpy(&word, p + i, 8);
			last |= word;
		}
		return !(last & 0x8080808080808080);
	}
	if (len >= 4) {
		memcpy(&half, p, 4);
		memcpy(&last_half, p + len - 4, 4);
		return !((half | last_half) & 0x80808080);
	}
	return len == 0 || !((p[0] | p[len / 2] | p[len - 1]) & 0x80);
}

static inline bool utf8_is_valid(const void *bytes, size_t len)
{
	return utf8_is_ascii(bytes, len) || utf8_valid_len(bytes, len) == len;
}
