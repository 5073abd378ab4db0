/* SPDX-License-Identifier: MIT */
/* cgroup.c - the cgroup that a contained tree leaves when nobody is there to remove it. */
/*
 * Root or guard remove it; where a planted bug or a failed test leaves neither, its cgroup is
 * known only by those who are in it. So who kills them asks before, and removes it after.
 */
#define _GNU_SOURCE
#include "lib/cgroup.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_SIZE 4096 /* a path and some words */
#define UUID_LEN  36

/* "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw": the fifth word. */
static int find_mount(char ret[CGROUP_PATH_SIZE])
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[LINE_SIZE];
	int found = 0;

	while (f && !found && fgets(line, sizeof line, f))
		found = strstr(line, " - cgroup2 ") &&
			sscanf(line, "%*s %*s %*s / %511s", ret) == 1;
	if (f)
		fclose(f);
	return found;
}

/* "0::/user.slice/acre-UUID" */
static int is_of_tree(const char *line)
{
	const char *last = strrchr(line, '/');

	return !strncmp(line, "0::", 3) && last && !strncmp(last, "/acre-", 6) &&
	       strlen(last) == 6 + UUID_LEN;
}

void cgroup_of_tree(pid_t pid, char ret[CGROUP_PATH_SIZE])
{
	char path[64], line[LINE_SIZE], mount[CGROUP_PATH_SIZE];
	FILE *f;

	ret[0] = '\0';
	snprintf(path, sizeof path, "/proc/%d/cgroup", (int)pid);
	f = fopen(path, "re");
	while (f && !ret[0] && fgets(line, sizeof line, f)) {
		line[strcspn(line, "\n")] = '\0';
		if (!is_of_tree(line) || !find_mount(mount))
			continue;
		if (snprintf(ret, CGROUP_PATH_SIZE, "%s%s", mount, line + 3) >=
		    CGROUP_PATH_SIZE)
			ret[0] = '\0'; /* not to remove another one */
	}
	if (f)
		fclose(f);
}

void cgroup_remove(const char *path)
{
	if (path[0])
		rmdir(path);
}
