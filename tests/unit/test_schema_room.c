/* SPDX-License-Identifier: MIT */
/* test_schema_room.c - lists of what is nearly nothing when packed have a bound when read. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <acre/error.h>

#include "actor/schema.h"
#include "lib/run.h"

#define POINT(F) F(int32_t, x) F(int32_t, y)
ACRE_MSG(point, POINT)

static struct schema_held held;

static int read_bytes(const struct acre_msg_kind *kind, const void *bytes, size_t len,
		      void *ret)
{
	schema_held_fini(&held);
	schema_held_init(&held);
	assert_ok(schema_hold(&held, bytes, len));
	return schema_read_held(kind, &held, ret, "item");
}

#define EMPTY(F)                      \
	F(point, at, message_or_null) \
	F(uint64_t, a, optional)      \
	F(uint64_t, b, optional) F(uint64_t, c, optional) F(uint64_t, d, optional)
ACRE_MSG(sparse, EMPTY)
#define CROWD(F) F(sparse, a, message_list) F(sparse, b, message_map)
ACRE_MSG(crowd, CROWD)
#define CROWDS(F) F(crowd, crowds, message_list)
ACRE_MSG(crowds, CROWDS)

enum { N_SPARSE = 65535, CROWD_LEN = 6 + N_SPARSE + 3 };

/* n lists of empty maps, which are one byte each. */
static size_t pack_crowds(uint8_t *p, uint8_t n)
{
	memcpy(p,
	       "\x81\xa6"
	       "crowds",
	       8);
	p[8] = (uint8_t)(0x90 | n);
	for (uint8_t *crowd = p + 9; crowd < p + 9 + n * CROWD_LEN; crowd += CROWD_LEN) {
		memcpy(crowd,
		       "\x82\xa1"
		       "a\xdc\xff\xff",
		       6);
		memset(crowd + 6, 0x80, N_SPARSE);
		memcpy(crowd + 6 + N_SPARSE,
		       "\xa1"
		       "b\x80",
		       3);
	}
	return (size_t)(9 + n * CROWD_LEN);
}

TEST_TASK(what_is_read_has_a_bound_in_memory)
{
	const size_t each = N_SPARSE * sizeof(struct sparse);
	const uint8_t fits = (uint8_t)(SCHEMA_READ_MAX / each);
	uint8_t *packed = malloc(9 + 15 * CROWD_LEN);
	struct crowds out;
	int r;

	assert_non_null(packed);
	assert_in_range(fits, 1, 14);
	assert_ok(read_bytes(crowds_msg_(), packed, pack_crowds(packed, fits), &out));
	assert_int_equal(out.n_crowds, fits);
	assert_int_equal(out.crowds[fits - 1].n_a, N_SPARSE);
	assert_false(out.crowds[0].a[N_SPARSE - 1].has_d);
	r = read_bytes(crowds_msg_(), packed, pack_crowds(packed, (uint8_t)(fits + 1)),
		       &out);
	assert_class(r, EMSGSIZE);
	assert_text_has(
		acre_why(r)->message,
		"invalid `item` msg payload: no more than 64 MiB for the items of "
		"crowds.crowds[");
	schema_held_fini(&held);
	free(packed);
	return 0;
}
