/* SPDX-License-Identifier: MIT */
/* helper.c - acre_blocking(): functions that block run on threads of their own. */
#define _GNU_SOURCE
#include "core/helper.h"

#include <pthread.h>
#include <semaphore.h>

#include "base/forkonce.h"
#include "base/panic.h"
#include "base/sys.h"
#include "core/barrier.h"
#include "core/sched.h"

/*
 * One pool for the process, shared by its loops. A call is a job on the stack of the task
 * that waits for it. It is queued until a helper takes it; from then on it is the helper's,
 * and its task does not touch it, until it comes back to the loop as a letter. All this is
 * decided under one lock, and whenever that is free, either no job is queued or no helper
 * is idle.
 *
 * A helper posts the letter and takes its next job, or becomes idle, in one critical
 * section. So a loop whose calls have all come back needs only to find the lock free to
 * know that no helper is inside its mailbox; and when the last loop ends, all helpers are
 * idle. They are not ended before that: an idle one costs little, a new one a call's time.
 *
 * Cancellation: a queued job can be withdrawn, one that has begun cannot, because `arg` may
 * lie on the waiting task's stack. What bounds that wait is that fn returns, which is the
 * caller's promise.
 */
struct job {
	struct letter letter; /* to the loop, when fn has returned */
	struct list node;     /* in pool.queue until a helper takes it */
	int (*fn)(void *arg);
	void *arg;
	struct task *task;     /* borrowed: it waits, and this lies on its stack */
	int r;                 /* what fn returned, once done */
	struct report *report; /* owned: of that failure, on its way to the task; or NULL */
	bool done;             /* the letter was read; the loop's thread only */
};

struct helper {
	struct list node; /* in pool.unused or pool.idle; busy: in none */
	struct barrier_thread barrier;
	pthread_t thread;
	sem_t wake;      /* posted for an idle helper: it has a job, or NULL for the end */
	struct job *job; /* borrowed, while busy */
};

static struct {
	_Atomic pid_t pid; /* whose pool this is, see forkonce.h */
	pthread_mutex_t lock;
	struct list queue;  /* jobs that wait for a helper */
	struct list idle;   /* helpers with a thread that waits; who worked last is first */
	struct list unused; /* helpers without a thread */
	size_t n_threads;
	struct helper helpers[HELPER_THREADS_MAX];
} pool;

static void make_pool(void)
{
	pthread_mutex_init(&pool.lock, NULL);
	list_init(&pool.queue);
	list_init(&pool.idle);
	list_init(&pool.unused);
	pool.n_threads = 0;
	for (size_t i = 0; i < ARRAY_N(pool.helpers); i++) {
		pool.helpers[i] = (struct helper){ 0 };
		sem_init(&pool.helpers[i].wake, 0, 0);
		list_push(&pool.unused, &pool.helpers[i].node);
	}
}

/* In the loop's thread. The task may have been cancelled and be about to find out that
 * the job cannot be withdrawn; if it is parked it is parked here, since it does not leave
 * before the job is done. */
static void job_came_back(struct letter *l)
{
	struct job *job = container_of(l, struct job, letter);

	job->done = true;
	job->task->loop->n_foreign--;
	if (job->task->state == TASK_PARKED)
		unpark(job->task, 0);
}

/* A failure is filed with the thread that fn runs on. Its report is taken from there, and
 * the thread forgets it, so that the task is the only owner when the letter is posted. */
static void run(struct job *job)
{
	job->r = job->fn(job->arg);
	if (job->r < 0)
		job->report = report_take(job->r);
	report_thread_fini();
}

static struct job *next_job_locked(void)
{
	struct list *node = list_pop(&pool.queue);

	return node ? list_entry(node, struct job, node) : NULL;
}

/* Gives a job back to its loop; the next one, or NULL: the helper is idle. */
static struct job *return_job(struct helper *h)
{
	struct job *next;

