/* SPDX-License-Identifier: MIT */
/* peer_nng.c - nng: request and reply, push and pull, over a UNIX socket. */
#include <nng/nng.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <stdio.h>
#include <stdlib.h>

#include "peer_socket.h"

#define ITEMS 50000 /* it moves tens of thousands a second */

static nng_socket sock;

static void check(int r)
{
	if (r) {
		fprintf(stderr, "peer: %s\n", nng_strerror(r));
		exit(1);
	}
}

static void receive_into(struct peer_message *m)
{
	size_t len = sizeof *m;

	check(nng_recv(sock, m, &len, 0));
	peer_must(len == sizeof *m);
}

static void send_out(struct peer_message *m)
{
	check(nng_send(sock, m, sizeof *m, 0));
}

static void open_as(enum peer_role role)
{
	static int (*const opens[])(nng_socket *) = { [PEER_REPLIES] = nng_rep0_open,
						      [PEER_REQUESTS] = nng_req0_open,
						      [PEER_PUSHES] = nng_push0_open,
						      [PEER_PULLS] = nng_pull0_open };

	check(opens[role](&sock));
	if (role == PEER_REPLIES || role == PEER_PUSHES)
		check(nng_dial(sock, peer_address(), NULL, NNG_FLAG_NONBLOCK));
	else
		check(nng_listen(sock, peer_address(), NULL, 0));
}

int main(int argc, char **argv)
{
	static const struct peer_socket nng = { open_as, send_out, receive_into, ITEMS };

	return peer_socket_main(argc, argv, &nng);
}
