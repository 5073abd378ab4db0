/* SPDX-License-Identifier: MIT */
/* peer.h - what the programs of all peers have in common: a partner, a socket, one figure. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/*
 * A peer's program moves messages of 64 bytes between two processes, in the way that the peer's
 * manual shows first, and prints one figure. The first eight bytes are the message's number,
 * which the receiver checks. Nothing of ours is linked with it.
 */

#define PEER_SIZE    64
#define PEER_WARM_UP 500
#define PEER_TRIPS   10000

struct peer_message {
	uint64_t number;
	char rest[PEER_SIZE - sizeof(uint64_t)];
};

struct peer {
	double (*trip)(void); /* us there and back */
	double (*flood)(
		void); /* M/s one way, from the first message that came to the last */
};

/* `PROGRAM trip` or `PROGRAM flood`. */
int peer_main(int argc, char **argv, const struct peer *peer);

/* A partner, which runs fn and ends with it, and with this process. It is over when it is
 * dismissed, whatever it does. */
pid_t peer_fork(void (*fn)(void));
void peer_dismiss(pid_t pid);

/* "ipc://PATH", for both; the socket is removed at the end. */
const char *peer_address(void);

/* Ends the program with errno's text. */
void peer_must(int ok);

/* The two measurements, by what one message takes. */
double peer_trips(void (*once)(uint64_t number));
double peer_floods(uint64_t (*receive)(void), uint64_t n);
