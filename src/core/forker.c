/* SPDX-License-Identifier: MIT */
/* forker.c - forking on a thread of its own while all others stand still. */
#include "core/forker.h"

#include <acre/chan.h>

#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/barrier.h"
#include "core/forked.h"
#include "core/process.h"
#include "core/report.h"
#include "core/sched.h"

/*
 * PR_SET_PDEATHSIG fires when the thread that forked ends (kernel-facts K1), so the worker
 * lives as long as its loop. A loop's own thread must not fork: the child would go on in
 * the middle of a task. The worker has no loop and no tasks, and so has the child.
 *
 * What runs in the worker that is not ours are the program's pthread_atfork() handlers,
 * which may hang. Then the task that waits gives up, and the worker is left alone with the
 * job: whoever is second at `state` knows that the other one has gone. The job is therefore
 * not on the task's stack.
 */

/* The reference's bound for the join of its forking thread */
#define JOIN_NS 10000000000
/* For a call of acre_blocking() that is short of being done; more is a refusal */
#define PATIENCE_NS 2000000000

enum job_state { JOB_ASKED, JOB_ANSWERED, JOB_ABANDONED };

enum job_step { STEP_REST, STEP_LOOK, STEP_STRANGERS, STEP_FORK, STEP_HOLD };

struct job {
	struct letter letter;  /* to the loop, when there is an answer */
	struct mailbox *box;   /* borrowed */
	struct timer timer;    /* of the join */
	struct task *task;     /* borrowed: it waits, unless it has given up */
	_Atomic int state;     /* an enum job_state */
	int64_t until, breaks; /* of the barrier */
	bool with_strangers;
	struct forked child; /* its gate is owned */
	struct acre_process *process; /* borrowed, unless the task has given up */
	/* answers */
	struct pidref pid; /* owned, until the handle has it */
	enum job_step step;
	int error; /* positive, of that step; 0: there is a child */
	int n_strangers;
	struct barrier_culprit culprit;
	int fds[]; /* child.fds */
};

struct worker {
	struct barrier_thread barrier;
	pthread_t thread;
	sem_t wake;
	struct job *job; /* borrowed, when woken; NULL: the end */
};

struct forker {
	struct acre_lock turn;
	struct worker *worker; /* owned; NULL: none, or the last one did not come back */
};

static void job_free(struct job *job)
{
	pidref_fini(&job->pid);
	sys_close(TAKE_FD(job->child.gate[0]));
	sys_close(TAKE_FD(job->child.gate[1]));
	mem_free(job);
}

/*
 * The worker.
 */

static void fail(struct job *job, enum job_step step, int error)
{
	job->step = step;
	job->error = error;
}

static bool strangers_are_in_the_way(struct job *job)
{
	int n = job->with_strangers ? 0 : barrier_count_strangers(&job->culprit);

	job->n_strangers = n;
	if (n < 0)
		fail(job, STEP_LOOK, -n);
	else if (n > 0)
		fail(job, STEP_STRANGERS, EPERM);
	return n != 0;
}

/* A child that nobody can hold does not pass the gate. Bound: it ends by itself. */
static void end_at_gate(struct job *job, pid_t pid)
{
	siginfo_t info;

	acre_ignore(sys_close(TAKE_FD(job->child.gate[1])));
	acre_ignore(sys_waitid(P_PID, (id_t)pid, &info, WEXITED | __WALL));
}

static void hold(struct job *job, pid_t pid)
{
	int r = pidref_open(&job->pid, pid);

	if (r >= 0)
		return;
	job->pid = PIDREF_NULL;
	fail(job, STEP_HOLD, -r);
	end_at_gate(job, pid);
}

static void fork_in_worker(struct worker *w, struct job *job)
{
	pid_t pid = 0;
	int r = barrier_raise(&w->barrier, job->until, job->breaks, &job->culprit);

	if (r < 0) {
		fail(job, STEP_REST, -r);
		return;
	}
	if (!strangers_are_in_the_way(job)) {
		pid = sys_fork_process();
		if (pid == 0)
			forked_live(&job->child);
	}
	barrier_lower();
	if (pid < 0)
		fail(job, STEP_FORK, -pid);
	else if (pid > 0)
		hold(job, pid);
}

/* False: nobody waits for it any more. The job may be gone when this returns. The child
 * passes the gate when it is held. */
static bool answer(struct job *job)
{
	int asked = JOB_ASKED;
	char byte = 0;

	if (!atomic_compare_exchange_strong(&job->state, &asked, JOB_ANSWERED))
		return false;
	if (job->error == 0) {
		process_hold(job->process, &job->pid);
		job->pid = PIDREF_NULL;
		acre_ignore(sys_write(job->child.gate[1], &byte, 1));
	}
	mailbox_post(job->box, &job->letter);
	return true;
}

