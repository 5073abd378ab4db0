/* SPDX-License-Identifier: MIT */
/* python.h - Python beside C: a source that is run, and what comes of it. */
#ifndef ACRE_PYTHON_H
#define ACRE_PYTHON_H

/*
 * Python is in no program of acre's but where it is asked for: a plug-in holds it,
 * libacre-python.so, which is loaded in the process that needs it. Where there is none, or
 * none that works, the calls here are EOPNOTSUPP with the reason; `acre doctor` tells more.
 *
 *	struct acre_any got;
 *	int r = acre_run_subint_in_worker("result = sum(range(10))", &got);
 *
 *	if (r >= 0) {
 *		use(got.value);                 // see value.h
 *		acre_msg_free(acre_any, &got);
 *	}
 *
 * An exception of Python is a failure of class ACRE_EGUEST: the report's `name` is its type
 * ("ValueError"), the message its text, and `trace` its traceback.
 */

#include <acre/call.h>
#include <acre/run.h>
#include <acre/time.h>

ACRE_BEGIN_

/* Which lock an interpreter runs under. */
enum acre_gil {
	ACRE_GIL_BEST,	/* its own where that works (Python 3.13 and newer), else shared */
	ACRE_GIL_OWN,	/* EOPNOTSUPP where it does not */
	ACRE_GIL_SHARED /* that of the process's main interpreter */
};

/* Zero is right for all that is left out. */
struct acre_subint_options {
	acre_span limit; /* until it is ended, Python's start included; 0: 10 s */
	enum acre_gil gil;
	uint64_t flags; /* ACRE_FORK_STRANGERS of process.h, or 0 */
	uint64_t reserved[4];
};

/*
 * Runs a source in an interpreter of its own, beside an idle main one, on a thread of its
 * own, in a child of fork (see acre_fork_from_worker(), which also says when that is refused):
 * acre_run_subint_in_worker(source, &got, .limit = acre_secs(1)). That process is ended when
 * the source has ended, when its time is over, or when this task is cancelled, so whatever
 * the source does no thread is left behind. What it prints goes to our stdout and stderr.
 *
 * 1: `ret` has what the source left in its global `result`; 0: it left none, or None, and
 * `ret` is nil. None, bool, int of 64 bits, float, str, bytes, lists, tuples and dicts with
 * keys of str travel. What `ret` has is the caller's, for acre_msg_free().
 *
 * ACRE_EGUEST (an exception: of its syntax, of a module that is not there, any), ACRE_ETYPE
 * (`result` holds what does not travel), EMSGSIZE (too large), ETIMEDOUT (its time was over),
 * ACRE_EDIED (its process died: the report says how), EOPNOTSUPP, EINVAL (options), and those
 * of acre_fork_from_worker(). A checkpoint.
 */
#define acre_run_subint_in_worker(source, ...) \
	ACRE_RUN_SUBINT_IN_WORKER_(source, __VA_ARGS__, )
#define ACRE_RUN_SUBINT_IN_WORKER_(source, ret, ...)           \
	acre_run_subint_in_worker_((source), acre_any_ret_(ret), \
				   ACRE_VALUE_(acre_subint_options, __VA_ARGS__))
ACRE_PUBLIC_ ACRE_MUST_USE_ int
acre_run_subint_in_worker_(const char *source, struct acre_any *ret,
			   const struct acre_subint_options *options);

/*
 * An actor that runs Python, of the backend subint_forkserver: a fork of a warm process that
 * has started Python and imported asyncio, so that it is there in milliseconds.
 *
 *	const struct acre_guest guest = { .source = "async def add(a, b):\n"
 *						    "    return a + b\n" };
 *
 *	r = acre_spawn(&n, &a, .backend = "subint_forkserver", .guest = &guest);
 *	...
 *	r = acre_call_named(a, "main", "add", arg, &sum);    // arg is a map: a, b
 *
 * The functions of the source whose names do not begin with an underscore, or those that its
 * __all__ names, can be called: a plain one runs alone, an `async def` one as a task of the
 * event loop (asyncio) on the main thread. What they return is the result; what they raise
 * arrives as ACRE_EGUEST, as above. A source that raises, or is not there, fails the spawn:
 * ACRE_EBOOT, with that as its cause.
 *
 * A cancelled call gets asyncio.CancelledError, wherever its Python is: also a plain function
 * that computes, sleeps, waits for a lock or reads. The actor's own loop is in C on another
 * thread, so a guest that does not look delays nothing; what still runs when the actor is to
 * end is ended with the process, like any actor's.
 *
 * An actor that hosts a guest may fork others of its own process: backend subint_fork, with a
 * guest of their own or without. They go on in the main interpreter, with what that has
 * imported, in a single thread; nothing of other interpreters and threads goes along, and a
 * lock that one of those holds within a C library stays locked. The fork waits for the GIL,
 * while the loop goes on: a guest that keeps it for 12 s fails the spawn (ACRE_EBOOT,
 * ETIMEDOUT).
 *
 * Of the backend subint it is an interpreter with a GIL of its own in this very process
 * (Python 3.13 and newer, else EOPNOTSUPP): it computes beside the others, and calls are
 * quick, but it takes 0.1 to 0.3 s of processor time and 10 MB to be there, loads only
 * modules that bear interpreters, and is interrupted between two steps of its Python only. One
 * that still runs 1 s after its actor was to end is left: the actor is over, the guest
 * never runs again, but its thread and its memory stay until the process ends. The log says
 * so and `acre dump` counts them; a process that has 24 of them takes no more (EBUSY). All
 * asynchronous signals are blocked in what such a guest starts.
 */
