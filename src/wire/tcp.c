/* SPDX-License-Identifier: MIT */
/* tcp.c - TCP over IPv4 and IPv6, which notices that a host has died. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include <acre/error.h>

#include "base/sys.h"
#include "base/util.h"
#include "wire/transport.h"

/*
 * A host that dies says nothing. While a link is silent the kernel asks its peer's kernel
 * now and then (keepalive); while bytes are on their way it repeats them, and gives up
 * after the user time-out. Neither needs the peer's process: one that is stopped is left
 * alone, as long as its kernel has room for what it is sent. For what comes then somebody
 * has to look: tcp_look.c.
 */

#ifndef TCP_RTO_MAX_MS
#define TCP_RTO_MAX_MS 44
#endif
/* The least that the kernel takes: nothing is repeated, and no full window is asked, less
 * often than that. */
#define RTO_MAX_MS 1000

union sockaddr_in_any {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static socklen_t sockaddr_of(union sockaddr_in_any *ret, const struct address *a)
{
	*ret = (union sockaddr_in_any){ 0 };
	if (a->kind == ADDRESS_TCP4) {
		ret->in.sin_family = AF_INET;
		ret->in.sin_port = htons(a->port);
		memcpy(&ret->in.sin_addr, a->ip4, sizeof a->ip4);
		return sizeof ret->in;
	}
	ret->in6.sin6_family = AF_INET6;
	ret->in6.sin6_port = htons(a->port);
	memcpy(&ret->in6.sin6_addr, a->ip6, sizeof a->ip6);
	return sizeof ret->in6;
}

static struct address address_of(const struct sockaddr *addr)
{
	const union sockaddr_in_any *from = (const union sockaddr_in_any *)addr;
	struct address a = { 0 };

	if (addr->sa_family == AF_INET) {
		a.kind = ADDRESS_TCP4;
		a.port = ntohs(from->in.sin_port);
		memcpy(a.ip4, &from->in.sin_addr, sizeof a.ip4);
	} else if (addr->sa_family == AF_INET6) {
		a.kind = ADDRESS_TCP6;
		a.port = ntohs(from->in6.sin6_port);
		memcpy(a.ip6, &from->in6.sin6_addr, sizeof a.ip6);
	}
	return a;
}

static int family_of(const struct address *a)
{
	return a->kind == ADDRESS_TCP4 ? AF_INET : AF_INET6;
}

static int local_address(int fd, struct address *ret)
{
	struct sockaddr_storage own = { 0 };
	struct sockaddr *addr = (struct sockaddr *)&own;
	socklen_t len = sizeof own;
	int r = sys_getsockname(fd, addr, &len);

	if (r >= 0)
		*ret = address_of(addr);
	return r;
}

static int set(int fd, int level, int name, uint32_t value)
{
	const int number = (int)value;

	return sys_setsockopt(fd, level, name, &number, sizeof number);
}

/* What a connected socket of ours is like. */
static int set_options(int fd, const struct transport_options *o)
{
	/* A flush writes all that a round of the loop has to say: nothing is to wait. */
	int r = set(fd, IPPROTO_TCP, TCP_NODELAY, 1);

	if (r >= 0)
		r = set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, o->user_timeout_ms);
	if (r >= 0 && o->user_timeout_ms > 0) /* from 6.15 on; else it takes longer */
		acre_ignore(set(fd, IPPROTO_TCP, TCP_RTO_MAX_MS, RTO_MAX_MS));
	if (r < 0 || o->keepalive_idle_s == 0)
		return r;
	r = set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	if (r >= 0)
		r = set(fd, IPPROTO_TCP, TCP_KEEPIDLE, o->keepalive_idle_s);
	if (r >= 0)
		r = set(fd, IPPROTO_TCP, TCP_KEEPINTVL, o->keepalive_interval_s);
	if (r >= 0)
		r = set(fd, IPPROTO_TCP, TCP_KEEPCNT, o->keepalive_count);
	return r;
}

/*
 * Dialling.
 */

static int dial(int *ret_fd, const struct address *to, const struct transport_options *o)
{
	union sockaddr_in_any addr;
	const socklen_t len = sockaddr_of(&addr, to);
	auto_close int fd = -1;
	int r;

	if (to->port == 0) /* the kernel would ask the net for it */
		return transport_fail(-EINVAL, "dialling", to);
	fd = transport_socket(family_of(to));
	r = fd < 0 ? fd : set_options(fd, o);
	if (r >= 0)
		r = sys_connect(fd, &addr.any, len);
	if (r < 0 && r != -EINPROGRESS && r != -EALREADY)
		return transport_fail(r, "dialling", to);
	r = r < 0 ? 1 : transport_dialled(fd, to);
	if (r >= 0)
		*ret_fd = TAKE_FD(fd);
	return r;
}

/* Whether it is connected; that no error is pending does not say so. */
static int is_connected(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof info;
	int r = sys_getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len);

	if (r >= 0 && info.tcpi_state == TCP_CLOSE)
		r = -ENOTCONN;
	return r < 0 ? r
		     : info.tcpi_state != TCP_SYN_SENT && info.tcpi_state != TCP_SYN_RECV;
}

/* A port that nobody listens at may be the one that the kernel has chosen for ourselves;
 * then TCP connects us to us. */
static bool is_to_itself(int fd, const struct address *to)
{
	struct address own;

	return local_address(fd, &own) >= 0 && address_is_equal(&own, to);
}

static int dialled(int fd, const struct address *to)
{
	int error = 0;
	socklen_t len = sizeof error;
	int r = sys_getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);

	if (r >= 0)
		r = -error;
	if (r >= 0) {
		r = is_connected(fd);
		if (r == 0)
			return 1;
	}
	if (r >= 0 && is_to_itself(fd, to))
		r = -ECONNREFUSED;
	return r < 0 ? transport_fail(r, "dialling", to) : 0;
}

/*
 * Listening.
 */

static int tcp_listen(struct listener *l, const struct address *at)
{
	union sockaddr_in_any addr;
	const socklen_t len = sockaddr_of(&addr, at);
	int r = l->fd = transport_socket(family_of(at));

	/* What a dead one has left in the network does not keep its port; a living one
	 * does. */
	if (r >= 0)
		r = set(l->fd, SOL_SOCKET, SO_REUSEADDR, 1);
	/* [::] is not 0.0.0.0 as well: an address is what it says. */
	if (r >= 0 && at->kind == ADDRESS_TCP6)
		r = set(l->fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (r >= 0)
		r = sys_bind(l->fd, &addr.any, len);
	if (r >= 0)
		r = sys_listen(l->fd, (int)l->options.backlog);
	if (r >= 0)
		r = local_address(l->fd, &l->address);
	return r < 0 ? transport_fail(r, "listening at", at) : 0;
}

static int accepted(const struct listener *l, int fd, const struct sockaddr *from,
		    struct address *ret_peer)
{
	*ret_peer = address_of(from);
	return set_options(fd, &l->options);
}

const struct transport transport_tcp = {
	.name = "tcp",
	.listen = tcp_listen,
	.dial = dial,
	.dialled = dialled,
	.accepted = accepted,
};
