/* SPDX-License-Identifier: MIT */
/* test_barrier.c - threads come to rest before a fork, and stay until it is over. */
#define _GNU_SOURCE
#include "core/barrier.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/util.h"
#include "lib/test.h"

#define MS   INT64_C(1000000)
#define LONG (20000 * MS) /* a guard against hanging */

/* A thread that does as it is told, step by step. */
struct puppet {
	struct barrier_thread barrier;
	pthread_t thread;
	sem_t step, done;
	void (*fn)(struct barrier_thread *t);
	_Atomic int n_done;
};

static void *obey(void *arg)
{
	struct puppet *p = arg;

	barrier_begin(&p->barrier);
	for (;;) {
		sem_wait(&p->step);
		if (!p->fn)
			return NULL;
		p->fn(&p->barrier);
		atomic_fetch_add(&p->n_done, 1);
		sem_post(&p->done);
	}
}

static void puppet_start(struct puppet *p, enum barrier_rank rank)
{
	*p = (struct puppet){ .fn = NULL };
	sem_init(&p->step, 0, 0);
	sem_init(&p->done, 0, 0);
	barrier_add(&p->barrier, "a puppet", rank, NULL);
	assert_int_equal(pthread_create(&p->thread, NULL, obey, p), 0);
}

static void puppet_begin(struct puppet *p, void (*fn)(struct barrier_thread *))
{
	p->fn = fn;
	sem_post(&p->step);
}

static void puppet_do(struct puppet *p, void (*fn)(struct barrier_thread *))
{
	puppet_begin(p, fn);
	sem_wait(&p->done);
}

static void puppet_end(struct puppet *p)
{
	puppet_begin(p, NULL);
	pthread_join(p->thread, NULL);
	barrier_remove(&p->barrier);
}

static struct barrier_thread self;

static void register_self(void)
{
	barrier_add(&self, "the test", BARRIER_CALLS, NULL);
	barrier_begin(&self);
}

static int raise_for(int64_t patience, int64_t bound, struct barrier_culprit *culprit)
{
	int64_t now = clock_real();

	return barrier_raise(&self, now + patience, now + bound, culprit);
}

TEST(who_is_alone_raises_it_at_once)
{
	struct barrier_culprit culprit;

	register_self();
	for (int i = 0; i < 3; i++) {
		assert_int_equal(raise_for(LONG, 2 * LONG, &culprit), 0);
		assert_false(barrier_is_broken());
		barrier_lower();
	}
	barrier_remove(&self);
	barrier_remove(&self);
}

TEST(a_thread_that_rests_does_not_go_on_while_it_is_up)
{
	struct barrier_culprit culprit;
	struct puppet p;

	register_self();
	puppet_start(&p, BARRIER_LOOPS);
	puppet_do(&p, barrier_rest);
	assert_int_equal(raise_for(LONG, 2 * LONG, &culprit), 0);

	puppet_begin(&p, barrier_go);
	for (int i = 0; i < 1000; i++)
		sched_yield();
	assert_int_equal(atomic_load(&p.n_done), 1);
	barrier_lower();

	sem_wait(&p.done);
	assert_int_equal(atomic_load(&p.n_done), 2);
	puppet_end(&p);
	barrier_remove(&self);
}

TEST(a_thread_at_work_is_named_after_the_patience)
{
	struct barrier_culprit culprit = { .tid = 0 };
	struct puppet p;

	register_self();
	puppet_start(&p, BARRIER_LOOPS);
	puppet_do(&p, barrier_rest);
	puppet_do(&p, barrier_go);

	assert_int_equal(raise_for(MS, LONG, &culprit), -EBUSY);

	assert_string_equal(culprit.name, "a puppet");
	assert_int_equal(culprit.tid, p.barrier.tid);
	puppet_do(&p, barrier_rest);
	puppet_do(&p, barrier_go); /* it is down */
	puppet_end(&p);
	barrier_remove(&self);
}

static void rest_at_last(struct barrier_thread *t)
{
	/* until it is seen that it is up */
	while (atomic_load(&barrier_up) == BARRIER_DOWN)
		sched_yield();
	barrier_rest(t);
	barrier_go(t);
}

TEST(a_thread_at_work_is_waited_for)
{
	struct barrier_culprit culprit;
	struct puppet p;

	register_self();
	puppet_start(&p, BARRIER_CALLS);
	puppet_do(&p, barrier_go); /* it has begun */
	puppet_begin(&p, rest_at_last);

	assert_int_equal(raise_for(LONG, 2 * LONG, &culprit), 0);

	assert_int_equal(sem_trywait(&p.done), -1); /* it stays */
	barrier_lower();
	sem_wait(&p.done);
	puppet_end(&p);
	barrier_remove(&self);
}

static struct puppet call;

/* What a loop does that goes on while a call is waited for: here it ends the call. */
static void end_the_call(struct barrier_thread *t)
{
	while (atomic_load(&barrier_up) == BARRIER_DOWN)
		sched_yield();
	barrier_rest(t);
	barrier_go(t);
	barrier_rest(&call.barrier);
	barrier_rest(t);
}

TEST(loops_go_on_until_the_others_are_at_rest)
{
	struct barrier_culprit culprit;
	struct puppet loop;

	register_self();
	puppet_start(&call, BARRIER_CALLS);
	puppet_start(&loop, BARRIER_LOOPS);
	puppet_do(&call, barrier_go);
	puppet_do(&loop, barrier_go);
	puppet_begin(&loop, end_the_call);

	assert_int_equal(raise_for(LONG, 2 * LONG, &culprit), 0);

	barrier_lower();
	sem_wait(&loop.done);
	puppet_end(&call);
	puppet_end(&loop);
	barrier_remove(&self);
}

