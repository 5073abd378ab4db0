/* SPDX-License-Identifier: MIT */
/* test_forker.c - forking while others work, and refusing to: row S01 of the reference. */
#define _GNU_SOURCE
#include "unit/forks.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/sys.h"
#include "core/barrier.h"

/*
 * Refusals.
 */

TEST_TASK(s01_wrong_options_are_refused)
{
	struct acre_process *p = NULL;
	int closed = 999;

	assert_class(acre_fork_from_worker(&p, NULL, NULL, .flags = 2), EINVAL);
	assert_class(acre_fork_from_worker(&p, NULL, NULL, .reserved = { 1 }), EINVAL);
	assert_class(acre_fork_from_worker(&p, NULL, NULL, .join = acre_ms(-1)), EINVAL);
	assert_class(acre_fork_from_worker(&p, NULL, NULL, .fds = &closed, .n_fds = 1),
		     EBADF);
	assert_null(p);
	assert_no_child();
	return 0;
}

TEST_TASK(s01_a_cancelled_task_forks_nothing)
{
	struct acre_process *p = NULL;
	struct acre_scope s;
	int r;

	acre_scope_open(&s);
	acre_scope_cancel(&s);
	r = acre_fork_from_worker(&p, NULL, NULL);
	assert_int_equal(r, -ECANCELED);
	assert_int_equal(acre_scope_close(&s, r), 0);

	assert_null(p);
	assert_no_child();
	return 0;
}

struct hold {
	sem_t begun, may_go_on;
};

static void hold_init(struct hold *h)
{
	sem_init(&h->begun, 0, 0);
	sem_init(&h->may_go_on, 0, 0);
}

static int hold(void *arg)
{
	struct hold *h = arg;

	sem_post(&h->begun);
	while (sem_wait(&h->may_go_on) < 0)
		;
	return 0;
}

ACRE_TASK(call_hold, struct hold *h)
{
	return acre_blocking(hold, h);
}

struct counting {
	uint64_t turns;
	int64_t longest_ns; /* between two turns of one of the tasks */
	bool over;
};

ACRE_TASK(count_turns, struct counting *c)
{
	acre_instant before = acre_now(), now;

	while (!c->over) {
		int r = acre_yield();

		if (r < 0)
			return r;
		c->turns++;
		now = acre_now();
		c->longest_ns = int64_max(c->longest_ns, acre_between(before, now).ns);
		before = now;
	}
	return 0;
}

TEST_TASK(s01_a_call_that_blocks_is_named_and_the_loop_goes_on)
{
	struct acre_process *p = NULL;
	struct counting counting = { 0 };
	struct hold h;
	uint64_t before;
	int r = 0;

	hold_init(&h);
	ACRE_NURSERY(n, r) {
		r = acre_go(&n, call_hold, &h);
		if (r >= 0)
			r = acre_go(&n, count_turns, &counting);
		while (sem_trywait(&h.begun) < 0)
			acre_ignore(acre_yield());
		before = counting.turns;

		r = acre_fork_from_worker(&p, NULL, NULL, .patience = acre_ms(20),
					  .flags = STRANGERS);

		assert_class(r, EBUSY);
		assert_text_has(acre_why(r)->message, "acre_blocking()");
		assert_true(counting.turns > before);
		sem_post(&h.may_go_on);
		counting.over = true;
		r = 0;
	}
	assert_null(p);
	assert_no_child();
	assert_status(NULL, NULL, "rc=0"); /* it is at rest now */
	return r;
}

static void *be_a_stranger(void *arg)
{
	pthread_setname_np(pthread_self(), "a stranger");
	hold(arg);
	return NULL;
}

TEST_TASK(s01_a_stranger_is_refused_unless_asked_for)
{
	struct acre_process *p = NULL;
	pthread_t thread;
	struct hold h;
	int r;

	hold_init(&h);
	assert_int_equal(pthread_create(&thread, NULL, be_a_stranger, &h), 0);
	sem_wait(&h.begun);

	r = acre_fork_from_worker(&p, NULL, NULL);
	assert_class(r, EPERM);
	if (!is_tsan())
		assert_text_has(acre_why(r)->message, "among them \"a stranger\"");
	assert_no_child();
	assert_string_equal(status_of(NULL, NULL, ACRE_FORK_STRANGERS), "rc=0");

	sem_post(&h.may_go_on);
	pthread_join(thread, NULL);
	assert_status(NULL, NULL, "rc=0"); /* gone, and if it is still listed */
	return 0;
}

