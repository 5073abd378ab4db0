/* SPDX-License-Identifier: MIT */
/* test_tcp_look.c - hosts that have died are noticed, and peers that are stopped left alone. */
#include "unit/transports.h"

#include <linux/filter.h>
#include <linux/tcp.h>
#include <netinet/in.h>

/*
 * A filter that lets nothing through to the peer's socket makes its kernel as silent as one
 * that is gone. What is waited for takes the user time-out, which must be one that makes
 * sense: see tcp_look.c.
 */

enum { TIMEOUT_MS = 2000 };

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof value;

	assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

static struct transport_options short_options(void)
{
	struct transport_options o = transport_options_default;

	o.user_timeout_ms = TIMEOUT_MS;
	return o;
}

static void connect_pair(int *ret_a, int *ret_b, const struct transport_options *o)
{
	struct address at = address_at("/ip4/127.0.0.1/tcp/0");
	struct listener l;

	assert_ok(transport_listen(&l, &at, o));
	assert_true(transport_dial(ret_a, &l.address, o) >= 0);
	*ret_b = accept_one(&l);
	assert_true(is_ready(*ret_a, POLLOUT));
	assert_int_equal(transport_dialled(*ret_a, &l.address), 0);
	transport_unlisten(&l);
}

static void kill_host_of(int fd)
{
	struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = { 1, &drop };
	int off = 0;

	/* nor does it ask by itself, and reset the link when nothing comes */
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &off, sizeof off), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
				    sizeof program),
			 0);
}

static size_t fill(int fd)
{
	static const char bytes[65536];
	size_t len = 0;
	ssize_t n;

	while ((n = write(fd, bytes, sizeof bytes)) > 0)
		len += (size_t)n;
	assert_int_equal(errno, EAGAIN);
	return len;
}

/* How much the peer has room for, as far as we know. */
static uint32_t window_of(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof info;

	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	return info.tcpi_snd_wnd;
}

/* The kernel has ended it. */
static bool is_ended(int fd, int wait_ms)
{
	struct pollfd p = { .fd = fd };

	return poll(&p, 1, wait_ms) == 1;
}

TEST_TASK(a_dead_host_is_noticed_while_bytes_are_on_their_way)
{
	struct transport_options o = short_options();
	struct transport_health h = { 0 };
	int a, b;

	connect_pair(&a, &b, &o);
	kill_host_of(b);
	write_text(a, "anybody?");
	assert_true(transport_look(&h, a, &o) > 0);
	assert_true(is_ended(a, GUARD_S * 1000));
	assert_int_equal(option(a, SOL_SOCKET, SO_ERROR), ETIMEDOUT);
	close(a);
	close(b);
	return 0;
}

TEST_TASK(a_dead_host_is_noticed_while_nothing_is_said)
{
	struct transport_options o = short_options();
	struct transport_health h = { 0 };
	int a, b;

	connect_pair(&a, &b, &o);
	kill_host_of(b);
	assert_int_equal(transport_look(&h, a, &o), 0);
	assert_true(is_ended(a, GUARD_S * 1000));
	assert_int_equal(option(a, SOL_SOCKET, SO_ERROR), ETIMEDOUT);
	close(a);
	close(b);
	return 0;
}

/* Beside it are links that nobody looks at, each of which the kernel ends: so long was the
 * one that is looked at in danger. */
TEST_TASK(a_stopped_peer_is_left_alone_when_its_window_is_full_too)
{
	struct transport_options o = short_options();
	struct transport_health h = { 0 };
	static char bytes[65536];
	int a, b, other_a, other_b, next_ms = 0;
	size_t left;
	ssize_t n;

	connect_pair(&a, &b, &o);
	left = fill(a);
	for (int i = 0; i < 2; i++) {
		connect_pair(&other_a, &other_b, &o);
		fill(other_a);
		do {
			next_ms = transport_look(&h, a, &o);
			assert_true(next_ms > 0);
		} while (!is_ended(other_a, next_ms));
		assert_int_equal(option(other_a, SOL_SOCKET, SO_ERROR), ETIMEDOUT);
		close(other_a);
		close(other_b);
	}
	assert_true(h.is_full);
	assert_int_equal(option(a, IPPROTO_TCP, TCP_USER_TIMEOUT), 0);

	/* it goes on, and all has come */
	while (left > 0) {
		assert_true(is_ready(b, POLLIN));
		n = read(b, bytes, sizeof bytes);
		assert_true(n > 0);
		left -= (size_t)n;
	}
	while (transport_look(&h, a, &o) > 0) /* the last acknowledgement is on its way */
		;
	assert_int_equal(option(a, IPPROTO_TCP, TCP_USER_TIMEOUT), TIMEOUT_MS);
	write_text(a, "and on");
	assert_comes(b, "and on");
	close(a);
	close(b);
	return 0;
}

TEST_TASK(a_dead_host_is_noticed_behind_a_full_window)
{
	struct transport_options o = short_options();
	struct transport_health h = { 0 };
	int a, b, next_ms;

	connect_pair(&a, &b, &o);
	fill(a);
	do {
		next_ms = transport_look(&h, a, &o);
		assert_true(next_ms > 0);
		assert_false(is_ended(a, next_ms));
	} while (!h.is_full || window_of(a) > 0);
	kill_host_of(b);
	do {
		next_ms = transport_look(&h, a, &o);
		assert_false(next_ms > 0 && is_ended(a, next_ms)); /* it is ours to say */
	} while (next_ms > 0);
	assert_int_equal(next_ms, -ETIMEDOUT);
	close(a);
	close(b);
	return 0;
}

TEST_TASK(where_there_is_no_time_out_nobody_looks)
{
	struct transport_options o = transport_options_default;
	struct transport_health h = { 0 };
	int a, b, fds[2];

	o.user_timeout_ms = 0;
	connect_pair(&a, &b, &o);
	fill(a);
	assert_int_equal(transport_look(&h, a, &o), 0);
	close(a);
	close(b);

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	fill(fds[0]);
	assert_int_equal(transport_look(&h, fds[0], &transport_options_default), 0);
	close(fds[0]);
	close(fds[1]);
	return 0;
}
