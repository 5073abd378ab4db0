/* SPDX-License-Identifier: MIT */
/* test_helper.c - functions that block run on helper threads and come back. */
#define _GNU_SOURCE
#include "lib/test.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/helper.h"
#include "lib/run.h"

/* A function that says that it has begun and waits until it may go on. */
struct hold {
	sem_t begun, may_go_on;
};

static void hold_init(struct hold *h)
{
	sem_init(&h->begun, 0, 0);
	sem_init(&h->may_go_on, 0, 0);
}

static int hold_7(void *arg)
{
	struct hold *h = arg;

	sem_post(&h->begun);
	sem_wait(&h->may_go_on);
	return 7;
}

ACRE_TASK(call_hold, struct hold *h)
{
	assert_int_equal(acre_blocking(hold_7, h), 7);
	return 0;
}

/* Starts n tasks whose calls have begun and stay. */
static int hold_helpers(struct acre_nursery *n, struct hold *h, size_t n_helpers)
{
	int r = 0;

	hold_init(h);
	for (size_t i = 0; i < n_helpers && r >= 0; i++)
		r = acre_go(n, call_hold, h);
	test_settle();
	for (size_t i = 0; i < n_helpers && r >= 0; i++)
		sem_wait(&h->begun);
	return r;
}

static void let_go(struct hold *h, size_t n_helpers)
{
	for (size_t i = 0; i < n_helpers; i++)
		sem_post(&h->may_go_on);
}

static int tell_thread(void *arg)
{
	*(pid_t *)arg = gettid();
	return 42;
}

TEST_TASK(a_function_runs_on_another_thread_and_its_result_comes_back)
{
	pid_t tid = 0;

	assert_int_equal(acre_blocking(tell_thread, &tid), 42);

	assert_int_not_equal(tid, 0);
	assert_int_not_equal(tid, gettid());
	return 0;
}

TEST_TASK(calls_one_after_the_other_use_the_same_thread)
{
	pid_t first = 0, second = 0;

	assert_int_equal(acre_blocking(tell_thread, &first), 42);
	assert_int_equal(acre_blocking(tell_thread, &second), 42);

	assert_int_equal(first, second);
	return 0;
}

ACRE_TASK(let_one_go, struct hold *h)
{
	sem_post(&h->may_go_on);
	return 0;
}

TEST_TASK(other_tasks_run_while_a_function_blocks)
{
	struct hold h;
	int r = 0;

	hold_init(&h);
	ACRE_NURSERY(n, r) {
		r = acre_go(&n, let_one_go, &h);
		if (r >= 0)
			r = acre_blocking(hold_7, &h);
		assert_int_equal(r, 7);
	}
	return r < 0 ? r : 0;
}

static int fail_with_a_story(void *arg)
{
	int r = acre_fail(ENOENT, "no %s here", (const char *)arg);

	return acre_note(r, "looking for it");
}

TEST_TASK(a_failure_comes_back_with_its_report)
{
	char what[] = "treasure";
	const struct acre_report *why;
	int r = acre_blocking(fail_with_a_story, what);

	assert_class(r, ENOENT);
	why = acre_why(r);
	assert_string_equal(why->message, "no treasure here");
	assert_string_equal(why->notes->text, "looking for it");
	return 0;
}

static int fail_plainly(void *arg)
{
	(void)arg;
	return -EIO;
}

TEST_TASK(a_failure_without_a_report_comes_back_as_its_class)
{
	assert_class(acre_blocking(fail_plainly, NULL), EIO);
	return 0;
}

static int fail_unseen(void *arg)
{
	acre_ignore(acre_fail(EPERM, "tried in vain"));
	return *(int *)arg;
}

TEST_TASK(a_failure_that_the_function_handles_is_forgotten_with_it)
{
	int nine = 9;

	assert_int_equal(acre_blocking(fail_unseen, &nine), 9);
	return 0;
}

static int look_at_mask(void *arg)
{
	return pthread_sigmask(SIG_SETMASK, NULL, arg);
}

