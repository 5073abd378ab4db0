/* SPDX-License-Identifier: MIT */
/* test_backend_thread.c - actors that are threads: what they share with their process, and their ends. */
#include "conform/tree.h"

#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>

#include "actor/runtime.h"
#include "base/sys.h"

static int spawn_thread(struct acre_nursery *n, struct acre_actor **ret)
{
	return acre_spawn(n, ret, .name = "thread", .backend = "thread");
}

/*
 * The spawner's answer and the end of the loop that it is for.
 */

ACRE_CONTEXT(makes_a_process, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r)
		r = acre_spawn(&n, &a, .name = "process", .backend = "exec");
	return r < 0 ? r : acre_return(ctx, acre_int, .value = 1);
}

/* The last thing that its loop does is to read that letter. */
ACRE_CONTEXT(makes_none, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	struct acre_actor *a;
	int boot = 0, r = 0;

	ACRE_NURSERY(n, r)
		boot = acre_spawn(&n, &a, .program = "/no/such/program");
	assert_class(boot, ACRE_EBOOT);
	return r < 0 ? r : acre_return(ctx, acre_int, .value = 1);
}

#define make_by(endpoint)                                                       \
	static int endpoint##_by_thread(void)                                   \
	{                                                                       \
		struct acre_actor *a;                                           \
		struct acre_int v = { 0 };                                      \
		int r = 0;                                                      \
                                                                                \
		ACRE_NURSERY(n, r) {                                            \
			r = spawn_thread(&n, &a);                               \
			if (r >= 0)                                             \
				r = acre_call(a, endpoint, &nil, acre_int, &v); \
		}                                                               \
		assert_int_equal(v.value, 1);                                   \
		return r;                                                       \
	}
make_by(makes_a_process) make_by(makes_none)

	TEST_TREE(threads_that_make_processes_come_and_go)
{
	int r = 0;

	for (int i = 0; r >= 0 && i < 5; i++) {
		r = makes_a_process_by_thread();
		if (r >= 0)
			r = makes_none_by_thread();
	}
	return r;
}
/*
 * What fails while one is made.
 */

static int spawn_and_call(void)
{
	struct acre_actor *a;
	struct acre_int v;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_thread(&n, &a);
		if (r >= 0)
			r = acre_call(a, ten, &nil, acre_int, &v);
	}
	return r;
}

static int spawn_while_each_fails(void)
{
	static const char *const calls[] = { "socketpair",    "fcntl",
					     "eventfd",	      "epoll_ctl",
					     "epoll_create1", "timerfd_create",
					     "mmap" };

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		for (uint64_t nth = 1; nth <= 12; nth++) {
			bool failed;
			int r;

			sys_fault_only(calls[i]);
			sys_fault_at(nth, ENOMEM, false);
			r = spawn_and_call();
			failed = sys_fault_calls() >= nth;
			sys_fault_at(0, 0, false);
			test_note("%s %d: %d", calls[i], (int)nth, r);
			assert_true(r >= 0 || failed);
			assert_int_equal(acre_children(NULL, 0), 0);
		}
	return spawn_and_call();
}

/* The table is another one for the whole tree: its threads read which one it is. */
TEST(a_thread_that_cannot_be_had_leaves_nothing)
{
	sys_fault_at(0, 0, false);
	sys_use(&sys_fault);
	assert_ok(tree_result(spawn_while_each_fails, false));
	sys_use(&sys_real);
	report_thread_fini();
}

/*
 * One that does not look at cancellation.
 */

static sem_t is_stuck, is_free;

/* Its loop stands still. */
ACRE_CONTEXT(stands_still, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	sem_post(&is_stuck);
	sem_wait(&is_free);
	return acre_return(ctx, acre_int, .value = 1);
}

ACRE_TASK(call_stuck, struct acre_actor *a)
{
	struct acre_int v;

	acre_ignore_result(acre_call(a, stands_still, &nil, acre_int, &v));
	return 0;
}

static int wait_until_stuck(void *unused)
{
	(void)unused;
	sem_wait(&is_stuck);
	return 0;
}

/* stderr is this, for what a process says that waits for a thread that it cannot kill. */
static int said_on_stderr[2], true_stderr;

static void hear_stderr(void)
{
	assert_int_equal(pipe2(said_on_stderr, O_CLOEXEC), 0);
	true_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	assert_int_equal(dup2(said_on_stderr[1], STDERR_FILENO), STDERR_FILENO);
	close(said_on_stderr[1]);
	sem_init(&is_stuck, 0, 0);
	sem_init(&is_free, 0, 0);
}

static void give_stderr_back(void)
{
	assert_int_equal(dup2(true_stderr, STDERR_FILENO), STDERR_FILENO);
	close(true_stderr);
	close(said_on_stderr[0]);
}

static void wait_until_it_is_said(void)
{
	char text[4096] = "";
	size_t len = 0;
	ssize_t n;

	while (!strstr(text, "goes on waiting for it")) {
		assert_true(acre_wait_fd(said_on_stderr[0], POLLIN) > 0);
		n = read(said_on_stderr[0], text + len, sizeof text - 1 - len);
		assert_true(n > 0);
		len += (size_t)n;
	}
	assert_text_has(text,
			" is a thread that does not end, and cannot be killed alone");
}

/* The word comes when a process that is no root's would have ended. */
static int host_stuck(void)
{
	struct acre_actor *a;
	int shielded = 0, r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_thread(&n, &a);
		assert_ok(r);
		assert_ok(acre_go(&n, call_stuck, a));
		assert_ok(acre_blocking(wait_until_stuck, NULL));
		life_event(&a->life, LIFE_EV_KILL);
		ACRE_SHIELD(acre_secs(60), shielded)
			wait_until_it_is_said();
		sem_post(&is_free);
	}
	return r;
}

ACRE_CONTEXT(hosts_stuck, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	acre_ignore_result(host_stuck());
	return acre_return(ctx, acre_int, .value = 1);
}

make_by(hosts_stuck)

	TEST_TREE(a_root_is_not_killed_for_a_thread_that_is_stuck)
{
	hear_stderr();
	acre_ignore_result(host_stuck());
	give_stderr_back();
	return 0;
}

/* Nor for one of a thread: it is the same process. */
TEST_TREE(a_root_is_not_killed_for_a_thread_of_a_thread_that_is_stuck)
{
	int r;

	hear_stderr();
	r = hosts_stuck_by_thread();
	give_stderr_back();
	return r;
}
