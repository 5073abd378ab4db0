/* SPDX-License-Identifier: MIT */
/* command.h - any program as a structured child: started, fed, heard, ended with its block. */
#ifndef ACRE_COMMAND_H
#define ACRE_COMMAND_H

/*
 * A command is a program that knows nothing of acre. It belongs to a nursery as a task
 * does: the block waits for its end, its failure cancels the others, and cancelling the
 * block ends it. No actor is needed for that.
 *
 * const char *argv[] = { "make", "-C", dir, NULL };
 * struct acre_command_result res;
 * int r = 0;
 *
 * ACRE_WITHIN(acre_secs(60), r)
 * 	r = acre_command_run(&res, .argv = argv, .out = ACRE_COMMAND_RELAY);
 * if (acre_is(r, ACRE_EDIED))
 * 	...                     // res.death says how, and acre_print() why: its stderr
 * acre_command_result_free(&res);
 *
 * Three rules. When the program has ended, what it has started ends too: its process group
 * gets SIGKILL, and so do daemons, which have become our children by then. While it runs
 * what it leaves behind becomes its own child. A handle is valid until its nursery has
 * closed. What it writes is read all the time, wanted or not, so it never waits for us; but
 * for a source, which waits for its reader.
 *
 * It starts in a process group of its own, with default signals, none of them blocked, no
 * descriptor but 0, 1 and 2, none of which is a terminal, and no new privileges (so sudo
 * does nothing). It gets SIGKILL when we die. What it has started lives on then, unless it
 * is below an actor, which sweeps, or the tree is contained (actor.h).
 *
 * THREADS: the loop's thread only. FORK: in a child each call is ECHILD.
 */

#include <acre/error.h>
#include <acre/task.h>

ACRE_BEGIN_

struct acre_command; /* opaque */

enum acre_command_stream { ACRE_COMMAND_OUT, ACRE_COMMAND_ERR };

/* What becomes of its stdout, and of its stderr. */
enum acre_command_mode {
	/* its end is kept, and is told with a failure */
	ACRE_COMMAND_KEEP,
	/* kept, and written to our own stdout or stderr as it comes, a line at a time with
	 * "[label:out] " or "[label:err] " before it, or unchanged if the label is "". Lines
	 * of up to 4 KiB are not mixed with others. If nobody reads ours, nobody reads the
	 * program's, which gets SIGPIPE or EPIPE as if it wrote there itself. */
	ACRE_COMMAND_RELAY,
	/* read by acre_command_recv() alone; nothing is kept */
	ACRE_COMMAND_SOURCE,
	ACRE_COMMAND_DROP, /* /dev/null */
	ACRE_COMMAND_MERGE /* stderr only: into its stdout, in order */
};

/* A bit of acre_command_options.flags: an exit status that is not 0 is no failure, as with
 * grep or diff. A death by a signal is one. */
#define ACRE_COMMAND_ANY_STATUS ((uint64_t)1)
/* It serves, as an actor does: a block whose tasks have ended asks it to end, rather than
 * wait for it. How it then ends is no failure. */
#define ACRE_COMMAND_SERVES ((uint64_t)2)
/* `env` is all that its environment has. */
#define ACRE_COMMAND_CLEAN_ENV ((uint64_t)4)

/* Bytes of a label, with the end. */
#define ACRE_COMMAND_LABEL_SIZE 64

/* Zero is right for all but argv. Everything is borrowed for the call. */
struct acre_command_options {
	/* what it is called with, NULL at the end. A first one without a slash is looked for
	 * in the PATH that the program gets; with one it is relative to `cwd` */
	const char *const *argv;
	/* on top of our environment: "NAME=value" sets, "NAME" takes away; NULL at the end */
	const char *const *env;
	const char *cwd;   /* NULL: where we are */
	const char *label; /* of its lines, and of failures; NULL: argv[0] without folders */
	const void *input; /* the bytes that it reads from stdin; copied */
	size_t input_len;
	/* or a descriptor (not a terminal) that becomes its stdin; 0: /dev/null, or input */
	int input_fd;
	enum acre_command_mode out, err;
	size_t keep;	  /* bytes kept of each, the last ones; 0: 1 MiB; at most 1 GiB */
	acre_span linger; /* patience from SIGTERM to SIGKILL; 0: 1.6 s */
	uint64_t flags;
	uint64_t reserved[4];
};

