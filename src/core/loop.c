/* SPDX-License-Identifier: MIT */
/* loop.c - one thread's loop: polling, timers, descriptors, and running the root task. */
#include "core/loop.h"

#include <sys/mman.h>
#include <sys/timerfd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/debug.h"
#include "core/forker.h"
#include "core/helper.h"
#include "core/sched.h"
#include "core/thread_stay.h"

/*
 * A turn: run what is ready, run what was deferred, poll, run the timers that are due.
 * The loop waits in one place only, in poll_wait(), and only if nothing is ready and no
 * letter came; what ends that wait is a descriptor, the earliest timer, or a letter.
 */

#define FOR_EVER (-1)
#define MARK_LEN 1 /* byte, of which the kernel makes a page */

void timer_set(struct timer *t, int64_t at, void (*fn)(struct timer *t))
{
	heap_remove(&loop_this->timers, &t->node);
	t->fn = fn;
	if (at != ACRE_NEVER_NS_)
		heap_insert(&loop_this->timers, &t->node, at);
}

void timer_take_out(struct timer *t)
{
	heap_remove(&loop_this->timers, &t->node);
}

void loop_defer(struct deferred *d, void (*fn)(struct deferred *d))
{
	d->fn = fn;
	if (!list_is_linked(&d->node))
		list_push(&loop_this->deferred, &d->node);
}

void loop_undefer(struct deferred *d)
{
	list_remove(&d->node);
}

bool loop_is_forked_slow(const struct loop *loop)
{
	return loop->pid != sys_getpid();
}

/* A page of its own, since the kernel wipes whole ones. */
static int make_mark(struct loop *loop)
{
	void *page = NULL;
	int r = sys_mmap(&page, MARK_LEN, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (r < 0)
		return r;
	if (sys_madvise(page, MARK_LEN, MADV_WIPEONFORK) < 0) {
		acre_ignore(sys_munmap(page, MARK_LEN));
		return 0;
	}
	loop->mark = page;
	*loop->mark = 1;
	return 0;
}

int loop_watch(struct watch *w, int fd, uint32_t events,
	       void (*fn)(struct watch *w, uint32_t events))
{
	struct epoll_event ev = { .events = events, .data.ptr = w };
	int r = loop_is_forked(loop_this)
			? -ECHILD
			: sys_epoll_ctl(loop_this->epoll, EPOLL_CTL_ADD, fd, &ev);

	if (r < 0)
		return r;
	*w = (struct watch){ .fd = fd, .events = events, .fn = fn };
	return 0;
}

int loop_watch_change(struct watch *w, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = w };
	int r;

	if (w->events == events || loop_is_forked(loop_this))
		return 0;
	r = sys_epoll_ctl(loop_this->epoll, EPOLL_CTL_MOD, w->fd, &ev);
	if (r >= 0)
		w->events = events;
	return r;
}

void loop_unwatch(struct watch *w)
{
	struct loop *loop = loop_this;

	if (!w->fn)
		return;
	if (!loop_is_forked(loop)) /* a copy would take it out of the parent's set */
		acre_ignore(sys_epoll_ctl(loop->epoll, EPOLL_CTL_DEL, w->fd, NULL));
	for (int i = loop->at_batch; i < loop->n_batch; i++)
		if (loop->batch[i].data.ptr == w)
			loop->batch[i].data.ptr = NULL;
	w->fn = NULL;
}

static void read_mailbox(struct watch *w, uint32_t events)
{
	struct loop *loop = container_of(w, struct loop, mailbox_watch);

	(void)events; /* the letters are read once per turn anyway */
	mailbox_answer(&loop->mailbox);
}

static void read_timer_fd(struct watch *w, uint32_t events)
{
	uint64_t expirations;

	(void)events; /* it only makes the epoll set readable; timers are run by their own clock */
	acre_ignore(sys_read(w->fd, &expirations, sizeof expirations));
}

