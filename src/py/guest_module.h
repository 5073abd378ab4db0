/* SPDX-License-Identifier: MIT */
/* guest_module.h - the module _acre, by which guest.py talks to the actor. */
#pragma once

#include "py/plugin.h"

PyObject *guest_module_init(void);

/* That of this thread; NULL with an exception. */
struct guest *guest_of_thread(void);

/* Without the GIL, until it is or a signal comes: one of the two descriptors of a guest. */
void guest_wait_readable(int fd);

/* By the thread that runs a guest, before it does; NULL: behind it. */
void guest_module_serve(struct guest *guest);
/* Whether this thread is one. */
bool guest_module_serves(void);
