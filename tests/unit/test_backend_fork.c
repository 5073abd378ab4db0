/* SPDX-License-Identifier: MIT */
/* test_backend_fork.c - actors that are forked from us: what fails while one is made. */
#include "conform/tree.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

#include "actor/spawner.h"
#include "base/sys.h"
#include "lib/proc.h"
#include "unit/forks.h"

/* ThreadSanitizer ends a child of a process with threads that starts one. */
#define TEST_FORKING(name)                                                     \
	static int name##_body_(void);                                         \
	TEST(name)                                                             \
	{                                                                      \
		if (is_tsan())                                                 \
			test_skip("ThreadSanitizer: no threads after a fork"); \
		assert_ok(tree_result(name##_body_, false));                   \
		report_thread_fini();                                          \
	}                                                                      \
	static int name##_body_(void)

static int spawn_and_call(void)
{
	struct acre_actor *a;
	struct acre_int v;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "forked", .backend = "fork");
		if (r >= 0)
			r = acre_call(a, ten, &nil, acre_int, &v);
	}
	return r;
}

static int spawn_while_one_fails(const char *call, uint64_t nth)
{
	int r;

	sys_use(&sys_fault);
	sys_fault_only(call);
	sys_fault_at(nth, EMFILE, false);
	r = spawn_and_call();
	sys_use(&sys_real);
	test_note("%s %d: %d", call, (int)nth, r);
	assert_int_equal(acre_children(NULL, 0), 0);
	return r;
}

/* A child counts on from where its parent was. */
TEST_FORKING(a_fork_that_fails_somewhere_leaves_nothing)
{
	static const char *const calls[] = { "socketpair",   "pipe2",	   "openat",
					     "fork_process", "pidfd_open", "fcntl",
					     "dup3" };

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		for (uint64_t nth = 1; nth <= 12; nth++)
			acre_ignore_result(spawn_while_one_fails(calls[i], nth));
	return spawn_and_call();
}

/* It has begun to live by then, and nobody will ever ask for it. */
static int spawn_what_cannot_be_held(struct acre_nursery *n, const char *backend)
{
	struct acre_actor *a;
	int r;

	sys_use(&sys_fault);
	sys_fault_only("pidfd_open");
	sys_fault_at(1, ENOMEM, false);
	r = acre_spawn(n, &a, .name = "slippery", .backend = backend);
	sys_use(&sys_real);
	return r;
}

static int let_slip(const char *backend)
{
	struct acre_actor *a;
	int failed = 0, r = 0;
	pid_t pids[8];
	size_t n_before;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "before", .backend = backend);
		assert_ok(r);
		n_before = proc_children(getpid(), pids, 8);
		failed = spawn_what_cannot_be_held(&n, backend);
		assert_class(failed, ACRE_EBOOT);
		assert_text_has(acre_why(failed)->death->step, "holding");
		assert_int_equal(proc_children(getpid(), pids, 8), n_before);
	}
	return r;
}

TEST_FORKING(a_forked_child_that_cannot_be_held_is_gone_at_once)
{
	return let_slip("fork");
}

TEST_FORKING(a_child_of_a_forkserver_that_cannot_be_held_is_gone_at_once)
{
	return let_slip("forkserver");
}

/* Its descriptors are those of the child by then, and the link is one of them. */
TEST_FORKING(a_forked_child_that_cannot_begin_says_why_to_the_end)
{
	static const struct {
		const char *call, *step;
	} steps[] = {
		{ "prctl", "tying its life to the parent's" },
		{ "setpgid", "making its process group" },
		{ "sigmask", "resetting its signals" },
		{ "dup3", "placing its descriptors" },
		{ "close_range", "placing its descriptors" },
	};

	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		int r = spawn_while_one_fails(steps[i].call, 1);

		if (!acre_has(r, ACRE_EBOOT)) /* one of the parent's own */
			continue;
		assert_non_null(acre_why(r)->death);
		test_note("%s: %s", steps[i].call, acre_why(r)->death->last_words);
		assert_text_has(acre_why(r)->death->last_words, steps[i].step);
		assert_text_has(acre_why(r)->death->last_words, "EMFILE");
	}
	return 0;
}

/*
 * A handler of pthread_atfork() that hangs: before the fork, or in the parent after it.
 */

static sem_t may_go_on;
static _Atomic bool hangs_before, hangs_after;

static void hang_if(bool hangs)
{
	while (hangs && sem_wait(&may_go_on) < 0)
		; /* only a signal ends it early */
}

