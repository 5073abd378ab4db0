/* SPDX-License-Identifier: MIT */
/* spawner.c - the thread that makes processes, and how tasks hand it their requests. */
#include "actor/spawner.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "actor/forkserver.h"
#include "actor/peer.h"
#include "actor/sweep.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/forkonce.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/barrier.h"
#include "core/report.h"
#include "core/sched.h"

/*
 * The thread takes requests in order, and answers by a letter to the loop of the task that
 * waits. It works on a copy: where a request forks us, handlers of pthread_atfork() run that
 * are the program's, and may hang. Then the task gives up, and the thread is *lost*: left
 * alone with the job, and replaced. It is not ended, for its children would die with it
 * (kernel-facts K1): it rests when it comes back, and ends with the others. If it is not
 * back by then it is left behind, and ends by itself when it comes back.
 *
 * All signals are blocked in it, those of its own mistakes too, unlike in other threads:
 * until a child execs it shares our memory, and no handler may run there.
 */

/* Longer turns of other loops than this are refused by name: a spawn is not to wait for them */
#define BARRIER_PATIENCE_NS 2000000000

/* All of a fork: that patience, and the handlers of pthread_atfork() */
int64_t spawner_fork_ns = 12000000000;
/* A timer and a worker look at their clocks one after the other */
#define LOOK_AGAIN_NS 1000000

struct worker {
	struct barrier_thread barrier;
	pthread_t thread;
	struct list node; /* under the lock: among those that are lost */
	bool is_back;	  /* under the lock: one that was lost */
	bool is_over;	  /* under the lock: its children are gone */
};

/* Owned by its task, and by the worker once that has been lost with it. */
struct job {
	struct list node;
	struct letter letter;
	struct spawn_request request;
	char title[ACTOR_TITLE_MAX]; /* of a fork */
	struct task *task;
	struct mailbox *box;
	struct timer timer;    /* of a fork: looks whether it hangs */
	struct worker *worker; /* under the lock: who makes it; NULL: nobody yet */
	int64_t hangs_at;      /* of clock_real(): who makes it hangs then */
	bool is_done;	       /* under the lock: its letter comes */
	bool is_given_up;      /* under the lock: nobody waits for it */
	struct logger *logger; /* of that loop, too */
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t came, over;
	struct list jobs; /* under the lock */
	bool stops;	  /* under the lock */
	_Atomic pid_t pid;     /* whose spawner this is, see forkonce.h */
	pthread_mutex_t turn;  /* of its coming and going, and of what follows */
	struct worker *worker; /* owned; NULL: there is none */
	struct list lost;      /* workers; owned; under the lock */
	size_t n_users;	       /* runtimes: it ends with the last one */
} spawner;

static struct job *next_job(struct worker *w)
{
	struct job *job = NULL;
	struct list *node;

	barrier_rest(&w->barrier);
	pthread_mutex_lock(&spawner.lock);
	while (list_is_empty(&spawner.jobs) && !spawner.stops)
		pthread_cond_wait(&spawner.came, &spawner.lock);
	node = list_pop(&spawner.jobs);
	if (node) {
		job = list_entry(node, struct job, node);
		job->hangs_at = clock_real() + spawner_fork_ns;
		job->worker = w;
	}
	pthread_mutex_unlock(&spawner.lock);
	barrier_go(&w->barrier);
	return job;
}

/* False: nobody waits for it any more, and it is the worker's. */
static bool is_done(struct job *job)
{
	pthread_mutex_lock(&spawner.lock);
	job->is_done = !job->is_given_up;
	pthread_mutex_unlock(&spawner.lock);
	return job->is_done;
}

static void enter(struct spawn_request *q)
{
	if (q->step || !q->entry)
		return;
	child_table_lock();
	child_table_add(q->entry, q->pid.pid, q->pid.fd, CHILD_ACTOR);
	q->entry->name = q->name;
	child_table_unlock();
}

