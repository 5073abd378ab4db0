/* SPDX-License-Identifier: MIT */
/* tty.h - who has the terminal of the tree: what an actor asks, and what the root keeps. */
#pragma once

#include <acre/tty.h>

#include "base/sys.h"

/*
 * All actors have one end of one socket, whose other end the root's watchdog reads. Who wants
 * the terminal sends the end of a connection of its own through it, and closes that
 * connection when it is done: so neither the actors between the two nor any loop are needed,
 * and the end of a process, whatever ends it, is the end of what it held.
 *
 * The second descriptor that all have is the page of core/still.h.
 */
enum tty_fd { TTY_FD_ASK, TTY_FD_STILL, N_TTY_FDS };

/* The root's answer, one byte, when it is the asker's turn. */
enum tty_answer {
	TTY_YOURS = 'y',
	TTY_IN_BACKGROUND = 'b', /* the root does not have it itself */
	TTY_REFUSED = 'r',	 /* the kernel does not let it be lent to that group */
	TTY_CROWDED = 'c'
};

/* tty.c: what the process has, for its actors and for those that they spawn. */

/* How many there are to give to a child, N_TTY_FDS or 0; borrowed. */
int tty_give(int ret[N_TTY_FDS]);
/* By a process that may have been given them: takes what is there and is ours. */
void tty_take(int first_fd);
/* By the root: these it gives from here on; -1: no more. Borrowed. */
void tty_use(const int fds[N_TTY_FDS]);
/* In a process made by fork: it has its own, or none. */
void tty_forget(void);

/* tty_keeper.c: the root's part. */

/* What the watchdog polls for it. */
enum { TTY_ASKED, TTY_GIVEN_BACK, TTY_HOLDER_ENDED, N_TTY_POLLS };

/* In the loop's thread, before there is a watchdog. 0 also without a terminal. -EMFILE ... */
int tty_keeper_open(void);
/* When there is none any more; the terminal is taken back. Idempotent. */
void tty_keeper_close(void);
/* In a process made by fork: it is the parent's. */
void tty_keeper_forget(void);
/* The watchdog's: what to poll, -1 for what there is not, and what came. */
void tty_keeper_fds(struct pollfd fds[N_TTY_POLLS]);
void tty_keeper_look(const struct pollfd fds[N_TTY_POLLS]);
