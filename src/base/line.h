/* SPDX-License-Identifier: MIT */
/* line.h - a line of text, put together where stdio must not be used. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* In signal handlers and between fork and exec. What does not fit is left out. */

#define LINE_LEN_MAX 511

struct line {
	size_t len;
	char text[LINE_LEN_MAX + 1]; /* the last byte is kept for the line's end */
};

void line_text(struct line *l, const char *text);
void line_decimal(struct line *l, uint64_t number);
/* With zeros before it, so that it has this many digits at least, 20 at most. */
void line_padded(struct line *l, uint64_t number, unsigned min_digits);
/* With 0x before it. */
void line_hex(struct line *l, uint64_t number);
/* Two digits a byte. */
void line_bytes(struct line *l, const uint8_t *bytes, size_t len);

/* Ends the line, writes it by the real system call, and empties it. */
void line_write(struct line *l, int fd);