/*
 * Starts a program: acre_command_start(&n, &c, .argv = argv). 0, and it runs: its exec was
 * made. Else nothing was: ENOENT, EACCES (the report says where it was looked for), or
 * another class of exec (ENOEXEC, E2BIG ...), with the step that failed; EINVAL (options, or
 * input_fd is a terminal), EBADF (input_fd), EMFILE, EAGAIN, ENOMEM, ACRE_ENORUNTIME;
 * -ECANCELED (also if the nursery is being cancelled). A checkpoint on entry only.
 *
 * It fails its nursery with ACRE_EDIED, unless it ends with status 0 (see the flags) or
 * because it was asked to: the report has signal or status, and the last 4 KiB of its stderr
 * (or of what that was merged into).
 */
#define acre_command_start(nursery, ...) \
	ACRE_COMMAND_START_(nursery, __VA_ARGS__, )
#define ACRE_COMMAND_START_(nursery, ret, ...) \
	acre_command_start_((nursery), (ret),  \
			    ACRE_VALUE_(acre_command_options, __VA_ARGS__))
ACRE_PUBLIC_ ACRE_MUST_USE_ int
acre_command_start_(struct acre_nursery *nursery, struct acre_command **ret,
		    const struct acre_command_options *options);

/* Waits until it has ended with all that it started, and its output was kept and relayed: 0
 * whatever its end, which is put into *ret (may be NULL), borrowed from the handle. Several
 * tasks may wait. A checkpoint; cancelled, nothing has changed. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_command_wait(struct acre_command *command,
						  struct acre_death *ret);

/*
 * The next bytes of a stream whose mode is ACRE_COMMAND_SOURCE: how many, at most `len`; 0 at
 * the end, which comes at the latest when the program has ended and all was read. EINVAL:
 * the stream is no source. A checkpoint; cancelled, nothing is lost.
 */
ACRE_PUBLIC_ ACRE_MUST_USE_ ssize_t acre_command_recv(struct acre_command *command,
						      enum acre_command_stream stream,
						      void *buf, size_t len);

/* What is kept of a stream. */
struct acre_output {
	const char *bytes; /* never NULL; a 0 follows the last one */
	size_t len;
	uint64_t n_lost; /* bytes before these, that were not kept */
};

/* So far; borrowed from the handle until the next checkpoint. */
ACRE_PUBLIC_ struct acre_output acre_command_output(struct acre_command *command,
						    enum acre_command_stream stream);

/*
 * Asks it to end, and waits for that: SIGTERM and SIGCONT to its process group, SIGKILL after
 * its linger. That clock runs only while the program can, within a bound of 20 s more. This is
 * also what a cancelled block does; meanwhile what it writes is kept, and relayed as far as
 * our own stdout takes it at once. 0; a checkpoint; cancelled, it goes on in the nursery.
 */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_command_cancel(struct acre_command *command);

/* Sends a signal to the program alone. ESRCH: it has ended. Not a checkpoint. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_command_signal(struct acre_command *command,
						    int sig);

/* Its number, also after its end, when it may be somebody else's. */
ACRE_PUBLIC_ pid_t acre_command_pid(const struct acre_command *command);

/* What acre_command_run() has found. Valid until it is freed. */
struct acre_command_result {
	struct acre_death death;
	struct acre_output out, err;
	void *private_[2];
};

/*
 * Starts a program in a nursery of its own, waits for its end and closes that:
 * acre_command_run(&res, .argv = argv). Fails as the above do; in any case *ret (may be NULL)
 * is filled with what is known, also if it was cancelled, and is to be freed. If nothing was
 * started it is all empty. No source is read here: EINVAL. A checkpoint; on return nothing
 * of it is left.
 */
#define acre_command_run(ret, ...) \
	acre_command_run_((ret), ACRE_VALUE_(acre_command_options, __VA_ARGS__))
ACRE_PUBLIC_ ACRE_MUST_USE_ int
acre_command_run_(struct acre_command_result *ret,
		  const struct acre_command_options *options);

/* Idempotent. NULL is fine. */
ACRE_PUBLIC_ void acre_command_result_free(struct acre_command_result *result);

ACRE_END_
#endif