static void leave_alone(struct worker *w, struct job *job)
{
	if (job->pid.fd >= 0)
		end_at_gate(job, job->pid.pid);
	job_free(job);
	barrier_remove(&w->barrier);
	sem_destroy(&w->wake);
	mem_free(w);
}

static struct job *wait_for_job(struct worker *w)
{
	barrier_rest(&w->barrier);
	while (sem_wait(&w->wake) < 0)
		; /* only a signal ends it early */
	barrier_go(&w->barrier);
	return w->job;
}

static void *serve(void *arg)
{
	struct worker *w = arg;
	struct job *job;

	barrier_begin(&w->barrier);
	pthread_setname_np(pthread_self(), "acre-forker");
	while ((job = wait_for_job(w))) {
		fork_in_worker(w, job);
		if (!answer(job)) {
			leave_alone(w, job);
			break;
		}
	}
	return NULL;
}

/* All signals are blocked in it, also those of its own mistakes: no handler may run between
 * the fork and the child's first steps. */
static int start_thread(struct worker *w)
{
	return barrier_start(&w->barrier, &w->thread,
			     &(const struct barrier_start){
				     .name = "the thread that forks",
				     .rank = BARRIER_CALLS,
				     .fn = serve,
				     .arg = w,
				     .blocks_all = true });
}

static int worker_new(struct worker **ret)
{
	struct worker *w = mem_zalloc(sizeof *w);
	int r;

	if (!w)
		return -ENOMEM;
	sem_init(&w->wake, 0, 0);
	r = start_thread(w);
	if (r < 0) {
		sem_destroy(&w->wake);
		mem_free(w);
		return r;
	}
	*ret = w;
	return 0;
}

static void worker_end(struct worker *w)
{
	w->job = NULL;
	sem_post(&w->wake);
	pthread_join(w->thread, NULL);
	barrier_remove(&w->barrier);
	sem_destroy(&w->wake);
	mem_free(w);
}

void forker_stop(struct loop *loop)
{
	struct forker *f = TAKE_PTR(loop->forker);

	if (!f || loop->pid != sys_getpid())
		return; /* the thread stayed with our parent in a fork */
	if (f->worker)
		worker_end(f->worker);
	mem_free(f);
}

/*
 * The task.
 */

static int check_options(const struct acre_fork_options *o)
{
	if (o->flags & ~ACRE_FORK_STRANGERS)
		return acre_fail(EINVAL, "unknown flags 0x%llx for a fork",
				 (unsigned long long)o->flags);
	if (o->join.ns < 0 || o->patience.ns < 0)
		return acre_fail(EINVAL, "a fork's spans must not be negative");
	for (size_t i = 0; i < ARRAY_N(o->reserved); i++)
		if (o->reserved[i])
			return acre_fail(EINVAL, "a fork's reserved options must be 0");
	for (size_t i = 0; i < o->n_fds; i++)
		if (sys_fcntl(o->fds[i], F_GETFD, 0) < 0)
			return acre_fail(
				EBADF, "descriptor %d, declared for a fork, is not open",
				o->fds[i]);
	return 0;
}

