/* SPDX-License-Identifier: MIT */
/* test_link_tcp.c - links over TCP notice that a host has died, and leave stopped peers alone. */
#include "unit/links.h"

#include <linux/filter.h>
#include <linux/tcp.h>
#include <netinet/in.h>

#include "unit/transports.h"

/*
 * Two peers read nothing, until their windows are full; the host of one of them then dies: a
 * filter lets nothing through to its socket. When its link has ended, the other one has been
 * full for longer, and so in danger of the same time-out.
 */

static int open_tcp_end(struct end *e)
{
	const struct transport_options *o = &transport_options_default;
	struct address at = address_at("/ip4/127.0.0.1/tcp/0");
	struct listener l;
	int fd, other;

	*e = (struct end){ .n_closed = 0 };
	assert_ok(transport_listen(&l, &at, o));
	assert_true(transport_dial(&fd, &l.address, o) >= 0);
	other = accept_one(&l);
	assert_true(is_ready(fd, POLLOUT));
	assert_int_equal(transport_dialled(fd, &l.address), 0);
	transport_unlisten(&l);
	assert_ok(link_open(&e->link, fd, "peer", &end_ops, &wire_limits_default));
	link_look_at_host(&e->link, &transport_options_default);
	return other;
}

static struct tcp_info info_of(const struct end *e)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof info;

	assert_int_equal(getsockopt(e->link.fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	return info;
}

/* Until its kernel says that there is no room; how many bytes that took. */
static void fill_end(struct end *e)
{
	do { /* bound: socket buffers of a few MiB */
		while (!link_is_full(&e->link))
			send_frame(e, MSG_YIELD, "x", 100000);
		assert_ok(acre_sleep(acre_ms(1)));
	} while (!link_is_full(&e->link) || info_of(e).tcpi_unacked > 0 ||
		 info_of(e).tcpi_notsent_bytes == 0);
}

static void kill_host_of(int fd)
{
	struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = { 1, &drop };
	int off = 0;

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &off, sizeof off), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
				    sizeof program),
			 0);
}

TEST_TASK(a_host_that_dies_is_noticed_and_a_stopped_peer_left_alone)
{
	struct end dead, stopped;
	int fd_dead, fd_stopped;
	static char bytes[65536];
	size_t before;

	fd_stopped = open_tcp_end(&stopped);
	fill_end(&stopped);
	fd_dead = open_tcp_end(&dead);
	fill_end(&dead);
	kill_host_of(fd_dead);
	while (!dead.n_closed) /* bound: the user time-out, and two looks */
		assert_ok(acre_sleep(acre_ms(10)));
	assert_int_equal(dead.class, ACRE_ECLOSED);
	assert_text_has(dead.why, "timed out");
	assert_int_equal(stopped.n_closed, 0);
	/* it reads again, and everything comes */
	before = buf_len(&stopped.link.data);
	while (buf_len(&stopped.link.data)) { /* bound: what is queued */
		assert_true(read(fd_stopped, bytes, sizeof bytes) != 0);
		assert_ok(acre_yield());
	}
	assert_true(before > 0);
	assert_int_equal(stopped.n_closed, 0);
	close_end(&stopped, fd_stopped);
	close_end(&dead, fd_dead);
	return 0;
}

/* Once all has arrived there is nothing to look for. */
TEST_TASK(an_idle_link_has_no_timer)
{
	char bytes[4096];
	struct end e;
	int fd = open_tcp_end(&e);

	send_frame(&e, MSG_STOP, "x", 0);
	assert_true(heap_is_linked(&e.link.look.node));
	while (heap_is_linked(&e.link.look.node)) /* bound: LINK_FIRST_LOOK_NS */
		assert_ok(acre_sleep(acre_ms(10)));
	assert_true(read(fd, bytes, sizeof bytes) > 0);
	close_end(&e, fd);
	return 0;
}

/* TCP throws away what is on its way when a socket is closed that has bytes unread. */
TEST_TASK(what_was_said_last_is_heard_although_the_peer_still_speaks)
{
	const int room = 128 * 1024; /* more than the peer takes before it reads */
	char text[64];
	struct end e;
	struct buf in;
	int fd = open_tcp_end(&e);

	buf_init(&in, 1024 * 1024);
	assert_int_equal(setsockopt(e.link.fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room),
			 0);
	send_frame(&e, MSG_YIELD, "x", 200000);
	link_flush(&e.link);
	assert_int_equal(buf_len(&e.link.data), 0);
	assert_true(info_of(&e).tcpi_notsent_bytes > 0);
	write_frame(fd, MSG_STOP, "1", 0); /* unread when all has been written */
	link_finish(&e.link);
	do /* bound: what was queued */
		assert_ok(acre_sleep(acre_ms(1)));
	while (!read_all(fd, &in));
	tell_frames(text, sizeof text, &in);
	assert_string_equal(text, "Yield:x ");
	close(fd);
	while (!e.n_closed) /* bound: the peer is gone */
		assert_ok(acre_sleep(acre_ms(1)));
	close_end(&e, -1);
	buf_fini(&in);
	return 0;
}
