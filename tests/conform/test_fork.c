/* SPDX-License-Identifier: MIT */
/* test_fork.c - a child of fork uses what its parent made: an error each time, and no harm to the parent. */
#include "conform/tree.h"

#include <poll.h>
#include <sys/wait.h>

/*
 * The child must not say anything through the fixture, which counts for its parent: it ends with
 * the number of the line whose call did not return -ECHILD, modulo what a status can hold.
 */

static int wrong;

static void expect_echild(int r, int line)
{
	if (!wrong && (r >= 0 || acre_code(r) != ECHILD))
		wrong = line % 255 + 1;
}

static void expect_text(const char *text, const char *part, int line)
{
	if (!wrong && !strstr(text, part))
		wrong = line % 255 + 1;
}

static int nothing_to_do(void *arg)
{
	(void)arg;
	return 0;
}

/* It cannot have a root of its own, as long as it holds its parent's. */
static void expect_no_root(void)
{
	int r = acre_run(nothing_to_do, NULL, NULL);

	expect_text(acre_class_name(acre_code(r)), "EALREADY", __LINE__);
	expect_text(acre_why(r)->message, "is a fork of one", __LINE__);
}

#define EXPECT_ECHILD(call) expect_echild((call), __LINE__)

/* Its status must be 0. Bound: the test's limit. */
static void reap(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	test_note("status 0x%x", (unsigned int)status);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

ACRE_CONTEXT(echoes, acre_nil)
{
	struct acre_int v;
	int r = acre_started(ctx, acre_nil);

	while (r >= 0 && (r = acre_recv(ctx, acre_int, &v)) > 0)
		r = acre_send(ctx, acre_int, .value = v.value);
	return r < 0 ? r : acre_return(ctx, acre_int, .value = 42);
}

static void echo_once(struct acre_context *ctx)
{
	struct acre_int v = { 0 };

	assert_ok(acre_send(ctx, acre_int, .value = 7));
	assert_int_equal(acre_recv(ctx, acre_int, &v), 1);
	assert_int_equal(v.value, 7);
}

ACRE_TASK(sleep_until_cancelled, bool *ended)
{
	int r = acre_sleep(acre_secs(3600));

	*ended = true;
	return r;
}

static int do_nothing(void *arg)
{
	(void)arg;
	return 0;
}

static void use_actor(struct acre_actor *a)
{
	struct acre_context *another = NULL;

	EXPECT_ECHILD(acre_call(a, ten, &nil, acre_nil, &nil));
	EXPECT_ECHILD(acre_open(&another, a, echoes, &nil));
	EXPECT_ECHILD(acre_actor_wait(a));
	EXPECT_ECHILD(acre_actor_cancel(a));
	EXPECT_ECHILD(acre_oneshot(ten, &nil, acre_nil, &nil));
}

static void use_context(struct acre_context *ctx)
{
	struct acre_int v;

	EXPECT_ECHILD(acre_send(ctx, acre_int, .value = 8));
	EXPECT_ECHILD(acre_recv(ctx, acre_int, &v));
	EXPECT_ECHILD(acre_result(ctx, acre_int, &v));
	EXPECT_ECHILD(acre_context_cancel(ctx));
}

static void use_tasks(struct acre_nursery *parents)
{
	struct acre_nursery mine;
	struct acre_actor *a;
	struct acre_event event;
	bool ended = false;
	int r = 0;

	expect_no_root();
	EXPECT_ECHILD(acre_sleep(acre_ms(1)));
	EXPECT_ECHILD(acre_checkpoint());
	EXPECT_ECHILD(acre_yield());
	EXPECT_ECHILD(acre_blocking(do_nothing, NULL));
	EXPECT_ECHILD(acre_wait_fd(STDIN_FILENO, POLLIN));
	acre_event_init(&event);
	EXPECT_ECHILD(acre_event_wait(&event));
	EXPECT_ECHILD(acre_go(parents, sleep_until_cancelled, &ended));
	EXPECT_ECHILD(acre_spawn(parents, &a, .name = "late"));
	acre_nursery_cancel(
		parents); /* of the parent's tasks and actors none hears of it */
	acre_nursery_open(&mine);
	EXPECT_ECHILD(acre_go(&mine, sleep_until_cancelled, &ended));
	EXPECT_ECHILD(acre_nursery_close(&mine, 0));
	ACRE_WITHIN(acre_ms(1), r)
		r = acre_sleep(acre_secs(1));
	EXPECT_ECHILD(r);
}

/* What comes back from acre_run() in the child, in which the blocks were left. */
static bool is_child;

static int forks_in_its_blocks(void)
{
	struct acre_int v = { 0 };
	struct acre_actor *a;
	bool ended = false;
	int r = 0, inner = 0;
	pid_t pid = 0;

	ACRE_NURSERY(n, r) {
		assert_ok(acre_go(&n, sleep_until_cancelled, &ended));
		assert_ok(acre_spawn(&n, &a, .name = "callee"));
		ACRE_OPEN(ctx, inner, a, echoes, &nil) {
			echo_once(ctx);
			pid = fork();
			if (pid == 0) {
				is_child = true;
				use_tasks(&n);
				use_actor(a);
				use_context(ctx);
				return -ECHILD; /* out of both blocks */
			}
			reap(pid);
			echo_once(ctx); /* the child has taken and written nothing */
			assert_ok(acre_finish(ctx));
			assert_int_equal(acre_result(ctx, acre_int, &v), 1);
		}
		assert_ok(inner);
		assert_int_equal(v.value, 42);
		assert_int_equal(acre_call(a, ten, &nil, acre_int, &v), 1);
		assert_false(ended);
		acre_nursery_cancel(&n);
	}
	assert_true(ended);
	return r;
}

TEST(a_child_of_fork_gets_an_error_from_whatever_its_parent_made)
{
	int r = tree_result(forks_in_its_blocks, false);

	if (is_child) {
		EXPECT_ECHILD(r);
		expect_text(acre_why(-ECHILD)->message, "child of fork", __LINE__);
		_exit(wrong);
	}
	assert_ok(r);
	report_thread_fini();
}

static int sleep_a_moment(void *arg)
{
	(void)arg;
	return acre_sleep(acre_ms(10));
}

TEST(a_child_of_fork_cannot_step_an_embedded_loop)
{
	int r = 1;
	pid_t pid;

	assert_ok(acre_begin(sleep_a_moment, NULL, NULL));
	assert_int_equal(acre_step(), 1);
	pid = fork();
	if (pid == 0) {
		EXPECT_ECHILD(acre_step());
		EXPECT_ECHILD(acre_fd());
		EXPECT_ECHILD(acre_end());
		_exit(wrong);
	}
	reap(pid);
	while (r > 0) {
		struct pollfd p = { .fd = acre_fd(), .events = POLLIN };

		assert_true(poll(&p, 1, -1) >= 0); /* bound: the test's limit */
		r = acre_step();
	}
	assert_ok(r);
	assert_ok(acre_end());
	report_thread_fini();
}
