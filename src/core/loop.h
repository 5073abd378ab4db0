/* SPDX-License-Identifier: MIT */
/* loop.h - one thread's loop: ready queue, timers, descriptors, mailbox. */
#pragma once

#include <sys/epoll.h>

#include "base/fault.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "core/barrier.h"
#include "core/fiber.h"
#include "core/log.h"
#include "core/mailbox.h"
#include "core/schedule.h"
#include "core/stack.h"
#include "core/status.h"
#include "core/task.h"
#include "core/timer.h"
#include "core/trace.h"

/*
 * A loop belongs to one thread and runs its tasks, nothing else: no other thread touches
 * it but through the mailbox. Tasks switch to each other directly; the loop's own fiber
 * (the thread's stack) runs only to poll: when no task is ready, or when POLL_SWITCHES
 * switches went by and the poll is due.
 *
 * Callbacks (watch, timer, deferred, letter) run on the loop's fiber. They never wait;
 * they unpark.
 */

/* Descriptors served per poll: bounds the batch that unwatch must search */
#define LOOP_EVENTS_MAX 64
/* Switches between two looks at the clock: 32 x 15 ns is half a microsecond */
#define LOOP_POLL_SWITCHES 32
/* At most this long without a poll while tasks are ready (plus one task's run) */
#define LOOP_POLL_GAP_NS   200000
#define LOOP_POLL_LOOKS	   64 /* nor longer than this many looks: 2,048 switches */
#define LOOP_STACK_DEFAULT (64 * 1024)
#define LOOP_TRIM_GAP_NS   100000000 /* a crowd that comes back sooner finds warm stacks */
#define LOOP_STACK_CACHE   256 /* free stacks kept with their pages: 256 x 4 KiB touched */
#define LOOP_POOLS	   4 /* stack sizes in use at once: 64 KiB, 256 KiB, 1 MiB, 8 MiB */

/* A descriptor of ours in the epoll set; level-triggered. Owner: who embeds it. */
struct watch {
	int fd;
	uint32_t events; /* EPOLLIN ... as registered; 0: not in the set */
	void (*fn)(struct watch *w, uint32_t events);
};

/* Something to do once before the loop polls again: flushing what a round has written. */
struct deferred {
	struct list node;
	void (*fn)(struct deferred *d);
};

struct forker;

struct loop {
	struct list ready;
	struct task *current; /* NULL while callbacks run; stored for a watcher to see */
	uint8_t *mark; /* not 0 in the process that made the loop, see loop_is_forked() */
	struct fiber fiber;   /* the thread's own stack */
	struct heap timers;
	struct list deferred;
	struct list tasks; /* all of them, in order of birth */
	struct map fds;	   /* waits of acre_wait_fd() by descriptor */
	struct mailbox mailbox;
	struct watch mailbox_watch;
	int epoll;
	int timer_fd; /* embedded loops only, else -1 */
	struct watch timer_watch;
	uint32_t switches; /* since the last look at the clock */
	uint32_t looks;	   /* at the clock, since the last poll */
	uint32_t next_task_id;
	int64_t polled_at;
	struct schedule schedule; /* of the ready queue */
	size_t n_tasks;
	struct task *corpse; /* ended, its stack still in use: buried by who runs next */
	struct stack_pool pools[LOOP_POOLS];
	size_t n_pools;
	int64_t trim_at; /* when free stacks go back; ACRE_NEVER_NS_: there are few */
	size_t stack_size;
	struct barrier_thread barrier;
	pid_t pid;	  /* the process that made it */
	bool ended;	  /* the root task has */
	struct forker *forker; /* owned; NULL until acre_fork_from_worker() */
	size_t n_foreign; /* helper threads at work for us: a virtual clock must not jump */
	struct nursery root; /* holds the root task; its scope is the outermost of all */
	struct report_home reports; /* for failures outside tasks */
	struct report_spare spares[REPORT_SPARES];
	struct epoll_event batch[LOOP_EVENTS_MAX];
	int n_batch;
	int at_batch;
	struct trace trace;
	struct list debug; /* in acre_debug_root.loops */
	pid_t tid;	   /* of its thread */
	struct status *status; /* never NULL: what the parent gave, or own_status */
	struct status own_status;
	struct status_bell bell; /* of who watches it in this process */
	struct logger logger;	 /* of what is said here */
	void *actor;	   /* the struct runtime it runs, for those who look from outside */
};

extern _Thread_local struct loop *loop_this __attribute__((tls_model("initial-exec")));

/*
 * Whether this is a copy of the loop, in a process that was made by fork. Descriptors and the
 * epoll set are shared with the parent then, and the processes that it owns are not ours: so a
 * copy never polls, writes or signals, runs no task but the one that forked, and each call that
 * may wait returns -ECHILD. One load: the kernel wipes the page of the mark at a fork. Where it
 * does not know how (mark is NULL), it is a system call.
 */
bool loop_is_forked_slow(const struct loop *loop);

static inline bool loop_is_forked(const struct loop *loop)
{
	if (unlikely(!loop->mark))
		return loop_is_forked_slow(loop);
	return unlikely(*loop->mark == 0) && !PLANTED(FORK_UNSEEN);
}

static inline struct task *task_this(void)
{
	return loop_this ? loop_this->current : NULL;
}

/* trace() with a loop in hand, and inlined: for what happens several times in a task's life. */
static inline void loop_trace(struct loop *loop, enum acre_event_kind kind, uint64_t a,
			      uint64_t b)
{
	uint32_t task = loop->current ? loop->current->id : 0;

	trace_add(&loop->trace, loop->polled_at, task, kind, a, b);
}

struct loop_options {
	size_t stack_size;
	uint64_t seed;	      /* of its schedule; 0: first in, first out */
	const char *schedule; /* its name (schedule.h); NULL: shuffle */
	bool embedded;
};

/* Makes the loop of this thread. -EALREADY, -EINVAL (no such schedule), -ENOMEM, -EMFILE ... */
int loop_open(struct loop **ret, const struct loop_options *options);
struct loop *loop_free(struct loop *loop);
/* Starts the root task. */
int loop_start(struct loop *loop, const struct acre_task_kind *kind, void *arg);
/* Its result once loop_turn() has said false; filed with the running home. */
int loop_result(struct loop *loop);
/* Starts the root task, runs until it has ended; its result, filed with loop->reports. */
int loop_run(struct loop *loop, const struct acre_task_kind *kind, void *arg);
/* One turn: runs what is ready and polls, waiting if `wait` and nothing is ready.
 * False: the root task has ended. */
bool loop_turn(struct loop *loop, bool wait);

int loop_watch(struct watch *w, int fd, uint32_t events,
	       void (*fn)(struct watch *w, uint32_t events));
int loop_watch_change(struct watch *w, uint32_t events);
/* Idempotent; events of this poll that were not served yet are dropped. Before the fd
 * is closed. */
void loop_unwatch(struct watch *w);

/* From here on the loop tells how it is on that page; NULL: on its own again. Borrowed. Not
 * while the watchdog looks. */
void loop_set_status(struct loop *loop, struct status *page);

/* Idempotent while it waits. */
void loop_defer(struct deferred *d, void (*fn)(struct deferred *d));
void loop_undefer(struct deferred *d);
