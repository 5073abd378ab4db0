/* SPDX-License-Identifier: MIT */
/* inject.h - the point at which something fails, and what fails there. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Where and how a run is to fail. */
struct injection {
	uint32_t mode;	 /* index in inject_modes */
	uint64_t nth;	 /* of what may fail in that mode, from 1; 0: nothing fails */
	uint32_t choice; /* which of the errnos that the call may fail with, from 0 */
};

struct inject_mode {
	const char *name;
	bool memory, calls,
		threads;     /* what fails: allocations, system calls, pthread_create */
	bool for_ever;	     /* all of the same kind from there on */
	bool then_no_memory; /* and no allocation succeeds after it */
	bool first_use;	     /* the run is the first one of its process */
	bool cut_short;	     /* reads and writes move three bytes at most */
};

extern const struct inject_mode inject_modes[];
extern const uint32_t inject_n_modes;

/* What was made to fail. */
struct injected {
	char call[24]; /* "": nothing */
	int err;
	uint32_t n_choices; /* errnos that there are for this call */
};

/* From here on in this process, or (in_actors) in the actors that it makes. */
void inject_begin(const struct injection *at, bool in_actors);

/* Nothing fails any more; what has. */
struct injected inject_end(void);

/* In main(), before an actor is what it is: takes what inject_begin() has left for it. In a child of
 * fork that is done by itself. */
void inject_in_actor(void);
