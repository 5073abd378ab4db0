/* SPDX-License-Identifier: MIT */
/* beside.h - a guest in an interpreter of its own, beside others of its process. */
#pragma once

#include "py/plugin.h"

/* See struct python_plugin. */
int beside_begin(void);
int beside_run(struct guest *guest);
bool beside_condemn(struct guest *guest);
void beside_jail(struct guest *guest);
void beside_free(struct guest *guest);

/* Any thread, never waits. Nothing happens where it does not run yet, or no more. */
void beside_interrupt(struct guest *guest);

/* Whether Python was begun for such guests here, or in the process that this is a fork of. */
bool beside_has_begun(void);
