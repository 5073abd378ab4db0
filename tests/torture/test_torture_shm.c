/* SPDX-License-Identifier: MIT */
/* test_torture_shm.c - shared arrays and rings while things fail in who makes and attaches them. */
#include "torture/torture.h"

/* ENOENT: it is what attaching says where the directory cannot be opened. */
static int fill(struct acre_shm *s)
{
	const int values[] = { 1, 2, 3, 4 };
	int r = acre_shm_push(s, &values[2], 2);

	if (r >= 0)
		r = acre_shm_prepend(s, values, 2);
	return r < 0 ? r : acre_shm_set(s, 0, values, 2);
}

static int check(const struct acre_shm *s)
{
	size_t first = 0;
	int values[8] = { 0 };
	ssize_t n = acre_shm_range(s, &first);
	int r = acre_shm_get(s, 0, values, acre_shm_n(s));

	assert_int_equal(n, 4);
	assert_int_equal(first, 2);
	assert_int_equal(acre_shm_element_size(s), sizeof(int));
	for (int i = 0; r >= 0 && i < 4; i++)
		assert_int_equal(((const int *)acre_shm_elements(s))[first + (size_t)i],
				 i + 1);
	return r;
}

TORTURE(a_shared_array)
{
	struct acre_shm *s, *reader = NULL;
	int r = acre_shm_create(&s, .element_size = sizeof(int), .n = 8, .start = 4);

	if (r < 0)
		return r;
	r = fill(s);
	if (r >= 0)
		r = acre_shm_attach(&reader, acre_shm_token(s), 0);
	if (r >= 0)
		r = check(reader);
	acre_shm_close(reader);
	acre_shm_close(s);
	return r;
}

/*
 * A ring, whose other end is an actor.
 */

#define BYTES 1000 /* more than the ring holds */

static const int ring_may[] = { ACRE_EBOOT, ACRE_EDIED, ACRE_ECLOSED, 0 };

ACRE_CONTEXT(counts_bytes, acre_text)
{
	struct acre_shm *ring = NULL;
	int64_t total = 0;
	char bytes[64];
	ssize_t n = 1;
	int r = acre_shm_attach(&ring, in->value, ACRE_SHM_WRITE);

	while (r >= 0 && n > 0) {
		n = acre_ring_read(ring, ctx, bytes, sizeof bytes);
		total += n > 0 ? n : 0;
	}
	acre_shm_close(ring);
	if (r >= 0 && n < 0)
		r = (int)n;
	return r < 0 ? r : acre_return(ctx, acre_int, .value = total);
}

static int write_bytes(struct acre_actor *a, struct acre_shm *ring)
{
	static const char bytes[BYTES];
	struct acre_text token = { acre_shm_token(ring) };
	struct acre_int total = { 0 };
	int r = 0;

	ACRE_OPEN(ctx, r, a, counts_bytes, &token) {
		r = acre_ring_write(ring, ctx, bytes, BYTES);
		if (r >= 0)
			r = acre_finish(ctx);
		if (r >= 0)
			r = acre_result(ctx, acre_int, &total);
	}
	return r < 0 || total.value == BYTES ? r : acre_fail(EDOM, "bytes were lost");
}

TORTURE(a_ring, .may = ring_may)
{
	struct acre_shm *ring = NULL;
	struct acre_actor *a;
	int r = acre_ring_create(&ring, 256);

	if (r < 0)
		return r;
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "reader");
		if (r >= 0)
			r = write_bytes(a, ring);
	}
	acre_shm_close(ring);
	return r;
}