static bool has_spare_stacks(const struct loop *loop)
{
	for (size_t i = 0; i < loop->n_pools; i++)
		if (loop->pools[i].n_warm > LOOP_STACK_CACHE)
			return true;
	return false;
}

/* When free stacks go back next. The caches take as many as there were tasks, so that a crowd
 * that comes again finds its stacks warm; while the loop sleeps, half of the surplus goes every
 * LOOP_TRIM_GAP_NS. */
static int64_t next_trim(struct loop *loop)
{
	int64_t now;

	if (!has_spare_stacks(loop)) {
		loop->trim_at = ACRE_NEVER_NS_;
		return ACRE_NEVER_NS_;
	}
	now = clock_now();
	for (size_t i = 0; now >= loop->trim_at && i < loop->n_pools; i++)
		stack_pool_trim(&loop->pools[i], LOOP_STACK_CACHE);
	if (now >= loop->trim_at || loop->trim_at == ACRE_NEVER_NS_)
		loop->trim_at = now + LOOP_TRIM_GAP_NS;
	return loop->trim_at;
}

/* When there is something to do though nothing has happened. */
static int64_t next_instant(struct loop *loop)
{
	struct heap_node *first = heap_min(&loop->timers);
	int64_t trim = next_trim(loop);

	return first && heap_key(first) < trim ? heap_key(first) : trim;
}

/* An embedded loop waits in a foreign one: its next timer must make the pollable fd
 * readable. */
static void arm_timer_fd(struct loop *loop)
{
	int64_t at = next_instant(loop);
	struct itimerspec when = { 0 };

	if (at != ACRE_NEVER_NS_) {
		when.it_value.tv_sec = at / 1000000000;
		when.it_value.tv_nsec = at % 1000000000;
	}
	/* what is ready already, or was posted before we could say that we sleep, is
	 * due at once */
	if (!list_is_empty(&loop->ready) || !mailbox_sleep(&loop->mailbox) ||
	    at <= 0)
		when.it_value = (struct timespec){ .tv_nsec = 1 };
	acre_ignore(sys_timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &when, NULL));
}

static void run_timers(struct loop *loop)
{
	int64_t now = clock_now();
	struct heap_node *node;

	loop->polled_at = now;
	while ((node = heap_min(&loop->timers)) && heap_key(node) <= now) {
		struct timer *t = container_of(node, struct timer, node);

		heap_remove(&loop->timers, node);
		t->fn(t);
	}
}

static void run_deferred(struct loop *loop)
{
	struct list todo;
	struct list *node;

	list_init(&todo);
	list_move(&loop->deferred, &todo);
	while ((node = list_pop(&todo))) {
		struct deferred *d = list_entry(node, struct deferred, node);

		d->fn(d);
	}
}

static int64_t time_to_wait(struct loop *loop)
{
	int64_t at = next_instant(loop), left;

	if (at == ACRE_NEVER_NS_)
		return FOR_EVER;
	left = at - clock_now();
	return left > 0 ? left : 0;
}

/* The one place where a loop is at rest, and where it stays while somebody forks. */
static int poll_now(struct loop *loop, int64_t timeout_ns)
{
	int r;

	barrier_rest(&loop->barrier);
	r = sys_epoll_wait(loop->epoll, loop->batch, LOOP_EVENTS_MAX, timeout_ns);
	barrier_go(&loop->barrier);
	return r;
}

/* A virtual clock jumps to the next timer once nothing else can happen. */
static int poll_virtual(struct loop *loop)
{
	int64_t wait_ns = time_to_wait(loop);
	int r = poll_now(loop, 0);

	if (r != 0 || wait_ns == 0)
		return r;
	if (wait_ns == FOR_EVER || loop->n_foreign)
		return poll_now(loop, FOR_EVER);
	clock_advance(wait_ns);
	return 0;
}

