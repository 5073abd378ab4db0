/* SPDX-License-Identifier: MIT */
/* task.h - tasks, the nurseries that own them, and calls that block. */
#ifndef ACRE_TASK_H
#define ACRE_TASK_H

/*
 * A task is a fiber: cheap, never moved between threads, never preempted. A nursery is
 * the block that owns tasks (and actors, actor.h): it ends when all of them have ended,
 * and the first failure cancels the others.
 *
 * ACRE_TASK(fetch, struct page *page)
 * {
 * 	page->len = ...;
 * 	return acre_sleep(acre_ms(10));
 * }
 *
 * ACRE_NURSERY(n, r)
 * 	for (size_t i = 0; i < 3 && r >= 0; i++)
 * 		r = acre_go(&n, fetch, &pages[i]);
 *
 * Three rules. A task may use the locals of the block that owns its nursery, since the
 * nursery outlives it. A task ends by returning: nothing kills it, it is asked
 * (cancelled) and returns. What a task started must have ended before it returns;
 * nurseries make that so.
 *
 * A thread on which acre runs something ends when acre is done with it. pthread_exit() there, in
 * a task or in a function of acre_blocking(), would leave all that waits for it waiting: it is a
 * BUG, and of an actor its parent sees that as ACRE_EDIED.
 *
 * THREADS: the loop's thread only, and checkpoints in a task only, else BUG: a message on
 * stderr and abort(). FORK: tasks stay in the parent.
 */

#include <acre/scope.h>

ACRE_BEGIN_

struct acre_task;    /* opaque */
struct acre_context; /* context.h */

/* The caller's memory, usually on the stack; opening it cannot fail. */
struct acre_nursery {
	uint64_t private_[40];
};

/* What ACRE_TASK declares. Zero is right for all that is left out. */
struct acre_task_kind {
	const char *name;
	int (*run)(void *arg);
	const char *file;
	int line;
};

struct acre_task_options {
	const char *name; /* instead of the kind's; copied, cut at 31 bytes */
	/* usable bytes, rounded up, at most 1 GiB; 0 = the loop's (64 KiB of address space) */
	size_t stack_size;
	uint64_t flags; /* none yet: must be 0 */
	uint64_t reserved[2];
};

/*
 * ACRE_TASK(name, type *arg) { ... } defines a task: a static function `int name(type
 * *arg)` that can be given to acre_go(), and that the compiler checks the argument
 * against. It is
 *
 *	static int name(type *arg);
 *	static int name_run_(void *p) { return name(p); }
 *	static const struct acre_task_kind name_kind_ = { "name", name_run_, __FILE__, __LINE__ };
 *	static int name(type *arg) { ... }
 */
#define ACRE_TASK(name, param)                                                      \
	static int name(param);                                                     \
	static int name##_run_(void *acre_arg_)                                     \
	{                                                                           \
		return name(acre_arg_);                                             \
	}                                                                           \
	__attribute__((unused)) static const struct acre_task_kind name##_kind_ = { \
		#name, name##_run_, __FILE__, __LINE__                              \
	};                                                                          \
	static int name(param)

#define acre_nursery_open(nursery) acre_nursery_open_((nursery), __FILE__, __LINE__)
ACRE_PUBLIC_ void acre_nursery_open_(struct acre_nursery *nursery, const char *file,
				     int line);

/*
 * Starts a task: acre_go(&n, collect, &job), or acre_go(&n, collect, &job, .name =
 * "second"). It runs at the next checkpoint of the caller, not before. 0, or ENOMEM,
 * EINVAL (options), ECANCELED (the nursery is being cancelled: nothing was started). A
 * closed nursery is a BUG. Not a checkpoint.
 */
