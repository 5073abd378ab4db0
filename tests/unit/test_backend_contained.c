/* SPDX-License-Identifier: MIT */
/* test_backend_contained.c - actors of every backend, and commands, are born in their tree's cgroup. */
#include "conform/tree.h"

#include <acre/command.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>

#include "actor/runtime.h"
#include "base/sys.h"
#include "unit/forks.h"

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
	char path[4096];
	int r = contain_probe_cgroup(path, sizeof path);

	if (r < 0 && acre_is(r, EOPNOTSUPP))
		test_skip("%s", acre_why(r)->message);
	assert_ok(r);
	assert_ok(run_contained(do_nothing, NULL));
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
	if (is_tsan())
		test_skip("ThreadSanitizer: no threads after a fork");
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

static int start_contained(void *unused)
{
	static const char *const argv[] = { "sleep", "1000", NULL };
	struct acre_command *c;
	int r = 0;

	(void)unused;
	ACRE_NURSERY(n, r) {
		r = acre_command_start(&n, &c, .argv = argv, .flags = ACRE_COMMAND_SERVES);
		assert_ok(r);
		assert_true(is_in_cgroup(acre_command_pid(c),
					 runtime_this->containment.name));
	}
	return r;
}

TEST(a_command_is_contained)
{
	need_cgroup();
	assert_ok(run_contained(start_contained, NULL));
}

/*
 * Too few descriptors.
 */

static int keeps_guard(void *unused)
{
	pid_t guard = runtime_this->containment.guard.pid.pid;
	char exec[] = "exec";

	(void)unused;
	for (int i = 0; i < 5; i++)
		assert_ok(spawn_contained(exec));
	assert_int_equal(runtime_this->containment.guard.pid.pid, guard);
	return 0;
}

/* A guard that ends is replaced: one that cannot live would be for ever. */
TEST(a_guard_needs_few_descriptors)
{
	struct rlimit before, few;

	need_cgroup();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = 60;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_ok(run_contained(keeps_guard, NULL));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static char made[4200];

static int note_mkdirat(int dir, const char *path, mode_t mode)
{
	char link[64], parent[4096];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
	n = readlink(link, parent, sizeof parent - 1);
	assert_true(n > 0);
	parent[n] = '\0';
	snprintf(made, sizeof made, "%s/%.64s", parent, path);
	return sys_real.mkdirat(dir, path, mode);
}

TEST(a_containment_that_fails_leaves_no_cgroup)
{
	struct sys_table table = sys_fault;

	need_cgroup();
	table.mkdirat = note_mkdirat;
	for (uint64_t nth = 1; nth <= 3; nth++) {
		made[0] = '\0';
		sys_use(&table);
		sys_fault_only("openat");
		sys_fault_at(nth, EMFILE, false);
		assert_class(run_contained(do_nothing, NULL), EOPNOTSUPP);
		sys_use(&sys_real);
		assert_true(made[0] || nth == 1);
		assert_int_equal(faccessat(AT_FDCWD, made, F_OK, 0), -1);
	}
	report_thread_fini();
}
