/* SPDX-License-Identifier: MIT */
/* backend.h - with which backend this run's trees are made, and what a test asks of it. */
#pragma once

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/test.h"

/* Unless a test itself says otherwise: as the environment has it. */
static inline bool backend_is(const char *name)
{
	const char *chosen = getenv("ACRE_SPAWN_METHOD");

	return !strcmp(chosen && *chosen ? chosen : "exec", name);
}

/* The trees of this test, from here on. */
static inline void use_backend(const char *name)
{
	setenv("ACRE_SPAWN_METHOD", name, 1);
}

/* For a test of what only a process of its own has or can suffer; to be called before any
 * actor is there. */
static inline void needs_a_process(const char *why)
{
	if (backend_is("thread"))
		test_skip("the backend thread: %s", why);
}
