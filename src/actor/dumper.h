/* SPDX-License-Identifier: MIT */
/* dumper.h - the thread that writes a dump when time is over, or when SIGUSR1 comes. */
#pragma once

#include <acre/dump.h>

/* SIGUSR1, which is blocked in all threads, asks for a dump from here on: one that waits to be
 * taken, too. Any thread. -EAGAIN ... Once at a time in a process. */
int dumper_take_signal(void);
/* Idempotent. A dump that is being written is waited for. */
void dumper_leave_signal(void);
