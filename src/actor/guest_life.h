/* SPDX-License-Identifier: MIT */
/* guest_life.h - being the process of a guest. */
#pragma once

struct guest;
struct python_plugin;

/* On the process's first thread, where Python has started: runs a guest, and live(), which is
 * its actor's life, on a second thread beside it. Returns what that did, when both have ended;
 * or ends the process with that status, if the guest does not end. */
int guest_host(const struct python_plugin *plugin,
	       int (*live)(struct guest *guest, void *arg), void *arg);

/* By a child of fork of a process with Python, behind newborn_begin_in_child(), on its one
 * thread: lives as the actor of that title, and ends. */
_Noreturn void guest_live(const struct python_plugin *plugin, const char *title);
