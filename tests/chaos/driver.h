/* SPDX-License-Identifier: MIT */
/* driver.h - trials: trees of processes that are to be killed, and a census of what lives of it. */
#pragma once

/*
 * A trial is a tree of processes whose root is forked from the test. Each of its processes
 * that gets so far enters itself in a roll, which lies in memory that all share: so the test
 * knows how far the tree is, and who was made by whom. What lives of a trial is told by a
 * witness that needs no word of theirs: a cgroup for each trial, where one can be made; else
 * (or with ACRE_CHAOS_MARKS in the environment) a mark in the environment, which is inherited.
 *
 *	roll_open();
 *	for (uint32_t i = 0; i < rounds; i++) {
 *		trial_begin(&t, i, seed + i, run);	run() is in the forked root
 *		roll_await(10);
 *		victim = trial_kill_one(&t);
 *		assert_int_equal(trial_count(&t, &victim, GONE_WITHIN_MS, true), 0);
 *		trial_end(&t);
 *	}
 *	roll_close();
 *
 * The test's process must be a sub-reaper and have no child of its own besides: what a
 * trial leaves comes to it and is reaped by trial_end().
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/cgroup.h"

#define MEMBERS_MAX  128 /* in the roll: a tree of 41 and its daemons */
#define FAILURES_MAX 16
#define ROOT	     0u
#define NOBODY	     UINT32_MAX

enum member_kind {
	MEMBER_INNER, /* has made others, or will */
	MEMBER_COOPERATIVE,
	MEMBER_STUCK,	/* in a sync sleep, with all signals blocked */
	MEMBER_FOREIGN, /* another program */
	MEMBER_DAEMON	/* forked twice by a member, in a session of its own */
};

struct tree_member {
	_Atomic pid_t pid;	 /* by which it knows itself */
	uint64_t pidns;		 /* where that is its number */
	_Atomic bool is_entered; /* all of it is written */
	uint32_t maker;		 /* who made it; NOBODY for the root */
	enum member_kind kind;
};

struct member_failure {
	uint32_t member; /* who tells it */
	char text[256];
};

struct roll {
	_Atomic uint32_t n; /* members; a futex */
	_Atomic uint32_t n_failures;
	struct tree_member members[MEMBERS_MAX];
	struct member_failure failures[FAILURES_MAX];
};

extern struct roll *roll; /* in the test and, from their first call on, in all members */

/* In the test. */
void roll_open(void);
void roll_close(void);

/* Until so many have entered themselves. */
void roll_await(uint32_t n_members);
bool roll_has_daemon(void);

/* In a process of the trial: its number in the roll. From here on, what it makes is marked
 * as its own, if `makes_others`. */
uint32_t roll_enter(uint32_t maker, enum member_kind kind, bool makes_others);
/* Something that is not as it was to be. */
void roll_tell_failure(uint32_t member, const char *text);

/* The next of the numbers that a seed gives. */
uint64_t random_next(uint64_t *seed);
/* 0 to n - 1. */
uint32_t random_below(uint64_t *seed, uint32_t n);

struct trial {
	uint64_t id;	  /* also of other tests that run now */
	uint64_t seed;	  /* what the test draws from it is not what the tree draws */
	pid_t root;	  /* 0: it was reaped */
	char folder[512]; /* its cgroup; "": marks only */
	char tree[CGROUP_PATH_SIZE]; /* of its contained tree; "": none, or not known yet */
};

struct victim {
	pid_t pid;
	uint32_t member; /* NOBODY: it had not entered itself, so has made nobody */
	bool is_all;	 /* the root: everything goes with it */
};

/* Forks a root that runs there, with this seed as that of its schedule. */
void trial_begin(struct trial *t, uint32_t number, uint64_t seed, int (*run)(void));

/* SIGKILL to any process of it but the root, and the guard or init of a contained tree. */
struct victim trial_kill_one(struct trial *t);
/* SIGKILL to a member that has a daemon below it; there is one. */
struct victim trial_kill_above_daemon(struct trial *t);
struct victim trial_kill_root(struct trial *t);

/* Waits until the victim and all that was made below it are gone: 0, or how many live when
 * so many ms are over; those are noted. Daemons count only if asked for. */
size_t trial_count(struct trial *t, const struct victim *victim, int within_ms,
		   bool with_daemons);

/* A failure that the victim's end does not explain; NULL: there is none. */
const char *trial_collateral(const struct victim *victim);

/* What lives of it, at most n. */
size_t trial_list(const struct trial *t, pid_t *ret, size_t n);

/* Kills all that lives of it and reaps what came to us; returns how many had to be killed
 * besides the root. */
size_t trial_end(struct trial *t);
