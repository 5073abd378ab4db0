/* SPDX-License-Identifier: MIT */
/* test_link_write.c - links as writers: order, partial writes, back-pressure, last words. */
#include "unit/links.h"

static size_t queued(const struct end *e)
{
	return buf_len(&e->link.control) + buf_len(&e->link.data);
}

/* Takes what the link has written, until nothing more comes. */
static void take_all(int fd, struct buf *in)
{
	size_t before;

	do {
		before = buf_len(in);
		read_all(fd, in);
		run_until_quiet();
	} while (buf_len(in) > before);
}

static int words_before(const char *text, const char *word)
{
	const char *at = strstr(text, word);
	int n = 0;

	assert_non_null(at);
	for (const char *p = text; p < at; p = strchr(p, ' ') + 1)
		n++;
	return n;
}

TEST_TASK(what_is_queued_goes_out_once_a_round)
{
	char text[128];
	struct end e;
	struct buf in;
	int fd;

	test_virtual_clock();
	fd = open_end(&e, &wire_limits_default);
	buf_init(&in, 1024 * 1024);
	sys_use(&sys_fault);
	sys_fault_only("sendmsg");
	sys_fault_at(0, 0, false);
	send_frame(&e, MSG_YIELD, "1", 10);
	send_frame(&e, MSG_YIELD, "2", 10);
	send_frame(&e, MSG_STOP, "3", 0);
	assert_int_equal(sys_fault_calls(), 0);
	run_until_quiet();
	assert_int_equal(sys_fault_calls(), 1);
	sys_use(&sys_real);

	assert_false(read_all(fd, &in));
	tell_frames(text, sizeof text, &in);
	assert_string_equal(text, "Yield:1 Yield:2 Stop:3 ");
	buf_fini(&in);
	close_end(&e, fd);
	return 0;
}

TEST_TASK(control_goes_before_data_that_was_queued_earlier)
{
	char text[128];
	struct end e;
	struct buf in;
	int fd;

	test_virtual_clock();
	fd = open_end(&e, &wire_limits_default);
	buf_init(&in, 1024 * 1024);
	send_frame(&e, MSG_YIELD, "1", 10);
	send_frame(&e, MSG_CREDIT, "2", 0);
	send_frame(&e, MSG_YIELD, "3", 10);
	send_frame(&e, MSG_CANCEL_ACK, "4", 0);
	run_until_quiet();

	read_all(fd, &in);
	tell_frames(text, sizeof text, &in);
	assert_string_equal(text, "Credit:2 CancelAck:4 Yield:1 Yield:3 ");
	buf_fini(&in);
	close_end(&e, fd);
	return 0;
}

TEST_TASK(control_waits_for_the_one_frame_that_is_under_way)
{
	char text[4096];
	struct end e;
	struct buf in;
	size_t gone, frame;
	int fd;

	test_virtual_clock();
	fd = open_end(&e, &wire_limits_default);
	buf_init(&in, 64 * 1024 * 1024);
	put_frame(&in, MSG_YIELD, "x", 60000);
	frame = buf_len(&in);
	buf_consume(&in, frame);
	for (int i = 0; i < 20; i++) /* more than a socket buffer holds */
		send_frame(&e, MSG_YIELD, "x", 60000);
	run_until_quiet();
	assert_true(e.link.data_left > 0);
	gone = 20 * frame - buf_len(&e.link.data);
	send_frame(&e, MSG_CREDIT, "1", 0);
	take_all(fd, &in);

	assert_int_equal(queued(&e), 0);
	tell_frames(text, sizeof text, &in);
	assert_int_equal(words_before(text, "Credit:1"), gone / frame + 1);
	assert_int_equal(strlen(text), 20 * strlen("Yield:x ") + strlen("Credit:1 "));
	buf_fini(&in);
	close_end(&e, fd);
	return 0;
}

/*
 * Partial writes: of three bytes each, and from the nth one on the socket is full.
 */

enum { WRITES = 90 };

