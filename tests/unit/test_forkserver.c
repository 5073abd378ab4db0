/* SPDX-License-Identifier: MIT */
/* test_forkserver.c - a forkserver that is slow, stopped or dead, and who waits for it. */
#include "conform/tree.h"

#include <stdio.h>

#include "core/child_table.h"
#include "lib/proc.h"

/* The child of ours that is one. */
static pid_t find_forkserver(void)
{
	pid_t pids[64];
	size_t n = proc_children(getpid(), pids, 64);
	struct proc p;

	for (size_t i = 0; i < n; i++)
		if (proc_look(&p, pids[i]) && strstr(p.what, "_forkserver "))
			return pids[i];
	return 0;
}

static int spawn_forked(struct acre_nursery *n, struct acre_actor **ret)
{
	struct acre_int v = { 0 };
	int r = acre_spawn(n, ret, .name = "forked", .backend = "forkserver");

	if (r >= 0)
		r = acre_call(*ret, ten, &nil, acre_int, &v);
	if (r >= 0)
		assert_int_equal(v.value, 10);
	return r;
}

static bool has_come;

ACRE_TASK(spawn_another, struct acre_nursery *n)
{
	struct acre_actor *a;
	int r = spawn_forked(n, &a);

	has_come = true;
	return r;
}

/* Other children live and end meanwhile: nothing that they need is held. */
TEST_TREE(a_forkserver_that_stands_still_holds_up_nobody_else)
{
	struct acre_actor *first, *other;
	pid_t server;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_forked(&n, &first);
		assert_ok(r);
		r = acre_spawn(&n, &other, .name = "other", .backend = "exec");
		assert_ok(r);
		server = find_forkserver();
		assert_true(server > 0);
		assert_int_equal(kill(server, SIGSTOP), 0);
		r = acre_go(&n, spawn_another, &n);
		assert_ok(r);
		assert_ok(acre_yield());
		acre_ignore_result(acre_actor_cancel(first));
		assert_ok(acre_actor_wait(first));
		acre_ignore_result(acre_actor_cancel(other));
		assert_ok(acre_actor_wait(other));
		assert_false(has_come);
		assert_int_equal(child_table_tell(0), 0); /* nor is the table locked */
		assert_int_equal(kill(server, SIGCONT), 0);
	}
	assert_true(has_come);
	return r;
}

TEST_TREE(a_forkserver_that_was_killed_is_replaced)
{
	struct acre_actor *a;
	pid_t server, next;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_forked(&n, &a);
		assert_ok(r);
		server = find_forkserver();
		assert_int_equal(kill(server, SIGKILL), 0);
		do /* one that dies at this moment may still take the request */
			r = spawn_forked(&n, &a);
		while (r < 0);
		next = find_forkserver();
		assert_true(next > 0 && next != server);
	}
	return r;
}

/* Of the modules beside the test's own program. */
static void find_module(char path[4096], const char *name)
{
	ssize_t n = readlink("/proc/self/exe", path, 4096 - 64);

	assert_true(n > 0);
	path[n] = '\0';
	snprintf(strrchr(path, '/'), 64, "/%s.so", name);
}

static int spawn_once(void *ret_boot)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r)
		*(int *)ret_boot = acre_spawn(&n, &a, .backend = "forkserver");
	if (*(int *)ret_boot < 0)
		test_note("%s", acre_why(*(int *)ret_boot)->message);
	if (*(int *)ret_boot < 0)
		assert_text_has(acre_why(*(int *)ret_boot)->message, "module-thread");
	return r;
}

static int boot_with(const char *module)
{
	const char *const preload[] = { module, NULL };
	int boot = 0;

	assert_ok(acre_run(spawn_once, &boot,
			   &(struct acre_run_options){ .preload = preload }));
	report_thread_fini();
	return boot;
}

/* What it holds would stay locked in every actor (kernel-facts K23). */
TEST(a_module_that_starts_a_thread_is_not_preloaded)
{
	char path[4096];

	find_module(path, "module_threads");
	assert_class(boot_with(path), ACRE_EBOOT);
	find_module(path, "module_adds");
	assert_ok(boot_with(path));
}
