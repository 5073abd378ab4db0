/* SPDX-License-Identifier: MIT */
/* reference.h - what is done otherwise towards a peer without part B of the protocol. */
#pragma once

#include "actor/context.h"

/*
 * Such a peer is an actor of the reference (doc/PROTOCOL.md, part A): it dies of a kind that it
 * does not know, so it gets no Cancel and no Credit. Whoever sends asks peer_has() first, and
 * comes here if the answer is no.
 */

/* Asks it to cancel a context of ours, or (no cid) to end, by a Start whose answers come to
 * reference_heard(). */
void reference_cancel(struct acre_actor *a, struct slice cid);
/* Whether a frame answers such a Start; then it has been dealt with. */
bool reference_heard(struct acre_actor *a, const struct msg *m);
/* Whether an item is one too many, without credits to say so; then it has been answered. */
bool reference_overran(struct acre_context *ctx);
/* Whether an Error says that we have sent too much, and not how the callee ended. */
bool reference_was_overrun(const struct acre_context *ctx, const struct msg_error *e);
/* Refuses a call of "self" that would be the end of it; 0, or -class. */
int reference_may_call(const struct acre_actor *a, const char *ns, const char *name);
