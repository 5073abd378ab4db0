/* SPDX-License-Identifier: MIT */
/* spawner.h - the one immortal thread that makes processes. */
#pragma once

#include "base/pidref.h"
#include "core/child_table.h"

/*
 * PR_SET_PDEATHSIG fires when the creating *thread* ends, though the process lives on
 * (kernel-facts K1, pinned by tests/pin/pin_pdeathsig.c), so every process of ours is
 * made by one thread that lives as long as the runtime. It starts with the first process
 * actor or command: a program of tasks only has no thread of ours, but where signals are taken:
 * the watchdog, which minds SIGINT while the loop stands still, and SIGUSR1 (watchdog.h).
 */
#define SPAWN_FDS_MAX 8

struct pidns;
struct forkserver_exception;
struct python_plugin;

/* What a forkserver has loaded when it forks. */
enum forkserver_profile { FORKSERVER_PLAIN, FORKSERVER_PYTHON, N_FORKSERVERS };

struct spawn_request {
	/* What the thread does; sets the answers. */
	void (*make)(struct spawn_request *q);
	const char *path; /* of the image */
	char *const *argv;
	char *const *env;
	const char *title; /* of a process that is forked */
	enum forkserver_profile forkserver; /* the one that forks it */
	const char *imports;		    /* what that has imported (forkserver.h) */
	bool is_fork;	   /* of us: made while all threads of ours are at rest */
	/* Of a fork: before all threads of ours come to rest, and when they go on; it may be
	 * what takes so long. NULL: nothing is to be done */
	int (*begin)(struct spawn_request *q);
	void (*end)(struct spawn_request *q);
	const char *takes_long; /* that, for people; NULL: nothing of that kind */
	const struct python_plugin *python; /* that goes along into the child; or NULL */
	bool with_strangers; /* also if there are threads that are not ours */
	int fds[SPAWN_FDS_MAX]; /* what becomes the child's descriptors 3, 4, ... ; borrowed */
	int n_fds;
	int stderr_fd; /* what becomes its descriptor 2; borrowed; -1: our own */
	/* what becomes its 0, 1 and 2 instead; borrowed; NULL: /dev/null, our stdout, that */
	const int *standard;
	const char *directory; /* where it starts; NULL: where we are. exec only */
	/* What its descendants leave behind becomes its child, and ours when it has ended. An
	 * actor says so itself. exec only. */
	bool is_subreaper;
	bool is_contained; /* it is born in the cgroup of cgroup_fd; borrowed */
	int cgroup_fd;
	const struct pidns *pidns; /* it is born in there; borrowed; NULL: where we are */
	const char *
		name; /* of the actor, while it is in the child table; borrowed; or NULL */
	struct child_entry *entry; /* of the child table; not moved until it is removed */
	/* answers */
	struct pidref pid; /* the caller's on success */
	const char *step;  /* the step that failed, static; NULL: it execed */
	int error;	   /* its errno */
	char detail[256];  /* what is known beyond that; may be "" */
	/* the exception that a forkserver has ended with, if it has; borrowed; or NULL */
	struct forkserver_exception *exception;
};

/* Makes a process; parks the running task until it has execed, or could not. Not
 * cancellable, so that no child is lost; bound: a vfork and an exec, what a forkserver may
 * take, or spawner_fork_ns. All that the request points to must stay as it is until then,
 * also if other tasks run. 0, or a failure with
 * a report; ECHILD in a child of fork. */
int spawner_make(struct spawn_request *request);

/* By a runtime that ends, before its loop is freed: the thread does not touch that loop any
 * more. With the last of them it is ended and joined. The processes of the runtime must have
 * been reaped: they would die with the thread. */
void spawner_stop(void);

/* The longest that making a process by fork may take, in nanoseconds; a handler of
 * pthread_atfork() may hang in it, or the request's own begin(). Then the request fails with ETIMEDOUT, and another
 * thread takes the place of the one that hangs. For tests to shorten. */
extern int64_t spawner_fork_ns;

/* A runtime may need it: spawner_stop() by the last of them ends it. */
void spawner_hold(void);

/* For make(): says what has failed. */
static inline void spawn_failed(struct spawn_request *q, const char *step, int r)
{
	q->step = step;
	q->error = -r;
}

/* be_exec.c: a process that executes `path` */
void spawn_exec(struct spawn_request *q);
/* be_fork.c: one that goes on with our memory */
void spawn_fork(struct spawn_request *q);
