/* SPDX-License-Identifier: MIT */
/* transport.c - the table of transports, and what all of them do alike. */
#include "wire/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <acre/error.h>

#include "base/fault.h"
#include "base/sys.h"
#include "base/util.h"

const struct transport_options transport_options_default = {
#define AS_DEFAULT(number, name, value, unit, reason) .name = (value),
	TRANSPORT_OPTIONS(AS_DEFAULT)
#undef AS_DEFAULT
};

/* It is asked when a part of that time is over, and as often as the last question comes before
 * the end of it. */
struct transport_options transport_options_of(uint32_t timeout_ms)
{
	struct transport_options o = transport_options_default;
	uint32_t s = timeout_ms / 1000 / o.keepalive_count;

	o.user_timeout_ms = timeout_ms;
	o.keepalive_idle_s = o.keepalive_interval_s = s ? s : 1;
	return o;
}

/*
 * An inherited descriptor was connected by whoever made us.
 */

static int inherited_dial(int *ret_fd, const struct address *to,
			  const struct transport_options *o)
{
	int type = 0;
	socklen_t len = sizeof type;
	int r = sys_getsockopt(to->fd, SOL_SOCKET, SO_TYPE, &type, &len);

	(void)o;
	if (r >= 0 && type != SOCK_STREAM)
		r = -EPROTOTYPE;
	if (r >= 0)
		r = sys_fcntl(to->fd, F_SETFD, FD_CLOEXEC);
	if (r >= 0)
		r = sys_fcntl(to->fd, F_SETFL, O_NONBLOCK);
	if (r < 0)
		return transport_fail(r, "taking over", to);
	*ret_fd = to->fd;
	return 0;
}

static const struct transport transport_inherited = {
	.name = "inherited",
	.has_peer = true,
	.dial = inherited_dial,
};

static const struct transport *const rows[N_ADDRESS] = {
	[ADDRESS_UNIX] = &transport_uds,
	[ADDRESS_TCP4] = &transport_tcp,
	[ADDRESS_TCP6] = &transport_tcp,
	[ADDRESS_INHERITED] = &transport_inherited,
};

const struct transport *transport_of(const struct address *a)
{
	return a->kind < N_ADDRESS ? rows[a->kind] : NULL;
}

const struct transport *transport_named(const char *name)
{
	for (size_t i = 0; i < ARRAY_N(rows); i++)
		if (rows[i] && strcmp(rows[i]->name, name) == 0)
			return rows[i];
	return NULL;
}

static const char *meaning(int r)
{
	switch (r) {
	case -EADDRINUSE:
		return "somebody else listens there";
	case -ECONNREFUSED:
		return "nobody listens there";
	case -EINVAL:
		return "nobody can be reached there";
	case -EOPNOTSUPP:
		return "not at such an address";
	case -EEXIST:
		return "there is a file that is no socket";
	case -EAGAIN:
		return "more are waiting to be accepted there than it lets wait";
	default:
		return strerrordesc_np(-r);
	}
}

int transport_fail(int r, const char *doing, const struct address *a)
{
	char shown[ADDRESS_SHOWN_SIZE];

	return acre_fail(-r, "%s %s: %s", doing, address_show(a, shown), meaning(r));
}

int transport_socket(int family)
{
	return sys_socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0);
}

int transport_listen(struct listener *ret, const struct address *at,
		     const struct transport_options *o)
{
	const struct transport *t = transport_of(at);
	struct listener l = {
		.transport = t,
		.fd = -1,
		.address = *at,
		.options = *o,
		.maker = sys_getpid(),
		.dir = { .fd = -1 },
	};
	int r;

	if (!t || !t->listen)
		return transport_fail(-EOPNOTSUPP, "listening at", at);
	r = t->listen(&l, at);
	if (r < 0) {
		transport_unlisten(&l);
		return r;
	}
	*ret = l;
	return 0;
}

/* Of one that came, and that the network has taken away again: accept(2) lists them. */
static bool is_of_the_network(int r)
{
	return r == -ECONNABORTED || r == -EPROTO || r == -ENETDOWN ||
	       r == -ENOPROTOOPT || r == -EHOSTDOWN || r == -ENONET ||
	       r == -EHOSTUNREACH || r == -ENETUNREACH;
}

int transport_accept(struct listener *l, int *ret_fd, struct address *ret_peer)
{
	struct sockaddr_storage from = { 0 };
	struct sockaddr *addr = (struct sockaddr *)&from;
	struct address peer = { 0 };
	socklen_t len = sizeof from;
	int fd = sys_accept4(l->fd, addr, &len, SOCK_NONBLOCK);
	int r;

	if (fd == -EAGAIN || is_of_the_network(fd))
		return -EAGAIN; /* the next one, if any, keeps the listener readable */
	if (fd < 0)
		return transport_fail(fd, "accepting at", &l->address);
	r = l->transport->accepted(l, fd, addr, &peer);
	if (r < 0) { /* as good as gone */
		acre_ignore(sys_close(fd));
		return -EAGAIN;
	}
	*ret_fd = fd;
	*ret_peer = peer;
	return 0;
}

void transport_unlisten(struct listener *l)
{
	if (!l->transport)
		return;
	if (l->transport->unlisten)
		l->transport->unlisten(l);
	acre_ignore(sys_close(TAKE_FD(l->fd)));
	rundir_close(&l->dir);
	l->transport = NULL;
}

int transport_dial(int *ret_fd, const struct address *to,
		   const struct transport_options *o)
{
	const struct transport *t = transport_of(to);

	return t ? t->dial(ret_fd, to, o) : transport_fail(-EINVAL, "dialling", to);
}

int transport_dialled(int fd, const struct address *to)
{
	const struct transport *t = transport_of(to);

	return t && t->dialled ? t->dialled(fd, to) : 0;
}

/* AF_UNIX ... */
static int family_of(int fd)
{
	int family = 0;
	socklen_t len = sizeof family;
	int r = sys_getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len);

	return r < 0 ? r : family;
}

bool transport_say_end(int fd)
{
	int family = family_of(fd);

	if (family < 0 || family == AF_UNIX || PLANTED(LAST_WORDS_DROPPED))
		return false;
	return sys_shutdown(fd, SHUT_WR) >= 0;
}

int transport_peer(int fd, struct transport_peer *ret)
{
	struct transport_peer peer = { .pidfd = -1 };
	struct ucred cred = { 0 };
	socklen_t len = sizeof cred;
	int r = family_of(fd);

	if (r >= 0 && r != AF_UNIX) /* it would answer, with nothing in it */
		r = -EOPNOTSUPP;
	if (r >= 0)
		r = sys_getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len);
	if (r < 0)
		return acre_fail(-r, "asking who is at the other end: %s",
				 strerrordesc_np(-r));
	len = sizeof peer.pidfd;
	if (sys_has(SYS_HAS_PEER_PIDFD) &&
	    sys_getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &peer.pidfd, &len) < 0)
		peer.pidfd = -1; /* it has ended, and was reaped */
	peer.pid = cred.pid;
	peer.uid = cred.uid;
	peer.gid = cred.gid;
	*ret = peer;
	return 0;
}
