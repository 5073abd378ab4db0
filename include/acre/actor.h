/* SPDX-License-Identifier: MIT */
/* actor.h - the tree: actors, how they are made, and how they end. */
#ifndef ACRE_ACTOR_H
#define ACRE_ACTOR_H

/*
 * An actor is a loop of its own with its own memory: a process, unless it is asked to be a
 * thread. Actors belong to nurseries like tasks do, so a block ends when its actors and all
 * that they started have ended, and no kill -9 of any of them leaves an orphan.
 *
 *	ACRE_MAIN()
 *	{
 *		struct acre_actor *a;
 *		struct acre_int sum;
 *		int r = 0;
 *
 *		ACRE_NURSERY(n, r) {
 *			r = acre_spawn(&n, &a, .name = "adder");
 *			if (r >= 0)
 *				r = acre_call(a, add, (&(struct pair){ 1, 2 }), acre_int, &sum);
 *		}
 *		return r < 0 ? r : 0;
 *	}
 *
 * Three rules. acre_spawn() returns when the actor is ready or has failed; there is
 * nothing to poll for. An actor serves calls until its nursery ends it: a nursery whose
 * body and tasks have ended asks its idle actors to end. A handle is valid until the
 * nursery that holds the actor has closed.
 *
 * A process that acre makes starts in main(): a program without ACRE_MAIN calls
 * acre_boot() first thing.
 */

#include <acre/log.h>
#include <acre/task.h>

ACRE_BEGIN_

/* How one actor calls another: the handle of a child, or of the parent. */
struct acre_actor; /* opaque */

/* Bytes of an actor's name, with the end: a name has one at least. */
#define ACRE_ACTOR_NAME_SIZE 128

/*
 * The names of the backends; the reference's names are aliases.
 *
 * A process has /dev/null as its stdin, and no descriptor of ours but stdout. One of a
 * forkserver has the environment, directory, user and limits of the moment when that was
 * started, by the first such spawn of an actor. A forked one has our memory and handlers of
 * signals; at its end no atexit() handler runs, and of stdio only stdout is flushed.
 * A handler of pthread_atfork() that hangs for 12 s fails the spawn (ACRE_EBOOT, ETIMEDOUT);
 * its thread is left alone, and until it is back no other fork is made (EBUSY).
 *
 * One of subint_forkserver is forked, too, from a helper that has a warm Python: what is said
 * of a forkserver holds for it, and python.h tells the rest. One of subint_fork is forked of
 * the process of an actor that hosts a guest, by that actor; EOPNOTSUPP in others.
 *
 * A thread shares what is the process's: signals (.sigint means nothing), exit(), crashes,
 * acre_actor_pid(). It cannot be killed: if it ignores SIGKILL's cancel for 0.5 s, the
 * actor whose process it is ends with it; a root goes on waiting, and says so.
 */
#define ACRE_BACKENDS(B)                                                              \
	B(EXEC, "exec", "a process with a fresh image: this program, or another")     \
	B(FORKSERVER, "forkserver", "a process forked from a small clean helper")     \
	B(FORK, "fork", "a process with our memory")                                  \
	B(THREAD, "thread", "a thread of this process, with a loop of its own")       \
	B(SUBINT, "subint", "a CPython sub-interpreter on a thread of this process")  \
	B(SUBINT_FORK, "subint_fork", "a CPython guest forked of another's process") \
	B(SUBINT_FORKSERVER, "subint_forkserver", "a CPython guest in a forked process")

/* What SIGINT does to an actor that is not the root. */
enum acre_sigint {
	ACRE_SIGINT_PARENT, /* nothing: the parent decides; orphaned, the actor ends by itself */
	/* it cancels this actor, which ends orderly: no failure to its parent */
	ACRE_SIGINT_CANCEL,
	ACRE_SIGINT_IGNORE
};

/* A bit of acre_spawn_options.flags, for the backend fork: also beside threads that are not
 * acre's. A lock that one of them holds at that moment, in libc or elsewhere, stays locked in
 * the actor for ever. */
#define ACRE_SPAWN_STRANGERS ((uint64_t)1)

struct acre_guest; /* python.h */

