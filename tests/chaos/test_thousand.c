/* SPDX-License-Identifier: MIT */
/* test_thousand.c - a thousand children that listen to nothing end within one ladder: promise G5. */
#include "conform/tree.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/sys.h"
#include "unit/forks.h"

/* Forked from a forkserver, since that is the quickest way to have so many; how they end does
 * not depend on how they were made. */

#define MANY	     1000
#define LADDER_S     2.1 /* no ack within 0.5 s, SIGTERM, SIGKILL after 1.6 s */
#define MORE_S	     1.0 /* promised: patience and a second */
#define FDS_EACH     6	 /* link, pidfd, stderr, and what a spawn needs meanwhile */
#define KIB_EACH     4096
#define THREADS_EACH 2 /* its loop, and its watchdog */
#define SPARE_FDS    256

static _Atomic int n_killed;

static int count_kills(int fd, int sig, siginfo_t *info, unsigned flags)
{
	n_killed += sig == SIGKILL;
	return sys_real.pidfd_send_signal(fd, sig, info, flags);
}

/* In KiB. */
static long memory_available(void)
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
static void need_room_for_them(void)
{
	struct rlimit fds, processes;
	long kib = memory_available();

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &fds), 0);
	assert_int_equal(getrlimit(RLIMIT_NPROC, &processes), 0);
	if (fds.rlim_max < MANY * FDS_EACH + SPARE_FDS)
		test_skip("RLIMIT_NOFILE is %ju, too few for %d children",
			  (uintmax_t)fds.rlim_max, MANY);
	if (processes.rlim_cur < MANY * THREADS_EACH * 2)
		test_skip("RLIMIT_NPROC is %ju, too few for %d children",
			  (uintmax_t)processes.rlim_cur, MANY);
	if (kib < (long)MANY * KIB_EACH)
		test_skip("%ld KiB of memory are available, too few for %d children", kib,
			  MANY);
	if (is_sanitized())
		test_skip("a sanitizer's shadow of %d processes does not fit", MANY);
	fds.rlim_cur = fds.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &fds), 0);
}

/* Blocks the loop for good: no signal that acre knows wakes it, and none cancels it. */
ACRE_CONTEXT(block_for_ever, acre_nil)
{
	int r = acre_started(ctx, acre_nil);

	if (r >= 0)
		r = acre_sleep(acre_ms(1)); /* what was said goes out */
	while (r >= 0)
		pause();
	return r;
}

ACRE_TASK(get_blocked, struct acre_actor *a)
{
	int r = 0;

	ACRE_OPEN(ctx, r, a, block_for_ever, &nil) {
		r = acre_ready(NULL);
		if (r >= 0)
			r = acre_sleep(acre_secs(3600));
	}
	return r;
}

static int end_a_thousand(void)
{
	static struct acre_actor *actors[MANY];
	acre_instant begun = acre_now();
	double made = 0, ended;
	void *none;
	int r = 0;

	ACRE_NURSERY(n, r) {
		for (int i = 0; i < MANY && r >= 0; i++)
			r = acre_spawn(&n, &actors[i], .name = "blocked");
		for (int i = 0; i < MANY && r >= 0; i++)
			r = acre_go_ready(&n, get_blocked, actors[i], &none);
		assert_ok(r);
		made = seconds_since(begun);
		begun = acre_now();
		acre_nursery_cancel(&n);
	}
	ended = seconds_since(begun);
	test_note("made in %.2f s, ended in %.2f s, %d killed", made, ended, n_killed);
	assert_int_equal(n_killed, MANY);
	assert_int_equal(acre_children(NULL, 0), 0);
	assert_true(ended < LADDER_S + MORE_S);
	return r;
}

TEST(g5_a_thousand_blocked_children_end_within_one_ladder_and_a_second)
{
	static struct sys_table table;

	use_backend("forkserver");
	need_room_for_them();
	setenv("ACRE_LOG", "error", 1); /* not a line for each that is killed */
	test_limit(60);
	table = sys_real;
	table.pidfd_send_signal = count_kills;
	sys_use(&table);
	assert_ok(tree_result(end_a_thousand, false));
	sys_use(&sys_real);
	report_thread_fini();
}
