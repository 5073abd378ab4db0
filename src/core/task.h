/* SPDX-License-Identifier: MIT */
/* task.h - tasks and nurseries from inside. */
#pragma once

#include <acre/task.h>

#include "base/list.h"
#include "core/failures.h"
#include "core/fiber.h"
#include "core/report.h"
#include "core/scope.h"

struct loop;
struct wait;
struct stack_pool;

/* Bytes with the end: a name is for people, a longer one is cut */
#define TASK_NAME_MAX 32

/* Why a task does not run. The words are what dumps and `acre tree` print, and what is told of
 * a task whose time was over; there the name of an actor follows an `of`, `by` or `to`. */
#define WAITS(W)                                                                       \
	W(NOTHING, "runs", "ran")                                                      \
	W(READY, "ready", "was ready")                                                 \
	W(SLEEP, "sleeps", "slept")                                                    \
	W(CHAN_SEND, "waits for room in a channel", "waited for room in a channel")    \
	W(CHAN_RECV, "waits for an item of a channel",                                 \
	  "waited for an item of a channel")                                           \
	W(EVENT, "waits for an event", "waited for an event")                          \
	W(LOCK, "waits for a lock", "waited for a lock")                               \
	W(SELECT, "waits for one of several", "waited for one of several")             \
	W(FD, "waits for a descriptor", "waited for a descriptor")                     \
	W(HELPER, "waits for a helper thread", "waited for a helper thread")           \
	W(GUEST, "waits for its guest", "waited for its guest")                        \
	W(PROCESS, "waits for a process to end", "waited for a process to end")        \
	W(FORK, "waits for a process to be forked",                                    \
	  "waited for a process to be forked")                                         \
	W(NURSERY, "joins its nursery", "joined its nursery")                          \
	W(TASK_READY, "waits for a task to be ready", "waited for a task to be ready") \
	W(SUBSCRIBER, "waits for a broadcast", "waited for a broadcast")               \
	W(RESOURCE, "waits for a shared resource", "waited for a shared resource")     \
	W(SPAWN, "waits for an actor to boot", "waited for the boot of")               \
	W(ACTOR_END, "waits for an actor to end", "waited for the end of")             \
	W(FIRST, "waits for the first value of a context",                             \
	  "waited for the first value of")                                             \
	W(RECV, "waits for an item of a stream", "waited for an item of")              \
	W(CREDIT, "waits for credit of a stream", "waited for credit of")              \
	W(RESULT, "waits for the result of a context", "waited for the result of")     \
	W(CANCEL_ACK, "waits for the ack of a cancel",                                 \
	  "waited for the ack of a cancel by")                                         \
	W(LINK, "waits for room in a link", "waited for room in the link to")          \
	W(DIAL, "waits for an actor that it dials", "waited for one that it dialled")  \
	W(NAME, "waits for a name to be registered",                                   \
	  "waited for a name to be registered")                                        \
	W(SERVE, "serves", "served")

#define WAIT_ENUM(name, now, then) WAIT_##name,
enum wait_what { WAITS(WAIT_ENUM) N_WAIT };
#undef WAIT_ENUM

enum task_state { TASK_NEW, TASK_READY, TASK_RUNS, TASK_PARKED, TASK_ENDED };

/*
 * What a nursery owns: a task, or something of a layer above (an actor) that can be told
 * to end and says when it has. ask() must not change the nursery's list while it runs.
 */
struct member {
	struct list node;	 /* in nursery->members while it has not ended */
	struct nursery *nursery; /* borrowed */
	struct task *task; /* the task itself, or NULL for a member of a layer above */
	void (*ask)(struct member *m, enum acre_reason reason); /* NULL for a task */
	void (*bury)(
		struct member *m); /* called when the nursery has closed, if not NULL */
};

enum nursery_state { NURSERY_CLOSED, NURSERY_OPEN, NURSERY_JOINING, NURSERY_ENDING };

struct nursery {
	struct scope scope; /* first: a nursery is a scope that owns */
	struct list members;
	struct list ended; /* members to be buried once it has closed */
	size_t n_tasks;
	size_t n_others;
	struct failures failures;
	struct nursery *walk; /* work list of scope_cancel(), NULL otherwise */
	const char *backend;  /* of its actors; NULL: the tree's. Static storage */
	enum nursery_state state;
	bool child_was_cancelled; /* some member ended with -ECANCELED */
	bool joiner_parked;
	int value; /* root only: what its task returned */
};
_Static_assert(sizeof(struct nursery) <= sizeof(struct acre_nursery),
	       "the public nursery holds ours");

