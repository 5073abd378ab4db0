/* SPDX-License-Identifier: MIT */
/* pin_tcp.c - how long TCP lets a peer that reads nothing live. */
#include "lib/test.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * A stopped process is no dead host: its kernel answers. Measured on 6.18: keepalive leaves
 * it alone for ever, and so does TCP_USER_TIMEOUT while its kernel has room for what is
 * sent. Once the room is full, bytes that wait to be sent are as good as unanswered: the
 * link is ended with ETIMEDOUT after the user time-out, although each probe of the full
 * window was answered (tcp(7): "or buffered data may remain untransmitted (due to zero
 * window size)").
 */

enum { USER_TIMEOUT_MS = 400, GUARD_MS = 30000 };

static void connect_pair(int *ret_a, int *ret_b)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof in;
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(l, (struct sockaddr *)&in, sizeof in), 0);
	assert_int_equal(listen(l, 1), 0);
	assert_int_equal(getsockname(l, (struct sockaddr *)&in, &len), 0);
	*ret_a = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(*ret_a, (struct sockaddr *)&in, sizeof in), 0);
	*ret_b = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	assert_true(*ret_b >= 0);
	close(l);
}

static void set(int fd, int level, int name, int value)
{
	assert_int_equal(setsockopt(fd, level, name, &value, sizeof value), 0);
}

/* Until the peer's room is full and so is ours. */
static void fill(int fd)
{
	static const char bytes[65536];

	while (send(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
		;
	assert_int_equal(errno, EAGAIN);
}

TEST(a_user_timeout_ends_a_link_whose_reader_is_stopped_and_full)
{
	struct pollfd p = { .events = 0 };
	int a, b, error = 0;
	socklen_t len = sizeof error;

	connect_pair(&a, &b);
	set(a, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
	fill(a);
	p.fd = a;
	assert_int_equal(poll(&p, 1, GUARD_MS), 1);
	assert_int_equal(getsockopt(a, SOL_SOCKET, SO_ERROR, &error, &len), 0);
	assert_int_equal(error, ETIMEDOUT);
	close(a);
	close(b);
}
