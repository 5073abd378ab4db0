/* SPDX-License-Identifier: MIT */
/* peers.h - other libraries' ways between processes as floors: each a program of its own. */
#pragma once

/*
 * A peer's program (peer.h) is run for each repetition and prints one figure; nothing of the
 * peer is linked with what measures ours.
 */

struct peer_row {
	const char *name;    /* NULL behind the last one */
	const char *what;    /* with version, and kind of socket */
	const char *way;     /* what its bytes go over (raw.h) */
	const char *program; /* in the folder of this program, or a path */
	const char *script;  /* that the program runs; NULL: none */
};

/* Those that are installed. */
#define PEERS_MAX 4
extern const struct peer_row peer_rows[PEERS_MAX + 1];

/* Of the running row's peer; NAN: it has failed, and has said why. */
double peer_trip(void);	 /* us there and back */
double peer_flood(void); /* M/s */
double peer_ready(void); /* us from the start of a process to what it says first */
