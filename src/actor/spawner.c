/* SPDX-License-Identifier: MIT */
/* spawner.c - the thread that makes processes, and how tasks hand it their requests. */
#include "actor/spawner.h"

#include <pthread.h>
#include <stdio.h>

#include "actor/forkserver.h"
#include "actor/sweep.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/forkonce.h"
#include "base/panic.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/barrier.h"
#include "core/report.h"
#include "core/sched.h"

/*
 * A request lies on the stack of the task that waits for it. The thread takes requests in
 * order, and answers by a letter to the loop of that task.
 *
 * All signals are blocked in it, those of its own mistakes too, unlike in other threads:
 * until a child execs it shares our memory, and no handler may run there.
 */

struct job {
	struct list node;
	struct letter letter;
	struct spawn_request *request;
	struct task *task;
	struct mailbox *box;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t came;
	struct list jobs; /* under the lock */
	bool stops;	  /* under the lock */
	_Atomic pid_t pid;    /* whose spawner this is, see forkonce.h */
	pthread_mutex_t turn; /* of its coming and going, and of the two below */
	bool runs;
	size_t n_users; /* runtimes: it ends with the last one */
	pthread_t thread;
	struct barrier_thread barrier;
} spawner;

static struct job *next_job(void)
{
	struct list *node;

	barrier_rest(&spawner.barrier);
	pthread_mutex_lock(&spawner.lock);
	while (list_is_empty(&spawner.jobs) && !spawner.stops)
		pthread_cond_wait(&spawner.came, &spawner.lock);
	node = list_pop(&spawner.jobs);
	pthread_mutex_unlock(&spawner.lock);
	barrier_go(&spawner.barrier);
	return node ? list_entry(node, struct job, node) : NULL;
}

static void enter(struct spawn_request *q)
{
	if (q->step || !q->entry)
		return;
	child_table_lock();
	child_table_add(q->entry, q->pid.pid, q->pid.fd, CHILD_ACTOR);
	child_table_unlock();
}

/* A sweep must not come between the making of a child and its entry: it would be taken
 * for a stranger (kernel-facts K12). Nor may the table be locked all the time, for loops
 * need it and a forkserver may be slow. So it is put off, and made up for here: in a rush of
 * spawns there would never be a moment without a birth. */
static void make_listed(struct spawn_request *q)
{
	if (PLANTED(NEWBORN_SWEPT)) {
		q->make(q);
		enter(q);
		return;
	}
	child_table_begin_birth();
	q->make(q);
	enter(q);
	if (child_table_end_birth())
		acre_ignore((int)sweep());
}

/* Under the lock, which spawner_stop() takes once: a loop whose requests are answered may
 * end, and the mailbox is looked at after the letter can be read. The job may be gone when
 * this returns. */
static void answer(struct job *job)
{
	pthread_mutex_lock(&spawner.lock);
	mailbox_post(job->box, &job->letter);
	pthread_mutex_unlock(&spawner.lock);
}

/* Longer turns of other loops than this are refused by name: a spawn is not to wait for them */
#define BARRIER_PATIENCE_NS 2000000000
/* A fork, and the handlers of pthread_atfork() */
#define BARRIER_BREAKS_NS   10000000000

static bool raise_barrier(struct spawn_request *q)
{
	struct barrier_culprit culprit = { .tid = 0 };
	int64_t now = clock_real();
	int r = barrier_raise(&spawner.barrier, now + BARRIER_PATIENCE_NS,
			      now + BARRIER_PATIENCE_NS + BARRIER_BREAKS_NS, &culprit);
	const char *step = "bringing all threads of acre to rest";

	if (r >= 0 && !q->with_strangers) {
		r = barrier_count_strangers(&culprit);
		if (r != 0)
			barrier_lower();
		step = "looking for threads that are not of acre";
		r = r > 0 ? -EPERM : r;
	}
	if (r < 0) {
		spawn_failed(q, step, r);
		snprintf(q->detail, sizeof q->detail, "thread %d (%s)", culprit.tid,
			 culprit.name);
	}
	return r >= 0;
}

