/* SPDX-License-Identifier: MIT */
/* test_memory.c - links in memory: bytes in order, an end, room, and nobody is left untold. */
#include "unit/links.h"

#include "wire/memory.h"

static ssize_t put(struct memory_end *e, const void *bytes, size_t len)
{
	struct iovec iov = { (void *)(uintptr_t)bytes, len };

	return memory_write(e, &iov, 1);
}

static void make_ends(struct memory_end *ret[2])
{
	assert_int_equal(memory_pair(ret), 0);
}

/*
 * Bytes.
 */

/* Pieces of many lengths, so that both rings turn over at every place. */
TEST(bytes_come_in_order_both_ways_round_and_round)
{
	enum { N = 3000 };
	struct memory_end *ends[2];
	uint8_t bytes[997], came[997];
	uint8_t said = 0, heard = 0;

	make_ends(ends);
	for (size_t i = 1; i < N; i++) {
		size_t len = i % sizeof bytes;
		struct memory_end *from = ends[i & 1], *to = ends[!(i & 1)];

		for (size_t k = 0; k < len; k++)
			bytes[k] = said++;
		assert_int_equal(put(from, bytes, len), len);
		assert_int_equal(memory_read(to, came, sizeof came), len ? (int)len : -EAGAIN);
		for (size_t k = 0; k < len; k++)
			assert_int_equal(came[k], heard++);
	}
	memory_close(ends[0]);
	memory_close(ends[1]);
}

TEST(parts_are_written_as_one)
{
	char a[] = "con", b[] = "", c[] = "text";
	struct iovec iov[] = { { a, 3 }, { b, 0 }, { NULL, 0 }, { c, 4 } };
	struct memory_end *ends[2];
	char came[16];

	make_ends(ends);
	assert_int_equal(memory_write(ends[0], iov, 4), 7);
	assert_int_equal(memory_read(ends[1], came, 2), 2);
	assert_int_equal(memory_read(ends[1], came + 2, sizeof came - 2), 5);
	assert_memory_equal(came, "context", 7);
	memory_close(ends[0]);
	memory_close(ends[1]);
}

TEST(what_lies_unread_has_a_bound)
{
	static char bytes[MEMORY_ROOM + 1];
	struct memory_end *ends[2];

	make_ends(ends);
	assert_int_equal(put(ends[0], bytes, sizeof bytes), MEMORY_ROOM);
	assert_int_equal(put(ends[0], bytes, 1), -EAGAIN);
	assert_int_equal(put(ends[1], bytes, 1), 1); /* the other way is another one */
	assert_int_equal(memory_read(ends[1], bytes, 10), 10);
	assert_int_equal(put(ends[0], bytes, 100), 10);
	memory_close(ends[0]);
	memory_close(ends[1]);
}

TEST(an_end_comes_behind_all_bytes)
{
	struct memory_end *ends[2];
	char came[8];

	make_ends(ends);
	assert_int_equal(memory_read(ends[1], came, sizeof came), -EAGAIN);
	assert_int_equal(put(ends[0], "last", 4), 4);
	assert_int_equal(put(ends[1], "unread", 6), 6);
	ends[0] = memory_close(ends[0]);
	assert_null(ends[0]);
	assert_int_equal(put(ends[1], "x", 1), -EPIPE);
	assert_int_equal(memory_read(ends[1], came, sizeof came), 4);
	assert_memory_equal(came, "last", 4);
	assert_int_equal(memory_read(ends[1], came, sizeof came), 0);
	assert_null(memory_close(ends[1]));
	assert_null(memory_close(NULL));
}

/*
 * News.
 */

struct hearer {
	struct memory_end *end;
	size_t n_told, n_bytes, most;
	bool has_ended, closes;
};

/* Takes so many bytes, as links do: one read, and the rest when it is told again. */
static void hear(void *owner)
{
	static char bytes[MEMORY_ROOM];
	struct hearer *h = owner;
	ssize_t n = h->most ? memory_read(h->end, bytes, h->most) : -EAGAIN;

	h->n_told++;
	h->n_bytes += n > 0 ? (size_t)n : 0;
	h->has_ended |= n == 0;
	if (h->closes || n == 0)
		h->end = memory_close(h->end);
}

/* Until the loop has nothing to do. */
static void let_hear(void)
{
	for (int i = 0; i < 100; i++)
		assert_ok(acre_yield());
}

