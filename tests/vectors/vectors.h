/* SPDX-License-Identifier: MIT */
/* vectors.h - the golden frames of this folder, for tests. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vector {
	char name[64];	     /* of the file, without .hex */
	char refused_by[16]; /* "frame", "pack", "msg"; empty if it must be accepted */
	uint8_t *frame;	     /* owned, of exactly len bytes, so that ASan sees the end */
	size_t len;
};

struct vectors {
	struct vector *all; /* owned; sorted by name */
	size_t n;
};

/* All of them. Ends the test if the folder cannot be read. */
void vectors_load(struct vectors *ret);
void vectors_free(struct vectors *v);

/* The one of that name. Ends the test if there is none. */
const struct vector *vectors_find(const struct vectors *v, const char *name);

/* Turns hex digits into bytes; white space between them is skipped. Returns how many. */
size_t hex_decode(uint8_t *to, size_t size, const char *hex);

/* The opposite: 2 * len digits and a NUL. */
void hex_encode(char *to, const uint8_t *bytes, size_t len);
