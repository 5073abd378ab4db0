/* SPDX-License-Identifier: MIT */
/* process.h - handles of child processes from inside. */
#pragma once

#include <acre/process.h>

#include "base/pidref.h"

/* The child is the handle's on success, and stays the caller's on failure; PIDREF_NULL: it
 * comes later. -ENOMEM. */
int process_new(struct acre_process **ret, const struct pidref *take_pid);
void process_hold(struct acre_process *process, const struct pidref *take_pid);
