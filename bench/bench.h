/* SPDX-License-Identifier: MIT */
/* bench.h - floor and ours in one binary, interleaved, as ratios. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * A row is one figure of merit: what the bare kernel, or the bare switch, or a peer costs
 * (the floor), and what we cost for the same work. Both are run in turns, five times; the
 * figure is the median of the five ratios, printed with the smallest and the largest. A
 * machine too loaded to say anything is refused: the program ends with 77.
 *
 * Each side returns its cost of one operation, in the row's unit, measured inside:
 * warm-up is not counted.
 */
enum bench_sense { BENCH_COST, BENCH_RATE }; /* less is better, more is better */

struct bench_row {
	const char *name;
	const char *unit;	/* "ns", "us", "M/s", "B" */
	const char *floor_name; /* NULL: there is no floor, ours stands alone */
	double (*floor)(void);
	double (*ours)(void);
	enum bench_sense sense;
	double bar; /* the ratio to reach; 0: none is set */
};

#define BENCH_SKIPPED 77

/* Prints the machine, then each row whose name has one of the arguments in it (all
 * without arguments). */
int bench_main(int argc, char **argv, const struct bench_row *rows, size_t n);

/* Seconds of this thread's CPU time, and of the wall clock. */
double bench_cpu(void);
double bench_wall(void);

/* Runs fn as the root task of a tree (or of a loop without actors) and returns what it
 * returns. */
double bench_in_task(double (*fn)(void));
