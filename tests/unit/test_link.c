/* SPDX-License-Identifier: MIT */
/* test_link.c - links as readers: how bytes become frames, and how a link ends. */
#include "unit/links.h"

#include "base/mem.h"
#include "vectors/vectors.h"

TEST_TASK(frames_that_come_byte_by_byte_are_whole)
{
	struct end e;
	struct buf out;
	size_t first;
	int fd;

	test_virtual_clock();
	fd = open_end(&e, &wire_limits_default);
	buf_init(&out, 4096);
	put_frame(&out, MSG_YIELD, "1", 100);
	first = buf_len(&out);
	put_frame(&out, MSG_STOP, "2", 0);
	for (size_t n = 1; n <= buf_len(&out); n++) {
		write_all(fd, buf_bytes(&out) + n - 1, 1);
		run_until_quiet();
		assert_int_equal(e.n_frames, (n >= first) + (n == buf_len(&out)));
	}

	assert_string_equal(e.log, "Yield:1 Stop:2 ");
	buf_fini(&out);
	close_end(&e, fd);
	return 0;
}

TEST_TASK(frames_cut_at_every_place_are_whole)
{
	struct end e;
	struct buf out;
	size_t len;
	int fd;

	test_virtual_clock();
	fd = open_end(&e, &wire_limits_default);
	buf_init(&out, 4096);
	put_frame(&out, MSG_YIELD, "x", 20);
	put_frame(&out, MSG_STOP, "y", 0);
	len = buf_len(&out);
	for (size_t cut = 1; cut < len; cut++) {
		write_all(fd, buf_bytes(&out), cut);
		run_until_quiet();
		write_all(fd, buf_bytes(&out) + cut, len - cut);
		run_until_quiet();
		assert_int_equal(e.n_frames, 2 * cut);
	}

	buf_fini(&out);
	close_end(&e, fd);
	return 0;
}

TEST_TASK(many_frames_in_one_read_come_in_order)
{
	char expected[1024] = "";
	struct end e;
	struct buf out;
	int fd;

	test_virtual_clock();
	fd = open_end(&e, &wire_limits_default);
	buf_init(&out, 64 * 1024);
	for (int i = 0; i < 50; i++) {
		char cid[16];

		snprintf(cid, sizeof cid, "%d", i);
		put_frame(&out, MSG_YIELD, cid, (size_t)i);
		snprintf(expected + strlen(expected), 24, "Yield:%d ", i);
	}
	write_all(fd, buf_bytes(&out), buf_len(&out));
	run_until_quiet();

	assert_string_equal(e.log, expected);
	buf_fini(&out);
	close_end(&e, fd);
	return 0;
}

TEST_TASK(reads_of_three_bytes_make_the_same_frames)
{
	struct end e;
	int fd;

	test_virtual_clock();
	fd = open_end(&e, &wire_limits_default);
	sys_use(&sys_fault);
	sys_fault_short(true);
	for (size_t i = 0; i < 20; i++)
		write_frame(fd, MSG_YIELD, "x", i);
	run_until_quiet();
	sys_fault_short(false);
	sys_use(&sys_real);

	assert_int_equal(e.n_frames, 20);
	close_end(&e, fd);
	return 0;
}

/*
 * Limits
 */

/* What the link said before it ended: one Error, and the end of the stream. */
static void assert_last_words(int fd, const char *message)
{
	char text[512], expected[512];
	struct buf in;

	buf_init(&in, 1024 * 1024);
	assert_true(read_all(fd, &in));
	tell_frames(text, sizeof text, &in);
	snprintf(expected, sizeof expected, "Error:%s ", message);
	assert_string_equal(text, expected);
	buf_fini(&in);
}

TEST_TASK(a_frame_at_the_limit_is_read_and_one_above_is_refused_by_its_prefix)
{
	const uint8_t above[] = { 0xe9, 0x03, 0, 0 };
	struct wire_limits limits = wire_limits_default;
	struct end e;
	int fd;

	test_virtual_clock();
	limits.frame = 1000;
	fd = open_end(&e, &limits);
	write_frame(fd, MSG_YIELD, "x", 1000 - 30); /* the frame's other bytes */
	run_until_quiet();
	assert_int_equal(e.n_frames, 1);
	assert_int_equal(e.n_closed, 0);
	assert_int_equal(e.last_len, 1000 - 30 + 3);

	write_all(fd, above, sizeof above);
	run_until_quiet();
	assert_int_equal(e.class, EPROTO);
	assert_string_equal(e.why, "a frame of 1001 bytes: the limit is 1000 on the link "
				   "from peer");
	assert_last_words(fd, "a frame of 1001 bytes: the limit is 1000");
	close_end(&e, fd);
	return 0;
}

