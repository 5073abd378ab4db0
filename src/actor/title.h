/* SPDX-License-Identifier: MIT */
/* title.h - what ps says of a process that was forked, not executed. */
#pragma once

/* From here on the arguments of this process, as /proc shows them, are those that an actor
 * is executed with: `title`, and the word that makes one. What the program has as its argv
 * stays. By a process with one thread. 0, or -errno: nothing has changed. */
int title_show(const char *title);
