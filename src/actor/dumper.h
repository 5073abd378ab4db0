/* SPDX-License-Identifier: MIT */
/* dumper.h - the thread that writes a dump when time is over, or when SIGUSR1 comes. */
#pragma once

#include <acre/dump.h>

/* SIGUSR1, which the caller has blocked in this thread and all that exist, asks for a dump from
 * here on. -EAGAIN ... Once at a time in a process. */
int dumper_take_signal(void);
/* Idempotent. A dump that is being written is waited for. */
void dumper_leave_signal(void);