/* A sweep must not come between the making of a child and its entry: it would be taken
 * for a stranger (kernel-facts K12). Nor may the table be locked all the time, for loops
 * need it and a forkserver may be slow. So it is put off, and made up for when the answer is
 * out: in a rush of spawns there would never be a moment without a birth. */
static bool make_listed(struct job *job, bool *ret_sweeps)
{
	struct spawn_request *q = &job->request;

	if (PLANTED(NEWBORN_SWEPT)) {
		q->make(q);
		enter(q);
		return is_done(job);
	}
	child_table_begin_birth();
	q->make(q);
	if (!is_done(job))
		return false; /* who gave it up has ended that birth */
	enter(q);
	*ret_sweeps = child_table_end_birth();
	return true;
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

/* There is none where threads could not be listed, and no thread where a fork is made. */
static void say_culprit(struct spawn_request *q, const struct barrier_culprit *culprit)
{
	if (culprit->tid)
		snprintf(q->detail, sizeof q->detail, "thread %d (%s)", culprit->tid,
			 culprit->name);
	else
		snprintf(q->detail, sizeof q->detail, "%s",
			 *culprit->name ? culprit->name
					: "/proc/self/task could not be read");
}

static bool raise_barrier(struct worker *w, struct job *job)
{
	struct spawn_request *q = &job->request;
	struct barrier_culprit culprit = { .tid = 0 };
	int64_t patience_ns = int64_min(BARRIER_PATIENCE_NS, spawner_fork_ns / 2);
	int r = barrier_raise(&w->barrier, clock_real() + patience_ns, job->hangs_at,
			      &culprit);
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
		say_culprit(q, &culprit);
	}
	return r >= 0;
}

static bool begin_fork(struct worker *w, struct job *job)
{
	struct spawn_request *q = &job->request;
	int r = q->begin ? q->begin(q) : 0;

	if (r < 0) {
		spawn_failed(q, q->takes_long, r);
		return false;
	}
	if (raise_barrier(w, job))
		return true;
	if (q->end)
		q->end(q);
	return false;
}

static void end_fork(struct spawn_request *q)
{
	barrier_lower();
	if (q->end)
		q->end(q);
}

/* False: as is_done(). */
static bool make(struct worker *w, struct job *job, bool *ret_sweeps)
{
	bool is_wanted;

	if (job->request.is_fork && !begin_fork(w, job))
		return is_done(job);
	is_wanted = make_listed(job, ret_sweeps);
	if (job->request.is_fork)
		end_fork(&job->request);
	return is_wanted;
}

/* What was made after all did not get far: the barrier was broken, or its link is closed. */
static void end_late_child(struct job *job)
{
	struct pidref *pid = &job->request.pid;

	acre_ignore(pidref_signal(pid, SIGKILL));
	acre_ignore(pidref_reap(pid, NULL, 0)); /* bound: SIGKILL */
	pidref_fini(pid);
	mem_free(job);
}

/* It rests. Bound: the end of the last runtime. */
static void outlive_children(struct worker *w)
{
	bool is_left_behind;

	barrier_rest(&w->barrier);
	pthread_mutex_lock(&spawner.lock);
	is_left_behind = w->is_over;
	w->is_back = true;
	while (!w->is_over)
		pthread_cond_wait(&spawner.over, &spawner.lock);
	pthread_mutex_unlock(&spawner.lock);
	if (!is_left_behind)
		return;
	barrier_remove(&w->barrier);
	mem_free(w);
}

static void *run(void *arg)
{
	struct worker *w = arg;
	struct job *job;
	bool sweeps;

	barrier_begin(&w->barrier);
	while ((job = next_job(w))) {
		bool is_wanted;

		sweeps = false;
		logger_speak_for(job->logger);
		is_wanted = make(w, job, &sweeps);
		logger_speak_for(NULL); /* that loop may be gone after the answer */
		if (!is_wanted) {
			end_late_child(job);
			outlive_children(w);
			return NULL;
		}
		answer(job);
		if (sweeps)
			acre_ignore((int)sweep());
	}
	forkserver_stop();
	return NULL;
}

