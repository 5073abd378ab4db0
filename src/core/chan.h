/* SPDX-License-Identifier: MIT */
/* chan.h - channels from inside: what a select needs of them. */
#pragma once

#include <acre/chan.h>

#include "core/sched.h"

/*
 * A wait in a channel has `task` and `index` set, and `item` is what is sent, or where an
 * item is received to. It is ended by unpark(task, index): `item` is then NULL if the
 * item changed hands, and as it was if the channel was closed instead.
 */

/* That the call would not wait. */
bool chan_can_send(const struct acre_chan *chan);
bool chan_can_recv(const struct acre_chan *chan);

/* Behind all who wait there. Only if the call would wait. */
void chan_link_sender(struct acre_chan *chan, struct wait *w);
void chan_link_receiver(struct acre_chan *chan, struct wait *w);

/* After the wait was ended by the channel: what the plain call returns. */
int chan_sent(const struct acre_chan *chan, const struct wait *w);
int chan_received(const struct wait *w);
