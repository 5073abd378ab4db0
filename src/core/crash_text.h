/* SPDX-License-Identifier: MIT */
/* crash_text.h - what a crashed process has said, with its addresses looked up. */
#pragma once

/* The text with the lines of backtraces as crash.c writes them looked up by symbol.c, and without
 * the lines that only serve that; all other lines as they are. The caller frees it with free().
 * NULL: there is nothing to look up, or no memory. The text may come from a peer. */
char *crash_text_looked_up(const char *text);
