/* SPDX-License-Identifier: MIT */
/* test_backend_contained.c - every backend's actors are born in the cgroup of a contained tree. */
#include "conform/tree.h"

#include <stdio.h>

#include "actor/runtime.h"
#include "lib/run.h"

static int run_contained(int (*fn)(void *arg), void *arg)
{
	static const char *const exposed[] = { "main", NULL };

	return acre_run(fn, arg,
			&(struct acre_run_options){ .expose = exposed,
						    .seed = test_seed(),
						    .contained = true });
}

static int do_nothing(void *unused)
{
	(void)unused;
	return 0;
}

static void need_cgroup(void)
{
	int r = run_contained(do_nothing, NULL);

	if (r < 0 && acre_is(r, EOPNOTSUPP))
		test_skip("%s", acre_why(r)->message);
	assert_ok(r);
}

/* The line of version 2 is "0::PATH". */
static bool is_in_cgroup(pid_t pid, const char *name)
{
	char path[64], line[4096];
	bool is_in = false;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/cgroup", (int)pid);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof line, f))
		is_in |= !strncmp(line, "0::", 3) && strstr(line, name);
	fclose(f);
	return is_in;
}

static int spawn_contained(void *backend)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "contained", .backend = backend);
		assert_ok(r);
		assert_true(
			is_in_cgroup(acre_actor_pid(a), runtime_this->containment.name));
	}
	return r;
}

static void assert_contains(const char *backend)
{
	char name[32];

	snprintf(name, sizeof name, "%s", backend);
	need_cgroup();
	assert_ok(run_contained(spawn_contained, name));
}

TEST(an_executed_actor_is_contained)
{
	assert_contains("exec");
}

TEST(an_actor_of_a_forkserver_is_contained)
{
	assert_contains("forkserver");
}

TEST(a_forked_actor_is_contained)
{
	assert_contains("fork");
}

/* The process of a thread is the root's, which is not in the cgroup itself. */
static const char *cgroup_of_root;

ACRE_CONTEXT(has_contained, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "contained", .backend = "exec");
		assert_ok(r);
		assert_true(is_in_cgroup(acre_actor_pid(a), cgroup_of_root));
	}
	return r < 0 ? r : acre_return(ctx, acre_int, .value = 1);
}

static int spawn_from_thread(void *unused)
{
	struct acre_actor *a;
	struct acre_int v = { 0 };
	int r = 0;

	(void)unused;
	cgroup_of_root = runtime_this->containment.name;
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "host", .backend = "thread");
		if (r >= 0)
			r = acre_call(a, has_contained, &nil, acre_int, &v);
	}
	assert_int_equal(v.value, 1);
	return r;
}

TEST(what_a_thread_of_the_root_makes_is_contained)
{
	need_cgroup();
	assert_ok(run_contained(spawn_from_thread, NULL));
}
