/* SPDX-License-Identifier: MIT */
/* measure.h - how long a thing takes that is done again and again, and the memory of a process. */
#pragma once

#include <sys/types.h>

/*
 *	struct costs c = costs_begin();
 *	double begun;
 *
 *	do {
 *		begun = bench_wall();
 *		thing();
 *	} while (costs_add(&c, begun));
 *	return costs_end(&c);            // the median, in us
 */
#define COSTS_WARM_UP 3	  /* spawner, watchdog and forkserver start with the first actor */
#define COSTS_MAX     50  /* at most, of one repetition ... */
#define COSTS_TIME    2.0 /* ... or for so many seconds: a fork of much memory is slow */

struct costs {
	double us[COSTS_MAX];
	int n; /* negative: warming up */
	double end;
};

struct costs costs_begin(void);
int costs_add(struct costs *c, double begun); /* 0: enough */
double costs_end(struct costs *c);

/* A line of smaps_rollup, in KiB. "Pss": of pages that several processes use only a share. */
double memory_of(pid_t pid, const char *field);

/* The process has got as far as it wants to when it sleeps. */
void await_idle(pid_t pid);