static int start_locked(void)
{
	struct worker *w;
	int r;

	if (spawner.worker)
		return 0;
	spawner.stops = false;
	w = mem_zalloc(sizeof *w);
	r = w ? barrier_start(&w->barrier, &w->thread,
			      &(const struct barrier_start){ .name = "the spawner",
							     .rank = BARRIER_CALLS,
							     .fn = run,
							     .arg = w,
							     .blocks_all = true })
	      : -ENOMEM;
	if (r < 0) {
		mem_free(w);
		return acre_fail(-r,
				 "the thread that makes processes could not be started");
	}
	spawner.worker = w;
	return 0;
}

static void make_spawner(void)
{
	pthread_mutex_init(&spawner.lock, NULL);
	pthread_mutex_init(&spawner.turn, NULL);
	pthread_cond_init(&spawner.came, NULL);
	pthread_cond_init(&spawner.over, NULL);
	list_init(&spawner.jobs);
	list_init(&spawner.lost);
	forkserver_forget();
	spawner.worker = NULL;
	spawner.n_users = 0;
}

static void take_turn(void)
{
	fork_once(&spawner.pid, sys_getpid(), make_spawner);
	pthread_mutex_lock(&spawner.turn);
}

enum { ANSWER_CAME, MAKER_HANGS };

static void answered(struct letter *letter)
{
	unpark(container_of(letter, struct job, letter)->task, ANSWER_CAME);
}

/* From here on the job is the worker's. */
static void lose_worker_locked(struct job *job)
{
	job->is_given_up = true;
	list_push(&spawner.lost, &job->worker->node);
	spawner.worker = NULL;
}

/* Others may come before it, and take their time: only who makes it may hang with it. */
static void look_at_maker(struct timer *timer)
{
	struct job *job = container_of(timer, struct job, timer);
	struct task *task = job->task;
	int64_t wait_ns = spawner_fork_ns;
	bool hangs = false;

	take_turn();
	pthread_mutex_lock(&spawner.lock);
	if (job->worker) {
		wait_ns = int64_max(job->hangs_at - clock_real(), LOOK_AGAIN_NS);
		hangs = !job->is_done && clock_real() >= job->hangs_at;
	}
	if (hangs)
		lose_worker_locked(job);
	else if (!job->is_done)
		timer_set(timer, int64_add(clock_now(), wait_ns), look_at_maker);
	pthread_mutex_unlock(&spawner.lock);
	pthread_mutex_unlock(&spawner.turn);
	if (hangs)
		unpark(task, MAKER_HANGS);
}

/* In one turn, so that no job is left without a worker. */
static int ask(struct job *job)
{
	int r;

	take_turn();
	r = start_locked();
	if (r >= 0) {
		pthread_mutex_lock(&spawner.lock);
		list_push(&spawner.jobs, &job->node);
		pthread_cond_signal(&spawner.came);
		pthread_mutex_unlock(&spawner.lock);
	}
	pthread_mutex_unlock(&spawner.turn);
	return r;
}

static int job_new(struct job **ret, const struct spawn_request *request)
{
	struct job *job = mem_zalloc(sizeof *job);

	if (!job)
		return acre_fail(ENOMEM, "no memory to make a process");
	job->letter.fn = answered;
	job->task = task_this();
	job->box = &loop_this->mailbox;
	job->logger = logger_this();
	job->request = *request;
	job->request.pid = PIDREF_NULL;
	job->request.step = NULL;
	if (request->is_fork) {
		snprintf(job->title, sizeof job->title, "%s", request->title);
		job->request.title = job->title;
	}
	*ret = job;
	return 0;
}

static struct job *take_job(void)
{
	struct list *node;