/* Opens a link that has written three bytes for each of n - 1 calls of a queue full of
 * frames of several sizes. */
static int open_written_up_to(struct end *e, uint64_t n)
{
	int fd = open_end(e, &wire_limits_default);

	for (size_t i = 0; i < 3; i++) {
		send_frame(e, MSG_YIELD, "d", i);
		send_frame(e, MSG_CREDIT, i == 1 ? "cc" : "c", 0);
	}
	sys_use(&sys_fault);
	sys_fault_only("sendmsg");
	sys_fault_short(true);
	sys_fault_at(n, EAGAIN, true);
	while (sys_fault_calls() < n && queued(e))
		acre_ignore(acre_yield());
	sys_fault_short(false);
	sys_fault_only(NULL);
	sys_use(&sys_real);
	return fd;
}

/* How many of its frames have begun once so many bytes are written; at least the three
 * control frames, which go before another one anyway. */
static int frames_begun(size_t len)
{
	struct buf out;
	size_t at = 0;
	int n = 0;

	buf_init(&out, 4096);
	for (size_t i = 0; i < 3; i++)
		put_frame(&out, MSG_CREDIT, i == 1 ? "cc" : "c", 0);
	for (size_t i = 0; i < 3; i++)
		put_frame(&out, MSG_YIELD, "d", i);
	for (; at < buf_len(&out) && (at < len || n < 3); n++)
		at += length_of(buf_bytes(&out) + at);
	buf_fini(&out);
	return n;
}

TEST_TASK(a_write_that_is_cut_anywhere_goes_on_there)
{
	for (uint64_t n = 1; n < WRITES; n++) {
		char text[256];
		struct end e;
		struct buf in;
		int n_begun;
		int fd = open_written_up_to(&e, n);

		buf_init(&in, 1024 * 1024);
		n_begun = frames_begun(3 * (n - 1));
		send_frame(&e, MSG_STOP, "late", 0);
		send_frame(&e, MSG_CANCEL_ACK, "early", 0);
		while (queued(&e)) {
			acre_ignore(acre_yield());
			read_all(fd, &in);
		}
		read_all(fd, &in);
		tell_frames(text, sizeof text, &in);
		test_note("cut after %d bytes: %s", (int)(3 * (n - 1)), text);
		/* the early one stands before all data but what had begun */
		assert_ptr_equal(strstr(text, "Credit:c Credit:cc Credit:c "), text);
		assert_int_equal(words_before(text, "Stop:late"), 7);
		assert_int_equal(words_before(text, "CancelAck:early"), n_begun);
		buf_fini(&in);
		close_end(&e, fd);
	}
	return 0;
}

/* Only whole frames came, which tell_frames() asserts; and the stream has ended. */
static void assert_ends_whole(int fd, char *text, size_t size)
{
	struct buf in;

	buf_init(&in, 1024 * 1024);
	assert_true(read_all(fd, &in));
	tell_frames(text, size, &in);
	buf_fini(&in);
}

TEST_TASK(a_close_leaves_no_half_frame)
{
	for (uint64_t n = 1; n < WRITES; n++) {
		char text[256];
		struct end e;
		size_t left;
		int fd = open_written_up_to(&e, n);

		left = e.link.control_left + e.link.data_left;
		link_close(&e.link, acre_fail(ECONNABORTED, "closed"));
		assert_ends_whole(fd, text, sizeof text);
		test_note("cut after %d bytes, %zu left: %s", (int)(3 * (n - 1)), left,
			  text);
		if (n == 1)
			assert_string_equal(text, ""); /* what had not begun is dropped */
		close_end(&e, fd);
	}
	return 0;
}

TEST_TASK(a_refusal_is_heard_wherever_the_writer_stands)
{
	for (uint64_t n = 1; n < WRITES; n++) {
		char text[256];
		struct end e;
		int fd = open_written_up_to(&e, n);

		link_refuse(&e.link, "you do not fit");
		assert_ends_whole(fd, text, sizeof text);
		test_note("cut after %d bytes: %s", (int)(3 * (n - 1)), text);
		assert_text_has(text, "Error:you do not fit ");
		assert_true(strlen(strstr(text, "Error:")) ==
			    strlen("Error:you do not fit "));
		close_end(&e, fd);
	}
	return 0;
}

