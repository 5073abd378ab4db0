/* SPDX-License-Identifier: MIT */
/* run.h - the root of a tree: its options, running it, and main(). */
#ifndef ACRE_RUN_H
#define ACRE_RUN_H

/*
 * A tree begins with a function that runs as the root task, and is over when that and all that
 * it started have ended. Most programs say ACRE_MAIN(); others call acre_run(), or embed the
 * root in a loop of their own with acre_begin(), acre_step() and acre_end().
 *
 * THREADS: one root at a time in a process; all its calls from the thread that began it.
 * FORK: a child of fork has copies of all this, which are of no use there.
 */

#include <acre/actor.h>
#include <acre/contain.h>

ACRE_BEGIN_

struct acre_run_options {
	const char *name; /* of the root; NULL: "root" */
	/* of the tree; NULL: environment ACRE_SPAWN_METHOD, else exec */
	const char *backend;
	const char *const *expose; /* NULL: nothing */
	/* shared objects that forkservers of the tree load before they fork, at most 16
	 * paths and NULL at the end: actors then need not load them themselves. One that
	 * starts a thread is refused by the first spawn */
	const char *const *preload;
	size_t stack_size; /* of tasks, at most 1 GiB; 0: ACRE_STACK_SIZE, else 64 KiB */
	/* for tests: another order of ready tasks, the same for the same seed. Which kind says
	 * environment ACRE_SCHEDULE: shuffle (without it), pct, lifo or fifo.
	 * 0: environment ACRE_SEED, else first in first out */
	uint64_t seed;
	/* take SIGINT and SIGTERM through a signalfd, and SIGUSR1 for a dump (dump.h): blocks
	 * them in this thread. A thread waits for them, too: SIGINT is minded also while a task
	 * blocks the loop, for more than a second: the third one kills. SIGCHLD, if it is
	 * ignored, is not while the tree runs: how children end would be lost */
	bool signals;
	/* to be found by name (discovery.h): over which transports each actor of the tree
	 * listens: "uds", "tcp" (this host's; EOPNOTSUPP without OpenSSL), both with a comma;
	 * NULL: none, actors have the links that they are born with */
	const char *transports;
	/* multiaddrs of registrars, at most 8 and NULL at the end: where nobody listens the
	 * root becomes the registrar. NULL: the root is the registrar of its tree */
	const char *const *registrars;
	/* multiaddrs at which the root listens, besides those of registrars that it is; NULL:
	 * one of its own for each transport */
	const char *const *listen;
	bool reference_peers; /* actors of the reference (tractor) may call, and be called */
	/* a fence around all actors: whatever they start ends with the tree, daemons too,
	 * even when the root is killed. A cgroup (version 2, Linux 5.14) where one may be
	 * made, else a PID namespace (contain.h), else EOPNOTSUPP with the reasons */
	bool contained;
	enum acre_log_level log; /* 0: environment ACRE_LOG, else warning */
	uint64_t flags; /* ACRE_RUN_PID_NAMESPACE or 0 */
	/* of trees that call each other over TCP: 32 bytes, mode 600, made if it is missing */
	const char *key_file;
	/* over TCP: a host that has answered nothing for so long has died, and its links end; 2 s
	 * to an hour, 0: 3 s. A peer that is stopped is left alone: its host answers */
	acre_span host_timeout;
	uint64_t reserved[2];
};

/*
 * Runs fn(arg) as the root task until it and all it started have ended, and returns its
 * result; an interrupt makes it EINTR. EALREADY: a runtime runs in this process, or in the
 * one that it is a fork of. EINVAL: an option, or ACRE_... of the environment (empty: unset).
 *
 * A child that the program makes by fork has copies of all this, which are of no use there:
 * each checkpoint, start, close of a nursery or a context, and acre_step(), returns -ECHILD
 * at once, and what belongs to the parent is left alone.
 */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_run(int (*fn)(void *arg), void *arg,
					 const struct acre_run_options *options);

/*
 * The same inside another loop: acre_begin(), then acre_step() whenever the fd is
 * readable (it never waits; > 0 while the root task runs, 0 when it has ended), then
 * acre_end(), which returns the root task's result and frees all.
 */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_begin(int (*fn)(void *arg), void *arg,
					   const struct acre_run_options *options);
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_fd(void);
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_step(void);
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_end(void);

/* First call of main() in a program without ACRE_MAIN: in a process that acre made to
 * be an actor it serves and exits, else it returns 0 and has done nothing. */
ACRE_PUBLIC_ int acre_boot(int argc, char **argv);

/*
 * ACRE_MAIN() { ... } defines main(): in an actor's process it serves, else the block
 * runs as the root task with SIGINT and SIGTERM taken. Given: argc, argv. Exit status: r
 * if r >= 0; else the story goes to stderr and it is 1; 130 after SIGINT, 143 after SIGTERM.
 * A call returns 1 with a value, so end with `return r < 0 ? r : 0;`. It may have options of
 * acre_run(), as ACRE_MAIN(.transports = "uds"). It is
 *
 *	int main(int argc, char **argv) { return acre_main_(argc, argv, body, &options); }
 *	static int body(int argc, char **argv) { ... }
 */
#define ACRE_MAIN(...)                                                            \
	static int acre_main_body_(int argc, char **argv);                        \
	int main(int argc, char **argv)                                           \
	{                                                                         \
		return acre_main_(argc, argv, acre_main_body_,                    \
				  ACRE_VALUE_(acre_run_options, __VA_ARGS__));    \
	}                                                                         \
	static int acre_main_body_(__attribute__((unused)) int argc,              \
				   __attribute__((unused)) char **argv)
/* "0.1.0" of the library that runs; what a program was compiled with is
 * ACRE_VERSION_MAJOR and _MINOR. */
ACRE_PUBLIC_ const char *acre_version(void);

ACRE_PUBLIC_ int acre_main_(int argc, char **argv, int (*body)(int argc, char **argv),
			    const struct acre_run_options *options);

ACRE_END_
#endif