static int poll_wait(struct loop *loop)
{
	int r;

	status_waits(loop->status);
	if (!mailbox_sleep(&loop->mailbox))
		r = poll_now(
			loop,
			0); /* a letter came: served after the descriptors, which must not starve */
	else if (clock_is_virtual())
		r = poll_virtual(loop);
	else
		r = poll_now(loop, time_to_wait(loop));
	mailbox_wake(&loop->mailbox);
	status_goes_on(loop->status, &loop->bell);
	return r;
}

static void serve(struct loop *loop, int n)
{
	if (n <
	    0) /* EBADF and its kin: the epoll set itself is gone, nothing could ever be served */
		BUG("polling failed with errno %d: was the loop's descriptor closed by "
		    "the program?",
		    -n);
	loop->n_batch = n;
	for (loop->at_batch = 0; loop->at_batch < loop->n_batch;) {
		struct epoll_event *ev = &loop->batch[loop->at_batch++];
		struct watch *w = ev->data.ptr;

		if (w)
			w->fn(w, ev->events);
	}
	loop->n_batch = loop->at_batch = 0;
}

static void tell_turn(struct loop *loop)
{
	struct status *s = loop->status;

	if (PLANTED(STATUS_STANDS_STILL))
		return;
	status_add(&s->n_turns);
	atomic_store_explicit(&s->turned_at, loop->polled_at, memory_order_relaxed);
	status_set(&s->n_tasks, (uint32_t)loop->n_tasks);
	status_set(&s->n_timers, (uint32_t)loop->timers.n);
}

void loop_set_status(struct loop *loop, struct status *page)
{
	struct status *before = loop->status;

	loop->status = page ? page : &loop->own_status;
	status_set(&loop->status->state, status_get(&before->state));
	status_set(&loop->status->tid, (uint32_t)loop->tid);
}

bool loop_turn(struct loop *loop, bool wait)
{
	if (loop_is_forked(loop))
		return false;
	if (loop->timer_fd >= 0) { /* it slept in the foreign loop */
		mailbox_wake(&loop->mailbox);
		status_goes_on(loop->status, &loop->bell);
	}
	sched_run(loop);
	if (loop_is_forked(loop)) /* it was a task that forked, and has ended */
		return false;
	while (!list_is_empty(&loop->deferred))
		run_deferred(loop);
	if (loop->ended) {
		status_waits(loop->status); /* for its end, which may take its time */
		return false;
	}
	loop->looks = 0;
	serve(loop,
	      wait && list_is_empty(&loop->ready) ? poll_wait(loop) : poll_now(loop, 0));
	mailbox_read(&loop->mailbox);
	run_timers(loop);
	tell_turn(loop);
	if (loop->timer_fd >= 0) {
		arm_timer_fd(loop);
		status_waits(loop->status);
	}
	return true;
}

/* The root nursery has no owner: it holds the root task, and its scope is the
 * outermost of all. */
static void init_root(struct loop *loop)
{
	struct nursery *n = &loop->root;

	n->scope.deadline = ACRE_NEVER_NS_;
	n->scope.file = "the root";
	n->scope.nursery = n;
	n->scope.open = true;
	n->state = NURSERY_OPEN;
	list_init(&n->members);
	list_init(&n->ended);
}

static int init_descriptors(struct loop *loop, bool embedded)
{
	int r = loop->epoll = sys_epoll_create1(0);

	if (r >= 0)
		r = mailbox_init(&loop->mailbox);
	if (r >= 0)
		r = loop_watch(&loop->mailbox_watch, loop->mailbox.fd, EPOLLIN,
			       read_mailbox);
	if (r >= 0 && embedded) {
		r = loop->timer_fd = sys_timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
		if (r >= 0)
			r = loop_watch(&loop->timer_watch, r, EPOLLIN, read_timer_fd);
	}
	return r < 0 ? r : 0;
}

/* An embedded loop is asked to take a step by the thread that is to fork. */
static void ask_for_step(struct barrier_thread *t)
{
	uint64_t one = 1;

	acre_ignore(sys_write(container_of(t, struct loop, barrier)->mailbox.fd, &one,
			      sizeof one));
}

