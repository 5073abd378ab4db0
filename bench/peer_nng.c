/* SPDX-License-Identifier: MIT */
/* peer_nng.c - nng: request and reply, push and pull, over a UNIX socket. */
#include <nng/nng.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "peer.h"

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

static void echo(void)
{
	struct peer_message m;

	check(nng_rep0_open(&sock));
	check(nng_dial(sock, peer_address(), NULL, NNG_FLAG_NONBLOCK));
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

	check(nng_req0_open(&sock));
	check(nng_listen(sock, peer_address(), NULL, 0));
	cost = peer_trips(once);
	peer_dismiss(partner);
	return cost;
}

static void produce(void)
{
	struct peer_message m = { .number = 0 };

	check(nng_push0_open(&sock));
	check(nng_dial(sock, peer_address(), NULL, NNG_FLAG_NONBLOCK));
	for (; m.number < ITEMS; m.number++)
		send_out(&m);
	pause(); /* its threads send the rest */
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

	check(nng_pull0_open(&sock));
	check(nng_listen(sock, peer_address(), NULL, 0));
	rate = peer_floods(receive, ITEMS);
	peer_dismiss(partner);
	return rate;
}

int main(int argc, char **argv)
{
	static const struct peer nng = { trip, flood };

	return peer_main(argc, argv, &nng);
}
