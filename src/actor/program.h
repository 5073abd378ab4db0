/* SPDX-License-Identifier: MIT */
/* program.h - what a new process executes: the image's path, and a copy of our environment. */
#pragma once

#include <stdbool.h>

#define PROGRAM_PATH_MAX 4096 /* the kernel's own limit, with the end */

/*
 * Laid out before the process is made, by the thread that asks for it: the search reads
 * the environment, and the spawner execs while other tasks run that may change it.
 */
struct program {
	char path[PROGRAM_PATH_MAX];
	char *env[]; /* NULL at the end; the strings follow */
};

/* What is other than in ours. */
struct program_env {
	/* NAME=value sets, NAME alone takes away; NULL at the end; may be NULL. Borrowed. */
	const char *const *changes;
	bool only_changes; /* nothing of ours */
};

/* NULL: the running image. A name without a slash is looked up in PATH, and only there.
 * -ENOENT, -EACCES (there is one, and nobody may execute it), -ENAMETOOLONG, -ENOMEM. */
int program_new(struct program **ret, const char *name);
/* The same with another environment, whose PATH is searched. With -ENOENT and -EACCES there
 * is a program, too, for program_dirs(). */
int program_new_in(struct program **ret, const char *name, const struct program_env *env);
/* The folders that were searched, with colons between them; borrowed. */
const char *program_dirs(const struct program *p);
struct program *program_free(struct program *p);
