/* SPDX-License-Identifier: MIT */
/* failures.h - the failures of a nursery's members, and the one that they are together. */
#pragma once

#include "core/report.h"

/* The first eight are kept, all are counted. Of a group that is not kept, each of its members
 * counts. */
#define FAILURES_KEPT 8

struct failures {
	struct report *kept[FAILURES_KEPT]; /* owned; NULL: there was no memory for it */
	uint32_t n_kept;
	uint32_t n;
	int first; /* class of the first, as -class */
	/* the end that the first one tells of which is not kept, and how many of those do */
	uint32_t n_beyond;
	uint64_t beyond;
};

void failures_init(struct failures *f);
/* A failure that is none of cancellation. What is a consequence of an actor's end becomes part
 * of the failure that says how it ended. */
void failures_add(struct failures *f, int r);
/* All as one, of n >= 1: the only one itself, else a group. Takes the kept reports. */
int failures_result(struct failures *f);