#define acre_go(nursery, task, ...) \
	ACRE_GO_(nursery, &task##_kind_, task, __VA_ARGS__, )
#define ACRE_GO_(nursery, kind, task, arg, ...)                     \
	acre_go_((nursery), kind, ((void)sizeof(task(arg)), (arg)), \
		 ACRE_VALUE_(acre_task_options, __VA_ARGS__))
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_go_(struct acre_nursery *nursery,
					 const struct acre_task_kind *kind, void *arg,
					 const struct acre_task_options *options);

/*
 * Starts a task and waits until it says acre_ready(): `*ret` is then the pointer it gave.
 * Its failure before that is returned here, and here only; a task that returns without
 * acre_ready() is EPROTO. After acre_ready() it is an ordinary task of the nursery. A
 * checkpoint: cancelled, the task is cancelled and has ended on return.
 */
#define acre_go_ready(nursery, task, arg, ...) \
	ACRE_GO_READY_(nursery, &task##_kind_, task, arg, __VA_ARGS__, )
#define ACRE_GO_READY_(nursery, kind, task, arg, ret, ...)                       \
	acre_go_ready_((nursery), kind, ((void)sizeof(task(arg)), (arg)), (ret), \
		       ACRE_VALUE_(acre_task_options, __VA_ARGS__))
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_go_ready_(struct acre_nursery *nursery,
					       const struct acre_task_kind *kind,
					       void *arg, void **ret,
					       const struct acre_task_options *options);

/* In a task started by acre_go_ready(): it is up, `value` goes to who waits. Twice is
 * EPROTO. In another task it means nothing. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_ready(void *value);

/* Cancels all that is in the nursery; idempotent, never waits. */
ACRE_PUBLIC_ void acre_nursery_cancel(struct acre_nursery *nursery);

/* Whether the nursery was cancelled (by a call, by a failure inside it), and why. Also
 * after its close. */
ACRE_PUBLIC_ enum acre_reason acre_nursery_cancelled(const struct acre_nursery *nursery);

/* How many tasks and actors of the nursery have not ended. */
ACRE_PUBLIC_ size_t acre_nursery_n(const struct acre_nursery *nursery);

/*
 * Joins everything and returns the result of the whole: `r` (the body's), or the one
 * failure, or an ACRE_EGROUP of all failures. r < 0 cancels the rest first. Its wait is
 * no checkpoint and has no deadline of its own: tasks see the cancellation, actors are
 * ended by the ladder in bounded time. -ECANCELED if children were cancelled from
 * outside.
 */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_nursery_close(struct acre_nursery *nursery, int r);

/*
 * ACRE_NURSERY(n, r) { ... }: it is
 *
 * if (r >= 0) {
 * 	struct acre_nursery n;
 * 	acre_nursery_open(&n);
 * 	...
 * 	r = acre_nursery_close(&n, r);
 * }
 *
 * `break` leaves the block early; `return` out of it cancels and joins the children, and
 * a failure that nobody could return becomes the task's own.
 */
#define ACRE_NURSERY(n, r)                                                      \
	for (struct acre_nursery n ACRE_CLEANUP_(acre_nursery_abandon_),        \
	     *n##_do_ = acre_nursery_block_(&n, (r), __FILE__, __LINE__);       \
	     n##_do_; (r) = acre_nursery_close(&n, (r)), n##_do_ = NULL)        \
		for (int n##_once_ = 1; n##_once_; n##_once_ = 0)

ACRE_PUBLIC_ struct acre_nursery *acre_nursery_block_(struct acre_nursery *nursery, int r,
						      const char *file, int line);
ACRE_PUBLIC_ void acre_nursery_abandon_(struct acre_nursery *nursery);

/*
 * Runs fn(arg) on a helper thread and waits for its result. Up to 16 threads, started
 * when first needed; more calls wait for a free one. A checkpoint on entry only: once
 * begun it is waited for, so `arg` may be on the stack. fn must not call acre, except for
 * acre_fail() and its kin. Returns what fn returned; EAGAIN if no thread could be made.
 */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_blocking(int (*fn)(void *arg), void *arg);

/* Waits until `fd` is readable, writable ... (POLLIN, POLLOUT, POLLRDHUP). > 0: the
 * events that came, POLLERR and POLLHUP included; < 0: a failure. The fd may be
 * watched by several tasks. A checkpoint. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_wait_fd(int fd, int events);

/* Name of the running task ("" outside of one) and its path, like
 * root/scanner#3/collect. */
ACRE_PUBLIC_ const char *acre_task_name(void);
ACRE_PUBLIC_ int acre_task_path(char *buf, size_t len);

ACRE_END_
#endif
