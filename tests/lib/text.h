/* SPDX-License-Identifier: MIT */
/* text.h - a text of bounded size: the beginning and the end of however much came. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TEXT_HALF 32768

/* All zero is the empty text. */
struct text {
	size_t len;           /* bytes ever added */
	char head[TEXT_HALF]; /* the first ones */
	char tail[TEXT_HALF]; /* a ring of the last ones after these */
};

void text_add(struct text *text, const char *bytes, size_t len);

/* Adds a line; the newline is added here. */
void text_say(struct text *text, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Adds what can be read from a non-blocking fd, at most a few pipes full, so that a
 * writer that never pauses cannot hold the reader. False: there is no writer any more.
 */
bool text_drain(struct text *text, int fd);

bool text_has(const struct text *text, const char *part);

/* Prints each line behind the prefix, and says where something was left out. */
void text_print(const struct text *text, FILE *f, const char *prefix);

/* The text as one string, to be freed. */
char *text_string(const struct text *text);