static void before_fork(void)
{
	hang_if(atomic_load(&hangs_before));
}

static void after_fork_in_parent(void)
{
	hang_if(atomic_load(&hangs_after));
}

static void prepare_to_hang(void)
{
	sem_init(&may_go_on, 0, 0);
	pthread_atfork(before_fork, after_fork_in_parent, NULL);
	spawner_fork_ns = 200000000;
}

static void go_on(void)
{
	atomic_store(&hangs_before, false);
	atomic_store(&hangs_after, false);
	sem_post(&may_go_on);
}

static int spawn_hanging(struct acre_nursery *n, struct acre_actor **ret)
{
	int r = acre_spawn(n, ret, .name = "hanging", .backend = "fork");

	assert_class(r, ACRE_EBOOT);
	assert_non_null(acre_why(r)->death);
	return acre_why(r)->death->error;
}

static int call(struct acre_actor *a)
{
	struct acre_int v = { 0 };
	int r = acre_call(a, ten, &nil, acre_int, &v);

	assert_int_equal(v.value, r < 0 ? 0 : 10);
	return r;
}

/* There are children of before, which the thread that hangs has made, and others after. */
static int live_on_beside(_Atomic bool *hangs)
{
	struct acre_actor *before, *hanging, *other;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &before, .name = "before", .backend = "exec");
		assert_ok(r);
		atomic_store(hangs, true);
		assert_int_equal(spawn_hanging(&n, &hanging), ETIMEDOUT);
		assert_ok(call(before));
		assert_int_equal(spawn_hanging(&n, &hanging),
				 EBUSY); /* at once: one forks */
		assert_ok(acre_spawn(&n, &other, .name = "other", .backend = "exec"));
		assert_ok(call(other));
		go_on();
		do /* bound: the test's limit */
			r = acre_spawn(&n, &other, .name = "again", .backend = "fork");
		while (r < 0);
		assert_ok(call(other));
		assert_ok(call(before)); /* its thread is there, if it rests */
	}
	return r;
}

TEST_FORKING(a_fork_that_hangs_before_is_a_failure_and_others_go_on)
{
	prepare_to_hang();
	return live_on_beside(&hangs_before);
}

/* Its child lives already, and has nobody: it must not stay. */
TEST_FORKING(a_fork_that_hangs_after_leaves_no_child)
{
	struct proc p;
	pid_t pids[8];
	size_t n;
	int r;

	prepare_to_hang();
	r = live_on_beside(&hangs_after);
	n = proc_children(getpid(), pids, 8);
	for (size_t i = 0; i < n; i++)
		if (proc_look(&p, pids[i]))
			test_note("left: %s", p.what);
	assert_int_equal(n, 0);
	return r;
}

static int hang_and_leave(void)
{
	struct acre_actor *hanging;
	int r = 0;

	ACRE_NURSERY(n, r) {
		atomic_store(&hangs_before, true);
		assert_int_equal(spawn_hanging(&n, &hanging), ETIMEDOUT);
	}
	return r;
}

/* What asks behind one that hangs gets another thread. */
ACRE_TASK(spawn_other, struct acre_nursery *n)
{
	struct acre_actor *a;
	int r = acre_spawn(n, &a, .name = "other", .backend = "exec");

	return r < 0 ? r : call(a);
}

static int wait_behind(void)
{
	struct acre_actor *hanging;
	int r = 0;

	atomic_store(&hangs_before, true);
	ACRE_NURSERY(n, r) {
		for (int i = 0; r >= 0 && i < 3; i++)
			r = acre_go(&n, spawn_other, &n);
		assert_int_equal(spawn_hanging(&n, &hanging), ETIMEDOUT);
	}
	return r;
}

/* The thread that hangs stays behind, and ends when it can. */
static void end_while_one_hangs(int (*body)(void))
{
	int n_threads = count_threads();

	if (is_tsan())
		test_skip("ThreadSanitizer: no threads after a fork");
	prepare_to_hang();
	assert_ok(tree_result(body, false));
	assert_int_equal(count_threads(), n_threads + 1);
	go_on();
	while (count_threads() > n_threads) /* bound: the test's limit */
		sched_yield();
	assert_ok(tree_result(spawn_and_call, false));
	report_thread_fini();
}

TEST(who_waits_behind_a_fork_that_hangs_is_served)
{
	end_while_one_hangs(wait_behind);
}

TEST(a_tree_ends_while_a_fork_hangs)
{
	end_while_one_hangs(hang_and_leave);
}
