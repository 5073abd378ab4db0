/* SPDX-License-Identifier: MIT */
/* dir.c - the directory of a test. */
#define _GNU_SOURCE
#include "lib/dir.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/test.h"

/* MemorySanitizer, where that is linked. */
void __msan_unpoison(const volatile void *from, size_t len) __attribute__((weak));

#define BASE_MAX 60 /* a longer TMPDIR would leave no room for the name of a socket */

void dir_make(char ret_path[DIR_LEN])
{
	const char *base = getenv("TMPDIR");
	char run[DIR_LEN + sizeof "/" DIR_RUN];

	if (!base || strlen(base) > BASE_MAX)
		base = "/tmp";
	snprintf(ret_path, DIR_LEN, "%s/acre-XXXXXX", base);
	if (!mkdtemp(ret_path))
		err(1, "cannot make a directory for the test: %s", ret_path);
	snprintf(run, sizeof run, "%s/" DIR_RUN, ret_path);
	if (mkdir(run, 0700) < 0)
		err(1, "cannot make %s", run);
}

void dir_use(const char *path)
{
	char run[DIR_LEN + sizeof "/" DIR_RUN];

	snprintf(run, sizeof run, "%s/" DIR_RUN, path);
	if (setenv("ACRE_TEST_DIR", path, 1) < 0 || setenv("TMPDIR", path, 1) < 0 ||
	    setenv("XDG_RUNTIME_DIR", run, 1) < 0)
		err(1, "setenv");
}

const char *test_dir(void)
{
	return getenv("ACRE_TEST_DIR");
}

FTSENT *dir_next(FTS *fts)
{
	FTSENT *entry = fts_read(fts);

	if (entry && __msan_unpoison) {
		__msan_unpoison(entry, sizeof *entry);
		__msan_unpoison(entry->fts_statp, sizeof *entry->fts_statp);
		__msan_unpoison(entry->fts_path, entry->fts_pathlen + 1U);
	}
	return entry;
}

void dir_remove(const char *path)
{
	char *roots[] = { strdup(path), NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *entry;

	while (fts && (entry = dir_next(fts)))
		if (entry->fts_info != FTS_D) /* which comes again, empty */
			remove(entry->fts_accpath);
	if (fts)
		fts_close(fts);
	free(roots[0]);
	if (access(path, F_OK) == 0)
		warnx("cannot remove %s", path);
}
