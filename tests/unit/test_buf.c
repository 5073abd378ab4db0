/* SPDX-License-Identifier: MIT */
/* test_buf.c - the byte buffer, against its contract and against a naive queue. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "lib/test.h"

static void assert_content(const struct buf *b, const char *text)
{
	assert_int_equal(buf_len(b), strlen(text));
	assert_memory_equal(buf_bytes(b), text, strlen(text));
}

TEST(a_new_buffer_is_empty_and_owns_nothing)
{
	struct buf b;

	buf_init(&b, 10);

	assert_int_equal(buf_len(&b), 0);
	assert_null(buf_bytes(&b));
	assert_null(buf_tail(&b));
	assert_int_equal(mem_live(), 0);
	buf_fini(&b);
}

TEST(what_is_appended_comes_out_at_the_front)
{
	struct buf b;

	buf_init(&b, 100);
	assert_ok(buf_append(&b, "hello ", 6));
	assert_ok(buf_append(&b, "world", 5));
	assert_content(&b, "hello world");

	buf_consume(&b, 6);
	assert_content(&b, "world");
	buf_fini(&b);
}

TEST(bytes_may_be_written_to_the_tail_in_place)
{
	struct buf b;

	buf_init(&b, 100);
	assert_ok(buf_append(&b, "ab", 2));
	assert_ok(buf_reserve(&b, 3));
	memcpy(buf_tail(&b), "cde", 3);
	assert_content(&b, "ab");
	buf_grow(&b, 2);

	assert_content(&b, "abcd");
	buf_fini(&b);
}

TEST(nothing_can_be_appended_and_consumed)
{
	struct buf b;

	buf_init(&b, 0);

	assert_ok(buf_append(&b, NULL, 0));
	assert_ok(buf_reserve(&b, 0));
	buf_grow(&b, 0);
	buf_consume(&b, 0);
	assert_int_equal(buf_len(&b), 0);
}

TEST(a_buffer_holds_its_maximum_and_not_one_byte_more)
{
	struct buf b;

	buf_init(&b, 4);
	assert_int_equal(buf_append(&b, "12345", 5), -EMSGSIZE);
	assert_ok(buf_append(&b, "1234", 4));

	assert_int_equal(buf_append(&b, "5", 1), -EMSGSIZE);
	assert_int_equal(buf_reserve(&b, SIZE_MAX), -EMSGSIZE);

	assert_content(&b, "1234");
	buf_fini(&b);
}

TEST(the_maximum_counts_content_and_not_what_was_consumed)
{
	struct buf b;

	buf_init(&b, 4);
	for (int i = 0; i < 10; i++) {
		assert_ok(buf_append(&b, "abc", 3));
		buf_consume(&b, 2);
		assert_ok(buf_append(&b, "de", 2));
		assert_content(&b, "cde");
		buf_consume(&b, 3);
	}
	buf_fini(&b);
}

TEST(without_memory_nothing_changes)
{
	struct buf b;

	buf_init(&b, 1000);
	assert_ok(buf_append(&b, "abc", 3));
	mem_fail_at(1, true);

	assert_int_equal(buf_reserve(&b, 500), -ENOMEM);

	assert_content(&b, "abc");
	mem_fail_at(0, false);
	assert_ok(buf_reserve(&b, 500));
	assert_content(&b, "abc");
	buf_fini(&b);
}

/* 60 of 64 bytes are used and 20 of them gone: growing is better, but moving is enough. */
TEST(without_memory_the_room_at_the_front_is_used)
{
	uint8_t bytes[60] = { [20] = 'a', [59] = 'b' };
	struct buf b;

	buf_init(&b, 1000);
	assert_ok(buf_append(&b, bytes, 32));
	assert_ok(buf_append(&b, bytes + 32, 28));
	assert_int_equal(b.cap, 64);
	buf_consume(&b, 20);
	mem_fail_at(1, true);

	assert_ok(buf_reserve(&b, 24));
	assert_int_equal(buf_reserve(&b, 25), -ENOMEM);

	assert_int_equal(buf_len(&b), 40);
	assert_int_equal(buf_bytes(&b)[0], 'a');
	assert_int_equal(buf_bytes(&b)[39], 'b');
	mem_fail_at(0, false);
	buf_fini(&b);
}

