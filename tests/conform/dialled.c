/* SPDX-License-Identifier: MIT */
/* dialled.c - the links between parents and children over TCP or a Unix socket's file, where a run asks. */
#include <err.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <acre/error.h>

#include "base/sys.h"
#include "base/util.h"
#include "lib/test.h"
#include "wire/transport.h"

/*
 * A child inherits its end of a socketpair, and no other transport carries what only parents and
 * children say: boot, ladder, the last words of who dies. With ACRE_TEST_LINK=tcp or uds in the
 * environment every process of a run gets a stream socket from the table of transports instead,
 * listened for, dialled and accepted, wherever it asks for a pair of them. The product knows
 * nothing of it: it is the table of system calls that answers so.
 *
 * Nothing else of the library is a pair of stream sockets. Programs that are no tests (examples,
 * the command) have their socketpairs.
 */

/* Of the same host, which nobody has to ask whether it lives. */
static const struct transport_options options = { .backlog = 1 };

/* As little as a socketpair takes, so that who fills a link waits for room here, too: by itself
 * the kernel would take some megabytes. */
#define BUFFER_SIZE (64 * 1024)

static struct sys_table table;
static bool is_tcp;

static int place(struct address *ret)
{
	struct address_fault fault;
	char text[ADDRESS_TEXT_SIZE] = "/ip4/127.0.0.1/tcp/0";
	uint64_t name;
	ssize_t r = sys_getrandom(&name, sizeof name, 0);

	if (r < 0)
		return (int)r;
	if (!is_tcp && !test_dir())
		return -ENOENT;
	if (!is_tcp)
		snprintf(text, sizeof text, "/unix%s/links/%016llx", test_dir(),
			 (unsigned long long)name);
	return address_parse(ret, text, strlen(text), &fault);
}

/* Bound: this host's kernel, which needs nobody for it. */
static int dial_whole(int *ret_fd, const struct address *to)
{
	auto_close int fd = -1;
	int r = transport_dial(&fd, to, &options);

	while (r == 1) {
		r = sys_poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, -1);
		if (r >= 0)
			r = transport_dialled(fd, to);
	}
	if (r >= 0)
		*ret_fd = TAKE_FD(fd);
	return r;
}

/* The one that we have dialled, whoever else does. */
static int accept_own(struct listener *l, int *ret_fd, int dialled)
{
	struct sockaddr_storage own = { 0 };
	struct sockaddr *addr = (struct sockaddr *)&own;
	socklen_t len = sizeof own;
	struct address peer;
	int r = sys_getsockname(dialled, addr, &len);

	if (r >= 0)
		r = sys_poll(&(struct pollfd){ .fd = l->fd, .events = POLLIN }, 1, -1);
	if (r >= 0)
		r = transport_accept(l, ret_fd, &peer);
	if (r >= 0 && is_tcp &&
	    peer.port != ntohs(((struct sockaddr_in *)addr)->sin_port)) {
		sys_close(TAKE_FD(*ret_fd));
		r = -ECONNABORTED;
	}
	return r;
}

static int bound_buffers(int fd)
{
	const int size = BUFFER_SIZE;
	int r = sys_setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);

	return r < 0 ? r : sys_setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

static int pair_over_transport(int ret[2])
{
	auto_close int dialled = -1, accepted = -1;
	struct listener l = { .fd = -1 };
	struct address at;
	int r = place(&at);

	if (r >= 0)
		r = transport_listen(&l, &at, &options);
	if (r >= 0)
		r = dial_whole(&dialled, &l.address);
	if (r >= 0)
		r = accept_own(&l, &accepted, dialled);
	transport_unlisten(&l);
	if (r >= 0)
		r = bound_buffers(dialled);
	if (r >= 0)
		r = bound_buffers(accepted);
	if (r < 0)
		return -acre_code(r);
	ret[0] = TAKE_FD(dialled);
	ret[1] = TAKE_FD(accepted);
	return 0;
}

static int dialled_socketpair(int domain, int type, int protocol, int ret[2])
{
	if (domain != AF_UNIX || type != SOCK_STREAM)
		return sys_real.socketpair(domain, type, protocol, ret);
	return pair_over_transport(ret);
}

static __attribute__((constructor)) void dial_links(void)
{
	const char *chosen = getenv("ACRE_TEST_LINK");

	if (!chosen)
		return;
	is_tcp = strcmp(chosen, "tcp") == 0;
	if (!is_tcp && strcmp(chosen, "uds") != 0)
		errx(1, "ACRE_TEST_LINK wants tcp or uds, not %s", chosen);
	table = sys_real;
	table.socketpair = dialled_socketpair;
	sys_use(&table);
}
