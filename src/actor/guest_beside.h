/* SPDX-License-Identifier: MIT */
/* guest_beside.h - a guest on a thread of its own, beside the loop of an actor that is a thread. */
#pragma once

#include "actor/guest.h"

/* Python is there to host guests in this process; loads and starts it. Not on a fiber.
 * EOPNOTSUPP, EBUSY, ACRE_EGUEST. */
int guest_beside_begin(void);

/* Starts one: what it cannot do it says when it is to load its source. `name` is its actor's, and
 * is copied. EBUSY: too many are left in this process; ENOMEM, EAGAIN ... Filed. */
int guest_beside_open(struct guest **ret, const char *name);

/* Ends it, behind its actor's loop; bound: 2 s, and then it is jailed and left. */
void guest_beside_close(struct guest *guest);

/* How many were left in this process. Any thread. */
int guest_beside_n_left(void);
