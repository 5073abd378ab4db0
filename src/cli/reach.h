/* SPDX-License-Identifier: MIT */
/* reach.h - from what a user calls an actor to a portal. */
#pragma once

#include "cli/forest.h"

/*
 * An actor is called by its address, its name or its uuid. Names and uuids are looked up at the
 * registrars of all trees of this user, or at the one that --at names. What goes wrong is told
 * here; all of this is for the root task of a verb, which returns an exit status.
 */

/* The option --at of verbs that take a name. */
#define CLI_AT_OPTION                                                      \
	{                                                                  \
		"at", 'a', "ADDRESS", 0,                                   \
			"Look only at the registrar that listens there", 0 \
	}

/* Whether it is an address, and no name. */
bool reach_is_address(const char *who);

/* Asks the registrar at `at`, or (NULL) those of all trees. To be freed by forest_free(), also
 * on failure. 0, an exit status, or -ECANCELED. */
int reach_forest(struct forest *ret, const char *at);

/* A portal to that one actor, for acre_release(). 0, an exit status, or -ECANCELED. */
int reach_actor(struct acre_actor **ret, const char *who, const char *at);

/* That nobody in it is called so: a line, and the exit status. */
int reach_tell_nobody(const struct forest *f, const char *who, const char *at);

/* Runs fn(arg), which returns an exit status, as the root task of a tree that listens nowhere. */
int reach_run(int (*fn)(void *arg), void *arg);
