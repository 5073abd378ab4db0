/* SPDX-License-Identifier: MIT */
/* quiet.h - writing for others: without waiting, and without a signal if nobody reads. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* What a pipe that polls writable takes without waiting: a page. */
#define QUIET_WRITE_MOST 4096

/*
 * Writes at most that much to a descriptor that we share with others, and whose flags are
 * therefore not ours to change. How much it took; -EAGAIN: it would wait, if only for what
 * another process writes at the same time; else what write() says. A SIGPIPE of it is
 * forgotten, unless the thread blocks that: then it is the program's.
 */
ssize_t quiet_write(int fd, const char *bytes, size_t n);
