/* SPDX-License-Identifier: MIT */
/* peer_socket.c - a peer whose sockets send and receive messages: request and reply, push and pull. */
#include "peer_socket.h"

#include <string.h>
#include <unistd.h>

static const struct peer_socket *of_peer;

static void echo(void)
{
	struct peer_message m;

	of_peer->open(PEER_REPLIES);
	for (;;) {
		of_peer->receive(&m);
		of_peer->send(&m);
	}
}

static void once(uint64_t number)
{
	struct peer_message m = { .number = number };

	of_peer->send(&m);
	memset(&m, 0, sizeof m);
	of_peer->receive(&m);
	peer_must(m.number == number);
}

static double trip(void)
{
	pid_t partner = peer_fork(echo);
	double cost;

	of_peer->open(PEER_REQUESTS);
	cost = peer_trips(once);
	peer_dismiss(partner);
	return cost;
}

static void produce(void)
{
	struct peer_message m = { .number = 0 };

	of_peer->open(PEER_PUSHES);
	for (; m.number < of_peer->n_items; m.number++)
		of_peer->send(&m);
	pause(); /* its threads send the rest */
}

static uint64_t receive(void)
{
	struct peer_message m;

	of_peer->receive(&m);
	return m.number;
}

static double flood(void)
{
	pid_t partner = peer_fork(produce);
	double rate;

	of_peer->open(PEER_PULLS);
	rate = peer_floods(receive, of_peer->n_items);
	peer_dismiss(partner);
	return rate;
}

int peer_socket_main(int argc, char **argv, const struct peer_socket *peer)
{
	static const struct peer sockets = { trip, flood };

	of_peer = peer;
	return peer_main(argc, argv, &sockets);
}
