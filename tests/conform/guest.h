/* SPDX-License-Identifier: MIT */
/* guest.h - tests of actors that run Python. */
#pragma once

#include "conform/tree.h"

#include <stdio.h>

#include <acre/python.h>
#include <acre/value.h>

#include <stdio.h>

#include "conform/python.h"

static inline int spawn_source(struct acre_nursery *n, struct acre_actor **ret,
			       const char *source)
{
	const struct acre_guest guest = { .source = source };

	return acre_spawn(n, ret, .name = "guest", .backend = "subint_forkserver",
			  .guest = &guest);
}

/* In the folder of the test. */
static inline void write_file(const char *name, const char *text)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", test_dir(), name);
	f = fopen(path, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* A function of "main" without arguments. */
static inline int call_guest(struct acre_actor *a, const char *name, struct acre_value *ret)
{
	struct acre_value nothing = { NULL, 0 }, unused;

	return acre_call_named(a, "main", name, nothing, ret ? ret : &unused);
}

static inline int64_t integer_of(struct acre_value value)
{
	struct acre_part part;

	assert_int_equal(acre_value_next(&value, &part), 1);
	assert_int_equal(part.type, ACRE_PART_INT);
	return part.integer;
}

/* With two arguments, a and b. */
static inline int call_pair(struct acre_actor *a, const char *name, int64_t x, int64_t y,
			    struct acre_value *ret)
{
	struct acre_packer *p = acre_pack_new();
	struct acre_value arg;
	int r;

	acre_pack_map(p, 2);
	acre_pack_text(p, "a");
	acre_pack_int(p, x);
	acre_pack_text(p, "b");
	acre_pack_int(p, y);
	r = acre_pack_end(p, &arg);
	if (r >= 0)
		r = acre_call_named(a, "main", name, arg, ret);
	acre_pack_free(p);
	return r;
}

static inline void assert_text(struct acre_value value, const char *want)
{
	struct acre_part part;

	assert_int_equal(acre_value_next(&value, &part), 1);
	assert_int_equal(part.type, ACRE_PART_TEXT);
	assert_int_equal(part.bytes.len, strlen(want));
	assert_memory_equal(part.bytes.data, want, part.bytes.len);
}

/* A guest is spawned, its function "go" called, and the result compared with a text. */
static inline int check_go(const char *source, const char *want)
{
	struct acre_actor *a;
	struct acre_value got;
	struct acre_part part;
	char text[1024];
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_source(&n, &a, source);
		if (r >= 0)
			r = call_guest(a, "go", &got);
		if (r < 0)
			acre_print(stderr, r);
		assert_int_equal(r, 1);
		assert_int_equal(acre_value_next(&got, &part), 1);
		assert_int_equal(part.type, ACRE_PART_TEXT);
		snprintf(text, sizeof text, "%.*s", (int)part.bytes.len,
			 (const char *)part.bytes.data);
		assert_string_equal(text, want);
		r = 0;
	}
	return r;
}
