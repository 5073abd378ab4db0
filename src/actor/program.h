/* SPDX-License-Identifier: MIT */
/* program.h - what a new process executes: the image's path, and a copy of our environment. */
#pragma once

#define PROGRAM_PATH_MAX 4096 /* the kernel's own limit, with the end */

/*
 * Laid out before the process is made, by the thread that asks for it: the search reads
 * the environment, and the spawner execs while other tasks run that may change it.
 */
struct program {
	char path[PROGRAM_PATH_MAX];
	char *env[]; /* NULL at the end; the strings follow */
};

/* NULL: the running image. A name without a slash is looked up in PATH, and only there.
 * -ENOENT, -ENAMETOOLONG, -ENOMEM. */
int program_new(struct program **ret, const char *name);
struct program *program_free(struct program *p);
