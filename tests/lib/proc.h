/* SPDX-License-Identifier: MIT */
/* proc.h - what /proc tells about a process. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/text.h"

/* One look at a process or thread; all fields are of that moment. */
struct proc {
	pid_t pid;
	char state;      /* as ps has it: R S D T Z X */
	bool is_exiting; /* a thread: it runs no code of its own any more */
	bool is_killed;  /* a SIGKILL was sent to it */
	bool is_traced;  /* by a debugger or strace */
	char name[32];
	char what[160]; /* its command line; [its name] if it has none, as a zombie */
};

/* A process, by its pid. False: there is none. */
bool proc_look(struct proc *ret, pid_t pid);

/* A thread of this process. False: there is none. */
bool proc_look_at_thread(struct proc *ret, pid_t tid);

/* The children of a process, of all its threads. Returns how many it stored, at most n.
 */
size_t proc_children(pid_t pid, pid_t *ret_pids, size_t n);

/* Describes a process and its descendants: states, threads and what they wait in, fds. */
void proc_dump_tree(pid_t pid, struct text *to);
