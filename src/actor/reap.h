/* SPDX-License-Identifier: MIT */
/* reap.h - collecting a child that has ended. */
#pragma once

#include <acre/error.h>

#include "base/pidref.h"

/* True once it has ended: it is reaped, and how it ended is filled in. Never waits. */
bool reap(const struct pidref *pid, struct acre_death *ret);
