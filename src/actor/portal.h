/* SPDX-License-Identifier: MIT */
/* portal.h - links that this actor dials, to call whoever answers there. */
#pragma once

#include "actor/peer.h"
#include "wire/address.h"

/*
 * A portal is the handle of an actor that we have dialled. It is held by who has asked for it,
 * maybe more than once for one address, and closed when the last one lets it go and its
 * contexts have ended; at the latest with the runtime.
 */

/* What it may take until the other side has introduced itself: the reference's figure for all
 * attempts of a probe. */
#define PORTAL_HELLO_NS (3000 * LIFE_MS)

/* Dials, or takes the portal that there is, and waits for the other's Aid. ECONNREFUSED, ENOENT
 * ...: nobody is there; ACRE_ETOOSLOW: no Aid came in that
 * time. A checkpoint. */
int portal_open(struct acre_actor **ret, const struct address *address, int64_t span_ns);
/* Takes the descriptor, which is connected to that address: on success the peer is among the
 * strangers, and has one holder. */
int portal_take(struct acre_actor **ret, const struct address *address, int take_fd);
/* One holder less; nothing for a peer that is no portal. NULL is returned. */
struct acre_actor *portal_release(struct acre_actor *a);
/* Asks a stranger to end and waits for its ack, or the end of its link; a checkpoint. */
int portal_cancel(struct acre_actor *a);

/* peer.c: an Aid has come from who was dialled: whether it is the one, else its link is closed. */
bool portal_admits(struct acre_actor *a, const struct msg_aid *aid);
/* peer.c: its last context has ended; its link has. */
void portal_is_idle(struct acre_actor *a);
void portal_link_lost(struct acre_actor *a);