static void make(struct spawn_request *q)
{
	if (q->is_fork && !raise_barrier(q))
		return;
	make_listed(q);
	if (q->is_fork)
		barrier_lower();
}

static void *run(void *unused)
{
	struct job *job;

	(void)unused;
	barrier_begin(&spawner.barrier);
	while ((job = next_job())) {
		make(job->request);
		answer(job);
	}
	forkserver_stop();
	return NULL;
}

static int start_locked(void)
{
	int r;

	if (spawner.runs)
		return 0;
	spawner.stops = false;
	r = barrier_start(&spawner.barrier, &spawner.thread,
			  &(const struct barrier_start){ .name = "the spawner",
							 .rank = BARRIER_CALLS,
							 .fn = run,
							 .blocks_all = true });
	if (r < 0)
		return acre_fail(-r,
				 "the thread that makes processes could not be started");
	spawner.runs = true;
	return 0;
}

static void make_spawner(void)
{
	pthread_mutex_init(&spawner.lock, NULL);
	pthread_mutex_init(&spawner.turn, NULL);
	pthread_cond_init(&spawner.came, NULL);
	list_init(&spawner.jobs);
	forkserver_forget();
	spawner.runs = false;
	spawner.n_users = 0;
}

static void take_turn(void)
{
	fork_once(&spawner.pid, sys_getpid(), make_spawner);
	pthread_mutex_lock(&spawner.turn);
}

static int start(void)
{
	int r;

	take_turn();
	r = start_locked();
	pthread_mutex_unlock(&spawner.turn);
	return r;
}

static void answered(struct letter *letter)
{
	unpark(container_of(letter, struct job, letter)->task, 0);
}

static void ask(struct job *job)
{
	pthread_mutex_lock(&spawner.lock);
	list_push(&spawner.jobs, &job->node);
	pthread_cond_signal(&spawner.came);
	pthread_mutex_unlock(&spawner.lock);
}

int spawner_make(struct spawn_request *request)
{
	struct job job = {
		.letter = { .fn = answered },
		.request = request,
		.task = task_this(),
		.box = &loop_this->mailbox,
	};
	int r;

	if (loop_this->pid != sys_getpid())
		return acre_fail(ECHILD,
				 "a process made by fork has no thread that makes "
				 "processes: its parent has");
	r = start();
	if (r < 0)
		return r;
	request->pid = PIDREF_NULL;
	request->step = NULL;
	*request->detail = '\0';
	loop_this->n_foreign++;
	ask(&job);
	park_shielded(WAIT_SPAWN, request); /* bound: a vfork and an exec */
	loop_this->n_foreign--;
	if (request->step)
		return acre_fail(request->error, "%s failed for %s%s%s", request->step,
				 request->path, *request->detail ? ": " : "",
				 request->detail);
	return 0;
}

void spawner_hold(void)
{
	take_turn();
	spawner.n_users++;
	pthread_mutex_unlock(&spawner.turn);
}

static void stop_locked(void)
{
	if (!spawner.runs)
		return;
	spawner.runs = false;
	pthread_mutex_lock(&spawner.lock);
	spawner.stops = true;
	pthread_cond_signal(&spawner.came);
	pthread_mutex_unlock(&spawner.lock);
	if (loop_this)
		barrier_rest(&loop_this->barrier); /* it may have to wait for one that forks */
	CHECK(pthread_join(spawner.thread, NULL) == 0);
	if (loop_this)
		barrier_go(&loop_this->barrier);
	barrier_remove(&spawner.barrier);
}

void spawner_stop(void)
{
	take_turn();
	pthread_mutex_lock(
		&spawner.lock); /* it is in none of our loop's mailbox after this */
	pthread_mutex_unlock(&spawner.lock);
	if (spawner.n_users <= 1)
		stop_locked();
	spawner.n_users -= spawner.n_users > 0;
	pthread_mutex_unlock(&spawner.turn);
}