TEST(a_steady_stream_does_not_make_the_buffer_grow)
{
	struct buf b;
	size_t cap;

	buf_init(&b, 1 << 20);
	assert_ok(buf_append(&b, "0123456789", 10));
	cap = b.cap;
	for (int i = 0; i < 10000; i++) {
		assert_ok(buf_append(&b, "0123456789", 10));
		buf_consume(&b, 10);
	}

	assert_content(&b, "0123456789");
	assert_int_equal(b.cap, cap);
	buf_fini(&b);
}

TEST(a_full_buffer_grows_rather_than_moving_all_for_each_byte)
{
	uint8_t bytes[64] = { 0 };
	struct buf b;
	size_t cap;

	buf_init(&b, 1 << 20);
	assert_ok(buf_append(&b, bytes, sizeof bytes));
	cap = b.cap;
	while (b.end < cap)
		assert_ok(buf_append(&b, bytes, 1));
	buf_consume(&b, 1);

	assert_ok(buf_append(&b, bytes, 1));

	assert_true(b.cap >= 2 * cap);
	buf_fini(&b);
}

TEST(a_buffer_is_empty_and_usable_after_fini)
{
	struct buf b;

	buf_init(&b, 10);
	assert_ok(buf_append(&b, "abc", 3));
	buf_fini(&b);
	buf_fini(&b);

	assert_int_equal(buf_len(&b), 0);
	assert_ok(buf_append(&b, "0123456789", 10));
	assert_content(&b, "0123456789");
	buf_fini(&b);
}

TEST_FAILS(consuming_more_than_there_is_is_a_bug, "CHECK")
{
	struct buf b;

	buf_init(&b, 10);
	acre_ignore(buf_append(&b, "abc", 3));
	buf_consume(&b, 4);
}

TEST_FAILS(growing_beyond_what_was_reserved_is_a_bug, "CHECK")
{
	struct buf b;

	buf_init(&b, 10);
	buf_grow(&b, 1);
}

enum { MODEL_MAX = 300 };

/* The naive queue: everything that ever came in, and what is gone of it. */
struct model {
	uint8_t *bytes;
	size_t start, end;
};

static void put(struct buf *b, struct model *m, size_t n)
{
	size_t len = m->end - m->start;
	int r = buf_append(b, m->bytes + m->end, n);

	assert_int_equal(r, len + n > MODEL_MAX ? -EMSGSIZE : 0);
	if (r >= 0)
		m->end += n;
}

static void take(struct buf *b, struct model *m, size_t n)
{
	size_t taken = size_min(n, m->end - m->start);

	buf_consume(b, taken);
	m->start += taken;
}

TEST(a_buffer_behaves_like_a_queue)
{
	enum { ROUNDS = 20000, STEP = 80 };
	unsigned short seed[3] = { (unsigned short)test_seed(), 7, 8 };
	struct model m = { .bytes = malloc(ROUNDS * STEP) };
	struct buf b;

	assert_non_null(m.bytes);
	for (size_t i = 0; i < ROUNDS * STEP; i++)
		m.bytes[i] = (uint8_t)(i * 7 + i / 256);
	buf_init(&b, MODEL_MAX);
	for (int i = 0; i < ROUNDS; i++) {
		put(&b, &m, (size_t)nrand48(seed) % STEP);
		take(&b, &m, (size_t)nrand48(seed) % STEP);

		assert_int_equal(buf_len(&b), m.end - m.start);
		if (buf_len(&b) > 0)
			assert_memory_equal(buf_bytes(&b), m.bytes + m.start,
					    buf_len(&b));
		assert_true(b.end <= b.cap && b.cap <= b.max);
	}
	buf_fini(&b);
	free(m.bytes);
}
