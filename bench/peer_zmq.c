/* SPDX-License-Identifier: MIT */
/* peer_zmq.c - ZeroMQ: request and reply, push and pull, over a UNIX socket. */
#include <zmq.h>

#include "peer_socket.h"

#define ITEMS 1000000

static void *sock;

static void receive_into(struct peer_message *m)
{
	peer_must(zmq_recv(sock, m, sizeof *m, 0) == sizeof *m);
}

static void send_out(struct peer_message *m)
{
	peer_must(zmq_send(sock, m, sizeof *m, 0) == sizeof *m);
}

static void open_as(enum peer_role role)
{
	static const int types[] = { [PEER_REPLIES] = ZMQ_REP,
				     [PEER_REQUESTS] = ZMQ_REQ,
				     [PEER_PUSHES] = ZMQ_PUSH,
				     [PEER_PULLS] = ZMQ_PULL };
	void *context = zmq_ctx_new();

	peer_must(context != NULL);
	sock = zmq_socket(context, types[role]);
	peer_must(sock != NULL);
	if (role == PEER_REPLIES || role == PEER_PUSHES)
		peer_must(zmq_connect(sock, peer_address()) == 0);
	else
		peer_must(zmq_bind(sock, peer_address()) == 0);
}

int main(int argc, char **argv)
{
	static const struct peer_socket zmq = { open_as, send_out, receive_into, ITEMS };

	return peer_socket_main(argc, argv, &zmq);
}
