/* SPDX-License-Identifier: MIT */
/* progress.h - whether a process could run, so that its time is counted only then. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/status.h"

/*
 * A wall clock kills healthy children on a machine that is too busy (kernel-facts K59).
 * So when the time of a rung is over, the child gets what it waited for a processor
 * meanwhile in addition: `progress_begin()` at the rung's start, and `progress_grant()`
 * at its end, again and again until that says 0.
 *
 * The kernel books a wait only when it is over (K61). A child that is ready to run and
 * whose numbers stand still is therefore given a little time, until they move.
 *
 * Turns on its status page do not lengthen a rung, or a child that goes round and never
 * ends would live to the ceiling. They are the witness that its loop looks (K63): it polls
 * each turn, and what it was asked is there. Only of a child that shows none is it guessed
 * by how long it has run.
 */

/*
 * Where a guest has the main thread, the loop has another one, which acknowledges at once. What
 * comes behind that is the guest's to do, so from then on its thread is looked at; and turns of
 * the loop tell nothing of it. It is itself a witness: a call that was cancelled, and that has
 * not seen it although it is interrupted a hundred times a second, is on the page.
 */

/* A thread that waits for a processor on a machine twenty times too busy runs within that */
#define PROGRESS_PIECE_NS 50000000
/* Less is noise: a process that is asked to do something waits that long on any machine */
#define PROGRESS_LEAST_NS 5000000
/* An ack takes 0.2 ms, or 1 ms with cold pages. Who has run for longer, has not
 * acknowledged, and whose loop has not turned does not look, and is not given more: many
 * that compute would hold each other up. */
#define PROGRESS_ENOUGH_NS 3000000
/* The first one that ends may have begun before, and read the request just before a task
 * that computes for ever; in the second one it is answered */
#define PROGRESS_TURNS 2

struct progress_sample {
	int64_t ran_ns, waited_ns; /* of one thread */
	uint64_t slices;
	char state; /* as in /proc/PID/stat: R S D T ...; ?: it was not asked for */
};

struct progress {
	pid_t pid;
	const struct status *page; /* borrowed; NULL: it has none */
	uint64_t turns;		   /* on it, when the rung began */
	int64_t since; /* when the rung began */
	bool known;    /* `first` is */
	struct progress_sample first, last;
	int64_t granted_ns;
};

/* A thread of our child, which is not reaped; `page` may be NULL, and stays mapped. */
void progress_begin(struct progress *p, pid_t pid, const struct status *page);
/* The same where it has just been made: it has neither run nor waited yet, and need not be
 * looked at. */
void progress_begin_newborn(struct progress *p, pid_t pid, const struct status *page);
/* The time that it is to get in addition, 0 for none. `acked`: it has shown that it obeys.
 * `stops_count`: nor does its time run while somebody keeps it stopped. */
int64_t progress_grant(struct progress *p, bool acked, bool stops_count);

/* For tests: where samples come from. By default /proc, and nothing with a virtual clock. */
extern bool (*progress_read)(struct progress_sample *ret, pid_t pid, bool with_state);
