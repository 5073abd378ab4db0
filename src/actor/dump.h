/* SPDX-License-Identifier: MIT */
/* dump.h - all that is to be known of a process that hangs, and of the actors below it. */
#pragma once

#include <sys/types.h>

#include "actor/snap.h"

/*
 * It is read, not asked for: from the memory of the process, with its threads stopped for some
 * milliseconds. So it works while the loop is blocked, while the process is stopped by SIGSTOP,
 * and in the same words for the own process, for a child, and for a stranger (`acre dump PID`).
 * Names are looked up afterwards, when all run again.
 *
 * Actors below are read from outside as well, the parent first: a child that hangs needs to do
 * nothing. What may not be read is a line that says so.
 *
 * Any thread but one of a task: libdw wants a big stack (DUMP_STACK). Bounded by what there is
 * to read: 1,000 tasks take less than a second.
 */
#define DUMP_STACK ((size_t)2 << 20)

/* This process and the tree below it. 0, or -errno: then nothing, or not all, was written. */
int dump_write(int fd);

/* Another one. -ENOENT: acre is not in it, -EPROTO: of another version, which
 * ret_version names; -ESRCH, -EPERM. */
int dump_write_process(int fd, pid_t pid, char ret_version[SNAP_VERSION_MAX]);

/* dump_text.c: one process. 0, or -errno of writing. */
int dump_text(int fd, struct snap *s);
/* A line of its own. */
int dump_line(int fd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
