/* SPDX-License-Identifier: MIT */
/* process.h - child processes that are no actors: held, waited for, ended. */
#ifndef ACRE_PROCESS_H
#define ACRE_PROCESS_H

/*
 * Below actors there are processes: children that the program made by other means. A
 * handle owns such a child, as a pidfd and not as a number that may be somebody else's
 * tomorrow.
 *
 * struct acre_process *p;
 * struct acre_death end;
 * int r = acre_process_open(&p, pid);
 *
 * if (r >= 0) {
 * 	r = acre_process_wait(p, &end);         // cancelled, it may be called again
 * 	acre_process_free(p);                   // ends it if it still runs
 * }
 *
 * Three rules. A handle is freed once, by who got it, and then no child of it is left,
 * neither running nor as a zombie. Nobody else may collect these children: nothing
 * here uses waitpid(-1) or SIGCHLD, and a program that does takes their status away.
 *
 * THREADS: the loop's thread that made the handle. FORK: in a child every call on a handle
 * is ECHILD, and acre_process_free() only forgets it.
 */

#include <acre/error.h>
#include <acre/time.h>

ACRE_BEGIN_

struct acre_process; /* opaque */

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
