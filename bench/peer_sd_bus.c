/* SPDX-License-Identifier: MIT */
/* peer_sd_bus.c - sd-bus from peer to peer: method calls, and calls without an answer. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "peer.h"

#define ITEMS 200000
/* Its queue of what could not be written has an end; so what is sent is flushed in time. */
#define FLUSH_EACH 64
#define PATH	   "/peer"
#define INTERFACE  "bench.Peer"

static int pair[2];
static sd_bus *bus;

static void check(int r)
{
	if (r < 0) {
		fprintf(stderr, "peer: %s\n", strerror(-r));
		exit(1);
	}
}

static void connect_bus(int fd, int is_server)
{
	sd_id128_t id;

	check(sd_bus_new(&bus));
	check(sd_bus_set_fd(bus, fd, fd));
	check(sd_id128_randomize(&id));
	if (is_server)
		check(sd_bus_set_server(bus, 1, id));
	check(sd_bus_start(bus));
}

static void put(sd_bus_message *m, const struct peer_message *out)
{
	check(sd_bus_message_append(m, "t", out->number));
	check(sd_bus_message_append_array(m, 'y', out->rest, sizeof out->rest));
}

static void get(sd_bus_message *m, struct peer_message *in)
{
	const void *rest;
	size_t len;

	check(sd_bus_message_read(m, "t", &in->number));
	check(sd_bus_message_read_array(m, 'y', &rest, &len));
	peer_must(len == sizeof in->rest);
	memcpy(in->rest, rest, len);
}

static int answer(sd_bus_message *call, void *unused, sd_bus_error *error)
{
	struct peer_message in;
	sd_bus_message *m;

	(void)unused;
	(void)error;
	get(call, &in);
	check(sd_bus_message_new_method_return(call, &m));
	put(m, &in);
	check(sd_bus_send(NULL, m, NULL));
	sd_bus_message_unref(m);
	return 1;
}

/* One step of its loop. */
static void step(void)
{
	int r = sd_bus_process(bus, NULL);

	check(r);
	if (r == 0)
		check(sd_bus_wait(bus, UINT64_MAX)); /* bound: the partner's death */
}

static void echo(void)
{
	connect_bus(pair[1], 1);
	check(sd_bus_add_object(bus, NULL, PATH, answer, NULL));
	for (;;)
		step();
}

static sd_bus_message *new_call(uint64_t number)
{
	struct peer_message out = { .number = number };
	sd_bus_message *m;

	check(sd_bus_message_new_method_call(bus, &m, NULL, PATH, INTERFACE, "Take"));
	put(m, &out);
	return m;
}

static void once(uint64_t number)
{
	sd_bus_message *call = new_call(number), *back;
	struct peer_message in;

	check(sd_bus_call(bus, call, 0, NULL, &back));
	get(back, &in);
	peer_must(in.number == number);
	sd_bus_message_unref(call);
	sd_bus_message_unref(back);
}

static double trip(void)
{
	pid_t partner;
	double cost;

	peer_must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	partner = peer_fork(echo);
	connect_bus(pair[0], 0);
	cost = peer_trips(once);
	peer_dismiss(partner);
	return cost;
}

static void produce(void)
{
	connect_bus(pair[1], 0);
	for (uint64_t i = 0; i < ITEMS; i++) {
		sd_bus_message *m = new_call(i);

		check(sd_bus_message_set_expect_reply(m, 0));
		check(sd_bus_send(bus, m, NULL));
		if (i % FLUSH_EACH == 0)
			check(sd_bus_flush(bus));
		sd_bus_message_unref(m);
	}
	check(sd_bus_flush(bus));
	pause();
}

static struct peer_message came;
static int has_come;

static int take(sd_bus_message *call, void *unused, sd_bus_error *error)
{
	(void)unused;
	(void)error;
	get(call, &came);
	has_come = 1;
	return 1;
}

static uint64_t receive(void)
{
	for (has_come = 0; !has_come;)
		step();
	return came.number;
}

static double flood(void)
{
	pid_t partner;
	double rate;

	peer_must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	partner = peer_fork(produce);
	connect_bus(pair[0], 1);
	check(sd_bus_add_object(bus, NULL, PATH, take, NULL));
	rate = peer_floods(receive, ITEMS);
	peer_dismiss(partner);
	return rate;
}

int main(int argc, char **argv)
{
	static const struct peer sd_bus = { trip, flood };

	return peer_main(argc, argv, &sd_bus);
}