static int crash(void *unused)
{
	(void)unused;
	abort();
}

static struct hold atfork;
static _Atomic bool atfork_hangs;

static void hang_before_fork(void)
{
	if (atomic_load(&atfork_hangs))
		hold(&atfork);
}

TEST_TASK(s01_a_fork_that_never_comes_back_is_a_failure)
{
	struct acre_process *p = NULL;
	struct counting counting = { 0 };
	int n_threads = count_threads();
	int r = 0, fail = 0;

	hold_init(&atfork);
	pthread_atfork(hang_before_fork, NULL, NULL);
	assert_status(NULL, NULL, "rc=0");
	atomic_store(&atfork_hangs, true);
	ACRE_NURSERY(n, r) {
		r = acre_go(&n, count_turns, &counting);
		fail = acre_fork_from_worker(&p, crash, NULL, .join = acre_secs(1),
					     .flags = STRANGERS);
		counting.over = true;
	}
	assert_class(fail, ETIMEDOUT);
	assert_text_has(acre_why(fail)->message, "acre-forker");
	assert_null(p);
	atomic_store(&atfork_hangs, false);
	sem_post(&atfork.may_go_on);
	while (count_threads() > n_threads) /* the worker that was given up leaves */
		acre_ignore(acre_yield());

	assert_no_child(); /* what it made late did not begin */
	assert_status(NULL, NULL, "rc=0");
	return r;
}

TEST_TASK(s01_without_means_nothing_is_made)
{
	static const struct {
		const char *call;
		int err;
	} rows[] = { { "fork_process", EAGAIN },
		     { "pidfd_open", EMFILE },
		     { "pipe2", ENFILE } };
	struct acre_process *p = NULL;

	assert_status(NULL, NULL, "rc=0");
	sys_use(&sys_fault);
	for (size_t i = 0; i < ARRAY_N(rows); i++) {
		sys_fault_only(rows[i].call);
		sys_fault_at(1, rows[i].err, false);
		assert_class(acre_fork_from_worker(&p, NULL, NULL, .flags = STRANGERS),
			     rows[i].err);
		assert_null(p);
		assert_no_child();
	}
	sys_fault_at(0, 0, false);
	assert_status(NULL, NULL, "rc=0");
	return 0;
}

/*
 * The barrier.
 */

/* A thread as ours are: it works, and now and then is at rest. */
struct worker {
	struct barrier_thread barrier;
	pthread_t thread;
	void (*work)(void);
	_Atomic bool over;
	bool works; /* what a child sees of it */
};

static struct worker busy;

static void *work_and_rest(void *unused)
{
	barrier_begin(&busy.barrier);
	while (!atomic_load(&busy.over)) {
		busy.works = true;
		for (int i = 0; i < 20; i++)
			busy.work();
		busy.works = false;
		barrier_rest(&busy.barrier);
		barrier_go(&busy.barrier);
	}
	return unused;
}

static void start_worker(void (*work)(void))
{
	busy.work = work;
	atomic_store(&busy.over, false);
	barrier_add(&busy.barrier, "the test's thread", BARRIER_LOOPS, NULL);
	assert_int_equal(pthread_create(&busy.thread, NULL, work_and_rest, NULL), 0);
}

static void end_worker(void)
{
	atomic_store(&busy.over, true);
	pthread_join(busy.thread, NULL);
	barrier_remove(&busy.barrier);
}

static void allocate_and_free(void)
{
	void *p[16];

	for (size_t i = 0; i < ARRAY_N(p); i++)
		p[i] = malloc((size_t)100 << i % 12);
	for (size_t i = 0; i < ARRAY_N(p); i++)
		free(p[i]);
}

static int tell_whether_it_works(void *unused)
{
	(void)unused;
	return busy.works;
}

/* With the barrier no child sees any of our threads at work. */
TEST_TASK(s01_all_threads_are_at_rest_while_a_process_is_forked)
{
	start_worker(allocate_and_free);
	for (int i = 0; i < 30; i++)
		assert_status(tell_whether_it_works, NULL, "rc=0");
	end_worker();
	return 0;
}

