/* SPDX-License-Identifier: MIT */
/* test_worker.c - functions that are forked in a tree: beside its threads, and under its sweep. */
#include "conform/tree.h"

#include <fcntl.h>
#include <sys/pidfd.h>
#include <time.h>

#include <acre/dump.h>
#include <acre/process.h>

#include "actor/sweep.h"
#include "unit/forks.h"

#define RC_TEN "rc=10"

/* What hangs, if a lock of libc stayed with a thread that is not there. */
static int use_libc(void *unused)
{
	time_t now = time(NULL);
	struct tm tm;
	char *p = malloc(100000);

	(void)unused;
	setenv("ACRE_TEST_FORKED", "1", 1);
	localtime_r(&now, &tm);
	free(p);
	return p ? 10 : 1;
}

static int call_ten(struct acre_nursery *n, const char *backend)
{
	struct acre_actor *a;
	struct acre_int v = { 0 };
	int r = acre_spawn(n, &a, .name = "callee", .backend = backend);

	if (r >= 0)
		r = acre_call(a, ten, &nil, acre_int, &v);
	if (r >= 0)
		assert_int_equal(v.value, 10);
	return r;
}

static int fork_beside(const char *backend)
{
	struct acre_hang hang;
	int r = acre_dump_on_hang(&hang, acre_secs(3600), .path = "/dev/null");

	if (r < 0)
		return r;
	ACRE_NURSERY(n, r) {
		r = call_ten(&n, backend);
		for (int i = 0; r >= 0 && i < 20; i++)
			assert_status(use_libc, NULL, RC_TEN);
	}
	return acre_hang_close(&hang, r);
}

/* No thread of ours is a stranger: neither watchdog, spawner nor dumper. */
TEST_TREE(s01_a_fork_beside_an_actor_and_an_armed_dump)
{
	return fork_beside("exec");
}

TEST_TREE(s01_a_fork_beside_a_forkserver)
{
	return fork_beside("forkserver");
}

/* The child's child table is empty and its watchdog its own. */

static int call_ten_in_tree(void)
{
	int r = 0;

	ACRE_NURSERY(n, r)
		r = call_ten(&n, "exec");
	return r < 0 ? r : 10;
}

static int have_a_tree(void *unused)
{
	(void)unused;
	return tree_result(call_ten_in_tree, false);
}

TEST_TREE(s01_a_forked_function_has_a_tree_of_its_own)
{
	const char *why;
	int r = 0;

	if (!backend_is_there("fork", &why)) /* a tree takes threads */
		test_skip("%s", why);
	ACRE_NURSERY(n, r) {
		r = call_ten(&n, "exec");
		if (r >= 0)
			assert_status(have_a_tree, NULL, RC_TEN);
	}
	return r;
}

/*
 * The sweep of an actor, or of a root that has one, ends children of other process groups that
 * nobody has declared. A handle declares one.
 */

struct leaver {
	int tells, waits; /* what it writes, and what it reads until its end may come */
	bool leaves_child;
};

static void leave_child(const struct leaver *l)
{
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	acre_ignore_result(write(l->tells, &pid, sizeof pid) != sizeof pid);
}

/* Of another session than ours, which it tells. */
static int leave_group(void *arg)
{
	const struct leaver *l = arg;
	pid_t pid = setsid();
	char byte;

	if (l->leaves_child)
		leave_child(l);
	else
		acre_ignore_result(write(l->tells, &pid, sizeof pid) != sizeof pid);
	return read(l->waits, &byte, 1) == 0 ? 10 : 1;
}

struct leaving {
	struct leaver child;
	int hears, gate; /* our ends */
};

static void leaving_init(struct leaving *l)
{
	int tell[2], wait[2];

	assert_int_equal(pipe2(tell, O_CLOEXEC), 0);
	assert_int_equal(pipe2(wait, O_CLOEXEC), 0);
	l->child = (struct leaver){ .tells = tell[1], .waits = wait[0] };
	l->hears = tell[0];
	l->gate = wait[1];
}

/* After the child was made. */
static pid_t leaving_hear(const struct leaving *l)
{
	pid_t pid;

	assert_int_equal(read(l->hears, &pid, sizeof pid), sizeof pid);
	assert_true(pid > 0);
	return pid;
}

static void leaving_fini(struct leaving *l)
{
	close(l->child.tells);
	close(l->child.waits);
	close(l->hears);
	close(l->gate);
}

static int fork_leaver(struct acre_process **ret, struct leaving *l)
{
	int fds[] = { l->child.tells, l->child.waits };

	return acre_fork_from_worker(ret, leave_group, &l->child, .fds = fds, .n_fds = 2,
				     .flags = STRANGERS);
}

/* It goes on beside a sweep, and ends as it likes. */
static void assert_spared(struct acre_process *p, struct leaving *l)
{
	struct acre_death death;
	char words[ACRE_STATUS_MAX];

	leaving_hear(l);
	sweep();
	assert_int_equal(acre_process_poll(p, NULL), 0);
	close(l->gate);
	l->gate = -1;
	assert_ok(acre_process_wait(p, &death));
	assert_string_equal(acre_process_status(&death, words), RC_TEN);
	acre_process_free(p);
}

TEST_ACTOR(s01_a_forked_function_may_leave_our_group)
{
	struct acre_process *p;
	struct leaving l;
	int r;

	(void)a;
	leaving_init(&l);
	r = fork_leaver(&p, &l);
	if (r >= 0)
		assert_spared(p, &l);
	leaving_fini(&l);
	return r;
}

TEST_ACTOR(s04_a_child_that_is_held_may_leave_our_group)
{
	struct acre_process *p;
	struct leaving l;
	pid_t pid;
	int r, go[2];
	char byte = 0;

	(void)a;
	leaving_init(&l);
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		close(l.gate); /* we wait for its end */
		_exit(read(go[0], &byte, 1) == 1 ? leave_group(&l.child) : 1);
	}
	r = acre_process_open(&p, pid);
	if (r >= 0) {
		assert_int_equal(write(go[1], &byte, 1), 1);
		assert_spared(p, &l);
	}
	leaving_fini(&l);
	close(go[0]);
	close(go[1]);
	return r;
}

/* Once it was collected nobody answers for what it has left. */
TEST_ACTOR(s01_what_a_forked_function_has_left_is_swept)
{
	struct acre_process *p;
	struct leaving l;
	int r, left;

	(void)a;
	leaving_init(&l);
	l.child.leaves_child = true;
	r = fork_leaver(&p, &l);
	if (r < 0)
		return r;
	left = pidfd_open(leaving_hear(&l), 0);
	assert_true(left >= 0);
	close(l.gate);
	l.gate = -1;
	r = acre_process_wait(p, NULL);
	acre_process_free(p);
	assert_ok(test_wait_pidfd(left, SOON));
	close(left);
	leaving_fini(&l);
	return r;
}
