/* SPDX-License-Identifier: MIT */
/* say.h - stderr, written without waiting for its reader. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Neither a reader that does not read nor one that has gone may hold up whoever says
 * something: what stderr does not take at once is left out, and the program's disposition of
 * SIGPIPE is not ours to change, so the one signal is caught. False: left out. Any thread.
 *
 * At most 4,096 bytes at once: a pipe that polls writable takes a page without waiting.
 */
bool say(const char *bytes, size_t n);
