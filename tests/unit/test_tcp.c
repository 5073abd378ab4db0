/* SPDX-License-Identifier: MIT */
/* test_tcp.c - TCP sockets: their options, their ports, and the trap of dialling oneself. */
#include "unit/transports.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

static struct listener listen_at(const char *text, const struct transport_options *o)
{
	struct address a = address_at(text);
	struct listener l;

	assert_ok(transport_listen(&l, &a, o));
	return l;
}

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof value;

	assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

static void assert_options(int fd, bool alive, int idle, int interval, int count,
			   int timeout_ms)
{
	assert_int_equal(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
	assert_int_equal(option(fd, SOL_SOCKET, SO_KEEPALIVE), alive);
	assert_int_equal(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), timeout_ms);
	if (!alive)
		return;
	assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), idle);
	assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPINTVL), interval);
	assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPCNT), count);
}

TEST_TASK(both_ends_notice_a_dead_host_after_the_spans_that_were_set)
{
	struct transport_options o = transport_options_default;
	struct listener l = listen_at("/ip4/127.0.0.1/tcp/0", &o);
	int fd, accepted;

	assert_ok(dial_whole(&fd, &l.address));
	accepted = accept_one(&l);
	assert_options(fd, true, 1, 1, 3, 3000);
	assert_options(accepted, true, 1, 1, 3, 3000);
	close(fd);
	close(accepted);
	transport_unlisten(&l);

	o.keepalive_idle_s = 5;
	o.keepalive_interval_s = 6;
	o.keepalive_count = 7;
	o.user_timeout_ms = 8000;
	l = listen_at("/ip4/127.0.0.1/tcp/0", &o);
	assert_ok(dial_whole(&fd, &l.address));
	accepted = accept_one(&l);
	assert_options(accepted, true, 5, 6, 7, 8000);
	close(fd);
	close(accepted);

	o.keepalive_idle_s = 0;
	o.user_timeout_ms = 0;
	assert_true(transport_dial(&fd, &l.address, &o) >= 0);
	assert_options(fd, false, 0, 0, 0, 0);
	close(fd);
	transport_unlisten(&l);
	return 0;
}

TEST_TASK(a_port_of_0_becomes_a_real_one)
{
	struct listener l = listen_at("/ip4/127.0.0.1/tcp/0", &transport_options_default);
	struct listener m = listen_at("/ip4/127.0.0.1/tcp/0", &transport_options_default);
	struct address zero = address_at("/ip4/127.0.0.1/tcp/0");
	int fd, r;

	assert_true(l.address.port > 0 && m.address.port > 0);
	assert_int_not_equal(l.address.port, m.address.port);
	r = transport_dial(&fd, &zero, &transport_options_default);
	assert_class(r, EINVAL);
	assert_text_has(acre_why(r)->message,
			"dialling 127.0.0.1:0: nobody can be reached there");
	transport_unlisten(&l);
	transport_unlisten(&m);
	return 0;
}

TEST_TASK(who_dials_has_the_address_that_the_net_says)
{
	struct listener l = listen_at("/ip4/127.0.0.1/tcp/0", &transport_options_default);
	struct sockaddr_in own;
	socklen_t len = sizeof own;
	struct address peer;
	int fd = -1, accepted;

	assert_ok(dial_whole(&fd, &l.address));
	assert_true(is_ready(l.fd, POLLIN));
	assert_ok(transport_accept(&l, &accepted, &peer));
	assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &len), 0);
	assert_int_equal(peer.kind, ADDRESS_TCP4);
	assert_int_equal(peer.port, ntohs(own.sin_port));
	assert_int_equal(address_distance(&peer), ADDRESS_LOOPBACK);
	close(fd);
	close(accepted);
	transport_unlisten(&l);
	return 0;
}

TEST_TASK(all_of_ipv6_is_not_all_of_ipv4_as_well)
{
	struct address six = address_at("/ip6/::/tcp/0"), four;
	struct listener l, m;
	int r = transport_listen(&l, &six, &transport_options_default);

	if (r < 0) /* this machine has no IPv6 */
		return 0;
	four = address_at("/ip4/0.0.0.0/tcp/0");
	four.port = l.address.port;
	assert_ok(transport_listen(&m, &four, &transport_options_default));
	transport_unlisten(&l);
	transport_unlisten(&m);
	return 0;
}

TEST_TASK(an_address_of_another_host_is_refused_with_the_kernels_words)
{
	struct address a = address_at("/ip4/192.0.2.1/tcp/0"); /* RFC 5737: nobody's */
	struct listener l;
	int r = transport_listen(&l, &a, &transport_options_default);

	assert_class(r, EADDRNOTAVAIL);
	assert_text_has(acre_why(r)->message, "listening at 192.0.2.1:0: Cannot assign");
	return 0;
}

/* The kernel gives out a port to dial from, and it may be the one that is dialled: then two
 * SYNs cross, and the socket is connected to itself. */
TEST_TASK(who_has_dialled_itself_was_refused)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof in;
	struct address self = address_at("/ip4/127.0.0.1/tcp/0");
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char came = 0;

	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof in), 0);
	write_text(fd, "!");
	assert_int_equal(read(fd, &came, 1), 1);
	assert_int_equal(came, '!');

	self.port = ntohs(in.sin_port);
	assert_class(transport_dialled(fd, &self), ECONNREFUSED);
	close(fd);
	return 0;
}

/* It was under way, it failed, and it was asked once too often. */
TEST_TASK(a_dial_that_has_failed_is_never_called_connected)
{
	struct listener l = listen_at("/ip4/127.0.0.1/tcp/0", &transport_options_default);
	struct address a = l.address;
	int fd, r;

	transport_unlisten(&l);
	r = transport_dial(&fd, &a, &transport_options_default);
	if (r < 0) /* told at once */
		return 0;
	assert_true(is_ready(fd, POLLOUT));
	assert_class(transport_dialled(fd, &a), ECONNREFUSED);
	assert_class(transport_dialled(fd, &a), ENOTCONN);
	close(fd);
	return 0;
}
