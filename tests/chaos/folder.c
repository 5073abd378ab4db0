/* SPDX-License-Identifier: MIT */
/* folder.c - the cgroup of a trial, which tells all of its processes. */
#include "chaos/folder.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "lib/test.h"

#define PATH_LEN 512

/* The mount point of v2, or of v1's hierarchy without a controller: fields 5 and, behind
 * " - ", type, source and options. */
static bool find_mount(FILE *mountinfo, char ret[1024])
{
	char line[1024], *type;

	while (fgets(line, sizeof line, mountinfo)) {
		type = strstr(line, " - ");
		if (!type || sscanf(line, "%*s %*s %*s %*s %1023s", ret) != 1)
			continue;
		if (!strncmp(type, " - cgroup2 ", 11) ||
		    (!strncmp(type, " - cgroup ", 10) && strstr(type, "name=")))
			return true;
	}
	return false;
}

/* The first place where a folder can be made; false: there is none. */
bool folder_make(struct trial *t)
{
	FILE *mountinfo = fopen("/proc/self/mountinfo", "re");
	char mount[1024];
	bool made = false;

	while (mountinfo && !made && !getenv("ACRE_CHAOS_MARKS") &&
	       find_mount(mountinfo, mount)) {
		snprintf(t->folder, sizeof t->folder, "%.400s/acre-chaos-%" PRIu64, mount,
			 t->id);
		made = mkdir(t->folder, 0755) == 0;
	}
	if (mountinfo)
		fclose(mountinfo);
	if (!made)
		t->folder[0] = '\0';
	return made;
}

static FILE *open_procs(const char *folder, const char *mode)
{
	char path[PATH_LEN + 16];

	snprintf(path, sizeof path, "%s/cgroup.procs", folder);
	return fopen(path, mode);
}

void folder_enter(const struct trial *t)
{
	FILE *f = open_procs(t->folder, "we");

	assert_non_null(f);
	assert_true(fputs("0", f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static size_t list_one_folder(const char *folder, pid_t *ret, size_t max)
{
	FILE *f = open_procs(folder, "re");
	size_t n = 0;

	while (f && n < max && fscanf(f, "%d", &ret[n]) == 1)
		n++;
	if (f)
		fclose(f);
	return n;
}

/* And those in it: a contained tree makes one. */
size_t folder_list(const struct trial *t, pid_t *ret, size_t max)
{
	size_t n = list_one_folder(t->folder, ret, max);
	DIR *d = opendir(t->folder);
	char path[PATH_LEN];
	struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d))) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%.400s/%.100s", t->folder, e->d_name);
		n += list_one_folder(path, ret + n, max - n);
	}
	closedir(d);
	return n;
}

/* Its last process may still be on its way out. */
void folder_remove(const struct trial *t)
{
	int64_t end = clock_real() + 1000000000;

	while (rmdir(t->folder) < 0 && errno == EBUSY && clock_real() < end)
		sched_yield();
}
