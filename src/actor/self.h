/* SPDX-License-Identifier: MIT */
/* self.h - the calls that the runtime itself answers, under the name "self". */
#pragma once

#include "actor/peer.h"
#include "wire/msg.h"

/*
 * Eight calls, those of the reference (doc/PROTOCOL.md, A9): what a registrar is asked, and the two
 * ways to cancel that a peer without part B has. They are answered where they come in, on the
 * loop's fiber, without a task; only one who waits for a name is kept, and is let go with its
 * link or when it cancels.
 */

/* Whether it is one of the eight. */
bool self_has(const char *name);
/* A Start whose ns is "self". */
void self_start(struct acre_actor *from, const struct msg *m);
/* Whether a wait for a name has that cid; then it has been cancelled and its end sent. */
bool self_cancel(struct acre_actor *from, struct slice cid);
/* Its link has ended: nobody is left to be told. */
void self_link_lost(struct acre_actor *from);
/* The actor serves: who asked before is told now. A failure is that he cannot be. */
int self_serves(void);
