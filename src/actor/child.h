/* SPDX-License-Identifier: MIT */
/* child.h - being an actor that a parent has made. */
#pragma once

#include <stdbool.h>

/* What the parent has given along; the descriptors are the child's, close-on-exec. */
struct child_boot {
	const char *title; /* _subactor[NAME@UUID] */
	int link_fd;
	int parent_pidfd; /* -1: the parent is in this process */
	int root_pidfd;
	int status_fd; /* the page that the parent reads */
	bool is_thread; /* of its parent's process: signals are not its own */
};

/* Serves until the parent lets go of it or its own end comes; returns the exit status.
 * The thread has no loop yet. EXIT_FAILURE also for a title that is none. */
int child_live(const struct child_boot *boot);

/* The same in a process of its own, with the descriptors of birth.h. */
int child_live_in_process(const char *title);
