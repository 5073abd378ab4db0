/* SPDX-License-Identifier: MIT */
/* backend.h - with which backend this run's trees are made, and what a test asks of it. */
#pragma once

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "actor/backend.h"
#include "lib/test.h"

/* Unless a test itself says otherwise: as the environment has it. */
static inline bool backend_is(const char *name)
{
	const char *chosen = getenv("ACRE_SPAWN_METHOD");

	return !strcmp(chosen && *chosen ? chosen : "exec", name);
}

/* Whether actors are threads of their parent's process, with a guest beside them or without. */
static inline bool backend_makes_threads(void)
{
	return backend_is("thread") || backend_is("subint");
}

/* Whether it is one of this build; else `ret_why` says why not. */
static inline bool backend_is_there(const char *name, const char **ret_why)
{
	const struct backend *unused;
	int r = backend_find(&unused, name);

	*ret_why = r < 0 ? acre_why(r)->message : NULL;
	return r >= 0 || !acre_is(r, EOPNOTSUPP);
}

/* For the trees of this test, from here on; NULL: as the environment has it. To be called
 * before any actor is there. */
static inline void use_backend(const char *name)
{
	const char *why;

	if (name)
		setenv("ACRE_SPAWN_METHOD", name, 1);
	if (!backend_is_there(getenv("ACRE_SPAWN_METHOD"), &why))
		test_skip("%s", why);
}

/* For a test of what only a process of its own has or can suffer; to be called before any
 * actor is there. */
static inline void needs_a_process(const char *why)
{
	if (backend_makes_threads())
		test_skip("the actor is a thread: %s", why);
}