static int compare_fds(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

/* Its end of the gate is among what the child keeps. */
static void set_fds(struct job *job, const struct acre_fork_options *o)
{
	job->fds[0] = job->child.gate[0];
	for (size_t i = 0; i < o->n_fds; i++)
		job->fds[i + 1] = o->fds[i];
	qsort(job->fds, o->n_fds + 1, sizeof *job->fds, compare_fds);
	job->child.fds = job->fds;
	job->child.n_fds = o->n_fds + 1;
}

enum { ANSWER_CAME, JOIN_IS_OVER };

static void answered(struct letter *letter)
{
	unpark(container_of(letter, struct job, letter)->task, ANSWER_CAME);
}

/* If there is an answer already, its letter comes; else the job is the worker's from here
 * on, and may be gone. */
static void give_up(struct timer *timer)
{
	struct job *job = container_of(timer, struct job, timer);
	struct task *task = job->task;
	int asked = JOB_ASKED;

	if (atomic_compare_exchange_strong(&job->state, &asked, JOB_ABANDONED))
		unpark(task, JOIN_IS_OVER);
}

static int job_new(struct job **ret, struct acre_process *process, int (*fn)(void *),
		   void *arg, const struct acre_fork_options *o)
{
	struct job *job = mem_zalloc(sizeof *job + (o->n_fds + 1) * sizeof *job->fds);
	int r;

	if (!job)
		return -ENOMEM;
	job->letter.fn = answered;
	job->box = &loop_this->mailbox;
	job->task = task_this();
	job->process = process;
	job->child = (struct forked){
		.fn = fn, .arg = arg, .parent = sys_getpid(), .gate = { -1, -1 }
	};
	job->with_strangers = o->flags & ACRE_FORK_STRANGERS;
	job->pid = PIDREF_NULL;
	r = sys_pipe2(job->child.gate, 0);
	if (r < 0) {
		job_free(job);
		return r;
	}
	set_fds(job, o);
	*ret = job;
	return 0;
}

static int say_failure(const struct job *job)
{
	const struct barrier_culprit *c = &job->culprit;

	switch (job->step) {
	case STEP_REST:
		return acre_fail(job->error,
				 "%s (thread %d) did not come to rest for a fork",
				 c->name, (int)c->tid);
	case STEP_LOOK:
		return acre_fail(job->error,
				 "the threads of this process cannot be listed");
	case STEP_STRANGERS:
		return acre_fail(
			job->error,
			"%d threads are not acre's, among them \"%s\" (%d): what "
			"they hold would stay locked in a child",
			job->n_strangers, c->name, (int)c->tid);
	case STEP_FORK:
		return acre_fail(job->error, "a process could not be forked");
	case STEP_HOLD:
		return acre_fail(job->error, "a forked process cannot be held");
	}
	BUG("a fork failed at step %d", (int)job->step);
}

static int lose_worker(struct forker *f, int64_t join_ns)
{
	struct worker *w = TAKE_PTR(f->worker);
	int tid = (int)w->barrier.tid;

	pthread_detach(w->thread);
	return acre_fail(
		ETIMEDOUT,
		"the thread that forks (acre-forker, %d) is not back after %lld ms", tid,
		(long long)(join_ns / 1000000));
}

/* Hands the job to the worker, and waits for the answer. Not cancellable, so that no child
 * is lost. Bound: the join. */
static int ask(struct forker *f, struct job *job, int64_t join_ns)
{
	int r;

	timer_set(&job->timer, int64_add(clock_now(), join_ns), give_up);
	loop_this->n_foreign++;
	f->worker->job = job;
	sem_post(&f->worker->wake);
	r = park_shielded(WAIT_FORK, f);
	loop_this->n_foreign--;
	if (r == JOIN_IS_OVER)
		return lose_worker(f, join_ns);
	timer_stop(&job->timer);
	r = job->error ? say_failure(job) : 0;
	job_free(job);
	return r;
}

static int64_t span_or(acre_span span, int64_t ns)
{
	return span.ns ? span.ns : ns;
}

static int fork_in_turn(struct forker *f, struct acre_process *process, int (*fn)(void *),
			void *arg, const struct acre_fork_options *o)
{
	int64_t join_ns = span_or(o->join, JOIN_NS);
	int64_t patience_ns = int64_min(span_or(o->patience, PATIENCE_NS), join_ns / 2);
	int64_t now = clock_real();
	struct job *job;
	int r = f->worker ? 0 : worker_new(&f->worker);

	if (r < 0)
		return acre_fail(-r, "the thread that forks could not be started");
	r = job_new(&job, process, fn, arg, o);
	if (r < 0)
		return acre_fail(-r, "no means to fork");
	job->until = int64_add(now, patience_ns);
	job->breaks = int64_add(now, join_ns);
	return ask(f, job, join_ns);
}

/* Of this loop, made when first needed. */
static struct forker *need_forker(struct loop *loop)
{
	struct forker *f = loop->forker ? loop->forker : mem_zalloc(sizeof *f);

	if (f && !loop->forker) {
		acre_lock_init(&f->turn);
		loop->forker = f;
	}
	return f;
}

static int fork_process(struct acre_process *process, int (*fn)(void *), void *arg,
			const struct acre_fork_options *o)
{
	struct forker *f = need_forker(loop_this);
	int r = f ? acre_lock_acquire(&f->turn) : acre_fail(ENOMEM, "no memory to fork");

	if (r < 0)
		return r;
	r = fork_in_turn(f, process, fn, arg, o);
	acre_lock_release(&f->turn);
	return r;
}

int acre_fork_from_worker_(struct acre_process **ret, int (*fn)(void *arg), void *arg,
			   const struct acre_fork_options *options)
{
	struct task *t = sched_task("acre_fork_from_worker()");
	struct acre_process *process;
	int r = checkpoint(t);

	if (r < 0)
		return r;
	if (t->loop->pid != sys_getpid())
		return acre_fail(ECHILD, "a loop made by process %d cannot fork here",
				 (int)t->loop->pid);
	r = check_options(options);
	if (r < 0)
		return r;
	r = process_new(&process);
	if (r < 0)
		return acre_fail(-r, "no memory to hold a process");
	r = fork_process(process, fn, arg, options);
	if (r < 0) {
		acre_process_free(process);
		return r;
	}
	*ret = process;
	return 0;
}
