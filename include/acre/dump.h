/* SPDX-License-Identifier: MIT */
/* dump.h - a hang explains itself: the state of the tree in a file, and the program goes on. */
#ifndef ACRE_DUMP_H
#define ACRE_DUMP_H

/*
 * What takes longer than it ever should is told, once, while it hangs:
 *
 *	struct acre_hang hang;
 *
 *	r = acre_dump_on_hang(&hang, acre_secs(30));
 *	...
 *	r = acre_hang_close(&hang, r);
 *
 * If it is not closed in time, this actor and every actor below it, parent first, are written
 * to a file: tasks as a tree with what each waits for, the stack of each task and thread with
 * file and line, deadlines and shields, descriptors, recent events. Nothing is ended.
 *
 * A thread of its own does it, which reads the memory of the processes. So it works while a
 * task is stuck in a function that never returns, and for actors that are stopped. Threads
 * stand still for some milliseconds meanwhile; a system call that waits may be interrupted,
 * as by a debugger. Files and lines need libdw (elfutils).
 *
 * The same is written when SIGUSR1 is sent to an actor: to the root where its signals are
 * taken (ACRE_MAIN does), and to all actors below it. And `acre dump PID` does it from outside.
 *
 * THE FILE, unless another one is named, is acre-PID.dump in $XDG_RUNTIME_DIR, or else in
 * $TMPDIR, or else in /tmp, and is named in the log; a file there that is not the user's own is
 * left alone. Dumps are appended.
 *
 * THREADS: any; each hang is closed by whoever opened it.
 */

#include <acre/time.h>

ACRE_BEGIN_

/* The caller's memory, usually on the stack. */
struct acre_hang {
	uint64_t private_[8];
};

/* Zero is right for all that is left out. Everything is borrowed for the call. */
struct acre_dump_options {
	const char *path; /* of the file; NULL: the place above */
	uint64_t flags;	  /* none yet: must be 0 */
	uint64_t reserved[2];
};

/* From here on there is `span` until the dump: acre_dump_on_hang(&hang, acre_secs(30), .path =
 * "/var/log/hang.txt"). ENOMEM; EINVAL (options); ENAMETOOLONG; or the errno of starting
 * its thread: then nothing was opened. Not a checkpoint. */
#define acre_dump_on_hang(hang, ...) ACRE_DUMP_ON_HANG_(hang, __VA_ARGS__, )
#define ACRE_DUMP_ON_HANG_(hang, span, ...) \
	acre_dump_on_hang_((hang), (span), ACRE_VALUE_(acre_dump_options, __VA_ARGS__))
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_dump_on_hang_(struct acre_hang *hang, acre_span span,
						   const struct acre_dump_options *options);

/* It did not hang, or does no more; if it is being told just now, the file is complete on
 * return. Idempotent after a failed open too; hands r on. Not a checkpoint. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_hang_close(struct acre_hang *hang, int r);

/* Where the dump is, once it was written; NULL before. Valid until the close. */
ACRE_PUBLIC_ const char *acre_hang_path(const struct acre_hang *hang);

ACRE_END_
#endif
