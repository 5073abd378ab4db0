/* SPDX-License-Identifier: MIT */
/* test_mem.c - the allocator: that it fails where it is told to, and who it asks. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/mem.h"
#include "lib/test.h"

TEST(a_request_for_nothing_gets_a_pointer)
{
	void *p = mem_alloc(0);

	assert_non_null(p);
	assert_null(mem_free(p));
}

TEST(freeing_null_does_nothing)
{
	assert_null(mem_free(NULL));
	assert_int_equal(mem_live(), 0);
}

TEST(zeroed_memory_is_zeroed)
{
	static const char zeros[500];
	char *dirty = mem_alloc(500), *p;

	assert_non_null(dirty);
	memset(dirty, 1, 500);
	mem_free(dirty);
	p = mem_zalloc(500);

	assert_non_null(p);
	assert_memory_equal(p, zeros, 500);
	mem_free(p);
}

TEST(a_resized_block_keeps_its_bytes)
{
	char *p = mem_realloc(NULL, 4);

	assert_non_null(p);
	memcpy(p, "abc", 4);
	p = mem_realloc(p, 100000);

	assert_non_null(p);
	assert_string_equal(p, "abc");
	assert_int_equal(mem_live(), 1);
	mem_free(p);
}

TEST(a_copied_string_ends_where_it_should)
{
	auto_free char *whole = mem_strdup("hello"), *part = mem_strndup("hello", 2),
		       *longer = mem_strndup("hi", 9);

	assert_string_equal(whole, "hello");
	assert_string_equal(part, "he");
	assert_string_equal(longer, "hi");
}

TEST(a_copy_reads_no_further_than_it_was_told)
{
	char not_terminated[3] = { 'a', 'b', 'c' };
	auto_free char *copy = mem_strndup(not_terminated, 3);

	assert_string_equal(copy, "abc");
}

TEST(blocks_are_counted_while_they_live)
{
	void *a = mem_alloc(1), *b = mem_zalloc(1);

	{
		auto_free void *c = mem_alloc(1);

		assert_non_null(c);
		assert_int_equal(mem_live(), 3);
	}
	assert_int_equal(mem_live(), 2);
	mem_free(a);
	mem_free(b);
	assert_int_equal(mem_live(), 0);
}

TEST(the_nth_allocation_fails_and_no_other)
{
	void *p[5];

	mem_fail_at(3, false);
	for (int i = 0; i < 5; i++) {
		p[i] = mem_alloc(10);
		assert_int_equal(p[i] == NULL, i == 2);
	}

	assert_int_equal(mem_calls(), 5);
	for (int i = 0; i < 5; i++)
		mem_free(p[i]);
}

TEST(all_from_the_nth_on_fail_for_ever_until_it_is_turned_off)
{
	void *p;

	mem_fail_at(2, true);
	p = mem_alloc(1);
	assert_non_null(p);
	for (int i = 0; i < 3; i++)
		assert_null(mem_zalloc(1));
	assert_null(mem_strdup("a"));

	mem_fail_at(0, false);

	assert_int_equal(mem_calls(), 0);
	mem_free(p);
	p = mem_alloc(1);
	assert_non_null(p);
	mem_free(p);
}

TEST(a_block_whose_resizing_fails_stays_as_it_is)
{
	char *p = mem_strdup("abc");

	mem_fail_at(1, false);

	assert_null(mem_realloc(p, 1000));
	assert_string_equal(p, "abc");
	assert_int_equal(mem_live(), 1);
	mem_free(p);
}

TEST(the_fault_point_alloc_fails)
{
#ifdef NDEBUG
	test_skip("a release build has no fault points");
#endif
	assert_int_equal(fault_set("ALLOC", 1), 0);

	assert_null(mem_alloc(1));
	mem_free(mem_alloc(1));
}

enum { N_THREADS = 4, N_ALLOCATIONS = 5000 };

static void *allocate(void *failed)
{
	void *p;

	for (int i = 0; i < N_ALLOCATIONS; i++) {
		p = mem_alloc(1);
		if (!p)
			atomic_fetch_add((_Atomic int *)failed, 1);
		mem_free(p);
	}
	return NULL;
}

TEST(of_many_threads_exactly_one_gets_the_failure)
{
	pthread_t threads[N_THREADS];
	_Atomic int failed = 0;

	mem_fail_at(N_THREADS * N_ALLOCATIONS / 2, false);
	for (int i = 0; i < N_THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, allocate, &failed), 0);
	for (int i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);

	assert_int_equal(failed, 1);
	assert_int_equal(mem_calls(), N_THREADS * N_ALLOCATIONS);
	assert_int_equal(mem_live(), 0);
}

/* An allocator that counts what it was asked for. */
struct asked {
	int allocated, resized, freed;
};

static void *count(void *user, void *p, size_t len)
{
	struct asked *asked = user;

	if (len > 0) {
		*(p ? &asked->resized : &asked->allocated) += 1;
		return realloc(p, len);
	}
	asked->freed++;
	free(p);
	return NULL;
}

TEST(an_application_may_bring_its_allocator)
{
	struct asked asked = { 0 };
	void *p;

	assert_ok(mem_hook_set(count, &asked));
	p = mem_alloc(0);
	p = mem_realloc(p, 50);
	p = mem_free(p);

	assert_null(p);
	assert_int_equal(asked.allocated, 1);
	assert_int_equal(asked.resized, 1);
	assert_int_equal(asked.freed, 1);
}

TEST(an_allocator_that_comes_after_the_first_block_is_refused)
{
	struct asked asked = { 0 };

	mem_free(mem_alloc(1));

	assert_int_equal(mem_hook_set(count, &asked), -EBUSY);
	mem_free(mem_alloc(1));
	assert_int_equal(asked.allocated, 0);
}
