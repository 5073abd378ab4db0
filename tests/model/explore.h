/* SPDX-License-Identifier: MIT */
/* explore.h - runs a small concurrent program under every schedule. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * The program is a handful of threads that call explore_step() before each access to what
 * they share. There, and only there, another thread may go on. Every schedule with at
 * most `preemptions` switches away from a thread that could have gone on is run, each
 * from a new state; switches from a thread that waits or has ended are free. Few
 * preemptions are enough for most bugs (Musuvathi and Qadeer, "Iterative context
 * bounding", 2007), and their number is what keeps the number of schedules finite in
 * practice.
 *
 * What this shows is true for sequentially consistent memory: one access at a time, seen
 * by all. Whether the memory orders in the code are strong enough for that is not shown
 * here.
 */
#define EXPLORE_THREADS_MAX 4
#define EXPLORE_STEPS_MAX 400 /* of one run: more is a thread that spins */

struct explore_program {
	unsigned n_threads;
	void (*begin)(void);        /* makes the state new, before each run */
	void (*thread)(unsigned i); /* the same accesses whenever it sees the same values */
	const char *(*judge)(void); /* when all have ended: what is wrong, or NULL */
};

struct explore_result {
	uint64_t n_runs;
	const char *wrong; /* NULL: nothing in any schedule. Exploring ends at the first */
	char schedule[EXPLORE_STEPS_MAX + 1]; /* of the last run: who made each step */
};

void explore(const struct explore_program *program, unsigned preemptions,
	     struct explore_result *ret);

/* In a thread: others may go on here. */
void explore_step(void);

/* In a thread: goes on when `may` says so, and after that like explore_step(). If it
 * never does, that is wrong. */
void explore_wait(bool (*may)(void));
