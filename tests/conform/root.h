/* SPDX-License-Identifier: MIT */
/* root.h - a root of its own process, which says how far it is and whose end is seen. */
#pragma once

#include "conform/tree.h"

#include <fcntl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define INTERRUPTED 130 /* what a shell reports of a process that SIGINT ended */

/*
 * The root under test is a forked process, so that its end can be seen. It tells through a
 * pipe how far it is.
 */

struct root {
	pid_t pid;
	int pidfd;
	int hears; /* the end of the pipe that we read */
};

static int says; /* in the root: the end that it writes */

static inline void say(int word)
{
	assert_int_equal(write(says, &word, sizeof word), sizeof word);
}

static inline int hear(const struct root *root)
{
	int word = 0;

	assert_int_equal(read(root->hears, &word, sizeof word), sizeof word);
	return word;
}

static inline struct root root_start(int (*run)(void))
{
	struct root root = { .pid = 0 };
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	root.pid = fork();
	assert_true(root.pid >= 0);
	if (root.pid == 0) {
		says = ends[1];
		_exit(run());
	}
	close(ends[1]);
	root.hears = ends[0];
	root.pidfd = pidfd_open(root.pid, 0);
	assert_true(root.pidfd >= 0);
	return root;
}

static inline void root_interrupt(const struct root *root)
{
	assert_int_equal(pidfd_send_signal(root->pidfd, SIGINT, NULL, 0), 0);
}

/* Its status as waitpid() tells it. */
static inline int root_end(struct root *root)
{
	int status = 0;

	assert_int_equal(waitpid(root->pid, &status, 0), root->pid);
	close(root->pidfd);
	close(root->hears);
	return status;
}

/* What a root leaves that is killed comes to us. */
static inline void adopt_orphans(void)
{
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
}

static inline void reap_all(void)
{
	while (waitpid(-1, NULL, 0) > 0) /* bound: they are dead, or being killed */
		;
}

/* Under ACRE_MAIN the status tells of the interrupt. */
static inline int run_main(int (*body)(int argc, char **argv))
{
	char name[] = "root", *argv[] = { name, NULL };

	return acre_main_(1, argv, body, &(struct acre_run_options){ 0 });
}