TEST_TASK(a_prefix_beyond_the_limit_costs_no_memory)
{
	const uint8_t above[] = { 0xff, 0xff, 0xff, 0xff };
	struct end e;
	int fd;

	test_virtual_clock();
	fd = open_end(&e, &wire_limits_default);
	write_all(fd, above, sizeof above);
	run_until_quiet();

	assert_int_equal(e.class, EPROTO);
	assert_text_has(e.why, "a frame of 4294967295 bytes: the limit is 16777216");
	assert_true(e.link.in.cap < 1024 * 1024);
	close_end(&e, fd);
	return 0;
}

TEST_TASK(each_bad_frame_ends_its_link_and_no_other)
{
	struct vectors v;
	struct end other;
	int other_fd;

	test_virtual_clock();
	vectors_load(&v);
	other_fd = open_end(&other, &wire_limits_default);
	for (size_t i = 0; i < v.n; i++) {
		const struct vector *frame = &v.all[i];
		struct end e;
		struct buf in;
		int fd;

		if (!*frame->refused_by || !strcmp(frame->name, "n_cut_short"))
			continue;
		fd = open_end(&e, &wire_limits_default);
		write_frame(fd, MSG_STOP, "before", 0);
		write_all(fd, frame->frame, frame->len);
		run_until_quiet();

		test_note("%s: %s", frame->name, e.why);
		assert_string_equal(e.log, "Stop:before ");
		assert_int_equal(e.n_closed, 1);
		assert_int_equal(e.class, EPROTO);
		buf_init(&in, 1024 * 1024);
		assert_true(read_all(fd, &in));
		assert_true(buf_len(&in) > 0); /* its reason */
		buf_fini(&in);
		close_end(&e, fd);
	}
	write_frame(other_fd, MSG_STOP, "7", 0);
	run_until_quiet();
	assert_string_equal(other.log, "Stop:7 ");
	close_end(&other, other_fd);
	vectors_free(&v);
	return 0;
}

TEST_TASK(garbage_is_refused)
{
	uint8_t bytes[512];
	uint64_t seed = test_seed() | 1;

	test_virtual_clock();
	for (int round = 0; round < 50; round++) {
		struct end e;
		int fd = open_end(&e, &wire_limits_default);

		for (size_t i = 0; i < sizeof bytes; i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			bytes[i] = (uint8_t)(seed >> 56);
		}
		bytes[1] = bytes[2] = bytes[3] = 0; /* a frame that is there */
		write_all(fd, bytes, sizeof bytes);
		run_until_quiet();
		assert_int_equal(e.n_closed, 1);
		assert_int_equal(e.class, EPROTO);
		close_end(&e, fd);
	}
	return 0;
}

/*
 * Ends
 */

TEST_TASK(the_end_of_the_stream_between_frames_is_the_end)
{
	struct end e;
	int fd;

	test_virtual_clock();
	fd = open_end(&e, &wire_limits_default);
	write_frame(fd, MSG_STOP, "1", 0);
	close(fd);
	run_until_quiet();

	assert_string_equal(e.log, "Stop:1 ");
	assert_int_equal(e.n_closed, 1);
	assert_int_equal(e.class, ACRE_ECLOSED);
	assert_string_equal(e.why, "peer closed its link");
	close_end(&e, -1);
	return 0;
}

TEST_TASK(the_end_of_the_stream_within_a_frame_says_so)
{
	struct buf out;

	test_virtual_clock();
	buf_init(&out, 4096);
	put_frame(&out, MSG_STOP, "1", 0);
	for (size_t len = 1; len < buf_len(&out); len++) {
		struct end e;
		int fd = open_end(&e, &wire_limits_default);

		write_all(fd, buf_bytes(&out), len);
		close(fd);
		run_until_quiet();
		assert_int_equal(e.n_frames, 0);
		assert_int_equal(e.n_closed, 1);
		assert_int_equal(e.class, ACRE_ECLOSED);
		assert_string_equal(e.why,
				    "peer closed its link in the middle of a frame");
		close_end(&e, -1);
	}
	buf_fini(&out);
	return 0;
}

