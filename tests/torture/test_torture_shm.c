/* SPDX-License-Identifier: MIT */
/* test_torture_shm.c - shared arrays while things fail in who makes and attaches them. */
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
