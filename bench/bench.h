/* SPDX-License-Identifier: MIT */
/* bench.h - floor and ours in one binary, interleaved, as ratios. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

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
	double bar;   /* the ratio to reach; 0: none is set */
	double limit; /* what ours is to reach by itself, in the unit; 0: none is set */
	/* For rows that differ in nothing else; the sides find them in bench_now. */
	const char *backend; /* of actors (acre/actor.h) */
	unsigned int gib;    /* resident memory of their parent */
	const char *way;     /* between processes (raw.h) */
	size_t item;	     /* bytes of an item of a stream */
	const struct peer_row *peer; /* (peers.h) */
};

extern const struct bench_row *bench_now; /* the row that runs */

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
/* The same in a tree whose actors listen over that transport; NULL: nobody listens. */
double bench_in_tree(const char *transport, double (*fn)(void));

/* Ends the program, with what is known, unless the system call, or ours, went well. */
void bench_must(int ok);
void bench_check(int r);

/*
 * Runs fn in a process that has so much memory resident, in pages of 4 KiB, and returns
 * what it returns. The process is forked with the first use, stays, and is small but for
 * that memory: so call it from a main() that has done little. Its waiting for a CPU counts.
 * NAN: it has failed, and has said why.
 */
double bench_apart(unsigned int gib, double (*fn)(void));
int bench_has_room(unsigned int gib); /* for one more such process */

/* Nanoseconds that we have waited for a CPU; counts what another process has, until now,
 * or for so long. */
double bench_delay(void);
void bench_delayed(pid_t pid);
void bench_delayed_for(double ns);

/* The backends of actors, by name, in the order of the API; whether this build and machine
 * have one is asked in a runtime of its own. */
#define BENCH_BACKENDS 7
extern const char *const bench_backends[BENCH_BACKENDS];
int bench_has_backend(const char *name);

/* "NAME, DETAIL", for a row's name; never freed. */
const char *bench_name(const char *name, const char *detail);