static _Atomic int n_wakes;

static void count_wake(struct barrier_thread *t)
{
	(void)t;
	atomic_fetch_add(&n_wakes, 1);
}

TEST(a_thread_that_has_to_be_woken_is_woken)
{
	struct barrier_culprit culprit;
	struct barrier_thread sleeper;

	register_self();
	barrier_add(&sleeper, "a sleeper", BARRIER_LOOPS, count_wake);

	assert_int_equal(raise_for(MS, LONG, &culprit), -EBUSY);

	assert_true(atomic_load(&n_wakes) > 0);
	assert_string_equal(culprit.name, "a sleeper");
	barrier_remove(&sleeper);
	assert_int_equal(raise_for(LONG, 2 * LONG, &culprit), 0);
	barrier_lower();
	barrier_remove(&self);
}

TEST(what_is_up_too_long_breaks)
{
	struct barrier_culprit culprit;
	struct puppet p;

	register_self();
	puppet_start(&p, BARRIER_LOOPS);
	puppet_do(&p, barrier_rest);
	assert_int_equal(raise_for(LONG, MS, &culprit), 0);

	puppet_do(&p, barrier_go); /* comes back though it was not lowered */

	assert_true(barrier_is_broken());
	barrier_lower();
	assert_int_equal(raise_for(MS, LONG, &culprit), -EBUSY);
	puppet_do(&p, barrier_rest);
	assert_int_equal(raise_for(LONG, 2 * LONG, &culprit), 0);
	assert_false(barrier_is_broken());
	barrier_lower();
	puppet_end(&p);
	barrier_remove(&self);
}

TEST(two_take_turns)
{
	static struct barrier_thread other;
	struct barrier_culprit culprit = { .tid = 1 };

	register_self();
	barrier_add(&other, "the other one", BARRIER_CALLS, NULL);
	barrier_rest(&other);
	assert_int_equal(raise_for(LONG, 2 * LONG, &culprit), 0);

	assert_int_equal(barrier_raise(&other, clock_real() + MS, clock_real() + LONG,
				       &culprit),
			 -EBUSY);

	assert_string_equal(culprit.name, "another fork");
	barrier_lower();
	barrier_remove(&other);
	barrier_remove(&self);
}

static bool is_tsan(void)
{
#if defined __SANITIZE_THREAD__
	return true;
#elif defined __has_feature
	return __has_feature(thread_sanitizer);
#else
	return false;
#endif
}

static void *hold(void *until)
{
	pthread_setname_np(pthread_self(), "odd (name)");
	sem_post((sem_t *)until);
	sem_wait((sem_t *)until + 1);
	return NULL;
}

static struct barrier_thread later;

static void register_again(struct barrier_thread *unused)
{
	(void)unused;
	barrier_add(&later, "a loop of the puppet", BARRIER_LOOPS, NULL);
	barrier_begin(&later);
	barrier_rest(&later);
}

static void leave_again(struct barrier_thread *unused)
{
	(void)unused;
	barrier_go(&later);
	barrier_remove(&later);
}

TEST(a_thread_is_asked_by_its_later_registration)
{
	struct barrier_culprit culprit;
	struct puppet p;

	register_self();
	puppet_start(&p, BARRIER_CALLS);
	puppet_do(&p, register_again);

	assert_int_equal(raise_for(LONG, LONG, &culprit), 0);
	barrier_lower();

	puppet_do(&p, leave_again);
	assert_int_equal(raise_for(MS, LONG, &culprit), -EBUSY);
	assert_int_equal(culprit.tid, p.barrier.tid);
	puppet_end(&p);
	barrier_remove(&self);
}

TEST(strangers_are_counted_and_one_is_named)
{
	struct barrier_culprit one = { .tid = 0 };
	pthread_t threads[2];
	sem_t sems[2];
	struct puppet p;

	if (is_tsan())
		test_skip("ThreadSanitizer's own thread is a stranger as well");
	sem_init(&sems[0], 0, 0);
	sem_init(&sems[1], 0, 0);
	assert_int_equal(barrier_count_strangers(&one), 1);
	assert_int_equal(one.tid, getpid());
	register_self();
	puppet_start(&p, BARRIER_CALLS);
	puppet_do(&p, barrier_rest);
	assert_int_equal(barrier_count_strangers(&one), 0);

	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hold, sems), 0);
	for (int i = 0; i < 2; i++)
		sem_wait(&sems[0]);
	assert_int_equal(barrier_count_strangers(&one), 2);
	assert_string_equal(one.name, "odd (name)");

	for (int i = 0; i < 2; i++)
		sem_post(&sems[1]);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(barrier_count_strangers(&one), 0);
	puppet_end(&p);
	barrier_remove(&self);
}

/* Also a child that forgets to forget, since it was forked by somebody else. */
TEST(a_child_has_a_barrier_of_its_own)
{
	struct barrier_culprit culprit;
	struct puppet p;
	int status = -1;
	pid_t pid;

	register_self();
	puppet_start(&p, BARRIER_LOOPS);
	puppet_do(&p, barrier_rest);
	assert_int_equal(raise_for(LONG, 2 * LONG, &culprit), 0);
	pid = fork();
	if (pid == 0) {
		static struct barrier_thread child;

		barrier_rest(&self);
		barrier_go(&self); /* though it was up */
		barrier_remove(&self);
		barrier_add(&child, "the child", BARRIER_LOOPS, NULL);
		barrier_begin(&child);
		_exit(barrier_raise(&child, clock_real() + LONG, clock_real() + LONG,
				    &culprit) < 0);
	}
	barrier_lower();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	puppet_end(&p);
	barrier_remove(&self);
}
