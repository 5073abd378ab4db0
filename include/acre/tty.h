/* SPDX-License-Identifier: MIT */
/* tty.h - the terminal of a tree: one actor at a time has it, and the root gets it back. */
#ifndef ACRE_TTY_H
#define ACRE_TTY_H

/*
 * Every actor has a process group of its own, so the root has the terminal: it reads, and ^C
 * is one cancel, the root's. An actor that wants to talk with the user (a prompt, a
 * debugger) asks for it:
 *
 *	struct acre_tty tty;
 *
 *	r = acre_tty_open(&tty);
 *	if (r >= 0)
 *		talk(acre_tty_fd(&tty));
 *	r = acre_tty_close(&tty, r);
 *
 * Between the two its process group is the terminal's foreground: it reads, and ^C is its own
 * (SIGINT does to it what .sigint of its spawn says: nothing, unless asked otherwise). Who
 * asks meanwhile, anywhere in the tree, waits in the order of asking.
 *
 * THE CLOCKS of the tree stand still while a live actor has it: deadlines of scopes, bounds of
 * shields, and the ladders that end actors go on when it is given back. A second SIGINT of
 * the root kills nevertheless.
 *
 * HOWEVER IT ENDS, by a close, an exit or SIGKILL, the root takes the terminal back and sets
 * its modes (stty) as they were when it was lent, also while its loop is stuck.
 *
 * What reads the terminal without having it fails with EIO, and is not stopped, in an actor,
 * and in a root that takes its signals (ACRE_MAIN does).
 *
 * THREADS: the actor's. An actor that is a thread has it with its process.
 */

#include <acre/define.h>

ACRE_BEGIN_

/* The caller's memory, usually on the stack. */
struct acre_tty {
	uint64_t private_[2];
};

/*
 * Waits until this actor has the terminal. ACRE_ENOTTYLOCK, with the reason: the tree has
 * none; it is in the background itself; the actor has left its session; 64 wait already.
 * ACRE_ENORUNTIME; EMFILE. On failure nothing is held. Not twice at once in a task: the
 * second would wait for the first. A checkpoint.
 */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_tty_open(struct acre_tty *tty);

/* Gives it back; hands r on. Idempotent, and fine after a failed open. Not a checkpoint. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_tty_close(struct acre_tty *tty, int r);

/* The terminal, for reading and writing, until the close; -1: it is not held. Blocking:
 * acre_wait_fd() waits, acre_blocking() reads without holding up other tasks. */
ACRE_PUBLIC_ int acre_tty_fd(const struct acre_tty *tty);

/* The process of the tree that has it by acre_tty_open(), 0: none. Any thread. */
ACRE_PUBLIC_ pid_t acre_tty_holder(void);

ACRE_END_
#endif