/* A start that waits for acre_ready(), on the stack of the task that waits. */
struct ready_wait {
	struct list waits; /* the starter's wait, while it is parked */
	struct task *task; /* borrowed: the new one, while it has not ended */
	void *value;
	struct report *report; /* owned: its failure before it was ready */
	int r;		       /* what it ended with, class only */
	bool answered;	       /* it called acre_ready() */
	bool ended;
};

/* What a layer above keeps for a task, until the task ends or that layer takes it away. It
 * is part of something larger, which drop() unlinks and frees. */
struct task_kept {
	struct list node; /* in task->kept */
	void (*drop)(struct task_kept *k);
};

struct task {
	struct fiber fiber;
	struct list ready;   /* in the loop's ready queue while READY */
	struct scope *scope; /* the innermost one */
	enum task_state state;
	enum wait_what what; /* why it is parked; until it runs again */
	const void *object;  /* on what; for people */
	const char *whom; /* which actor that is, and which endpoint of it; for people, */
	const char *whose;   /* borrowed, as `what` is set; NULL: none */
	bool cancellable;    /* cancellation may end this wait */
	int wake;	     /* what unpark() gave */
	uint32_t n_waits;
	uint32_t rank;	    /* in schedules by rank; 0: none yet */
	struct wait *waits; /* on its own stack, linked in objects while parked */
	const void *called_from; /* where it called us last; NULL: nowhere yet */
	struct member member;
	struct scope base; /* its outermost scope; around it is the nursery's */
	const struct acre_task_kind *kind;
	void *arg;
	struct loop *loop;	 /* borrowed */
	struct stack_pool *pool; /* borrowed: where its stack goes */
	void *stack; /* low end of its stack; the task itself lies at the high end */
	struct ready_wait *starter; /* NULL unless acre_go_ready() waits for it */
	struct list all;	    /* in loop->tasks: for dumps and paths */
	struct list kept;	    /* struct task_kept, owned */
	bool said_ready;
	uint32_t id; /* number within the loop, from 1 */
	const char *name; /* its kind's, or in name_room */
	char name_room[TASK_NAME_MAX];
	struct report_home reports;
};

static inline struct nursery *nursery_of(struct acre_nursery *n)
{
	return (struct nursery *)(void *)n;
}

/* Starts the root task of a loop. Its base scope is the loop's outermost. -ENOMEM. */
int task_start_root(struct loop *loop, const struct acre_task_kind *kind, void *arg,
		    struct nursery *n);

/* Starts a task in a nursery from inside the library. */
int task_start(struct nursery *n, const struct acre_task_kind *kind, void *arg,
	       const struct acre_task_options *options);

/* The whole of its life, on its own stack (sched_main). */
void task_run(struct task *t);

/* Gives back an ended task's stack, and with it the task. */
void task_free(struct task *t);

/* root/scanner#3/collect, cut to len; async-signal-safe. Returns its length. */
size_t task_path(const struct task *t, char *buf, size_t len);

const char *wait_word(enum wait_what what);
/* "it waited for credit of scanner (primes)": what the task waits for, or one that it joins; also
 * if it was unparked and has not run since, as by an answer that comes together with the end of
 * its time. False if it does not wait. */
bool task_waited(const struct task *t, char *buf, size_t len);

/* The root task's result, once it has ended: success value or failure, filed with the
 * running home. */
int nursery_root_result(struct nursery *n);

void nursery_open(struct nursery *n, const char *file, int line);
int nursery_close(struct nursery *n, int r);
/* A member that is not a task: joins the nursery, and ends with its result (a failure
 * is moved from the running home). */
static inline void nursery_add(struct nursery *n, struct member *m)
{
	m->nursery = n;
	list_push(&n->members, &m->node);
	if (m->task)
		n->n_tasks++;
	else
		n->n_others++;
}

void nursery_member_ended(struct member *m, int r);
void nursery_fail(struct nursery *n, int r);