	pthread_mutex_lock(&pool.lock);
	mailbox_post(&h->job->task->loop->mailbox, &h->job->letter);
	next = next_job_locked();
	h->job = next;
	if (!next)
		list_push_front(&pool.idle, &h->node);
	pthread_mutex_unlock(&pool.lock);
	return next;
}

static struct job *wait_for_job(struct helper *h)
{
	barrier_rest(&h->barrier);
	while (sem_wait(&h->wake) < 0)
		; /* only a signal ends it early */
	barrier_go(&h->barrier);
	return h->job;
}

static void *serve(void *arg)
{
	struct helper *h = arg;
	struct job *job = h->job;

	barrier_begin(&h->barrier);
	pthread_setname_np(pthread_self(), "acre-helper");
	while (job) {
		run(job);
		job = return_job(h);
		if (!job)
			job = wait_for_job(h);
	}
	return NULL;
}

static int start_thread(struct helper *h)
{
	return barrier_start(&h->barrier, &h->thread,
			     &(const struct barrier_start){
				     .name = "a helper, in acre_blocking()",
				     .rank = BARRIER_CALLS,
				     .fn = serve,
				     .arg = h });
}

static bool wake_helper_locked(void)
{
	struct list *node = list_pop(&pool.idle);
	struct helper *h;

	if (!node)
		return false;
	h = list_entry(node, struct helper, node);
	h->job = next_job_locked();
	sem_post(&h->wake);
	return true;
}

static bool start_helper_locked(void)
{
	struct list *node = list_pop(&pool.unused);
	struct helper *h;

	if (!node)
		return false;
	h = list_entry(node, struct helper, node);
	h->job = next_job_locked();
	if (start_thread(h) < 0) {
		list_push_front(&pool.queue, &h->job->node);
		list_push_front(&pool.unused, &h->node);
		return false;
	}
	pool.n_threads++;
	return true;
}

/* -EAGAIN: there is no thread, and none can be made. */
static int submit(struct job *job)
{
	int r = 0;

	pthread_mutex_lock(&pool.lock);
	list_push(&pool.queue, &job->node);
	if (!wake_helper_locked() && !start_helper_locked() && pool.n_threads == 0) {
		list_remove(&job->node);
		r = -EAGAIN;
	}
	pthread_mutex_unlock(&pool.lock);
	return r;
}

/* False: a helper has taken it. */
static bool withdraw(struct job *job)
{
	bool queued;

	pthread_mutex_lock(&pool.lock);
	queued = list_is_linked(&job->node);
	list_remove(&job->node);
	pthread_mutex_unlock(&pool.lock);
	return queued;
}

int acre_blocking(int (*fn)(void *arg), void *arg)
{
	struct task *t = sched_task("acre_blocking()");
	struct job job = { .letter.fn = job_came_back, .fn = fn, .arg = arg, .task = t };
	int r = checkpoint(t);

	if (r < 0)
		return r;
	fork_once(&pool.pid, t->loop->pid, make_pool);
	r = submit(&job);
	if (r < 0)
		return acre_fail(EAGAIN, "no helper thread, and none can be made");
	t->loop->n_foreign++;
	r = park(WAIT_HELPER, &job);
	if (r < 0 && withdraw(&job)) {
		t->loop->n_foreign--;
		return r;
	}
	while (!job.done)
		park_shielded(WAIT_HELPER, &job); /* bound: fn returns */
	return job.r < 0 ? report_file(TAKE_PTR(job.report), report_class(job.r)) : job.r;
}

void helper_release(const struct loop *loop)
{
	struct list *node;
	struct helper *h;

	CHECK(loop->n_foreign == 0);
	if (atomic_load(&pool.pid) != sys_getpid())
		return; /* no call was made in this process, so there is no thread */
	pthread_mutex_lock(&pool.lock);
	while ((node = list_pop(&pool.idle))) {
		h = list_entry(node, struct helper, node);
		h->job = NULL;
		sem_post(&h->wake);
		pthread_join(h->thread, NULL);
		barrier_remove(&h->barrier);
		list_push(&pool.unused, &h->node);
		pool.n_threads--;
	}
	pthread_mutex_unlock(&pool.lock);
}
