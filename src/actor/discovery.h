/* SPDX-License-Identifier: MIT */
/* discovery.h - finding other actors by name: what this one knows of registrars, and asks them. */
#pragma once

#include <acre/discovery.h>

#include "wire/address.h"
#include "wire/auth.h"
#include "wire/pack.h"
#include "wire/rundir.h"
#include "wire/transport.h"

/*
 * A tree with discovery has transports over which its actors listen, and registrars that know
 * their names: those that the root was given, or the root itself. All this goes down the tree
 * with each SpawnSpec. Before an actor serves it listens once over each transport and registers
 * what it has bound at each registrar, over a link that it then keeps: the end of that link is
 * how a registrar learns at once that it is gone.
 *
 * A tree without discovery listens nowhere, and nothing here is done for it.
 */

#define DISCOVERY_REGISTRARS_MAX 8

/* Below $XDG_RUNTIME_DIR, for all trees of this user; the command acre looks there. */
#define DISCOVERY_PROGRAM "acre"
/* The socket of a registrar: REGISTRY@1616.sock. Where others have a pid stands the reference's
 * port. */
#define DISCOVERY_REGISTRY	  "registry"
#define DISCOVERY_REGISTRY_NUMBER 1616

struct acre_run_options;
struct acre_actor;
struct runtime;

struct registrar {
	struct address address;
	bool is_us;
	struct acre_actor *link; /* a portal that we hold, or our parent; NULL: us, or not yet */
};

struct discovery {
	uint32_t transports; /* bits, see join.c; 0: no discovery */
	bool reference_peers; /* peers without part B of the protocol may stay */
	/* of Unix sockets of the tree; made, held open and removed by the root */
	struct rundir folder;
	struct address listen[DISCOVERY_REGISTRARS_MAX]; /* beyond one for each transport */
	size_t n_listen;
	struct registrar registrars[DISCOVERY_REGISTRARS_MAX];
	size_t n_registrars;
	struct auth_key *key; /* owned; NULL: no TCP */
	struct transport_options links; /* that are dialled, or accepted */
};

void discovery_init(struct discovery *d);
/* The root's options: what is wrong with them is said before anything is done. */
int discovery_choose(struct discovery *d, const struct acre_run_options *o);
/* The root: listens, and attaches to its registrars, or becomes what is missing. Then, in any
 * actor: listens and registers. Checkpoints. */
int discovery_found(void);
int discovery_join(void);
/* Calls self.FUNC of a registrar, whose answer says nothing; a checkpoint. */
typedef void pack_fn(struct pack_writer *w, const void *what);
int discovery_tell(struct acre_actor *registrar, const char *func, pack_fn *pack,
		   const void *what);
/* The socket of a child that was killed, and so could not remove it. */
void discovery_clean_up_after(const struct acre_actor *child);
/* The portals to registrars; the root's folder. */
void discovery_end(void);
/* The key: once no link is there any more. */
void discovery_fini(struct discovery *d);

/* In a SpawnSpec: reg_addrs, and the value of our key "discovery". */
void discovery_pack_registrars(struct pack_writer *w);
void discovery_pack(struct pack_writer *w);
int discovery_read(struct pack_reader *in);
int discovery_read_registrars(struct pack_reader *in);
