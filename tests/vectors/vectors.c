/* SPDX-License-Identifier: MIT */
/* vectors.c - reads the golden frames of this folder. */
#define _GNU_SOURCE
#include "vectors/vectors.h"

#include <ctype.h>
#include <err.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef VECTORS_DIR
#define VECTORS_DIR "tests/vectors"
#endif

enum { FRAME_MAX = 4096 };

static unsigned digit(char c)
{
	const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c) : NULL;

	if (!at)
		errx(1, "'%c' is no hex digit", c);
	return (unsigned)(at - digits);
}

size_t hex_decode(uint8_t *to, size_t size, const char *hex)
{
	size_t n = 0;

	while (*hex) {
		if (isspace((unsigned char)*hex)) {
			hex++;
			continue;
		}
		if (n == size)
			errx(1, "more than %zu bytes", size);
		to[n++] = (uint8_t)(digit(hex[0]) << 4 | digit(hex[1]));
		hex += 2;
	}
	return n;
}

void hex_encode(char *to, const uint8_t *bytes, size_t len)
{
	*to = '\0';
	for (size_t i = 0; i < len; i++)
		snprintf(to + 2 * i, 3, "%02x", bytes[i]);
}

static void load(struct vector *ret, const char *path)
{
	uint8_t frame[FRAME_MAX];
	const char *name = strrchr(path, '/') + 1;
	char line[512];
	FILE *f = fopen(path, "re");

	if (!f)
		err(1, "%s", path);
	*ret = (struct vector){ .len = 0 };
	snprintf(ret->name, sizeof ret->name, "%.*s", (int)strcspn(name, "."), name);
	while (fgets(line, sizeof line, f)) {
		if (*line == '#')
			sscanf(line, "# refused by: %15s", ret->refused_by);
		else
			ret->len +=
				hex_decode(frame + ret->len, FRAME_MAX - ret->len, line);
	}
	fclose(f);
	if ((*ret->name == 'n') != (*ret->refused_by != '\0'))
		errx(1, "%s: the name and the line `refused by` differ", path);
	ret->frame = malloc(ret->len);
	if (!ret->frame)
		err(1, "%s", path);
	memcpy(ret->frame, frame, ret->len);
}

void vectors_load(struct vectors *ret)
{
	glob_t found;

	if (glob(VECTORS_DIR "/*.hex", 0, NULL, &found) != 0)
		errx(1, "no golden frames in %s", VECTORS_DIR);
	ret->n = found.gl_pathc;
	ret->all = calloc(ret->n, sizeof *ret->all);
	if (!ret->all)
		err(1, "%zu frames", ret->n);
	for (size_t i = 0; i < ret->n; i++)
		load(&ret->all[i], found.gl_pathv[i]);
	globfree(&found);
}

void vectors_free(struct vectors *v)
{
	for (size_t i = 0; i < v->n; i++)
		free(v->all[i].frame);
	free(v->all);
	*v = (struct vectors){ .n = 0 };
}

const struct vector *vectors_find(const struct vectors *v, const char *name)
{
	for (size_t i = 0; i < v->n; i++)
		if (strcmp(v->all[i].name, name) == 0)
			return &v->all[i];
	errx(1, "there is no frame %s", name);
}
