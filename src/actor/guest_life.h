/* SPDX-License-Identifier: MIT */
/* guest_life.h - being the process of a guest. */
#pragma once

struct python_plugin;

/* By the child of a forkserver with Python, behind newborn_begin_in_child(), on its one
 * thread: lives as the actor of that title, and ends. */
_Noreturn void guest_live(const struct python_plugin *plugin, const char *title);