TEST_TASK(a_link_may_be_closed_by_the_frame_that_it_serves)
{
	for (int refuse = 0; refuse < 2; refuse++) {
		struct end e;
		int fd;

		test_virtual_clock();
		fd = open_end(&e, &wire_limits_default);
		*(refuse ? &e.refuse_at : &e.close_at) = 2;
		write_frame(fd, MSG_STOP, "1", 0);
		write_frame(fd, MSG_STOP, "2", 0);
		write_frame(fd, MSG_STOP, "3", 0);
		run_until_quiet();

		assert_string_equal(e.log, "Stop:1 Stop:2 ");
		assert_int_equal(e.n_closed, 1);
		assert_int_equal(e.class, refuse ? EPROTO : ECONNABORTED);
		close_end(&e, fd);
		clock_use_real();
	}
	return 0;
}

TEST_TASK(a_link_ends_once)
{
	struct end e;
	int fd;

	test_virtual_clock();
	fd = open_end(&e, &wire_limits_default);
	link_close(&e.link, acre_fail(ECONNABORTED, "first"));
	link_close(&e.link, acre_fail(EIO, "second"));
	link_refuse(&e.link, "third");
	link_finish(&e.link);
	link_drain(&e.link);
	run_until_quiet();

	assert_int_equal(e.n_closed, 1);
	assert_string_equal(e.why, "first");
	assert_null(link_queue(&e.link, MSG_STOP));
	assert_class(link_send(&e.link,
			       &(struct msg){ .kind = MSG_STOP, .cid = slice_of("x") }),
		     ACRE_ECLOSED);
	close_end(&e, fd);
	return 0;
}

TEST_TASK(a_drain_reads_all_that_is_there)
{
	const size_t n = 150; /* more than one read, less than a socket buffer */
	struct end e;
	int fd;

	test_virtual_clock();
	for (int with_end = 0; with_end < 2; with_end++) {
		fd = open_end(&e, &wire_limits_default);
		for (size_t i = 0; i < n; i++)
			write_frame(fd, MSG_YIELD, "x", 600);
		if (with_end)
			close(fd);
		link_drain(&e.link);

		assert_int_equal(e.n_frames, n);
		assert_int_equal(e.n_closed, 1);
		assert_int_equal(e.class, ACRE_ECLOSED);
		assert_string_equal(e.why, "peer closed its link");
		close_end(&e, with_end ? -1 : fd);
	}
	return 0;
}

TEST_TASK(a_drain_does_not_stop_at_a_read_that_came_short)
{
	struct end e;
	int fd;

	test_virtual_clock();
	fd = open_end(&e, &wire_limits_default);
	for (size_t i = 0; i < 10; i++)
		write_frame(fd, MSG_STOP, "x", 0);
	sys_use(&sys_fault);
	sys_fault_short(true);
	link_drain(&e.link);
	sys_fault_short(false);
	sys_use(&sys_real);

	assert_int_equal(e.n_frames, 10);
	assert_int_equal(e.n_closed, 1);
	close_end(&e, fd);
	return 0;
}

TEST_TASK(a_drain_stops_where_a_frame_closes_the_link)
{
	struct end e;
	int fd;

	test_virtual_clock();
	fd = open_end(&e, &wire_limits_default);
	e.close_at = 2;
	for (size_t i = 0; i < 10; i++)
		write_frame(fd, MSG_STOP, "x", 0);
	link_drain(&e.link);

	assert_int_equal(e.n_frames, 2);
	assert_int_equal(e.class, ECONNABORTED);
	close_end(&e, fd);
	return 0;
}

/*
 * Faults
 */

TEST_TASK(a_read_that_fails_ends_the_link)
{
	struct end e;
	int fd;

	test_virtual_clock();
	fd = open_end(&e, &wire_limits_default);
	write_frame(fd, MSG_STOP, "1", 0);
	sys_use(&sys_fault);
	sys_fault_only("read");
	sys_fault_at(1, ECONNRESET, false);
	run_until_quiet();
	sys_use(&sys_real);

	assert_int_equal(e.n_closed, 1);
	assert_int_equal(e.class, ACRE_ECLOSED);
	assert_string_equal(e.why, "the link to peer broke: Connection reset by peer");
	close_end(&e, fd);
	return 0;
}

TEST_TASK(no_memory_for_a_read_ends_the_link)
{
	struct end e;
	int fd;

	test_virtual_clock();
	fd = open_end(&e, &wire_limits_default);
	write_frame(fd, MSG_STOP, "1", 0);
	mem_fail_at(1, true);
	run_until_quiet();
	mem_fail_at(0, false);

	assert_int_equal(e.n_closed, 1);
	assert_int_equal(e.class, ACRE_ECLOSED);
	close_end(&e, fd);
	return 0;
}

