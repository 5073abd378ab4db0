/* SPDX-License-Identifier: MIT */
/* process.h - handles of child processes from inside. */
#pragma once

#include <acre/process.h>

#include "base/pidref.h"

/* A handle without a child, for process_hold(). -ENOMEM. */
int process_new(struct acre_process **ret);
/* The child is the handle's from here on, and no stranger to the sweep: before it can have
 * left our process group. Any thread, if nobody else has the handle meanwhile. */
void process_hold(struct acre_process *process, const struct pidref *take_pid);
