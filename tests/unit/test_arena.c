/* SPDX-License-Identifier: MIT */
/* test_arena.c - blocks that are freed together: apart from each other, aligned, counted. */
#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "lib/test.h"

enum { N_PARTS = 2000 };

TEST(parts_are_aligned_and_apart)
{
	static uint8_t *parts[N_PARTS];
	struct arena a = { 0 };
	uint64_t live = mem_live();

	for (size_t i = 0; i < N_PARTS; i++) {
		parts[i] = arena_alloc(&a, i % 50);
		assert_non_null(parts[i]);
		assert_int_equal((uintptr_t)parts[i] % alignof(max_align_t), 0);
		memset(parts[i], (int)(i % 251), i % 50);
	}
	for (size_t i = 0; i < N_PARTS; i++)
		for (size_t k = 0; k < i % 50; k++)
			assert_int_equal(parts[i][k], i % 251);
	assert_true(mem_live() - live < N_PARTS / 50); /* many share a block */
	arena_fini(&a);
	assert_int_equal(mem_live(), live);
}

TEST(a_part_larger_than_a_block_has_one_of_its_own)
{
	struct arena a = { 0 };
	uint8_t *small = arena_alloc(&a, 10), *large;

	memset(small, 1, 10);
	large = arena_alloc(&a, 100 * 1000);
	assert_non_null(large);
	memset(large, 2, 100 * 1000);
	assert_int_equal(small[9], 1);
	assert_true(a.used >= 100 * 1000 + 10);
	arena_fini(&a);
	assert_int_equal(a.used, 0);
}

TEST(an_empty_part_is_no_failure)
{
	struct arena a = { 0 };

	assert_non_null(arena_alloc(&a, 0));
	arena_fini(&a);
	arena_fini(&a); /* and nothing is freed twice */
}

TEST(what_cannot_be_had_is_null_and_spoils_nothing)
{
	struct arena a = { 0 };
	uint8_t *part = arena_alloc(&a, 8);

	memset(part, 7, 8);
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_null(arena_alloc(&a, SIZE_MAX / 2 + 1));
	mem_fail_at(1, true);
	assert_null(arena_alloc(&a, 1000 * 1000));
	mem_fail_at(0, false);
	assert_int_equal(part[7], 7);
	assert_non_null(arena_alloc(&a, 8));
	arena_fini(&a);
}