/* Fills the socket with frames of which the last is half written; the length of one. */
static size_t fill_socket(struct end *e)
{
	struct buf one;
	size_t len;

	buf_init(&one, 64 * 1024);
	put_frame(&one, MSG_YIELD, "x", 60000);
	len = buf_len(&one);
	buf_fini(&one);
	for (int i = 0; i < 20; i++)
		send_frame(e, MSG_YIELD, "x", 60000);
	run_until_quiet();
	assert_in_range(e->link.data_left, 1, len - 1);
	return len;
}

/* A peer of acre's kind: what was whole is served, and the cut is told. */
static void assert_told_by_a_link(const struct buf *bytes, size_t n_whole)
{
	struct end reader;
	int fd = open_end(&reader, &wire_limits_default);
	size_t done = 0;

	while (done < buf_len(bytes)) {
		ssize_t n = write(fd, buf_bytes(bytes) + done, buf_len(bytes) - done);

		done += n > 0 ? (size_t)n : 0;
		run_until_quiet();
	}
	close(fd);
	run_until_quiet();
	assert_int_equal(reader.n_frames, n_whole);
	assert_int_equal(reader.class, ACRE_ECLOSED);
	assert_string_equal(reader.why, "peer closed its link in the middle of a frame");
	close_end(&reader, -1);
}

/* It cannot wait for a peer that does not read (link.h); link_finish() can, see below. */
TEST_TASK(an_end_at_once_on_a_full_socket_cuts_the_last_frame_and_no_other)
{
	for (int refuses = 0; refuses < 2; refuses++) {
		struct end e;
		struct buf in;
		size_t len;
		int fd;

		test_virtual_clock();
		fd = open_end(&e, &wire_limits_default);
		buf_init(&in, 64 * 1024 * 1024);
		len = fill_socket(&e);
		if (refuses)
			link_refuse(&e.link, "you do not fit");
		else
			link_close(&e.link, acre_fail(ECONNABORTED, "closed"));
		assert_int_equal(e.n_closed, 1); /* at once */

		assert_true(read_all(fd, &in));
		assert_true(buf_len(&in) > len);
		assert_true(buf_len(&in) % len != 0);
		for (size_t at = 0; at + len <= buf_len(&in); at += len)
			assert_int_equal(length_of(buf_bytes(&in) + at), len);
		assert_told_by_a_link(&in, buf_len(&in) / len);
		buf_fini(&in);
		close_end(&e, fd);
	}
	return 0;
}

/*
 * Back-pressure
 */

struct sender {
	struct end *end;
	size_t n_sent;
	int r;
	bool has_ended;
};

ACRE_TASK(send_for_ever, struct sender *s)
{
	struct buf *out;

	do {
		s->r = link_is_full(&s->end->link) ? link_wait_room(&s->end->link) : 0;
		out = link_queue(&s->end->link, MSG_YIELD);
		if (s->r >= 0 && out) {
			put_frame(out, MSG_YIELD, "x", 1000);
			link_written(&s->end->link);
			s->n_sent++;
		}
	} while (s->r >= 0 && out);
	s->has_ended = true;
	return s->r;
}

TEST_TASK(a_sender_waits_for_room_and_goes_on)
{
	struct end e;
	struct sender s = { .end = &e };
	struct buf in;
	int r = 0;
	int fd;

	test_virtual_clock();
	fd = open_end(&e, &wire_limits_default);
	buf_init(&in, 64 * 1024 * 1024);
	ACRE_NURSERY(n, r) {
		size_t sent;

		r = acre_go(&n, send_for_ever, &s);
		run_until_quiet();
		assert_true(link_is_full(&e.link));
		assert_true(buf_len(&e.link.data) < LINK_QUEUE_HIGH + 2000);
		sent = s.n_sent;
		run_until_quiet();
		assert_int_equal(s.n_sent, sent);

		read_all(fd, &in);
		run_until_quiet();
		assert_true(s.n_sent > sent);

		acre_nursery_cancel(&n);
	}
	assert_int_equal(s.r, -ECANCELED);
	assert_true(list_is_empty(&e.link.room));
	buf_fini(&in);
	close_end(&e, fd);
	return r;
}