	pthread_mutex_lock(&spawner.lock);
	node = list_pop(&spawner.jobs);
	pthread_mutex_unlock(&spawner.lock);
	return node ? list_entry(node, struct job, node) : NULL;
}

/* Those that wait behind a worker that was lost need another one, or nobody would come. */
static void replace_worker(void)
{
	struct job *job;
	int r;

	take_turn();
	r = start_locked();
	while (r < 0 && (job = take_job())) {
		spawn_failed(&job->request, "starting another thread", -report_class(r));
		job->is_done = true;
		answer(job);
	}
	pthread_mutex_unlock(&spawner.turn);
}

/* The job is the worker's. What it may have made is a stranger, which the sweep ends. */
static void give_up(struct spawn_request *request)
{
	request->pid = PIDREF_NULL;
	spawn_failed(request, "forking", -ETIMEDOUT);
	snprintf(request->detail, sizeof request->detail,
		 "the thread that makes processes is not back after %lld ms: %s hangs",
		 (long long)(spawner_fork_ns / 1000000),
		 request->takes_long ? request->takes_long
				     : "a handler of pthread_atfork()");
	if (child_table_end_birth())
		acre_ignore((int)sweep());
	replace_worker();
}

/* Bound: a vfork and an exec; what a forkserver may take; the timer. */
static void await(struct job *job, struct spawn_request *request)
{
	if (request->is_fork)
		timer_set(&job->timer, int64_add(clock_now(), spawner_fork_ns),
			  look_at_maker);
	if (park_shielded(WAIT_SPAWN, request) == MAKER_HANGS) {
		give_up(request);
		return;
	}
	timer_stop(&job->timer);
	request->pid = job->request.pid;
	request->step = job->request.step;
	request->error = job->request.error;
	memcpy(request->detail, job->request.detail, sizeof request->detail);
	mem_free(job);
}

int spawner_make(struct spawn_request *request)
{
	struct job *job = NULL;
	int r;

	if (loop_this->pid != sys_getpid())
		return acre_fail(ECHILD,
				 "a process made by fork has no thread that makes "
				 "processes: its parent has");
	r = job_new(&job, request);
	if (!job)
		return r;
	loop_this->n_foreign++;
	r = ask(job);
	if (r >= 0)
		await(job, request);
	else
		mem_free(job);
	loop_this->n_foreign--;
	if (r >= 0 && request->step)
		r = acre_fail(request->error, "%s failed for %s%s%s", request->step,
			      request->path, *request->detail ? ": " : "",
			      request->detail);
	return r;
}

void spawner_hold(void)
{
	take_turn();
	spawner.n_users++;
	pthread_mutex_unlock(&spawner.turn);
}

static void worker_free(struct worker *w)
{
	if (loop_this)
		barrier_rest(
			&loop_this->barrier); /* it may have to wait for one that forks */
	CHECK(pthread_join(w->thread, NULL) == 0);
	if (loop_this)
		barrier_go(&loop_this->barrier);
	barrier_remove(&w->barrier);
	mem_free(w);
}

/* One that is not back is left behind: it frees what it has when it comes. */
static void stop_lost(void)
{
	struct list *node;
	struct worker *w;
	bool is_back;

	do {
		pthread_mutex_lock(&spawner.lock);
		node = list_pop(&spawner.lost);
		w = node ? list_entry(node, struct worker, node) : NULL;
		is_back = w && w->is_back;
		if (w)
			w->is_over = true;
		if (w && !is_back)
			pthread_detach(w->thread);
		pthread_cond_broadcast(&spawner.over);
		pthread_mutex_unlock(&spawner.lock);
		if (is_back)
			worker_free(w);
	} while (node);
}

static void stop_locked(void)
{
	struct worker *w;

	pthread_mutex_lock(&spawner.lock);
	w = TAKE_PTR(spawner.worker);
	spawner.stops = true;
	pthread_cond_signal(&spawner.came);
	pthread_mutex_unlock(&spawner.lock);
	if (w)
		worker_free(w);
	stop_lost();
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