struct crowd {
	struct counting counting;
	int n_forks;
	uint64_t flags;
};

static int use_memory_and_tell_fds(void *unused)
{
	(void)unused;
	for (int i = 0; i < 100; i++)
		allocate_and_free();
	return count_fds();
}

ACRE_TASK(fork_often, struct crowd *c)
{
	for (int i = 0; i < c->n_forks; i++) {
		uint64_t before = c->counting.turns;

		assert_string_equal(status_of(use_memory_and_tell_fds, NULL, c->flags),
				    "rc=3");
		assert_true(c->counting.turns > before);
	}
	c->counting.over = true;
	return 0;
}

/* Eight tasks that never wait, and take turns while each child is forked and waited for. */
static int fork_in_a_crowd(struct crowd *c)
{
	int r = 0;

	ACRE_NURSERY(n, r) {
		for (int i = 0; i < 8 && r >= 0; i++)
			r = acre_go(&n, count_turns, &c->counting);
		if (r >= 0)
			r = acre_go(&n, fork_often, c);
	}
	test_note("the longest tick took %.1f ms", (double)c->counting.longest_ns / 1e6);
	assert_no_child();
	return r;
}

TEST_TASK(g17_a_hundred_forks_beside_busy_tasks_and_a_thread_of_ours)
{
	struct crowd crowd = { .n_forks = 100 };
	int r;

	start_worker(allocate_and_free);
	r = fork_in_a_crowd(&crowd);
	end_worker();
	return r;
}

/* Unlike libc's, a sanitizer's allocator knows nothing of fork. */
static void *allocate_all_the_time(void *over)
{
	while (!atomic_load((_Atomic bool *)over))
		if (!is_sanitized())
			allocate_and_free();
	return NULL;
}

TEST_TASK(g17_a_hundred_forks_beside_busy_tasks_and_a_stranger)
{
	struct crowd crowd = { .n_forks = 100, .flags = ACRE_FORK_STRANGERS };
	_Atomic bool over = false;
	pthread_t thread;
	int r;

	assert_int_equal(pthread_create(&thread, NULL, allocate_all_the_time, &over), 0);
	r = fork_in_a_crowd(&crowd);
	atomic_store(&over, true);
	pthread_join(thread, NULL);
	return r;
}

/* What hangs in a child without the barrier (tests/pin/pin_fork_threads.c). */
static void use_time_and_environment(void)
{
	static const char *const zones[] = { "Europe/Berlin", "America/New_York" };
	static unsigned int turn;
	time_t now = 1000000;
	struct tm tm;

	setenv("TZ", zones[turn++ % 2], 1);
	tzset();
	localtime_r(&now, &tm);
}

static int use_them_too(void *unused)
{
	(void)unused;
	use_time_and_environment();
	return 0;
}

TEST_TASK(s01_locks_of_libc_are_free_in_the_child)
{
	start_worker(use_time_and_environment);
	for (int i = 0; i < 20; i++)
		assert_status(use_them_too, NULL, "rc=0");
	end_worker();
	return 0;
}

static pthread_barrier_t both;

/* A thread is a stranger before its loop begins and when it has ended. */
static int fork_ten_times(void *unused)
{
	struct acre_process *p = NULL;
	struct acre_death death = { 0 };

	(void)unused;
	pthread_barrier_wait(&both);
	for (int i = 0; i < 10; i++) {
		assert_ok(acre_fork_from_worker(&p, tell_fds, NULL,
						.flags = ACRE_FORK_STRANGERS));
		assert_ok(acre_process_wait(p, &death));
		assert_int_equal(death.status, 3);
		acre_process_free(p);
	}
	return 0;
}

static const struct acre_task_kind forking_kind = { "root", fork_ten_times, __FILE__,
						    __LINE__ };

static void *run_forking_loop(void *unused)
{
	test_run_task(&forking_kind);
	return unused;
}

TEST(s01_two_loops_fork_at_the_same_time)
{
	pthread_t thread;

	pthread_barrier_init(&both, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, run_forking_loop, NULL), 0);
	run_forking_loop(NULL);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&both);
}
