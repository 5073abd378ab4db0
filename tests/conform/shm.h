/* SPDX-License-Identifier: MIT */
/* shm.h - what a test sees of shared memory from outside: its file, and who has it mapped. */
#pragma once

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/test.h"

static inline bool is_there(const char *token)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof path, "/dev/shm/acre-%u/%s", geteuid(), token);
	return stat(path, &st) == 0;
}

/* How often this process has it mapped. */
__attribute__((unused)) static int n_mapped(const char *token)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];
	int n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof line, f))
		n += strstr(line, token) != NULL;
	fclose(f);
	return n;
}
