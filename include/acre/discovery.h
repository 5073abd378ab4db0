/* SPDX-License-Identifier: MIT */
/* discovery.h - finding actors by name or address, and the portals to call them by. */
#ifndef ACRE_DISCOVERY_H
#define ACRE_DISCOVERY_H

/*
 * An actor can call its parent, its children, and every actor that it finds. To be found is
 * asked for at the root (acre_run_options.transports): then each actor of the tree listens,
 * and is registered under its name before acre_spawn() returns.
 *
 *	struct acre_actor *gretchen;
 *
 *	r = acre_wait_for(&gretchen, "gretchen");
 *	if (r >= 0)
 *		r = acre_call(gretchen, hi, &nil, acre_text, &answer);
 *	acre_release(&gretchen);
 *
 * Names are not unique: the first of several to register is found. A registrar forgets an
 * actor at once when it is gone, however it went. Addresses are multiaddrs: "/unix/run/a.sock",
 * "/ip4/127.0.0.1/tcp/1616", "/ip6/::1/tcp/1616".
 *
 * That a handle is a portal to a stranger changes nothing in how it is used: contexts, streams,
 * failures and deadlines are those of any actor. acre_actor_cancel() asks the other actor to
 * end, and waits for its word only: whoever has made it waits for its end.
 *
 * The calls are tractor's find_actor(), wait_for_actor(), query_actor() and get_registry().
 *
 * THREADS: the loop's thread only. FORK: the parent's.
 */

#include <acre/actor.h>

ACRE_BEGIN_

/* Room for any multiaddr, with its end. */
#define ACRE_ADDRESS_SIZE 160

/*
 * Finds an actor by name or uuid: among the children, the parent, then at the registrars.
 * 1 with a handle, to be given to acre_release(); 0 and NULL for nobody: also if who was
 * registered does not answer, which the registrar is told. ACRE_ENORUNTIME; ACRE_ECLOSED: no
 * registrar can be asked. A checkpoint; bound: 3 s for each address.
 */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_find(struct acre_actor **ret, const char *name);

/* The same, but waits until there is one: 0, or < 0. EINVAL: a tree without discovery. A
 * checkpoint; give it a deadline by a scope. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_wait_for(struct acre_actor **ret, const char *name);

/* The address alone of who acre_find() would find, without dialling it: 1, or 0 and "". A
 * checkpoint. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_query(const char *name, char ret[ACRE_ADDRESS_SIZE]);

/* A portal to whoever listens at that multiaddr: 0, or why not (EINVAL, ECONNREFUSED, ENOENT,
 * ACRE_ETOOSLOW; over TCP EOPNOTSUPP: another host; EACCES: this tree has no key, or who
 * answers does not prove that it has the same). To be given to acre_release(). A checkpoint;
 * bound: 3 s. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_dial(struct acre_actor **ret, const char *address);

/* Lets a handle go that acre_find(), acre_wait_for() or acre_dial() gave; `*actor` is NULL
 * afterwards. The link closes when the last holder has let go and its contexts have ended. For
 * a child or the parent nothing happens; NULL is allowed. */
ACRE_PUBLIC_ void acre_release(struct acre_actor **actor);

/* What a registrar knows. */
struct acre_registered {
	const char *name;
	const char *uuid;
	const char *address; /* a multiaddr; an actor with several comes once for each */
};

/* Calls `each` for every address that the first registrar knows, or that `registrar` (a handle
 * of one) does, until it returns other than 0, which is then the result; texts are borrowed
 * for the call. A checkpoint. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int
acre_registry(struct acre_actor *registrar,
	      int (*each)(const struct acre_registered *entry, void *arg), void *arg);

/* The addresses at which this actor listens, as multiaddrs, at most n; returns how many there
 * are. */
ACRE_PUBLIC_ size_t acre_self_addresses(char (*ret)[ACRE_ADDRESS_SIZE], size_t n);

ACRE_END_
#endif
