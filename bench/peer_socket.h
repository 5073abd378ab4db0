/* SPDX-License-Identifier: MIT */
/* peer_socket.h - what a library of message sockets tells of itself. */
#pragma once

#include "peer.h"

/* Whoever replies or pushes connects to the other, who listens. */
enum peer_role { PEER_REPLIES, PEER_REQUESTS, PEER_PUSHES, PEER_PULLS };

struct peer_socket {
	void (*open)(enum peer_role role); /* the one socket of this process */
	void (*send)(struct peer_message *m);
	void (*receive)(struct peer_message *m);
	uint64_t n_items; /* of a flood: as many as it moves in about a second */
};

int peer_socket_main(int argc, char **argv, const struct peer_socket *peer);
