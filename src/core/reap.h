/* SPDX-License-Identifier: MIT */
/* reap.h - collecting a child that has ended. */
#pragma once

#include <acre/error.h>

#include "base/pidref.h"

/* 1: it has ended and is reaped, and how it ended is filled in; 0: not yet. -ECHILD: it is not
 * ours to reap, or somebody else did (waitpid(-1)), so how it ended is not known. Never
 * waits. */
int reap(const struct pidref *pid, struct acre_death *ret);
