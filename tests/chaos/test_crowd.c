/* SPDX-License-Identifier: MIT */
/* test_crowd.c - a machine that is twenty times too busy kills no healthy actor: promise G5. */
#include "conform/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/sys.h"

#define HEALTHY	       25
#define GRANDCHILDREN  8
#define OVERSUBSCRIBED 20
/* Longer than the ladder; of a twentieth of a processor it is a quarter of a second */
#define GOODBYE_S      5
#define CPUS_MAX       8	/* with more of them the crowd would be one */

static _Atomic int n_killed;

static int count_kills(int fd, int sig, siginfo_t *info, unsigned flags)
{
	n_killed += sig == SIGKILL;
	return sys_real.pidfd_send_signal(fd, sig, info, flags);
}

static void leave_mark(void)
{
	static _Atomic int n;
	char path[512];
	int fd;

	snprintf(path, sizeof path, "%s/ended.%d.%d", test_dir(), (int)getpid(), ++n);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static int count_marks(void)
{
	DIR *dir = opendir(test_dir());
	struct dirent *e;
	int n = 0;

	assert_non_null(dir);
	while ((e = readdir(dir)))
		n += !strncmp(e->d_name, "ended.", 6);
	closedir(dir);
	return n;
}

/* Says goodbye with some work, which beside the crowd takes so long, whoever else is on this
 * machine: by the clock on the wall it is stuck, by its own it has hardly begun. */
ACRE_CONTEXT(work_at_the_end, acre_nil)
{
	int r = acre_started(ctx, acre_nil);
	acre_instant end;

	if (r >= 0)
		r = acre_sleep(acre_secs(3600));
	end = acre_after(acre_now(), acre_secs(GOODBYE_S));
	while (acre_now().ns < end.ns)
		;
	leave_mark();
	return r;
}

struct healthy {
	struct acre_actor *actor;
};

ACRE_TASK(hold, struct healthy *h)
{
	int r = 0;

	ACRE_OPEN(ctx, r, h->actor, work_at_the_end, &nil) {
		r = acre_ready(NULL);
		if (r >= 0)
			r = acre_sleep(acre_secs(3600));
	}
	return r;
}

static size_t make_crowd(pid_t *pids)
{
	size_t n = 0;
	cpu_set_t cpus;

	assert_int_equal(sched_getaffinity(0, sizeof cpus, &cpus), 0);
	n = (size_t)CPU_COUNT(&cpus);
	if (n > CPUS_MAX)
		test_note("%zu processors: the crowd is for %d of them", n, CPUS_MAX);
	n = (n > CPUS_MAX ? CPUS_MAX : n) * OVERSUBSCRIBED;
	for (size_t i = 0; i < n; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;)
				;
		}
	}
	return n;
}

static void end_crowd(const pid_t *pids, size_t n)
{
	for (size_t i = 0; i < n; i++)
		kill(pids[i], SIGKILL);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
}

TEST_TREE(g5_a_crowd_kills_no_healthy_actor)
{
	static struct healthy healthy[HEALTHY];
	static pid_t crowd[CPUS_MAX * OVERSUBSCRIBED];
	struct sys_table counting = *sys_used();
	acre_instant begun = acre_now();
	size_t n_crowd = 0;
	void *none;
	int r = 0;

	test_limit(120);
	counting.pidfd_send_signal = count_kills;
	ACRE_NURSERY(n, r) {
		for (int i = 0; i < HEALTHY && r >= 0; i++)
			r = acre_spawn(&n, &healthy[i].actor, .name = "healthy");
		for (int i = 0; i < HEALTHY && r >= 0; i++)
			r = acre_go_ready(&n, hold, &healthy[i], &none);
		assert_ok(r);
		n_crowd = make_crowd(crowd);
		sys_use(&counting);
		begun = acre_now();
		acre_nursery_cancel(&n);
	}
	end_crowd(crowd, n_crowd);
	sys_use(&sys_real);
	test_note("%.2f s beside %zu, %d hard kills", seconds_since(begun), n_crowd,
		  n_killed);
	assert_ok(r);
	assert_int_equal(n_killed, 0);
	assert_int_equal(count_marks(), HEALTHY);
	return r;
}

/*
 * Who waits for its own children, which cannot run, does nothing, and is healthy all the same.
 */

ACRE_CONTEXT(have_children, acre_nil)
{
	struct healthy healthy[GRANDCHILDREN];
	void *none;
	int r = 0;

	ACRE_NURSERY(n, r) {
		for (int i = 0; i < GRANDCHILDREN && r >= 0; i++)
			r = acre_spawn(&n, &healthy[i].actor, .name = "grandchild");
		for (int i = 0; i < GRANDCHILDREN && r >= 0; i++)
			r = acre_go_ready(&n, hold, &healthy[i], &none);
		if (r >= 0)
			r = acre_started(ctx, acre_nil);
		if (r >= 0)
			r = acre_sleep(acre_secs(3600));
	}
	return r;
}

ACRE_TASK(hold_middle, struct healthy *h)
{
	int r = 0;

	ACRE_OPEN(ctx, r, h->actor, have_children, &nil) {
		r = acre_ready(NULL);
		if (r >= 0)
			r = acre_sleep(acre_secs(3600));
	}
	return r;
}

/* The one between is a process also where its children are threads: it hosts them. */
TEST_TREE(g5_a_crowd_kills_no_healthy_grandchild)
{
	static pid_t crowd[CPUS_MAX * OVERSUBSCRIBED];
	struct healthy middle = { NULL };
	acre_instant begun = acre_now();
	size_t n_crowd = 0;
	void *none;
	int r = 0;

	test_limit(120);
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &middle.actor, .name = "middle",
			       .backend = backend_is("thread") ? "exec" : NULL);
		if (r >= 0)
			r = acre_go_ready(&n, hold_middle, &middle, &none);
		assert_ok(r);
		n_crowd = make_crowd(crowd);
		begun = acre_now();
		acre_nursery_cancel(&n);
	}
	end_crowd(crowd, n_crowd);
	test_note("%.2f s beside %zu, %d ended well", seconds_since(begun), n_crowd,
		  count_marks());
	assert_ok(r);
	assert_int_equal(count_marks(), GRANDCHILDREN);
	return r;
}
