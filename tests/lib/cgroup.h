/* SPDX-License-Identifier: MIT */
/* cgroup.h - the cgroup that a contained tree leaves when nobody is there to remove it. */
#pragma once

#include <sys/types.h>

#define CGROUP_PATH_SIZE 512

/* The cgroup of a contained tree that a process is in, also of one that was not reaped yet;
 * "": it is in none. */
void cgroup_of_tree(pid_t pid, char ret[CGROUP_PATH_SIZE]);

/* Does nothing for "", and while somebody is in it. */
void cgroup_remove(const char *path);
