/* SPDX-License-Identifier: MIT */
/* server.h - who may dial this actor: its listeners, and the links that came over them. */
#pragma once

#include "core/loop.h"
#include "core/timer.h"
#include "wire/auth.h"
#include "wire/limits.h"
#include "wire/msg.h"
#include "wire/transport.h"

/*
 * A listener accepts whoever connects, within a limit of links that are not admitted yet.
 * A caller is admitted by its kernel credentials (on a Unix socket: our own uid) or by the tree's
 * key (over TCP: hello.h), and by its Aid, which must come within HELLO_MS and be no longer than HELLO; until then not a byte is
 * answered, and whoever does not get there is closed without one. An admitted caller is a
 * peer like others: it may call what this actor exposes, and its end is noticed.
 *
 * The server owns its listeners and the peers that dialled, until server_close(), which stops
 * listening first and lets what was answered go out.
 */
#define SERVER_LISTENERS_MAX 8

struct acre_actor;

struct server_listener {
	struct watch watch;
	struct listener listener; /* owned */
	int64_t since_us; /* when it began: what callers said before was not to us */
};

struct server {
	struct wire_limits hello; /* of a caller that is not admitted: one short frame */
	struct server_listener listeners[SERVER_LISTENERS_MAX];
	size_t n_listeners;
	uint32_t n_unadmitted;
	struct auth_heard heard; /* of callers over TCP */
};

void server_init(struct server *s);
/* Binds and listens: as transport_listen(), and ENOSPC. */
int server_listen(const struct address *address);
/* Takes a connection that this listener has accepted: from now on it is a caller, among the
 * strangers, that has yet to introduce itself. */
int server_take(const struct server_listener *l, int take_fd);
/* Where the i-th listener is reached. */
static inline const struct address *server_address(const struct server *s, size_t i)
{
	return &s->listeners[i].listener.address;
}
/* No more callers: the listeners are closed, and their sockets are taken away. */
void server_stop_listening(void);
/* Every link that was dialled, by us or to us, ends once what was said has gone out; not a
 * checkpoint, bound: PEER_GOODBYE_NS. */
void server_say_goodbye(void);
/* At once, whatever is open: the loop runs no more. */
void server_close(void);

/* peer.c: a caller's Aid has come: whether it may stay, else its link is closed; it was answered;
 * its link has ended. */
bool server_admits(struct acre_actor *caller, const struct msg_aid *aid);
void server_welcome(struct acre_actor *caller, bool is_probe);
void server_caller_lost(struct acre_actor *caller);
