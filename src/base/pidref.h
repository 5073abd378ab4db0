/* SPDX-License-Identifier: MIT */
/* pidref.h - a process that cannot be mistaken for another.
 *
 * Pids are reused, within seconds on a busy machine (kernel-facts K37), so a number is never
 * signalled: this is a pid with a pidfd, which names one process for ever, and with the
 * pidfd's inode, which can be compared and sent to others, where the kernel has it.
 *
 * PIDREF_NULL names nobody: it is dead, cannot be signalled (-ESRCH) and has nothing to reap
 * (-ECHILD).
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct pidref {
	pid_t pid;
	int fd;	     /* owned; -1 for PIDREF_NULL */
	uint64_t id; /* the pidfd's inode, unique until reboot; 0: the kernel has none */
};

#define PIDREF_NULL ((struct pidref){ .pid = 0, .fd = -1, .id = 0 })

/* From what clone3 gave. The pidfd is closed on failure too. */
int pidref_take(struct pidref *ret, pid_t pid, int take_pidfd);

/* The caller must know that the pid has not been reused: a child it has not reaped, say. */
int pidref_open(struct pidref *ret, pid_t pid);

int pidref_self(struct pidref *ret);

/* -ESRCH once it was reaped, also if its pid is somebody else's by then. */
int pidref_signal(const struct pidref *p, int sig);

/* All of the process group that a child of ours leads, while that child is not reaped: its
 * group has its number for so long, and so has nobody else. -ESRCH: it was reaped, perhaps by
 * somebody else, and so there is no such group any more, or it is not ours to name. */
int pidref_signal_group(const struct pidref *leader, int sig);

/* It has ended, whether reaped or not. */
bool pidref_is_dead(const struct pidref *p);

/* Waits for the end of a child and reaps it. `flags` may add WNOHANG or WNOWAIT; every kind
 * of child counts (__WALL, kernel-facts K16). 1: it is gone, and ret (may be NULL) says how;
 * 0: not yet, with WNOHANG only. */
int pidref_reap(const struct pidref *p, siginfo_t *ret, int flags);

/* Idempotent. */
void pidref_fini(struct pidref *p);
