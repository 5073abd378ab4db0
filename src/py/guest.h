/* SPDX-License-Identifier: MIT */
/* guest.h - a guest in the main interpreter of its process, on the main thread. */
#pragma once

#include "actor/python.h"

/* See struct python_plugin. */
int guest_warm(void);
int guest_import(const char *module);
int guest_is_warm(void);
int guest_before_fork(bool has_gil);
void guest_after_fork_parent(void);
void guest_after_fork_child(void);
void guest_take_thread(void);
int guest_set_arguments(int argc, char **argv);
int guest_run(struct guest *guest);
void guest_interrupt(struct guest *guest);

/* The guest's thread, once for each: whether the interrupt that Python sees is one of
 * guest_interrupt(), and not a SIGINT from outside. */
bool guest_take_asked(void);
