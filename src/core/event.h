/* SPDX-License-Identifier: MIT */
/* event.h - events from inside: what a select and the shared things need of them. */
#pragma once

#include <acre/chan.h>

#include "core/sched.h"

/* acre_event_wait(), but what dumps print is this reason and object. */
int event_wait(struct acre_event *event, enum wait_what what, const void *object);

/* A wait with `task` and `index` set, which is ended by unpark(task, index). Only if
 * the event is not set. */
void event_link(struct acre_event *event, struct wait *w);
