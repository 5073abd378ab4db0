/* SPDX-License-Identifier: MIT */
/* test_thread_stay.c - a thread that ends under what it runs for us ends the process, and says so. */
#include <pthread.h>
#include <unistd.h>

#include <acre/process.h>
#include <acre/run.h>

#include "core/loop.h"
#include "core/thread_stay.h"
#include "unit/forks.h"
#include "unit/overheard.h"

static void assert_stops(void (*fn)(void), const char *words)
{
	char text[8192];
	int status = overhear(fn, text, sizeof text);

	assert_text_has(text, words);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

/* What the process goes on with while the thread has gone: main() waits. */
static void run_on_thread(void *(*fn)(void *))
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, fn, NULL), 0);
	pthread_join(thread, NULL);
}

ACRE_TASK(leave, void *unused)
{
	(void)unused;
	pthread_exit(NULL);
}

/* Beside one that would wait for ever. */
static int leave_in_task(void *unused)
{
	int r = 0;

	(void)unused;
	ACRE_NURSERY(n, r) {
		r = acre_go(&n, leave, NULL);
		if (r >= 0)
			r = acre_sleep(acre_secs(3600));
	}
	return r;
}

static void run_root(void)
{
	acre_ignore(acre_run(leave_in_task, NULL, NULL));
}

static void *run_root_on_thread(void *unused)
{
	(void)unused;
	run_root();
	return NULL;
}

static void run_root_beside_main(void)
{
	run_on_thread(run_root_on_thread);
}

TEST(a_task_that_ends_its_thread_is_named_with_its_place)
{
	if (is_sanitized())
		test_skip(
			"the sanitizer does not know that a task's stack can be left so");
	assert_stops(run_root, "acre: BUG at ");
	assert_stops(run_root, "test_thread_stay.c:");
	assert_stops(run_root, "a return: that of task root/leave, and so of all tasks");
	assert_stops(run_root_beside_main, "a return: that of task root/leave,");
}

static void *is_cancelled(void *unused)
{
	struct loop *loop;

	(void)unused;
	assert_ok(loop_open(&loop, &(struct loop_options){ .seed = 0 }));
	pthread_cancel(pthread_self());
	pthread_testcancel();
	return NULL;
}

static void cancel_thread(void)
{
	run_on_thread(is_cancelled);
}

TEST(a_thread_of_a_loop_is_not_to_be_cancelled)
{
	assert_stops(cancel_thread, "a return: a loop\n");
}

static int never_runs(void *unused)
{
	(void)unused;
	return 0;
}

static void *forget_root(void *unused)
{
	(void)unused;
	assert_ok(acre_begin(never_runs, NULL, NULL));
	return NULL; /* and no acre_end() */
}

static void embed_and_return(void)
{
	run_on_thread(forget_root);
}

TEST(a_thread_is_not_to_return_while_a_loop_is_embedded_in_it)
{
	assert_stops(embed_and_return, "a return: an embedded loop\n");
}

static int leave_helper(void *unused)
{
	(void)unused;
	pthread_exit(NULL);
}

static int block(void *unused)
{
	(void)unused;
	return acre_blocking(leave_helper, NULL);
}

static void run_blocking(void)
{
	acre_ignore(acre_run(block, NULL, NULL));
}

TEST(a_helper_whose_task_would_wait_for_ever_is_named)
{
	assert_stops(run_blocking, "a return: a helper, in acre_blocking()\n");
}

TEST_TASK(s01_a_forked_function_that_ends_its_thread_has_not_done_well)
{
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
	assert_status(leave_helper, NULL, "signal=SIGABRT");
	return 0;
}

static void *live_in_peace(void *unused)
{
	struct loop *loop;

	(void)unused;
	assert_ok(loop_open(&loop, &(struct loop_options){ .seed = 0 }));
	assert_int_equal(thread_stay_begin("what is in it"), 0);
	thread_stay_end();
	loop_free(loop);
	pthread_exit(NULL);
}

/* A copy of a loop is nobody's. */
static int exit_in_fork(void *unused)
{
	pid_t pid = is_sanitized()
			    ? -1
			    : fork(); /* which has a thread there, or looks for leaks */
	int status;

	(void)unused;
	if (pid < 0)
		return 0;
	if (pid == 0)
		pthread_exit(NULL); /* of the only thread: the process ends well */
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	return 0;
}

TEST(a_thread_may_end_when_nothing_of_ours_is_on_it)
{
	run_on_thread(live_in_peace);
	assert_ok(acre_run(exit_in_fork, NULL, NULL));
}