TEST_TASK(helpers_block_asynchronous_signals_and_no_others)
{
	static const int blocked[] = { SIGINT, SIGTERM, SIGCHLD, SIGUSR1, SIGALRM };
	static const int open[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL,
				    SIGTRAP, SIGSYS, SIGABRT };
	sigset_t before, mask, after;

	pthread_sigmask(SIG_SETMASK, NULL, &before);
	assert_int_equal(acre_blocking(look_at_mask, &mask), 0);
	pthread_sigmask(SIG_SETMASK, NULL, &after);

	for (size_t i = 0; i < ARRAY_N(blocked); i++)
		assert_true(sigismember(&mask, blocked[i]));
	for (size_t i = 0; i < ARRAY_N(open); i++)
		assert_false(sigismember(&mask, open[i]));
	for (int sig = 1; sig <= SIGRTMAX; sig++)
		assert_int_equal(sigismember(&before, sig), sigismember(&after, sig));
	return 0;
}

static int meet(void *arg)
{
	pthread_barrier_wait(arg);
	return 0;
}

ACRE_TASK(call_meet, pthread_barrier_t *barrier)
{
	return acre_blocking(meet, barrier);
}

TEST_TASK(as_many_calls_as_the_limit_says_run_at_once)
{
	pthread_barrier_t barrier;
	int r = 0;

	pthread_barrier_init(&barrier, NULL, HELPER_THREADS_MAX);
	ACRE_NURSERY(n, r) {
		for (size_t i = 0; i < HELPER_THREADS_MAX && r >= 0; i++)
			r = acre_go(&n, call_meet, &barrier);
	}
	pthread_barrier_destroy(&barrier);
	return r;
}

/* Who asked, and who ran, in this order. */
struct turns {
	size_t n_asked, n_ran;
	int asked[8], ran[8];
};

struct turn {
	struct turns *turns;
	int id;
};

static int take_turn(void *arg)
{
	struct turn *t = arg;

	t->turns->ran[t->turns->n_ran++] = t->id;
	return 0;
}

ACRE_TASK(ask_for_turn, struct turn *t)
{
	t->turns->asked[t->turns->n_asked++] = t->id;
	return acre_blocking(take_turn, t);
}

TEST_TASK(more_calls_than_threads_wait_in_order_of_arrival)
{
	struct turns turns = { 0 };
	struct turn turn[8];
	struct hold h;
	int r = 0;

	ACRE_NURSERY(holders, r) {
		r = hold_helpers(&holders, &h, HELPER_THREADS_MAX);
		ACRE_NURSERY(n, r) {
			for (int i = 0; i < 8 && r >= 0; i++) {
				turn[i] = (struct turn){ &turns, i };
				r = acre_go(&n, ask_for_turn, &turn[i]);
			}
			test_settle();

			/* one helper serves all of them, one after the other */
			let_go(&h, 1);
		}
		let_go(&h, HELPER_THREADS_MAX - 1);
	}
	assert_int_equal(turns.n_ran, 8);
	assert_memory_equal(turns.asked, turns.ran, sizeof turns.asked);
	return r;
}

static int set_flag(void *arg)
{
	*(bool *)arg = true;
	return 0;
}

struct cancelled_call {
	int r;
	bool has_begun, has_run;
};

ACRE_TASK(call_set_flag, struct cancelled_call *call)
{
	call->has_begun = true;
	call->r = acre_blocking(set_flag, &call->has_run);
	return call->r;
}

TEST_TASK(a_call_that_has_not_begun_can_be_cancelled_and_never_runs)
{
	struct cancelled_call call = { 0 };
	struct hold h;
	int r = 0;

	ACRE_NURSERY(holders, r) {
		r = hold_helpers(&holders, &h, HELPER_THREADS_MAX);
		ACRE_NURSERY(n, r) {
			r = acre_go(&n, call_set_flag, &call);
			test_settle();
			acre_nursery_cancel(&n);
		}
		let_go(&h, HELPER_THREADS_MAX);
	}
	assert_true(call.has_begun);
	assert_int_equal(call.r, -ECANCELED);
	assert_false(call.has_run);
	return r;
}

struct seen {
	struct hold hold;
	int result, next_result;
	bool has_ended;
};

ACRE_TASK(see_result, struct seen *seen)
{
	seen->result = acre_blocking(hold_7, &seen->hold);
	seen->next_result = acre_checkpoint();
	seen->has_ended = true;
	return seen->next_result;
}