static void register_thread(struct loop *loop, bool embedded)
{
	barrier_add(&loop->barrier, embedded ? "an embedded loop" : "a loop",
		    BARRIER_LOOPS, embedded ? ask_for_step : NULL);
	barrier_begin(&loop->barrier);
}

int loop_open(struct loop **ret, const struct loop_options *options)
{
	struct loop *loop;
	int stays, r;

	if (loop_this)
		return -EALREADY;
	loop = mem_zalloc(sizeof *loop);
	if (!loop)
		return -ENOMEM;
	loop->epoll = loop->timer_fd = loop->mailbox.fd = -1;
	list_init(&loop->ready);
	list_init(&loop->deferred);
	list_init(&loop->tasks);
	heap_init(&loop->timers);
	map_init(&loop->fds);
	init_root(loop);
	loop->stack_size = options->stack_size ? options->stack_size : LOOP_STACK_DEFAULT;
	loop->pid = sys_getpid();
	loop->tid = sys_gettid();
	loop->polled_at = clock_now();
	loop->status = &loop->own_status;
	if (options->embedded) /* for its first step */
		status_waits(loop->status);
	loop->trim_at = ACRE_NEVER_NS_;
	loop_this = loop;
	report_home_set(&loop->reports);
	loop->reports.spares = loop->spares;
	fiber_adopt(&loop->fiber);
	r = schedule_init(&loop->schedule, options->seed, options->schedule);
	if (r >= 0)
		r = make_mark(loop);
	if (r >= 0)
		r = init_descriptors(loop, options->embedded);
	register_thread(loop, options->embedded);
	stays = thread_stay_begin(options->embedded ? "an embedded loop" : "a loop");
	if (r >= 0)
		r = stays;
	if (r >= 0)
		r = trace_init(&loop->trace);
	if (r < 0) {
		loop_free(loop);
		return r;
	}
	debug_add(loop);
	*ret = loop;
	return 0;
}

/* Those of the loop, and the idle ones of the pool. They stay while somebody forks, and who
 * waits for them rests as well; nothing here touches what a child of fork does not make
 * anew. */
static void end_threads(struct loop *loop)
{
	barrier_rest(&loop->barrier);
	forker_stop(loop);
	helper_release(loop);
	barrier_go(&loop->barrier);
	barrier_remove(&loop->barrier);
}

struct loop *loop_free(struct loop *loop)
{
	if (!loop)
		return NULL;
	CHECK(loop->n_tasks == 0);
	debug_remove(loop);
	end_threads(loop);
	if (loop->corpse)
		task_free(loop->corpse);
	for (size_t i = 0; i < loop->n_pools; i++)
		stack_pool_fini(&loop->pools[i]);
	loop_unwatch(&loop->mailbox_watch);
	if (loop_is_forked(loop)) /* they are for the parent's loop */
		atomic_store(&loop->mailbox.head, NULL);
	else /* posted before their posters were told that nobody reads them */
		mailbox_read(&loop->mailbox);
	mailbox_fini(&loop->mailbox);
	sys_close(TAKE_FD(loop->timer_fd));
	sys_close(TAKE_FD(loop->epoll));
	map_fini(&loop->fds);
	trace_fini(&loop->trace);
	report_home_set(NULL);
	report_home_fini(&loop->reports);
	fiber_fini(&loop->fiber);
	if (loop->mark)
		acre_ignore(sys_munmap(loop->mark, MARK_LEN));
	loop_this = NULL;
	thread_stay_end();
	return mem_free(loop);
}

int loop_start(struct loop *loop, const struct acre_task_kind *kind, void *arg)
{
	return task_start_root(loop, kind, arg, &loop->root);
}

int loop_result(struct loop *loop)
{
	return nursery_root_result(&loop->root);
}

int loop_run(struct loop *loop, const struct acre_task_kind *kind, void *arg)
{
	int r = loop_start(loop, kind, arg);

	if (r < 0)
		return r;
	while (loop_turn(loop, true))
		;
	return loop_result(loop);
}
