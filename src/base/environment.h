/* SPDX-License-Identifier: MIT */
/* environment.h - the environment variables that are read: one list, and one door. */
#pragma once

/*
 * doc/man/acre-environment.7.scd tells people of each, and tools/check-environment compares the
 * two. Not here: what is passed on to programs (actor/program.c), and PATH of theirs.
 */

/* name, what it says */
#define ENVIRONMENT(V)                                                            \
	V(ACRE_SPAWN_METHOD, "how the actors of a tree are made")                 \
	V(ACRE_LOG, "how much a tree tells on stderr")                            \
	V(ACRE_STACK_SIZE, "bytes of a task's stack")                             \
	V(ACRE_PYTHON_PLUGIN, "the file that holds Python")                       \
	V(VIRTUAL_ENV, "whose packages Python guests have")                       \
	V(ACRE_SEED, "for tests: the order of ready tasks, 0: as they came")      \
	V(ACRE_SCHEDULE, "for tests: of which kind that order is")                \
	V(ACRE_PLANT, "for tests, in builds with -DACRE_PLANTS: which bug is on") \
	V(XDG_RUNTIME_DIR, "where sockets and dumps lie")                         \
	V(TMPDIR, "where they lie if there is no such directory")

#define ENVIRONMENT_ENUM(name, text) ENVIRONMENT_##name,
enum environment { ENVIRONMENT(ENVIRONMENT_ENUM) N_ENVIRONMENT };
#undef ENVIRONMENT_ENUM

/* NULL: it is not there; or empty, which is how a shell takes it away for one command; or this
 * program has rights that who started it has not (secure_getenv(3)). Any thread, as long as none
 * changes the environment. */
const char *environment(enum environment variable);
const char *environment_name(enum environment variable);
