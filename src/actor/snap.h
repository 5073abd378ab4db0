/* SPDX-License-Identifier: MIT */
/* snap.h - what was seen of a process in one look: its threads, loops, tasks and actors. */
#pragma once

#include "actor/peer.h"
#include "core/freeze.h"
#include "core/peek.h"
#include "core/scope.h"
#include "core/trace.h"
#include "core/unwind.h"

/*
 * All of it lies in one mapping and is copied while the process stands still, by calls that are
 * async-signal-safe, so that a process can be looked at from within: by a child that borrows
 * its memory (dump.c). Nothing in it points into the process; addresses are numbers.
 *
 * What cannot be read is left out, and `problem` names the first such thing.
 */
#define SNAP_THREADS_MAX 1024
#define SNAP_SCOPES_MAX	 32  /* open in one task, innermost first */
#define SNAP_EVENTS	 24  /* newest ones of each loop */
#define SNAP_TEXT_MAX	 128 /* of file names */

struct snap_scope {
	bool is_nursery, is_covered;
	enum acre_reason reason;
	int64_t deadline, shield_until;
	char file[SNAP_TEXT_MAX];
	int line;
	size_t n_tasks, n_others; /* of a nursery */
};

struct snap_task {
	struct snap_task *next;
	uintptr_t at;	 /* its address */
	uintptr_t owner; /* of the task in whose nursery it is; 0: none */
	uint32_t id;
	enum task_state state;
	enum wait_what what;
	uintptr_t object;
	char about[SNAP_TEXT_MAX]; /* what the object is, in words; "": not known */
	bool is_cancelled, is_current;
	char name[TASK_NAME_MAX];
	uintptr_t called_from; /* where it called the library last; 0: nowhere yet */
	char file[SNAP_TEXT_MAX]; /* where its kind is declared */
	int line;
	struct snap_scope *scopes; /* innermost first; the last one is its base */
	size_t n_scopes;
	struct unwind_stack stack; /* of a parked one */
};

struct snap_child {
	struct snap_child *next;
	char name[ACTOR_NAME_MAX], uuid[UUID_SIZE];
	pid_t pid;
	int pidfd; /* of its parent */
	enum life_state state;
	bool link_lost;
};

struct snap_loop {
	struct snap_loop *next;
	pid_t tid;
	char name[ACTOR_NAME_MAX], uuid[UUID_SIZE]; /* of the actor; "": a loop without one */
	bool is_root, has_actor;
	bool has_status;
	struct status status;
	struct snap_task *tasks;
	struct snap_child *children;
	struct acre_trace_event events[SNAP_EVENTS];
	size_t n_events;
};

/* A frame of Python code. */
struct snap_frame {
	char function[SNAP_TEXT_MAX], file[SNAP_TEXT_MAX];
	int line; /* 0: not known */
};

/* A thread as one interpreter of Python knows it. */
struct snap_python {
	struct snap_python *next;
	int64_t interp;
	pid_t tid;
	struct snap_frame *frames; /* innermost first */
	size_t n;
};

struct snap {
	pid_t pid;
	struct peek memory;
	uintptr_t root; /* acre_debug_root */
	struct freeze freeze;
	struct freeze_thread threads[SNAP_THREADS_MAX];
	struct unwind_stack stacks[SNAP_THREADS_MAX]; /* of the threads */
	struct snap_loop *loops;
	int n_left;	     /* of acre_debug_root */
	struct snap_python *python;
	const char *problem; /* static; NULL: none */
	uint8_t *room;	     /* all that is linked above; behind this struct, one mapping */
	size_t used, size;
};

/* For one look at a process. -ENOMEM, -ESRCH. */
int snap_new(struct snap **ret, pid_t pid, uintptr_t root);
struct snap *snap_free(struct snap *s);

/* Looks: stops the threads but `skip`, copies, and lets them go on. Async-signal-safe; on a thread,
 * or in a child, that ends then (freeze.h). */
int snap_take(struct snap *s, pid_t skip);

/* Where the root is in another process. -ENOENT: acre is not in it; -EPROTO: another version
 * (ret_version says which) ; -ESRCH, -EPERM. */
#define SNAP_VERSION_MAX 16
int snap_find(pid_t pid, uintptr_t *ret_root, char ret_version[SNAP_VERSION_MAX]);

/* The root of this process, entered for who looks from outside. */
uintptr_t snap_own_root(void);

/* Of our structs, for acre_debug_root. */
uint64_t snap_layout(void);

/* snap_read.c: the copying. */
void *snap_room(struct snap *s, size_t len);
void snap_problem(struct snap *s, const char *what);
void snap_read(struct snap *s);
/* snap_python.c: the stacks of interpreters. */
void snap_read_python(struct snap *s);
/* snap_object.c: what a task waits on, in words. */
void snap_describe(const struct snap *s, struct snap_task *t);