/* Zero is right for all that is left out. Everything is borrowed for the call. */
struct acre_spawn_options {
	const char *name; /* UTF-8, not unique, see ACRE_ACTOR_NAME_SIZE; NULL: "actor" */
	/* NULL: exec for another program, else the nursery's, the tree's
	 * (ACRE_SPAWN_METHOD), exec */
	const char *backend;
	const char *program; /* backend exec only: another executable; NULL: this one */
	/* namespaces that may be called, NULL at the end; NULL: "main" alone */
	const char *const *expose;
	/* a shared object to load there; its endpoints are exposed as the namespace
	 * that is its file's name without directory and ending, but those that name theirs */
	const char *module;
	acre_span linger; /* patience from SIGTERM to SIGKILL; 0: 1.6 s */
	enum acre_sigint sigint;
	uint64_t flags; /* ACRE_SPAWN_STRANGERS or 0 */
	enum acre_log_level log; /* 0: ours */
	/* backend subint_forkserver: the Python that the actor runs; NULL: none, and its
	 * endpoints are those in C */
	const struct acre_guest *guest;
	uint64_t reserved[3];
};

/*
 * Starts an actor and waits until it serves: acre_spawn(&n, &actor, .name = "scanner").
 * Fails with ACRE_EBOOT (it died or failed before it was ready: the report has step,
 * errno, signal, status and the last words of its stderr), EINVAL (options; an unknown
 * backend lists the choices), EOPNOTSUPP (a backend that is not to be had here, with the
 * reason), -ECANCELED (then it is gone as well). `*ret` may be NULL'ed memory of any
 * task. A checkpoint.
 */
#define acre_spawn(nursery, ...) ACRE_SPAWN_(nursery, __VA_ARGS__, )
#define ACRE_SPAWN_(nursery, ret, ...) \
	acre_spawn_((nursery), (ret), ACRE_VALUE_(acre_spawn_options, __VA_ARGS__))
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_spawn_(struct acre_nursery *nursery,
					    struct acre_actor **ret,
					    const struct acre_spawn_options *options);

/* Sets the backend for the actors of a nursery, or NULL for the tree's. EINVAL:
 * unknown. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_nursery_backend(struct acre_nursery *nursery,
						     const char *name);

/*
 * Asks the actor to end and waits until its process is gone and reaped: request, ack
 * within 0.5 s, SIGTERM, SIGKILL after its linger. 0 if it ended by itself after the
 * request; ACRE_ETOOSLOW if it had to be killed, or does not acknowledge: then this
 * returns after 0.5 s, and acre_actor_wait() waits for the rest of the ladder. Its own
 * failure belongs to the nursery. A checkpoint; cancelled, the ladder goes on in the
 * nursery.
 *
 * An actor that is no child (a portal, see discovery.h) is asked in the same way; 0 once it
 * has acknowledged or its link has ended, since its end is for its parent to wait for.
 */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_actor_cancel(struct acre_actor *actor);

/* Waits until the actor has ended: 0, or how it failed. The nursery returns that
 * failure too, once. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_actor_wait(struct acre_actor *actor);

ACRE_PUBLIC_ const char *acre_actor_name(const struct acre_actor *actor);
ACRE_PUBLIC_ const char *acre_actor_uuid(const struct acre_actor *actor);
ACRE_PUBLIC_ pid_t acre_actor_pid(const struct acre_actor *actor);
/* Whether its link is up: it can be called. */
ACRE_PUBLIC_ bool acre_actor_is_connected(const struct acre_actor *actor);
/* Whether this side has asked it to end. */
ACRE_PUBLIC_ bool acre_actor_cancel_called(const struct acre_actor *actor);

/* The actor that runs here. "" and 0 without a runtime. */
ACRE_PUBLIC_ const char *acre_self_name(void);
ACRE_PUBLIC_ const char *acre_self_uuid(void);
/* The handle of the parent; NULL in the root. What it exposes can be called. */
ACRE_PUBLIC_ struct acre_actor *acre_parent(void);
/* Handles of the live children, in order of birth; returns how many there are, fills
 * at most n. */
ACRE_PUBLIC_ size_t acre_children(struct acre_actor **ret, size_t n);

/* Exposes a namespace of this actor: "main" is every endpoint of the program that names no
 * other one. ENOENT: unknown namespace. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_expose(const char *name);

/* A callback for the orderly end of this actor, also when its tasks failed or were
 * cancelled; last registered first run. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_at_end(void (*fn)(void *arg), void *arg);

ACRE_END_
#endif
