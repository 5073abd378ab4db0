/* SPDX-License-Identifier: MIT */
/* peer_zmq.c - ZeroMQ: request and reply, push and pull, over a UNIX socket. */
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "peer.h"

#define ITEMS 1000000

static void *sock;

static void receive_into(struct peer_message *m)
{
	peer_must(zmq_recv(sock, m, sizeof *m, 0) == sizeof *m);
}

static void send_out(const struct peer_message *m)
{
	peer_must(zmq_send(sock, m, sizeof *m, 0) == sizeof *m);
}

static void *socket_of(int type)
{
	void *context = zmq_ctx_new();

	peer_must(context != NULL);
	sock = zmq_socket(context, type);
	peer_must(sock != NULL);
	return sock;
}

static void echo(void)
{
	struct peer_message m;

	peer_must(zmq_connect(socket_of(ZMQ_REP), peer_address()) == 0);
	for (;;) {
		receive_into(&m);
		send_out(&m);
	}
}

static void once(uint64_t number)
{
	struct peer_message m = { .number = number };

	send_out(&m);
	memset(&m, 0, sizeof m);
	receive_into(&m);
	peer_must(m.number == number);
}

static double trip(void)
{
	pid_t partner = peer_fork(echo);
	double cost;

	peer_must(zmq_bind(socket_of(ZMQ_REQ), peer_address()) == 0);
	cost = peer_trips(once);
	peer_dismiss(partner);
	return cost;
}

static void produce(void)
{
	struct peer_message m = { .number = 0 };

	peer_must(zmq_connect(socket_of(ZMQ_PUSH), peer_address()) == 0);
	for (; m.number < ITEMS; m.number++)
		send_out(&m);
	pause(); /* its thread sends the rest */
}

static uint64_t receive(void)
{
	struct peer_message m;

	receive_into(&m);
	return m.number;
}

static double flood(void)
{
	pid_t partner = peer_fork(produce);
	double rate;

	peer_must(zmq_bind(socket_of(ZMQ_PULL), peer_address()) == 0);
	rate = peer_floods(receive, ITEMS);
	peer_dismiss(partner);
	return rate;
}

int main(int argc, char **argv)
{
	static const struct peer zmq = { trip, flood };

	return peer_main(argc, argv, &zmq);
}
