/* SPDX-License-Identifier: MIT */
/* room.h - whether this machine lets a test have so many actors that are processes. */
#pragma once

#include "conform/tree.h"

#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>

#include "unit/forks.h"

#define FDS_EACH     6 /* link, pidfd, stderr, and what a spawn needs meanwhile */
#define KIB_EACH     4096
#define THREADS_EACH 2 /* its loop, and its watchdog */
#define SPARE_FDS    256

/* In KiB. */
static inline long memory_available(void)
{
	FILE *f = fopen("/proc/meminfo", "re");
	char line[256];
	long n = 0;

	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "MemAvailable: %ld kB", &n) == 1)
			break;
	if (f)
		fclose(f);
	return n;
}

/* Skips the test if this machine does not let us have them. */
static inline void needs_room_for(int many)
{
	struct rlimit fds, processes;
	long kib = memory_available();

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &fds), 0);
	assert_int_equal(getrlimit(RLIMIT_NPROC, &processes), 0);
	if (fds.rlim_max < (rlim_t)many * FDS_EACH + SPARE_FDS)
		test_skip("RLIMIT_NOFILE is %ju, too few for %d children",
			  (uintmax_t)fds.rlim_max, many);
	if (processes.rlim_cur < (rlim_t)many * THREADS_EACH * 2)
		test_skip("RLIMIT_NPROC is %ju, too few for %d children",
			  (uintmax_t)processes.rlim_cur, many);
	if (kib < (long)many * KIB_EACH)
		test_skip("%ld KiB of memory are available, too few for %d children", kib,
			  many);
	if (is_sanitized())
		test_skip("a sanitizer's shadow of %d processes does not fit", many);
	fds.rlim_cur = fds.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &fds), 0);
}