TEST_TASK(a_call_that_has_begun_is_waited_for_and_keeps_its_result)
{
	struct seen seen = { 0 };
	int r = 0;

	hold_init(&seen.hold);
	ACRE_NURSERY(n, r) {
		r = acre_go(&n, see_result, &seen);
		test_settle();
		sem_wait(&seen.hold.begun);

		acre_nursery_cancel(&n);

		assert_int_equal(acre_checkpoint(), -ECANCELED);
		assert_false(seen.has_ended);
		let_go(&seen.hold, 1);
	}
	assert_true(seen.has_ended);
	assert_int_equal(seen.result, 7);
	assert_int_equal(seen.next_result, -ECANCELED);
	return r;
}

TEST_TASK(a_cancelled_task_starts_no_call)
{
	bool has_run = false;
	struct acre_scope s;
	int r;

	acre_scope_open(&s);
	acre_scope_cancel(&s);
	r = acre_blocking(set_flag, &has_run);
	assert_int_equal(r, -ECANCELED);
	assert_int_equal(acre_scope_close(&s, r), 0);

	assert_false(has_run);
	return 0;
}

/* From here on no thread can be made: its stack would be larger than the address
 * space. */
static void forbid_threads(pthread_attr_t *ret_default)
{
	pthread_attr_t attr;

	pthread_getattr_default_np(ret_default);
	pthread_attr_init(&attr);
	assert_int_equal(pthread_attr_setstacksize(&attr, (size_t)1 << 50), 0);
	assert_int_equal(pthread_setattr_default_np(&attr), 0);
	pthread_attr_destroy(&attr);
}

TEST_TASK(without_any_thread_a_call_fails_and_says_so)
{
	bool has_run = false;
	pthread_attr_t usual;
	int r;

	forbid_threads(&usual);
	r = acre_blocking(set_flag, &has_run);

	assert_class(r, EAGAIN);
	assert_text_has(acre_why(r)->message, "helper thread");
	assert_false(has_run);
	pthread_setattr_default_np(&usual);
	assert_int_equal(acre_blocking(set_flag, &has_run), 0);
	return 0;
}

TEST_TASK(where_no_further_thread_can_be_made_calls_wait_for_those_there_are)
{
	struct turns turns = { 0 };
	struct turn turn = { &turns, 5 };
	pthread_attr_t usual;
	struct hold h;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = hold_helpers(&n, &h, 1);
		forbid_threads(&usual);
		if (r >= 0)
			r = acre_go(&n, ask_for_turn, &turn);
		test_settle();
		assert_int_equal(turns.n_ran, 0);
		let_go(&h, 1);
	}
	pthread_setattr_default_np(&usual);
	assert_int_equal(turns.n_ran, 1);
	return r;
}

static int run_blocking_root(void *arg)
{
	return acre_blocking(set_flag, arg);
}

static const struct acre_task_kind blocking_root = { .name = "other",
						     .run = run_blocking_root };

/* A loop with one call in its life. */
static void *run_other_loop(void *arg)
{
	struct loop *loop = NULL;

	assert_int_equal(loop_open(&loop, &(struct loop_options){ 0 }), 0);
	assert_int_equal(loop_run(loop, &blocking_root, arg), 0);
	loop_free(loop);
	return NULL;
}

TEST_TASK(a_loop_that_ends_leaves_the_calls_of_others_alone)
{
	bool has_run = false;
	pthread_t thread;
	struct hold h;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = hold_helpers(&n, &h, 2);
		if (pthread_create(&thread, NULL, run_other_loop, &has_run) == 0)
			pthread_join(thread, NULL);
		assert_true(has_run);
		let_go(&h, 2);
	}
	return r;
}

static bool is_tsan(void)
{
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
	return true;
#endif
#endif
	return false;
}

/* A child of fork that makes a loop of its own, as the fork backend does. */
static int live_as_child(void)
{
	bool has_run = false;

	if (acre_blocking(set_flag, &has_run) != -ECHILD)
		return 1;
	loop_this = NULL;
	run_other_loop(&has_run);
	return has_run ? 0 : 2;
}

TEST_TASK(a_child_of_fork_has_helpers_of_its_own)
{
	struct hold h;
	int status = -1;
	pid_t pid;
	int r = 0;

	if (is_tsan())
		return 0; /* it starts no threads after a fork of several */
	ACRE_NURSERY(n, r) {
		r = hold_helpers(&n, &h, 2);
		let_go(&h, 1);
		pid = fork();
		if (pid == 0)
			_exit(live_as_child());
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		let_go(&h, 1);
	}
	return r;
}
