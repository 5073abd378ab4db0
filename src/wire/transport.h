/* SPDX-License-Identifier: MIT */
/* transport.h - the ways to a peer: one table of listening, accepting and dialling. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "wire/address.h"
#include "wire/rundir.h"

/*
 * A transport makes connected stream sockets, non-blocking and close-on-exec, which a link
 * then owns; what goes over them is the same on all. The kind of an address chooses the
 * transport, and an actor may use several at once.
 *
 * Nothing here waits, so nothing here has a deadline: a listener is readable when there is
 * somebody to accept, and a dial that is under way is over when its descriptor is
 * writable. Whoever waits for that says for how long (the peer may be stopped, and then
 * what was dialled is connected and stays silent).
 *
 * Not here: who may connect, and what is said first (the Aid).
 */

/* number, name, default, unit, reason */
#define TRANSPORT_OPTIONS(O)                                                       \
	O(BACKLOG, backlog, 128, "links",                                          \
	  "those that connect while the loop runs one task wait in the kernel")    \
	O(KEEPALIVE_IDLE, keepalive_idle_s, 1, "s",                                \
	  "so long a TCP link is silent until its peer's host is asked; 0: never") \
	O(KEEPALIVE_INTERVAL, keepalive_interval_s, 1, "s",                        \
	  "a host that does not answer is asked again")                            \
	O(KEEPALIVE_COUNT, keepalive_count, 3, "questions",                        \
	  "a host that has answered none of them is dead")                         \
	O(USER_TIMEOUT, user_timeout_ms, 3000, "ms",                               \
	  "keepalive does not ask while bytes are on their way: these bound it; 0: no")

enum {
#define AS_ENUM(number, name, value, unit, reason) TRANSPORT_OPTION_##number,
	TRANSPORT_OPTIONS(AS_ENUM)
#undef AS_ENUM
		N_TRANSPORT_OPTION
};

struct transport_options {
#define AS_FIELD(number, name, value, unit, reason) uint32_t name;
	TRANSPORT_OPTIONS(AS_FIELD)
#undef AS_FIELD
};

extern const struct transport_options transport_options_default;

/* Bounds of user_timeout_ms: below, hosts that live would be given up (tcp_look.c); above, nobody
 * waits for it. */
#define TRANSPORT_TIMEOUT_LEAST_MS 2000
#define TRANSPORT_TIMEOUT_MOST_MS  (3600 * 1000)

/* The same, but that a host is dead when it has answered nothing for so long. */
struct transport_options transport_options_of(uint32_t timeout_ms);

struct transport;

struct listener {
	const struct transport *transport; /* NULL: closed */
	int fd; /* owned; readable: there is somebody to accept */
	struct address
		address; /* where it is reached: a port of 0 has become a real one */
	struct transport_options options;
	/* UNIX: whose file it is, so that no other one is ever removed. */
	pid_t maker;
	struct rundir dir; /* owned */
	dev_t dev;
	ino_t ino;
};

/* Who is at the other end, as the kernel says: as of connecting, or for a server as of
 * its listen(). */
struct transport_peer {
	pid_t pid; /* 0: of another PID namespace. May be reused: see pidfd */
	uid_t uid;
	gid_t gid;
	int pidfd; /* owned by the caller; -1 where the kernel has no SO_PEERPIDFD (6.5) */
};

struct transport {
	const char *name; /* "uds", "tcp", "inherited" */
	bool has_peer;	  /* transport_peer() knows */
	/* The functions below, for addresses of this transport. */
	int (*listen)(struct listener *l, const struct address *at);
	int (*dial)(int *ret_fd, const struct address *to,
		    const struct transport_options *o);
	int (*dialled)(int fd, const struct address *to);
	/* What an accepted descriptor still needs, and whose it is. */
	int (*accepted)(const struct listener *l, int fd, const struct sockaddr *from,
			struct address *ret_peer);
	void (*unlisten)(struct listener *l); /* before its descriptor is closed */
};

/* The row that serves addresses of this kind; NULL for none. */
const struct transport *transport_of(const struct address *a);
/* The row of that name; NULL if there is none. */
const struct transport *transport_named(const char *name);

/* Listens there. On failure nothing is left and *ret is not touched:
 *	EADDRINUSE	somebody else listens there, or is about to
 *	EEXIST		there is a file that is no socket
 *	EPERM ...	as rundir_open_of() says of the directory
 *	EOPNOTSUPP	nobody can listen at such an address
 * or another one of the kernel's. A socket file whose listener has died is taken over. */
int transport_listen(struct listener *ret, const struct address *at,
		     const struct transport_options *o);

/* The next one that has connected; *ret_peer is none where it has no address. A plain
 * -EAGAIN: there is nobody (any more). Others (EMFILE, ENOMEM) leave it where it is, and
 * the listener readable: wait a while. */
int transport_accept(struct listener *l, int *ret_fd, struct address *ret_peer);

/* Ends it, and removes its file. In a child of fork the file stays, it is the parent's.
 * Those who have connected and were not accepted see a reset. Idempotent. */
void transport_unlisten(struct listener *l);

/* Connects. 0: it is connected. 1: it is under way, and transport_dialled() tells when
 * the descriptor is writable. In both cases the descriptor is the caller's. Failures:
 *	ECONNREFUSED	nobody listens there
 *	ENOENT		nor is there a socket file
 *	EAGAIN		a UNIX listener's backlog is full: nothing tells when it is not
 *	EINVAL		nobody can be reached at such an address (port 0, none)
 * or another one of the kernel's. An inherited descriptor is itself what is returned. */
int transport_dial(int *ret_fd, const struct address *to,
		   const struct transport_options *o);
/* 0: it is connected; 1: it is still under way; else it has failed, and the descriptor is
 * to be closed. */
int transport_dialled(int fd, const struct address *to);

/* All has been written that ever will be. False: the descriptor can be closed, all of it is the
 * peer's. True: the peer has been told (an EOF behind all bytes), and must end it, too: TCP drops
 * what it still has to carry if a descriptor is closed in which bytes lie unread. */
bool transport_say_end(int fd);

/* EOPNOTSUPP: TCP does not know. */
int transport_peer(int fd, struct transport_peer *ret);

/* What the looks at a descriptor have found so far; all zero at first. */
struct transport_health {
	bool is_full;	   /* the peer's window: the user time-out is kept here, not by
			    * the kernel */
	unsigned n_silent; /* looks in a row that have found no answer */
};

/* Whether the peer's host still answers while bytes wait for it: to be called after bytes
 * were written, and then again after as many ms as it returns; 0: none wait, so the kernel
 * watches alone. -ETIMEDOUT: the host is dead. It tells a stopped peer from a dead host,
 * which the kernel does not (tcp_look.c). `o`: those that made the descriptor. */
int transport_look(struct transport_health *h, int fd, const struct transport_options *o);

/* For the rows: files the failure `r` of what was done at an address. */
int transport_fail(int r, const char *doing, const struct address *a);
/* A fresh socket, which does not block. */
int transport_socket(int family);

extern const struct transport transport_uds, transport_tcp;