TEST_TASK(the_end_of_the_link_wakes_who_waits_for_room)
{
	struct end e;
	int r = 0;
	int fd;

	test_virtual_clock();
	fd = open_end(&e, &wire_limits_default);
	ACRE_NURSERY(n, r) {
		struct sender s[3] = { { .end = &e }, { .end = &e }, { .end = &e } };

		for (size_t i = 0; i < 3 && r >= 0; i++)
			r = acre_go(&n, send_for_ever, &s[i]);
		run_until_quiet();
		assert_true(link_is_full(&e.link));
		close(fd);
		run_until_quiet();
		for (size_t i = 0; i < 3; i++)
			assert_true(s[i].has_ended);
	}
	assert_int_equal(e.n_closed, 1);
	close_end(&e, -1);
	return r;
}

TEST_TASK(a_peer_that_never_reads_control_frames_is_given_up)
{
	struct end e;
	size_t n = 0;
	int fd;

	test_virtual_clock();
	fd = open_end(&e, &wire_limits_default);
	while (link_send(&e.link, &(struct msg){ .kind = MSG_CREDIT,
						 .cid = slice_of("x") }) >= 0 &&
	       n < 1000 * 1000)
		n++;

	assert_int_equal(e.n_closed, 1);
	assert_int_equal(e.class, ACRE_ECLOSED);
	assert_text_has(e.why, "peer reads nothing: ");
	assert_in_range(n, LINK_CONTROL_HIGH / 100, LINK_CONTROL_HIGH / 20);
	close_end(&e, fd);
	return 0;
}

TEST_TASK(a_start_may_be_as_large_as_any_frame)
{
	static const uint8_t bytes[1024 * 1024 - 100];
	struct msg m = { .kind = MSG_START, .cid = slice_of("x") };
	struct pack_writer w;
	struct end e;
	struct buf kwargs;
	int fd;

	test_virtual_clock();
	fd = open_end(&e, &wire_limits_default);
	buf_init(&kwargs, 32 * 1024 * 1024);
	pack_writer_init(&w, &kwargs, &wire_limits_default);
	pack_map(&w, 15);
	for (size_t i = 0; i < 15; i++) {
		pack_cstr(&w, "k");
		pack_bin(&w, bytes, sizeof bytes);
	}
	assert_int_equal(pack_writer_result(&w), 0);
	m.start = (struct msg_start){
		.ns = slice_of("n"),
		.func = slice_of("f"),
		.kwargs = { (const char *)buf_bytes(&kwargs), buf_len(&kwargs) },
		.uid = { slice_of("a"), slice_of("b") },
		.remaining_us = -1,
	};
	assert_ok(link_send(&e.link, &m));
	assert_true(queued(&e) > 15 * sizeof bytes);
	buf_fini(&kwargs);
	close_end(&e, fd);
	return 0;
}

/*
 * Finishing
 */

TEST_TASK(a_link_that_is_finished_writes_all_and_ends)
{
	char text[4096];
	struct end e;
	struct buf in;
	int fd;

	test_virtual_clock();
	fd = open_end(&e, &wire_limits_default);
	buf_init(&in, 64 * 1024 * 1024);
	for (int i = 0; i < 20; i++)
		send_frame(&e, MSG_YIELD, "x", 60000);
	link_finish(&e.link);
	link_finish(&e.link);
	assert_null(link_queue(&e.link, MSG_STOP));
	run_until_quiet();
	assert_int_equal(e.n_closed, 0); /* the other side has not read yet */

	take_all(fd, &in);
	assert_int_equal(e.n_closed, 1);
	assert_int_equal(e.class, ACRE_ECLOSED);
	assert_string_equal(e.why, "the link to peer was finished");
	assert_true(read_all(fd, &in));
	tell_frames(text, sizeof text, &in);
	assert_int_equal(strlen(text), 20 * strlen("Yield:x "));
	buf_fini(&in);
	close_end(&e, fd);
	return 0;
}

