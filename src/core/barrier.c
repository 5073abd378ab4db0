/* SPDX-License-Identifier: MIT */
/* barrier.c - all threads of ours come to rest, so that a process can be forked. */
#include "core/barrier.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/forkonce.h"
#include "base/panic.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/thread_stay.h"

/*
 * A thread that is parked here waits for the condition, with the lock released: it holds
 * nothing, and is where it can be left behind. All bounds are of the real clock, since
 * threads wait here for threads.
 */
static struct {
	_Atomic pid_t pid; /* whose barrier this is, see forkonce.h */
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a thread has come to rest, or it was lowered */
	struct list threads;
	bool taken;	     /* somebody raises it or has raised it */
	_Atomic bool broken; /* it was up too long */
	int64_t breaks;	     /* when, while it is up */
} barrier;

_Atomic int barrier_up;

static void make(void)
{
	pthread_mutex_init(&barrier.lock, NULL);
	pthread_cond_init(&barrier.changed, NULL);
	list_init(&barrier.threads);
	barrier.taken = false;
	atomic_store(&barrier.broken, false);
	atomic_store(&barrier_up, BARRIER_DOWN);
}

static void need_barrier(void)
{
	fork_once(&barrier.pid, sys_getpid(), make);
}

static void lock(void)
{
	need_barrier();
	pthread_mutex_lock(&barrier.lock);
}

static void unlock(void)
{
	pthread_mutex_unlock(&barrier.lock);
}

/* Until something has changed; false: it is later than that. */
static bool wait_for_change_locked(int64_t until)
{
	struct timespec at = { .tv_sec = until / 1000000000,
			       .tv_nsec = until % 1000000000 };

	pthread_cond_clockwait(&barrier.changed, &barrier.lock, CLOCK_MONOTONIC, &at);
	return clock_real() < until;
}

void barrier_add(struct barrier_thread *t, const char *name, enum barrier_rank rank,
		 void (*wake)(struct barrier_thread *t))
{
	*t = (struct barrier_thread){
		.name = name, .rank = rank, .pid = sys_getpid(), .wake = wake
	};
	lock();
	list_push(&barrier.threads, &t->node);
	unlock();
}

/* In the thread, which runs unguarded if there is no memory for that. What registers it may be
 * gone when `fn` returns. */
static void *live(void *arg)
{
	struct barrier_thread *t = arg;
	void *ret;

	acre_ignore(thread_stay_begin(t->name));
	ret = t->fn(t->arg);
	thread_stay_end();
	return ret;
}

static int create(struct barrier_thread *t, pthread_t *ret,
		  const struct barrier_start *how)
{
	pthread_attr_t attr;
	int err = pthread_attr_init(&attr);

	if (err)
		return err;
	if (how->stack_size)
		err = pthread_attr_setstacksize(&attr, how->stack_size);
	if (!err)
		err = pthread_create(ret, &attr, live, t);
	pthread_attr_destroy(&attr);
	return err;
}

/* A thread is born with the mask of its maker, so there is no moment at which a signal
 * could choose it. */
int barrier_start(struct barrier_thread *t, pthread_t *ret,
		  const struct barrier_start *how)
{
	sigset_t all, before;
	int err;

	barrier_add(t, how->name, how->rank, NULL);
	t->fn = how->fn;
	t->arg = how->arg;
	sigfillset(&all);
	if (how->blocks_all)
		sys_sigmask(SIG_SETMASK, &all, &before);
	else
		sys_block_asynchronous(&before);
	err = create(t, ret, how);
	sys_sigmask(SIG_SETMASK, &before, NULL);
	if (err)
		barrier_remove(t);
	return -err;
}

void barrier_begin(struct barrier_thread *t)
{
	lock();
	t->tid = sys_gettid();
	pthread_cond_broadcast(&barrier.changed); /* it may cover another one */
	unlock();
	barrier_go(t);
}

void barrier_remove(struct barrier_thread *t)
{
	if (t->pid != sys_getpid())
		return; /* its neighbours in the list stayed with our parent in a fork */
	lock();
	list_remove(&t->node);
	pthread_cond_broadcast(&barrier.changed);
	unlock();
}

void barrier_tell(void)
{
	lock();
	pthread_cond_broadcast(&barrier.changed);
	unlock();
}

static void lower_locked(void)
{
	atomic_store(&barrier_up, BARRIER_DOWN);
	pthread_cond_broadcast(&barrier.changed);
}

/* Bound: it is lowered, or breaks. */
void barrier_stay(struct barrier_thread *t)
{
	lock();
	while (atomic_load(&barrier_up) >= (int)t->rank) {
		atomic_store(&t->rests, true);
		pthread_cond_broadcast(&barrier.changed);
		if (!wait_for_change_locked(barrier.breaks) &&
		    atomic_load(&barrier_up) != BARRIER_DOWN) {
			atomic_store(&barrier.broken, true);
			lower_locked();
		}
	}
	atomic_store(&t->rests, false);
	unlock();
}

/* Whether its thread has registered anew since, and speaks there. The list has the newest
 * last. */
static bool is_covered_locked(const struct barrier_thread *t)
{
	const struct list *n = t->node.next;

	for (; n != &barrier.threads; n = n->next)
		if (t->tid && list_entry(n, struct barrier_thread, node)->tid == t->tid)
			return true;
	return false;
}

