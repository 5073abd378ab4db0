/* SPDX-License-Identifier: MIT */
/* test_be_forkserver.c - the helper that forks actors: its death, what it loads, whose it is. */
#include "conform/tree.h"

#include <stdio.h>
#include <sys/pidfd.h>

#include "lib/proc.h"

/* That of this process; 0: none runs. */
static pid_t forkserver_of_ours(void)
{
	pid_t pids[64], found = 0;
	size_t n = proc_children(getpid(), pids, 64);
	struct proc proc;

	for (size_t i = 0; i < n; i++)
		if (proc_look(&proc, pids[i]) && proc.state != 'Z' &&
		    strstr(proc.what, "_forkserver")) {
			assert_int_equal(found, 0); /* never two */
			found = pids[i];
		}
	return found;
}

static int spawn_and_call(struct acre_nursery *n)
{
	struct acre_int v = { 0 };
	struct acre_actor *a;
	int r = acre_spawn(n, &a, .name = "forked");

	if (r >= 0)
		r = acre_call(a, ten, &nil, acre_int, &v);
	assert_true(r < 0 || v.value == 10);
	return r;
}

static int spawn_over_its_death(void)
{
	pid_t first, second;
	int pidfd, r = 0;

	assert_int_equal(forkserver_of_ours(), 0);
	ACRE_NURSERY(n, r) {
		assert_ok(spawn_and_call(&n));
		first = forkserver_of_ours();
		assert_true(first > 0);
		pidfd = pidfd_open(first, 0);
		assert_int_equal(pidfd_send_signal(pidfd, SIGKILL, NULL, 0), 0);
		assert_ok(test_wait_pidfd(pidfd, 30));
		close(pidfd);
		assert_ok(spawn_and_call(&n));
		second = forkserver_of_ours();
		assert_true(second > 0 && second != first);
		assert_int_equal(acre_children(NULL, 0), 2); /* the first lives on */
	}
	return r;
}

TEST(a_forkserver_that_was_killed_is_replaced_at_the_next_spawn)
{
	use_backend("forkserver");
	assert_ok(tree_result(spawn_over_its_death, false));
	assert_int_equal(forkserver_of_ours(), 0);
	report_thread_fini();
}

/*
 * What it loads.
 */

/* The modules are beside this program. */
static const char *module_path(const char *name)
{
	static char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 64);

	assert_true(n > 0);
	path[n] = '\0';
	snprintf(strrchr(path, '/'), 64, "/%s.so", name);
	return path;
}

#define ADDENDS(F) F(int64_t, a) F(int64_t, b)
ACRE_MSG(addends, ADDENDS)

static bool has_mapped(pid_t pid, const char *what)
{
	char path[64], line[4096];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof line, f))
		found |= strstr(line, what) != NULL;
	fclose(f);
	return found;
}

static int add_in_module(void *unused)
{
	const char *path = module_path("module_adds");
	struct acre_context *ctx = NULL;
	struct acre_int sum = { 0 };
	struct acre_actor *a;
	int r = 0;

	(void)unused;
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "adder", .module = path);
		assert_ok(r);
		assert_true(has_mapped(forkserver_of_ours(), "module_adds.so"));
		assert_false(has_mapped(getpid(), "module_adds.so"));
		r = acre_open_named(&ctx, a, "module_adds", "add", addends_msg_(),
				    &(struct addends){ 40, 2 });
		assert_ok(r);
		assert_int_equal(acre_result(ctx, acre_int, &sum), 1);
		r = acre_context_close(&ctx, 0);
	}
	assert_int_equal(sum.value, 42);
	return r;
}

static int run_preloaded(int (*body)(void *arg), const char *module)
{
	static const char *const exposed[] = { "main", NULL };
	const char *const preload[] = { module, NULL };

	return acre_run(body, NULL,
			&(struct acre_run_options){ .expose = exposed,
						    .preload = preload,
						    .seed = test_seed() });
}

TEST(a_preloaded_module_is_in_the_forkserver_and_its_actors)
{
	use_backend("forkserver");
	assert_ok(run_preloaded(add_in_module, module_path("module_adds")));
	report_thread_fini();
}

static int fail_to_start(void *unused)
{
	struct acre_actor *a = NULL;
	int failed = 0, r = 0;

	(void)unused;
	ACRE_NURSERY(n, r)
		failed = acre_spawn(&n, &a, .name = "never");
	assert_ok(r);
	assert_null(a);
	assert_class(failed, ACRE_EBOOT);
	assert_string_equal(acre_why(failed)->death->step, "starting the forkserver");
	return failed;
}

static void assert_fails_to_start(const char *module, const char *why)
{
	int r = run_preloaded(fail_to_start, module);
	char *story = acre_story(r);

	assert_text_has(story, why);
	free(story);
	report_thread_fini();
}

TEST(a_module_that_does_not_load_is_a_failure_with_the_loaders_words)
{
	use_backend("forkserver");
	assert_fails_to_start("/nonexistent/module.so", "/nonexistent/module.so");
	assert_fails_to_start("/nonexistent/module.so", "No such file");
	assert_fails_to_start(module_path("module_unresolved"), "defined_nowhere");
}

TEST(a_module_that_ends_the_forkserver_is_a_failure_and_soon)
{
	acre_instant begun = acre_now();

	use_backend("forkserver");
	assert_fails_to_start(module_path("module_dies"),
			      "the forkserver was killed by signal 6 (SIGABRT");
	assert_true(seconds_since(begun) < 8); /* no wait for a silent one */
}

/*
 * Each level has its own, and none is left.
 */

#define LEVEL(F) F(int, actor) F(int, forkserver) F(int, parent)
ACRE_MSG(level, LEVEL)

ACRE_CONTEXT(spawn_one, acre_nil)
{
	struct acre_nil none;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_and_call(&n);
		if (r >= 0)
			r = acre_started(ctx, level, .actor = getpid(),
					 .forkserver = forkserver_of_ours(),
					 .parent = getppid());
		if (r >= 0)
			r = acre_recv(ctx, acre_nil, &none); /* until it is finished */
	}
	return r < 0 ? r : 0;
}

static int pidfds[2];

static int two_levels(void)
{
	struct acre_actor *a;
	struct level l;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "middle");
		assert_ok(r);
		ACRE_OPEN(ctx, r, a, spawn_one, &nil) {
			assert_int_equal(acre_first(ctx, level, &l), 1);
			assert_int_equal(l.parent, getpid());
			assert_true(l.forkserver > 0);
			assert_true(l.forkserver != forkserver_of_ours());
			pidfds[0] = pidfd_open(forkserver_of_ours(), 0);
			pidfds[1] = pidfd_open(l.forkserver, 0);
			assert_true(pidfds[0] >= 0 && pidfds[1] >= 0);
			r = acre_finish(ctx);
		}
	}
	return r;
}

TEST(each_level_has_a_forkserver_of_its_own_and_none_is_left)
{
	use_backend("forkserver");
	assert_ok(tree_result(two_levels, false));
	for (int i = 0; i < 2; i++) {
		assert_ok(test_wait_pidfd(pidfds[i], 0)); /* not a moment longer */
		close(pidfds[i]);
	}
	assert_int_equal(forkserver_of_ours(), 0);
	report_thread_fini();
}
