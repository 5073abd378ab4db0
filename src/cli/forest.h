/* SPDX-License-Identifier: MIT */
/* forest.h - the trees of this user, and who is registered in them. */
#pragma once

#include <acre/discovery.h>
#include <acre/error.h>

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * A tree with discovery has a folder below the runtime directory, named by the uuid of its root,
 * which holds it while it lives (wire/rundir.h). Its registrar is asked for the rest. One
 * registrar may serve all trees of a user: its socket lies beside the folders.
 *
 * All failures are parts of what is told: a tree that does not answer is listed like any other.
 */

/* word, meaning */
#define TREE_STATES(S)                                                               \
	S(alive, "its registrar answers")                                            \
	S(elsewhere, "its root lives, and is registered at another address")         \
	S(silent,                                                                    \
	  "its root lives, or something holds its folder, and no registrar answers") \
	S(dead, "its root is gone, and its folder was left")

#define TREE_STATE_ENUM(word, text) TREE_##word,
enum tree_state { TREE_STATES(TREE_STATE_ENUM) N_TREE_STATE };
#undef TREE_STATE_ENUM

#define CLI_UUID_SIZE 64 /* of anybody's uuid, with the end */

/* An address of an actor; those of one actor are neighbours. */
struct entry {
	char name[ACRE_ACTOR_NAME_SIZE];
	char uuid[CLI_UUID_SIZE];
	char address[ACRE_ADDRESS_SIZE];
	pid_t pid; /* 0: not known */
};

struct tree {
	char uuid[NAME_MAX + 1];
	enum tree_state state;
	char registrar[ACRE_ADDRESS_SIZE]; /* "": none in its folder */
	/* whom the registrar says it is */
	char name[ACRE_ACTOR_NAME_SIZE];
	pid_t pid;
	char why[256];	       /* silent: what asking it said */
	struct entry *entries; /* owned */
	size_t n_entries, room;
};

struct forest {
	struct tree *trees; /* owned, sorted by uuid */
	size_t n;
};

/* What lies in the runtime directory. < 0: that cannot be read. No task is needed. */
int forest_look(struct forest *ret);
/* Asks all registrars at once. Bound: 3 s, and the time of an answer. In a task. */
int forest_ask(struct forest *f);
void forest_free(struct forest *f);

/* Asks who listens at t->registrar; < 0: it cannot be reached. In a task. */
int tree_ask(struct tree *t);
const char *tree_state_word(enum tree_state state);

/* The first address of each actor that is called so, or has that uuid. */
typedef int each_actor(const struct entry *first, size_t n_addresses, void *arg);
/* Calls `each` for each actor of a tree that is called so or has that uuid (NULL: for all),
 * until it returns other than 0, which is the result. */
int tree_each(const struct tree *t, const char *who, each_actor *each, void *arg);
