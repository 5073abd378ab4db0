/* SPDX-License-Identifier: MIT */
/* test_worker.c - functions that are forked in a tree: beside its threads, and under its sweep. */
#include "conform/tree.h"

#include <time.h>

#include <acre/dump.h>
#include <acre/process.h>

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
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = call_ten(&n, "exec");
		if (r >= 0)
			assert_status(have_a_tree, NULL, RC_TEN);
	}
	return r;
}