TEST_TASK(a_link_that_cannot_be_watched_is_not_open)
{
	static const char *const calls[] = { "fcntl", "epoll_ctl" };

	for (size_t i = 0; i < 2; i++) {
		struct end e = { .n_closed = 0 };
		int fds[2];
		int r;

		make_pair(fds);
		sys_use(&sys_fault);
		sys_fault_only(calls[i]);
		sys_fault_at(1, ENOSPC, false);
		r = link_open(&e.link, fds[0], "peer", &end_ops, &wire_limits_default);
		sys_use(&sys_real);

		assert_class(r, ENOSPC);
		assert_int_equal(e.n_closed, 0); /* it was never open */
		assert_null(link_queue(&e.link, MSG_STOP));
		link_close(&e.link, r);
		assert_int_equal(e.n_closed, 0);
		link_fini(&e.link);
		close(fds[1]);
	}
	return 0;
}

TEST_TASK(large_frames_go_from_link_to_link)
{
	static const size_t sizes[] = { 1024 * 1024 - 100, 16 * 1024 * 1024 - 200 };
	struct end a = { .n_closed = 0 }, b = { .n_closed = 0 };
	int fds[2];

	test_virtual_clock();
	make_pair(fds);
	assert_ok(link_open(&a.link, fds[0], "b", &end_ops, &wire_limits_default));
	assert_ok(link_open(&b.link, fds[1], "a", &end_ops, &wire_limits_default));
	for (size_t i = 0; i < 2; i++) {
		send_frame(&a, MSG_YIELD, "x", sizes[i]);
		send_frame(&a, MSG_STOP, "y", 0);
		run_until_quiet();
		assert_int_equal(b.n_closed, 0);
		assert_int_equal(b.n_frames, 2 * (i + 1));
	}
	assert_string_equal(b.log, "Yield:x Stop:y Yield:x Stop:y ");

	link_close(&a.link, acre_fail(ECONNABORTED, "done"));
	run_until_quiet();
	assert_string_equal(b.why, "a closed its link");
	close_end(&a, -1);
	close_end(&b, -1);
	return 0;
}

/*
 * C075: whatever way a peer has gone, its link is closed; what is something else stays that, also
 * beside it.
 */

enum loss { CLOSES, CLOSES_UNREAD, READS_NO_MORE, N_LOSS, NO_LOSS = N_LOSS };

static void lose_peer(struct end *e, int *fd, enum loss loss)
{
	if (loss != CLOSES)
		send_frame(e, MSG_STOP, "x", 0);
	if (loss == READS_NO_MORE) /* we write: EPIPE */
		assert_int_equal(shutdown(*fd, SHUT_RD), 0);
	else
		link_flush(&e->link);
	if (loss != READS_NO_MORE) /* with bytes unread we read: ECONNRESET */
		close(TAKE_FD(*fd));
}

ACRE_TASK(loses_its_peer, enum loss *loss)
{
	struct end e;
	int fd, r;

	if (*loss == NO_LOSS)
		return acre_fail(EIO, "something else");
	fd = open_end(&e, &wire_limits_default);
	lose_peer(&e, &fd, *loss);
	while (!e.n_closed) /* ended by the limit of a test */
		sched_yield_task();
	r = acre_fail(e.class, "%s", e.why);
	close_end(&e, fd);
	return r;
}

static int lose_all(enum loss *losses, size_t n_losses)
{
	int r = 0;

	ACRE_NURSERY(n, r)
		ACRE_SHIELD(acre_secs(30), r)
			for (size_t i = 0; i < n_losses && r >= 0; i++)
				r = acre_go(&n, loses_its_peer, &losses[i]);
	return r;
}

TEST_TASK(c075_reset_classification)
{
	enum loss all[] = { CLOSES, CLOSES_UNREAD, READS_NO_MORE };
	enum loss mixed[] = { CLOSES_UNREAD, NO_LOSS, READS_NO_MORE };
	int r;

	for (size_t i = 0; i < N_LOSS; i++)
		assert_class(lose_all(&all[i], 1), ACRE_ECLOSED);
	r = lose_all(all, 3);
	assert_class(r, ACRE_ECLOSED);
	assert_int_equal(acre_count(r), 3);

	r = lose_all(mixed, 3);
	assert_false(acre_is(r, ACRE_ECLOSED));
	assert_false(acre_is(r, EPIPE));
	assert_true(acre_has(r, ACRE_ECLOSED) && acre_has(r, EIO));
	assert_int_equal(acre_count(r), 3);
	return 0;
}
