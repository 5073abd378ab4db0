/* SPDX-License-Identifier: MIT */
/* pin_fork_threads.c - what libc can do in a child of fork, with threads at work and at rest. */
/*
 * kernel-facts K23, on bare calls (lib/locking.h), without the code that leans on it (barrier.c). That it
 * holds at rest is relied on: a failure here is a failure of ours. That it hangs at work is
 * a hazard: its test passes also when it is gone, and says so.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/locking.h"
#include "lib/test.h"

enum {
	SOON = 1,	/* seconds until a child is taken to hang */
	CERTAINLY = 30, /* seconds: a guard against hanging */
	THREADS = 3,	/* busy in the same call */
	FORKS = 10,	/* for each operation */
	TRIES = 60,	/* of the hazard; measured: one in a few hangs */
};

/*
 * Threads that are busy with one of them, and may be told to rest: then they wait here, in
 * code of ours.
 */

static struct {
	void (*fn)(void);
	pthread_t threads[THREADS];
	pthread_mutex_t lock;
	pthread_cond_t changed;
	_Atomic bool rest, over;
	int n_rest; /* under the lock */
	_Atomic int n_begun;
} crowd = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static void rest(void)
{
	pthread_mutex_lock(&crowd.lock);
	crowd.n_rest++;
	pthread_cond_broadcast(&crowd.changed);
	while (atomic_load(&crowd.rest))
		pthread_cond_wait(&crowd.changed, &crowd.lock);
	crowd.n_rest--;
	pthread_mutex_unlock(&crowd.lock);
}

static void *be_busy(void *unused)
{
	atomic_fetch_add(&crowd.n_begun, 1);
	while (!atomic_load(&crowd.over)) {
		crowd.fn();
		if (atomic_load(&crowd.rest))
			rest();
	}
	return unused;
}

static void crowd_start(void (*fn)(void))
{
	crowd.fn = fn;
	atomic_store(&crowd.over, false);
	atomic_store(&crowd.n_begun, 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&crowd.threads[i], NULL, be_busy, NULL),
				 0);
	while (atomic_load(&crowd.n_begun) < THREADS)
		sched_yield();
}

static void crowd_end(void)
{
	atomic_store(&crowd.over, true);
	for (int i = 0; i < THREADS; i++)
		pthread_join(crowd.threads[i], NULL);
}

static void barrier_up(void)
{
	atomic_store(&crowd.rest, true);
	pthread_mutex_lock(&crowd.lock);
	while (crowd.n_rest < THREADS)
		pthread_cond_wait(&crowd.changed, &crowd.lock);
	pthread_mutex_unlock(&crowd.lock);
}

static void barrier_down(void)
{
	pthread_mutex_lock(&crowd.lock);
	atomic_store(&crowd.rest, false);
	pthread_cond_broadcast(&crowd.changed);
	while (crowd.n_rest > 0) {
		pthread_mutex_unlock(&crowd.lock);
		sched_yield();
		pthread_mutex_lock(&crowd.lock);
	}
	pthread_mutex_unlock(&crowd.lock);
}

static pid_t fork_and_do(void (*fn)(void))
{
	pid_t self = getpid(), pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() == self)
			fn();
		_exit(0);
	}
	assert_true(pid > 0);
	return pid;
}

/* Whether it ends by itself in time; it is gone in any case. */
static bool ends(pid_t pid, int seconds)
{
	int pidfd = pidfd_open(pid, 0), status = -1;
	bool in_time;

	assert_true(pidfd >= 0);
	in_time = test_wait_pidfd(pidfd, seconds) == 0;
	pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(pidfd);
	return in_time && status == 0;
}

static bool is_sanitized(void)
{
#if defined __SANITIZE_THREAD__ || defined __SANITIZE_ADDRESS__
	return true;
#elif defined __has_feature
	return __has_feature(thread_sanitizer) || __has_feature(address_sanitizer);
#else
	return false;
#endif
}

static void check_libc(void)
{
	if (is_sanitized())
		test_skip("a sanitizer stands between this test and libc");
	locking_begin();
	test_limit(300);
}

/* Every operation in the child, whichever the threads are busy with. */
static void *check_all(void *unused)
{
	for (size_t i = 0; i < n_locking; i++) {
		test_note("threads busy in %s", locking[i].name);
		crowd_start(locking[i].fn);
		for (int n = 0; n < FORKS; n++) {
			const struct locking *same = &locking[i];
			const struct locking *other =
				&locking[(i + (size_t)n + 1) % n_locking];
			pid_t a, b;

			barrier_up();
			a = fork_and_do(same->fn);
			b = fork_and_do(other->fn);
			barrier_down();
			if (!ends(a, CERTAINLY))
				fail_msg("%s hangs in the child", same->name);
			if (!ends(b, CERTAINLY))
				fail_msg("%s hangs in the child", other->name);
		}
		crowd_end();
	}
	return unused;
}

TEST(barrier_holds)
{
	check_libc();
	check_all(NULL);
	locking_end();
}

TEST(barrier_holds_for_a_thread_that_forks)
{
	pthread_t thread;

	check_libc();
	assert_int_equal(pthread_create(&thread, NULL, check_all, NULL), 0);
	pthread_join(thread, NULL);
	locking_end();
}

static void do_localtime(void)
{
	time_t now = 1000000;
	struct tm tm;

	localtime_r(&now, &tm);
}

/* A hazard: without the barrier the child waits for a lock that nobody will open. */
TEST(localtime_hangs)
{
	bool hung = false;

	check_libc();
	crowd_start(do_localtime);
	for (int i = 0; i < TRIES && !hung; i++)
		hung = !ends(fork_and_do(do_localtime), SOON);
	crowd_end();
	locking_end();

	if (!hung)
		test_note("gone: localtime_r works in a child of fork");
}