TEST_TASK(who_has_something_to_see_is_told)
{
	struct memory_end *ends[2];
	struct hearer h = { .most = 3 };

	make_ends(ends);
	assert_int_equal(put(ends[0], "before", 6), 6);
	h.end = ends[1];
	memory_watch(h.end, hear, &h); /* what had come is told, and what is left, again */
	while (h.n_bytes < 6) /* bound: the test's */
		assert_ok(acre_yield());
	assert_int_equal(h.n_told, 2);
	assert_int_equal(put(ends[0], "after", 5), 5);
	while (h.n_bytes < 11)
		assert_ok(acre_yield());
	let_hear();
	assert_int_equal(h.n_told, 4); /* nobody is told of nothing */
	assert_int_equal(put(ends[0], "last", 4), 4);
	memory_close(ends[0]);
	while (!h.has_ended)
		assert_ok(acre_yield());
	assert_int_equal(h.n_bytes, 15);
	return 0;
}

TEST_TASK(who_wants_room_is_told_when_there_is_some)
{
	static char bytes[MEMORY_ROOM];
	struct memory_end *ends[2];
	struct hearer h = { .most = 0 };

	make_ends(ends);
	h.end = ends[0];
	memory_watch(h.end, hear, &h);
	assert_int_equal(put(ends[0], bytes, sizeof bytes), sizeof bytes);
	assert_int_equal(put(ends[0], bytes, 1), -EAGAIN);
	let_hear();
	assert_int_equal(h.n_told, 0);
	assert_int_equal(memory_read(ends[1], bytes, 100), 100);
	while (!h.n_told) /* bound: the test's */
		assert_ok(acre_yield());
	let_hear();
	assert_int_equal(h.n_told, 1); /* once: it has not asked again */
	memory_close(ends[0]);
	memory_close(ends[1]);
	return 0;
}

/* Its letter is under way then, and leads nowhere; whoever closes last. */
TEST_TASK(an_end_may_be_closed_while_it_is_told)
{
	for (int first = 0; first < 2; first++) {
		struct memory_end *ends[2];
		struct hearer h[2] = { { .most = 1 }, { .most = 1 } };

		make_ends(ends);
		for (int i = 0; i < 2; i++) {
			h[i].end = ends[i];
			memory_watch(ends[i], hear, &h[i]);
			assert_int_equal(put(ends[i], "x", 1), 1);
		}
		memory_close(ends[first]);
		memory_close(ends[!first]);
		let_hear();
		assert_int_equal(h[0].n_told + h[1].n_told, 0);
	}
	return 0;
}

TEST_TASK(an_end_may_be_closed_by_who_is_told)
{
	struct memory_end *ends[2];
	struct hearer h = { .most = 1, .closes = true };

	make_ends(ends);
	h.end = ends[1];
	memory_watch(h.end, hear, &h);
	assert_int_equal(put(ends[0], "xyz", 3), 3);
	let_hear();
	assert_int_equal(h.n_told, 1);
	assert_int_equal(put(ends[0], "x", 1), -EPIPE);
	memory_close(ends[0]);
	return 0;
}

/*
 * Links.
 */

static void open_ends(struct end ends[2])
{
	struct memory_end *memory[2];

	make_ends(memory);
	for (int i = 0; i < 2; i++) {
		ends[i] = (struct end){ .n_closed = 0 };
		link_open_memory(&ends[i].link, memory[i], "peer", &end_ops,
				 &wire_limits_default);
	}
}

TEST_TASK(a_link_runs_over_it)
{
	struct end ends[2];

	open_ends(ends);
	for (int i = 0; i < 40; i++) { /* many times its room, in frames larger than that */
		send_frame(&ends[0], MSG_YIELD, "x", 200000);
		send_frame(&ends[1], MSG_YIELD, "y", 50000);
	}
	send_frame(&ends[0], MSG_STOP, "x", 0);
	while (ends[1].n_frames < 41 || ends[0].n_frames < 40) /* bound: the test's */
		assert_ok(acre_yield());
	assert_text_has(ends[1].log, "Stop:x ");
	assert_int_equal(ends[0].n_closed + ends[1].n_closed, 0);
	assert_int_equal(ends[0].link.watch.events, EPOLLIN); /* all has gone */
	close_end(&ends[0], -1);
	while (!ends[1].n_closed)
		assert_ok(acre_yield());
	assert_int_equal(ends[1].class, ACRE_ECLOSED);
	close_end(&ends[1], -1);
	return 0;
}

TEST_TASK(a_link_that_is_finished_has_said_all)
{
	struct end ends[2];

	open_ends(ends);
	for (int i = 0; i < 5; i++)
		send_frame(&ends[0], MSG_YIELD, "x", 200000);
	send_frame(&ends[1], MSG_YIELD, "y", 10); /* unread, perhaps, at the end */
	link_finish(&ends[0].link);
	while (!ends[1].n_closed) /* bound: the test's */
		assert_ok(acre_yield());
	assert_int_equal(ends[1].n_frames, 5);
	assert_string_equal(ends[1].why, "peer closed its link");
	assert_string_equal(ends[0].why, "the link to peer was finished");
	close_end(&ends[0], -1);
	close_end(&ends[1], -1);
	return 0;
}
