/* SPDX-License-Identifier: MIT */
/* waitfd.h - waiting for descriptors of the program, alone or in a select. */
#pragma once

#include <acre/chan.h>

#include "core/sched.h"

/*
 * Both take a wait whose `task` and `index` are set and whose `item` is the case: fd and
 * events say what is waited for. When it comes, the task is unparked with `index` and the
 * case's `result` is what acre_wait_fd() returns: the events, or a plain -errno if the
 * descriptor was closed meanwhile.
 */

/* 0: linked. > 0: these events are there already, nothing was linked (a file is always
 * ready). -EBADF, -EINVAL (events that poll() does not have), -ENOMEM, -ENOSPC: nothing
 * was linked. */
int waitfd_link(struct wait *w);

/* After each park on a linked wait, however it ended: whoever was cancelled has left an
 * interest behind. Idempotent. */
void waitfd_unlink(struct wait *w);

/* What acre_wait_fd() does, but a failure is a plain -errno, and dumps say `what`. Shielded,
 * it is no checkpoint: each caller names what bounds it instead. */
int waitfd_wait(int fd, int events, enum wait_what what, bool shielded);
