/* SPDX-License-Identifier: MIT */
/* sweep.h - processes that a test left behind: named, killed and reaped. */
#pragma once

#include <sys/types.h>

#include "lib/text.h"

/* The children of this process, which is the test: there must be none, in whatever state.
 */
void sweep_children(struct text *to);

/*
 * The children of this process, which is the runner: they are orphans of the test, except
 * one, its process (0 if that was reaped). There must be none but those that are already
 * killed.
 */
void sweep_orphans(pid_t except, struct text *to);
