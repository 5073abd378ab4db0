/* SPDX-License-Identifier: MIT */
/* process.h - child processes that are no actors: forked, waited for, ended. */
#ifndef ACRE_PROCESS_H
#define ACRE_PROCESS_H

/*
 * Below actors there are processes: a function that runs in a child of fork, or a child
 * that the program made by other means. A handle owns such a child, as a pidfd and not
 * as a number that may be somebody else's tomorrow.
 *
 * struct acre_process *p;
 * struct acre_death end;
 * int r = acre_fork_from_worker(&p, count_primes, &range);
 *
 * if (r >= 0) {
 * 	r = acre_process_wait(p, &end);         // cancelled, it may be called again
 * 	acre_process_free(p);                   // ends it if it still runs
 * }
 *
 * Three rules. A handle is freed once, by who got it, and then no child of it is left,
 * neither running nor as a zombie. A child of acre_fork_from_worker() dies with its
 * parent, and with the loop that made it. Nobody else may collect these children: nothing
 * here uses waitpid(-1) or SIGCHLD, and a program that does takes their status away.
 *
 * An actor, and a root that has one, ends children of other process groups that nobody has
 * declared: what descendants have left behind. A handle declares its process, which may
 * have a group or session of its own while it is held. What it has left in one, when it
 * was collected, is ended.
 *
 * THREADS: the loop's thread that made the handle. FORK: in a child every call on a handle
 * is ECHILD, and acre_process_free() only forgets it.
 */

#include <acre/error.h>
#include <acre/time.h>

ACRE_BEGIN_

struct acre_process; /* opaque */

/* A bit of acre_fork_options.flags: fork although threads run that are not acre's. A lock
 * that one of them holds at that moment, in libc or elsewhere, stays locked in the child
 * for ever: the function must then keep to what is async-signal-safe, or know better. */
#define ACRE_FORK_STRANGERS ((uint64_t)1)

/* Zero is right for all that is left out. Everything is borrowed for the call. */
struct acre_fork_options {
	/* what the child keeps besides 0, 1 and 2, under the same numbers */
	const int *fds;
	size_t n_fds;
	/* until the thread that forks is back with the child; 0: 10 s */
	acre_span join;
	/* until acre's other threads have come to rest; 0: 2 s */
	acre_span patience;
	uint64_t flags;
	uint64_t reserved[4];
};

/*
 * Runs fn(arg) in a child of fork: acre_fork_from_worker(&p, fn, arg, .join =
 * acre_secs(1)). The fork is made by a thread of its own, which lives as long as the
 * loop, while all other threads of acre stand still where they hold no lock (the fork
 * barrier). So what libc can do, it can do in the child.
 *
 * The child has our memory as it was, no descriptor but 0, 1, 2 and the declared ones,
 * default dispositions, no blocked signal, and gets SIGKILL when its parent dies. It is
 * outside of tasks and has no loop. It ends by _exit(): no atexit() handler of ours runs,
 * and stdio is not flushed. Its status is what fn returned, 0 to 255 (NULL as fn: 0); a
 * failure (negative, or more than 255) is said on stderr, and the status is 2.
 *
 * 0 and *ret, the caller's to free; or nothing was made: EBUSY (a thread of acre did not
 * come to rest: the report names it, a call of acre_blocking() say), EPERM (threads that
 * are not acre's: the report names one; see ACRE_FORK_STRANGERS), ETIMEDOUT (the forking
 * thread did not come back: a pthread_atfork() handler that hangs; what it may still make
 * is killed), EBADF (a declared descriptor is not open), EINVAL (options), ECHILD (the
 * loop belongs to a parent), EAGAIN, ENOMEM, EMFILE. A checkpoint on entry only, so that
 * no child is lost.
 */
#define acre_fork_from_worker(ret, fn, ...) \
	ACRE_FORK_FROM_WORKER_(ret, fn, __VA_ARGS__, )
#define ACRE_FORK_FROM_WORKER_(ret, fn, arg, ...)  \
	acre_fork_from_worker_((ret), (fn), (arg), \
			       ACRE_VALUE_(acre_fork_options, __VA_ARGS__))
ACRE_PUBLIC_ ACRE_MUST_USE_ int
acre_fork_from_worker_(struct acre_process **ret, int (*fn)(void *arg), void *arg,
		       const struct acre_fork_options *options);

/* A handle for a child of this process that has not been collected; the child is the
 * handle's from now on. ESRCH (no such process), ECHILD (not our child), ENOMEM,
 * EMFILE. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_process_open(struct acre_process **ret, pid_t pid);

/* Also after its end, when the number may be somebody else's. */
ACRE_PUBLIC_ pid_t acre_process_pid(const struct acre_process *process);

/* 1: it has ended; 0: it has not. How it ended is put into *ret (may be NULL): signal,
 * status and core. It is collected by the first that sees its end, and the handle keeps
 * what it said. ECHILD: somebody else has collected it, so nobody knows. Never waits. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_process_poll(struct acre_process *process,
						  struct acre_death *ret);

/* Waits for its end: 0, and *ret (may be NULL) as with acre_process_poll(). Several tasks
 * may wait; a wait that was cancelled may be called again. A checkpoint. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_process_wait(struct acre_process *process,
						  struct acre_death *ret);

/* ESRCH: it has ended and is collected. Not a checkpoint, as the two below. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_process_signal(struct acre_process *process,
						    int sig);

/* SIGTERM, SIGKILL; 0 also if it has ended already. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_process_terminate(struct acre_process *process);
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_process_kill(struct acre_process *process);

/* Frees the handle. A child that was not collected gets SIGKILL and is collected: that is
 * waited for, cancelled or not, until the kernel has freed its memory (about 0.1 s per
 * GiB). NULL is fine. No task may be waiting for it. */
ACRE_PUBLIC_ void acre_process_free(struct acre_process *process);

/* How a child ended, in a word: "rc=0", "signal=SIGABRT". */
#define ACRE_STATUS_MAX 32
ACRE_PUBLIC_ const char *acre_process_status(const struct acre_death *death,
					     char ret[ACRE_STATUS_MAX]);

/*
 * Waits for a child known by its number, and collects it. 1: it ended as expected, 0: it
 * did not; expected is the status 0, or with `expect_exit_ok` false anything else. The
 * words of acre_process_status() are put into `ret_status` (may be NULL). ECHILD (not our
 * child, or collected before), ESRCH. Cancelled, the child is as it was, and the call may
 * be made again. A checkpoint.
 */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_wait_child(pid_t pid, bool expect_exit_ok,
						char ret_status[ACRE_STATUS_MAX]);

ACRE_END_
#endif