/* One of this rank or below that does not rest. */
static struct barrier_thread *find_busy_locked(const struct barrier_thread *self,
					       enum barrier_rank rank)
{
	struct barrier_thread *t;

	list_for_each(t, &barrier.threads, node)
		if (t != self && t->rank <= rank && !atomic_load(&t->rests) &&
		    !is_covered_locked(t))
			return t;
	return NULL;
}

static void name_culprit(struct barrier_culprit *ret, pid_t tid, const char *name)
{
	ret->tid = tid;
	memcpy(ret->name, name, size_min(strlen(name), sizeof ret->name - 1));
	ret->name[size_min(strlen(name), sizeof ret->name - 1)] = '\0';
}

static int bring_to_rest_locked(const struct barrier_thread *self, enum barrier_rank rank,
				int64_t until, struct barrier_culprit *ret)
{
	struct barrier_thread *t;
	bool in_time = true;

	atomic_store(&barrier_up, rank);
	while ((t = find_busy_locked(self, rank)) && in_time) {
		if (t->wake)
			t->wake(t);
		in_time = wait_for_change_locked(until);
	}
	if (!t)
		return 0;
	name_culprit(ret, t->tid, t->name);
	return -EBUSY;
}

/* Two that fork take turns; who waits for its turn rests. */
static int take_turn_locked(struct barrier_thread *self, int64_t until,
			    struct barrier_culprit *ret)
{
	bool in_time = true;

	atomic_store(&self->rests, true);
	pthread_cond_broadcast(&barrier.changed);
	while (barrier.taken && in_time)
		in_time = wait_for_change_locked(until);
	atomic_store(&self->rests, false);
	if (barrier.taken) {
		name_culprit(ret, 0, "another fork");
		return -EBUSY;
	}
	barrier.taken = true;
	atomic_store(&barrier.broken, false);
	return 0;
}

int barrier_raise(struct barrier_thread *self, int64_t until, int64_t breaks,
		  struct barrier_culprit *ret_culprit)
{
	int r;

	lock();
	r = take_turn_locked(self, until, ret_culprit);
	if (r < 0) {
		unlock();
		return r;
	}
	barrier.breaks = breaks;
	if (!PLANTED(FORK_WITHOUT_BARRIER)) {
		r = bring_to_rest_locked(self, BARRIER_CALLS, until, ret_culprit);
		if (r >= 0)
			r = bring_to_rest_locked(self, BARRIER_LOOPS, until, ret_culprit);
	}
	unlock();
	if (r < 0)
		barrier_lower();
	return r;
}

void barrier_lower(void)
{
	lock();
	barrier.taken = false;
	lower_locked();
	unlock();
}

bool barrier_is_broken(void)
{
	return atomic_load(&barrier.broken);
}

void barrier_forget(void)
{
	atomic_store(&barrier.pid, 0);
	need_barrier();
}

/*
 * Strangers.
 */

static bool is_registered(pid_t tid)
{
	struct barrier_thread *t;
	bool found = false;

	lock();
	list_for_each(t, &barrier.threads, node)
		found |= t->tid == tid;
	unlock();
	return found;
}

/* "27 (a name) S 1 ..." of a thread, or "" if it is gone. */
static void read_stat(int tasks, const char *tid, char *ret, size_t len)
{
	char path[32];
	auto_close int fd = -1;
	ssize_t n;

	snprintf(path, sizeof path, "%.16s/stat", tid);
	fd = sys_openat(tasks, path, O_RDONLY, 0);
	n = fd < 0 ? 0 : sys_read(fd, ret, len - 1);
	ret[n > 0 ? n : 0] = '\0';
}

/* A thread that was joined may be listed for a moment: it runs no code any more. Its flags
 * are the seventh word behind its name. */
static bool is_exiting(const char *stat)
{
	const unsigned long pf_exiting = 4;
	const char *at = strrchr(stat, ')');

	for (int word = 0; at && word < 7; word++)
		at = strchr(at + 1, ' ');
	return !at || strtoul(at, NULL, 10) & pf_exiting;
}

/* Whether it counts, and then what it is called. */
static bool is_stranger(int tasks, const char *tid, struct barrier_culprit *ret)
{
	char stat[256], *name, *end;
	pid_t number = (pid_t)strtol(tid, NULL, 10);

	if (number <= 0 || is_registered(number))
		return false;
	read_stat(tasks, tid, stat, sizeof stat);
	if (is_exiting(stat))
		return false;
	name = strchr(stat, '(');
	end = strrchr(stat, ')');
	if (name && end)
		*end = '\0';
	name_culprit(ret, number, name ? name + 1 : "");
	return true;
}

int barrier_count_strangers(struct barrier_culprit *ret_one)
{
	auto_close int tasks =
		sys_openat(AT_FDCWD, "/proc/self/task", O_RDONLY | O_DIRECTORY, 0);
	_Alignas(struct dirent64) char entries[4096];
	int count = 0;
	ssize_t n;

	if (tasks < 0)
		return tasks;
	while ((n = sys_getdents64(tasks, entries, sizeof entries)) > 0)
		for (ssize_t at = 0; at < n;) {
			struct dirent64 *d = (void *)(entries + at);

			count += is_stranger(tasks, d->d_name, ret_one);
			at += d->d_reclen;
		}
	return n < 0 ? (int)n : count;
}
