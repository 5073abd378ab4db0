/* SPDX-License-Identifier: MIT */
/* proc.h - what /proc tells of a process. */
#pragma once

#include <sys/types.h>

/* 0: there is no such process. */
pid_t proc_parent(pid_t pid);

/* The number that a thread of a process has for itself, which is another one in a PID
 * namespace other than ours. 0: not to be had. */
pid_t proc_own_number(pid_t pid, pid_t tid);

/* The number that a thread of a process has for us which has this one for itself. 0: there is no such
 * thread. Costs one file, and one for each of its threads if the process has other numbers than we. */
pid_t proc_thread(pid_t pid, pid_t own);

/* The number that a process has for us which another one (0: we) holds by this pidfd.
 * For its holder, in a PID namespace other than ours, it has another one. -1: it was
 * reaped; 0: it is outside of our namespace, or the holder may not be looked at. */
pid_t proc_behind(pid_t holder, int pidfd);
