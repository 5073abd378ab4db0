/* SPDX-License-Identifier: MIT */
/* arena.h - memory of interpreters that have their own, which no child of fork inherits. */
#pragma once

#include "py/plugin.h"

/* Before Python starts. */
void arena_begin(void);

/* The thread makes an interpreter that has memory of its own, from here to arena_made(). */
void arena_making(void);
/* That one, or NULL: there is none. */
void arena_made(PyInterpreterState *interp);
/* It has ended, or is about to. */
void arena_gone(PyInterpreterState *interp);
