/* SPDX-License-Identifier: MIT */
/* child.h - being an actor that a parent has made. */
#pragma once

#include <stdbool.h>

struct containment;
struct guest;
struct loop;
struct memory_end;

/* What the parent has given along; the descriptors are the child's, close-on-exec. */
struct child_boot {
	const char *title; /* _subactor[NAME@UUID] */
	int link_fd;
	struct memory_end *link_memory; /* a thread's, instead */
	int parent_pidfd; /* -1 in a thread: the parent is in this process */
	int root_pidfd;
	int status_fd; /* the page that the parent reads */
	/* A thread of its parent's process, where signals are not its own: its loop is told
	 * to its maker, and NULL before that is freed. NULL: a process. */
	void (*has_loop)(void *arg, struct loop *loop);
	void *arg;
	bool is_in_root;			/* its maker's, like the next one */
	const struct containment *contained_by; /* borrowed */
	struct guest *guest; /* borrowed: beside it; NULL: none */
	char *words; /* of LAST_WORDS_MAX and a 0: for what else it says on stderr; or NULL */
};

/* Serves until the parent lets go of it or its own end comes; returns the exit status,
 * EXIT_FAILURE also for a title that is none. The descriptors are taken. The thread has no
 * loop yet. */
int child_live(struct child_boot *boot);

/* The same in a process of its own, with the descriptors of birth.h. */
int child_live_in_process(const char *title, struct guest *guest);

/* Whether a parent has made this process to be an actor, or a forkserver, and its main() has not
 * called acre_boot(). */
bool child_forgot_to_boot(void);

/* Closes what was not taken. Idempotent. */
void child_boot_close(struct child_boot *boot);

/* The watchdog of an actor's process begins now, before what the program has in a module runs;
 * else it does when the parent knows that the actor serves. Idempotent. */
int child_watch_now(void);
