/* SPDX-License-Identifier: MIT */
/* test_bare_server.c - a server without an actor: a task with a listener, that gives back what it is told. */
#include "unit/transports.h"

#include "actor/runtime.h"

static int echo_once(struct listener *l)
{
	struct address peer;
	char bytes[64];
	ssize_t n = 0;
	int fd = -1;
	int r = acre_wait_fd(l->fd, POLLIN);

	if (r >= 0)
		r = transport_accept(l, &fd, &peer);
	if (r < 0)
		return r;
	r = acre_wait_fd(fd, POLLIN);
	if (r >= 0)
		n = read(fd, bytes, sizeof bytes);
	if (n > 0)
		assert_int_equal(write(fd, bytes, (size_t)n), n);
	close(fd);
	return r;
}

ACRE_TASK(echo_server, struct listener *l)
{
	int r = 0;

	while (r >= 0)
		r = echo_once(l);
	transport_unlisten(l);
	return r;
}

static void assert_echoes(const struct address *server)
{
	int fd = -1;

	assert_ok(dial_whole(&fd, server));
	write_text(fd, "hello");
	assert_ok(acre_wait_fd(fd, POLLIN));
	assert_comes(fd, "hello");
	close(fd);
}

TEST_TASK(c096_bare_server)
{
	struct address at[] = { uds_at("place/bare.sock"),
				address_at("/ip4/127.0.0.1/tcp/0") };
	struct listener servers[2];
	int fd = -1, r = 0;

	assert_null(runtime_this);
	for (int i = 0; i < 2; i++) {
		assert_ok(transport_listen(&servers[i], &at[i],
					   &transport_options_default));
		at[i] = servers[i].address; /* with the port that it has got */
	}
	ACRE_NURSERY(n, r) {
		for (int i = 0; i < 2 && r >= 0; i++)
			r = acre_go(&n, echo_server, &servers[i]);
		for (int i = 0; i < 4 && r >= 0; i++)
			assert_echoes(&at[i % 2]);
		acre_nursery_cancel(&n);
	}
	assert_ok(r);
	assert_int_equal(access(at[0].path, F_OK), -1);
	assert_class(dial_whole(&fd, &at[0]), ENOENT);
	assert_class(dial_whole(&fd, &at[1]), ECONNREFUSED);
	return 0;
}
