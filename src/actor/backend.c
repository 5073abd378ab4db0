/* SPDX-License-Identifier: MIT */
/* backend.c - the table of backends, and finding a row by name or alias. */
#include "actor/backend.h"

#include <stdio.h>
#include <string.h>

#include "actor/python.h"
#include "base/util.h"
#include "core/fiber.h"

/* A forkserver has one thread, and is not concerned. */
#ifdef FIBER_TSAN
#define NO_FORK "ThreadSanitizer ends a child of a process with threads that starts one"
#else
#define NO_FORK NULL
#endif

static const struct backend backends[] = {
	{ "exec", be_exec_make, NULL, .needs_python = false },
	{ "forkserver", be_forkserver_make, NULL, .needs_python = false },
	{ "fork", be_fork_make, NO_FORK, .needs_python = false },
	{ "thread", be_thread_make, NULL, .shares_memory = true },
	{ "subint", be_subint_make, NULL, .shares_memory = true, .needs_python = true },
	{ "subint_fork", be_subint_fork_make, NO_FORK, .needs_python = true },
	{ "subint_forkserver", be_subint_forkserver_make, NULL, .needs_python = true },
};

/* The reference's names. */
static const struct {
	const char *alias, *name;
} aliases[] = {
	{ "trio", "exec" },
	{ "mp_spawn", "exec" },
	{ "mp_forkserver", "forkserver" },
	{ "fork_from_worker_thread", "fork" },
	{ "main_thread_forkserver", "fork" },
};

static const char *why_not(const struct backend *b)
{
	const char *no_python = b->needs_python ? python_why_not() : NULL;

	return no_python ? no_python : b->why_not;
}

/* The names that can be chosen here, or those that cannot. */
static void list(char *ret, size_t size, bool can_be_had)
{
	size_t used = 0;

	for (size_t i = 0; i < ARRAY_N(backends) && used < size; i++)
		if (!why_not(&backends[i]) == can_be_had)
			used += (size_t)snprintf(ret + used, size - used, " %s",
						 backends[i].name);
}

static int unknown(const char *name)
{
	char choices[128] = "", others[128] = "";

	list(choices, sizeof choices, true);
	list(others, sizeof others, false);
	return acre_fail(
		EINVAL,
		"no backend is called \"%.64s\"; the choices are%s (not to be had "
		"in this build:%s)",
		name, choices, others);
}

int backend_find(const struct backend **ret, const char *name)
{
	const char *wanted = name ? name : backends[0].name, *why;

	for (size_t i = 0; i < ARRAY_N(aliases); i++)
		if (!strcmp(wanted, aliases[i].alias))
			wanted = aliases[i].name;
	for (size_t i = 0; i < ARRAY_N(backends); i++) {
		if (strcmp(wanted, backends[i].name) != 0)
			continue;
		why = why_not(&backends[i]);
		if (why)
			return acre_fail(EOPNOTSUPP, "the backend %s cannot be had: %s",
					 wanted, why);
		*ret = &backends[i];
		return 0;
	}
	return unknown(wanted);
}
