/* SPDX-License-Identifier: MIT */
/* schedule.h - which of the ready tasks runs next, in tests. */
#pragma once

#include <stdint.h>

#include "base/list.h"

/*
 * A program must be right under every order of its ready tasks. Users get the first in, first
 * out; tests choose another order, and the same seed gives the same order again:
 *
 *	shuffle	any of the first 16, all with the same chance
 *	pct	each task has a rank, drawn when it is first seen, and the highest runs until
 *		it waits; at SCHEDULE_CHANGES points, drawn too, who would run falls behind
 *		all others. So a task is held up for as long as the others have anything to
 *		do, which a shuffle does with a chance of 1 : 2^turns only.
 *	lifo	the youngest: who was made ready last
 *	fifo	the oldest, as without a seed
 *
 * Under pct and lifo who yields goes behind all others, or it would wait for ever for those that
 * it lets run; and every 128th choice is the oldest, so that nobody starves for ever beside
 * tasks that wake each other.
 */
enum schedule_kind { SCHEDULE_FIFO, SCHEDULE_SHUFFLE, SCHEDULE_PCT, SCHEDULE_LIFO };

/* Of pct, that is d = 3: a bug that needs three things in order is met in each run with a chance
 * of at least 1 : tasks x choices^2 (Burckhardt et al., A Randomized Scheduler with Probabilistic
 * Guarantees of Finding Bugs, 2010). */
#define SCHEDULE_CHANGES 2

struct loop;
struct task;

struct schedule {
	enum schedule_kind kind; /* SCHEDULE_FIFO: nothing else here counts */
	uint32_t n_picks;
	uint64_t state;			      /* of the random numbers, never 0 */
	uint32_t change_at[SCHEDULE_CHANGES]; /* n_picks at which the highest falls */
	uint32_t lowest; /* the rank that was given to the last who fell */
};

/* Seed 0: fifo, whatever the name says. The name is one of the four above; NULL: shuffle.
 * -EINVAL: it is none of them. */
int schedule_init(struct schedule *s, uint64_t seed, const char *name);

/* Takes one out of the ready queue, which is not empty. Not for SCHEDULE_FIFO. */
struct task *schedule_pick(struct loop *loop);