struct acre_guest {
	/* one of the four; "main" is the namespace of the first two */
	const char *source; /* text, at most 1 MiB */
	const char *file;   /* path */
	/* what can be imported, from the working directory too: "package.module", whose name
	 * is the namespace, or "package.module:function" for that one alone. It is exposed
	 * without being named among the actor's */
	const char *module;
	/* the same, but run as `python3 -m` runs it: its __name__ is "__main__", and "main" the
	 * namespace. One that serves should do so beside `if __name__ == "__main__":` */
	const char *main;
	/*
	 * What is imported once, in the process that such guests are forked from, and is there
	 * in each of them at no cost: names as after `import`, the working directory included,
	 * NULL at the end; 1 KiB in all. NULL: asyncio alone, as always. Guests with the same
	 * names in the same order share that process; there are at most
	 * ACRE_GUEST_PRELOADS_MAX different ones at a time, for a program that has asked for
	 * more EMFILE is the cause. A module that cannot be imported fails the spawn, with
	 * the exception as the cause and the name of the module in a note; so does one that
	 * starts a thread (EPERM), since what that holds would stay locked in all guests.
	 */
	const char *const *preload;
	uint64_t reserved[2];
};

#define ACRE_GUEST_PRELOADS_MAX 8 /* each is a process of some 20 MB */

/*
 * A linked pair: a task in C of an actor that hosts a guest, and one of the guest's, with a channel
 * both ways between them. Opens a context with a function that @acre.context marks, as
 * acre_open_named() does (context.h) with a function of another actor:
 *
 *	r = acre_guest_open(&ctx, "main", "feed", ACRE_KIND(acre_any), &arg);
 *	while (r >= 0 && (r = acre_recv(ctx, acre_int, &item)) > 0)
 *		use(item.value);
 *	return acre_context_close(&ctx, r);
 *
 * All else is as there, and a failure of the guest's half is a remote one, since it comes from
 * Python. Each half counts on the other until that has said that it sends no more
 * (acre_finish(), or `await ctx.finish()`): where another context ends its items, or is
 * ACRE_ECLOSED for a send, this one fails with ACRE_EGUESTEXIT if the function has returned, and
 * in the guest as acre.Error with `cls` "ACRE_EHOSTEXIT" if the context was closed here. A guest
 * that cancels itself is ACRE_EGUESTCANCEL. EINVAL: this actor hosts no guest. A checkpoint.
 */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_guest_open(struct acre_context **ret,
						const char *name_space, const char *name,
						const struct acre_msg_kind *kind,
						const void *arg);

/*
 * Runs a Python script as the root of a tree: argv[0] is its path, and argv what it finds in
 * sys.argv. It is the `__main__` of this process's Python, and uses the module acre as any guest
 * does, from asyncio or plain functions; what it starts without another source runs the same
 * script as module `main`, whose functions each actor can call there, and in the root from its
 * first nursery on. SIGINT and SIGTERM cancel it.
 *
 * Returns the exit status: the script's; 1 for an exception, which is told on stderr; 130 after
 * SIGINT, 143 after SIGTERM; 2 if it could not begin. Once in a process, instead of acre_run(),
 * on its first thread; `options` may be NULL, and its signals are always taken. It is what
 * `acre python` does. A program that calls it has called acre_boot() first thing.
 */
ACRE_PUBLIC_ int acre_python_main(int argc, char **argv,
				  const struct acre_run_options *options);

ACRE_END_
#endif
