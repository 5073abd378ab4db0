/* SPDX-License-Identifier: MIT */
/* mailbox.h - the one way into a loop from another thread. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

/*
 * Many threads post, one loop reads. A letter is the poster's memory until its fn is
 * called in the loop's thread. The reader says "I sleep" before it polls and looks once
 * more after saying so; a poster that sees the flag rings the eventfd. Without the second
 * look a letter posted in between would lie there until something else happens.
 *
 * The loop's use of it, one turn:
 *
 *	timeout = mailbox_sleep(m) ? until the next timer : 0;
 *	n = epoll_wait(..., timeout);
 *	mailbox_wake(m);
 *	for each of the n: if it is m->fd, mailbox_answer(m)
 *	mailbox_read(m);
 *
 * The last post must have returned before mailbox_fini(): a poster looks at the flag, and
 * may ring, after its letter can be read. A thread that posts is therefore joined, or
 * posts under a lock that is taken once before fini.
 */
struct letter {
	struct letter *next;
	/* Called once, in the loop's thread. The letter may be gone when it returns. */
	void (*fn)(struct letter *l);
};

struct mailbox {
	_Atomic(struct letter *) head; /* newest first; posters push, the reader takes all */
	_Atomic int sleeps; /* set by the reader; cleared by it, or by the poster that rings */
	int fd; /* eventfd, readable when rung and not answered; -1: there is none */
};

/* -EMFILE, -ENFILE, -ENOMEM: then nothing is to be undone. */
int mailbox_init(struct mailbox *m);
/* Idempotent. The box is empty: a letter that nobody will read is a bug of its poster. */
void mailbox_fini(struct mailbox *m);
/* Any thread. */
void mailbox_post(struct mailbox *m, struct letter *l);
/* The loop's thread: calls the letters in order of posting; true if there were any. Those
 * that come meanwhile are for the next read. */
bool mailbox_read(struct mailbox *m);
/* The loop's thread, before it waits: false if a letter came meanwhile (do not wait). */
bool mailbox_sleep(struct mailbox *m);
/* The loop's thread, after it has waited; also after mailbox_sleep() said false. */
void mailbox_wake(struct mailbox *m);
/* The loop's thread, when fd is readable: silences it. */
void mailbox_answer(struct mailbox *m);
