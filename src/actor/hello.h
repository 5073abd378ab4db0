/* SPDX-License-Identifier: MIT */
/* hello.h - both Aids of a link over TCP prove that their actors hold the tree's key. */
#pragma once

#include "actor/peer.h"
#include "wire/transport.h"

/* Whether links at that address can be made safe, and with our key: EOPNOTSUPP, EACCES. */
int hello_may_use(const struct address *address);
/* Whether nothing but the key tells who is at the other end of a link at that address. */
static inline bool hello_is_keyed(const struct address *address)
{
	const struct transport *t = transport_of(address);

	return t && !t->has_peer;
}

/* Adds to our Aid what its peer's link asks for; borrowed from the peer. */
int hello_prove(struct acre_actor *a, struct msg_aid *aid);
/* Whether the peer's Aid says enough; EACCES, ENOSPC, ENOMEM. */
int hello_check(struct acre_actor *a, const struct msg_aid *aid);
