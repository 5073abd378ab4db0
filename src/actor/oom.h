/* SPDX-License-Identifier: MIT */
/* oom.h - whether the kernel killed a child for want of memory. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A status says SIGKILL, whoever sent it. What tells the kernel's kill from others is a count
 * that each memory cgroup keeps, and that is raised before the signal is sent. Children are
 * born in the cgroup of this process, so there is one count to look at: before a birth, and
 * when a child was killed. Each kill explains one death.
 *
 * Not told: the death of a child that somebody has moved into another cgroup; any, where there
 * is no count (the root cgroup of v2). Told wrongly: a child that a stranger kills, after the
 * kernel has killed another process of this cgroup that is no child of ours.
 */
struct oom {
	char *counter;	    /* owned: path of the file that counts; NULL: there is none */
	bool looked;	    /* for the counter; once */
	uint64_t explained; /* kills that were the deaths of children */
};

/* The kills that no death has explained until now; 0 if nobody counts. Before a birth. */
uint64_t oom_unexplained(struct oom *o);
/* Whether a death by a SIGKILL that was not ours is explained by a kill since that birth. */
bool oom_explains(struct oom *o, uint64_t unexplained_at_birth);
void oom_fini(struct oom *o);

/* The path of the counter, from the texts of /proc/self/cgroup and /proc/self/mountinfo;
 * false if there is none, or no room. */
bool oom_find(const char *cgroup, const char *mountinfo, char *ret, size_t size);
/* The count in the text of memory.events (v2) or memory.oom_control (v1). */
uint64_t oom_count(const char *text);