TEST_TASK(a_link_with_nothing_queued_is_finished_at_once)
{
	struct end e;
	int fd;

	test_virtual_clock();
	fd = open_end(&e, &wire_limits_default);
	link_finish(&e.link);
	assert_int_equal(e.n_closed, 0); /* its user may still be in the middle of it */
	run_until_quiet();

	assert_int_equal(e.n_closed, 1);
	close_end(&e, fd);
	return 0;
}

TEST_TASK(a_finish_that_a_peer_holds_up_is_ended_by_a_close)
{
	struct end e;
	int fd;

	test_virtual_clock();
	fd = open_end(&e, &wire_limits_default);
	for (int i = 0; i < 20; i++)
		send_frame(&e, MSG_YIELD, "x", 60000);
	link_finish(&e.link);
	run_until_quiet();
	assert_int_equal(e.n_closed, 0);
	write_frame(fd, MSG_STOP, "1", 0); /* it is still heard */
	run_until_quiet();
	assert_string_equal(e.log, "Stop:1 ");

	link_close(&e.link, acre_fail(ETIMEDOUT, "it took too long"));
	assert_int_equal(e.class, ETIMEDOUT);
	close_end(&e, fd);
	return 0;
}

/*
 * Faults
 */

TEST_TASK(what_a_peer_had_sent_before_it_closed_is_read_although_writing_fails)
{
	struct end e;
	int fd;

	test_virtual_clock();
	fd = open_end(&e, &wire_limits_default);
	write_frame(fd, MSG_STOP, "1", 0);
	write_frame(fd, MSG_STOP, "2", 0);
	close(fd);
	send_frame(&e, MSG_STOP, "x", 0);
	run_until_quiet();

	assert_string_equal(e.log, "Stop:1 Stop:2 ");
	assert_int_equal(e.n_closed, 1);
	assert_int_equal(e.class, ACRE_ECLOSED);
	close_end(&e, -1);
	return 0;
}

TEST_TASK(a_write_that_fails_ends_the_link_although_the_peer_lives)
{
	static const int errors[] = { EPIPE, ENOBUFS, ENOMEM };

	test_virtual_clock();
	for (size_t i = 0; i < 3; i++) {
		struct end e;
		int fd = open_end(&e, &wire_limits_default);

		write_frame(fd, MSG_STOP, "1", 0);
		send_frame(&e, MSG_STOP, "x", 0);
		sys_use(&sys_fault);
		sys_fault_only("sendmsg");
		sys_fault_at(1, errors[i], false);
		run_until_quiet();
		sys_fault_only(NULL);
		sys_use(&sys_real);

		assert_string_equal(e.log, "Stop:1 ");
		assert_int_equal(e.n_closed, 1);
		assert_int_equal(e.class, ACRE_ECLOSED);
		assert_text_has(e.why, "the link to peer broke: ");
		close_end(&e, fd);
	}
	return 0;
}

TEST_TASK(a_frame_that_cannot_be_written_is_its_senders_failure)
{
	const struct msg bad = { .kind = MSG_RETURN,
				 .cid = slice_of("x"),
				 .pld = { "\xc1", 1 } };
	struct end e;
	int fd;

	test_virtual_clock();
	fd = open_end(&e, &wire_limits_default);
	assert_class(link_send(&e.link, &bad), EINVAL);
	run_until_quiet();

	assert_int_equal(e.n_closed, 0);
	assert_int_equal(queued(&e), 0);
	close_end(&e, fd);
	return 0;
}
