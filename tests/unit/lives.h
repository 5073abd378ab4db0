/* SPDX-License-Identifier: MIT */
/* lives.h - a child process of a test, its life, and a log of what is done to it. */
#pragma once

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actor/life.h"
#include "base/clock.h"
#include "base/panic.h"
#include "base/sys.h"
#include "base/util.h"
#include "lib/run.h"

/*
 * The log has a word for each thing that happens: "ask", "cut" and "gone" for what the life
 * asks of its owner, the name of each signal that it sends. So a test says what is to
 * happen, and in which order, in one string.
 *
 * Signals are seen on their way through the table of system calls; they are sent.
 */

struct child {
	struct life life;
	struct task *waiter;  /* in child_wait_gone() */
	int64_t remaining_ns; /* what the last "ask" said */
	size_t len;
	char log[128];
};

/* The one whose signals are logged; a test has one at a time. */
static struct child *logged_child;

static void child_log(struct child *c, const char *word)
{
	int n = snprintf(c->log + c->len, sizeof c->log - c->len, "%s%s",
			 c->len ? " " : "", word);

	c->len += (size_t)n;
	assert_true(c->len < sizeof c->log);
}

static void child_is_asked(struct life *l, enum acre_reason reason, int64_t remaining_ns)
{
	struct child *c = container_of(l, struct child, life);

	(void)reason;
	c->remaining_ns = remaining_ns;
	child_log(c, "ask");
}

static void child_is_cut(struct life *l)
{
	child_log(container_of(l, struct child, life), "cut");
	life_event(l, LIFE_EV_LINK_LOST); /* as a link does that is closed */
}

static void child_is_gone(struct life *l)
{
	struct child *c = container_of(l, struct child, life);

	child_log(c, "gone");
	if (c->waiter)
		unpark(TAKE_PTR(c->waiter), 0);
}

static const struct life_ops child_ops = { .ask = child_is_asked,
					   .cut = child_is_cut,
					   .gone = child_is_gone };

static int child_log_signal(int fd, int sig, siginfo_t *info, unsigned flags)
{
	static const char *const names[] = {
		[SIGTERM] = "TERM", [SIGCONT] = "CONT", [SIGKILL] = "KILL"
	};

	if (logged_child) {
		assert_true((size_t)sig < ARRAY_N(names) && names[sig]);
		child_log(logged_child, names[sig]);
	}
	return sys_real.pidfd_send_signal(fd, sig, info, flags);
}

static inline void child_log_signals(struct child *c)
{
	static struct sys_table logging;

	logging = sys_real;
	logging.pidfd_send_signal = child_log_signal;
	sys_use(&logging);
	logged_child = c;
}

/* A process that runs fn, with its stderr in the life's hands. It blocks all signals from
 * birth, so that none that comes early is an end that the test does not mean. */
static inline void child_make(struct child *c, acre_span linger, void (*fn)(void))
{
	sigset_t all, before;
	int pipe[2];
	pid_t pid;

	*c = (struct child){ .len = 0 };
	life_init(&c->life, &child_ops, linger);
	assert_ok(sys_pipe2(pipe, 0));
	sigfillset(&all);
	sys_sigmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0) {
		dup2(pipe[1], STDERR_FILENO);
		fn();
		_exit(0);
	}
	sys_sigmask(SIG_SETMASK, &before, NULL);
	assert_true(pid > 0);
	assert_ok(sys_close(pipe[1]));
	assert_ok(sys_fcntl(pipe[0], F_SETFL, O_NONBLOCK));
	c->life.words.fd = pipe[0];
	assert_ok(pidref_open(&c->life.pid, pid));
}

static inline void child_begin(struct child *c, void (*fn)(void))
{
	child_make(c, (acre_span){ 0 }, fn);
	child_log_signals(c);
	assert_ok(life_begin(&c->life));
}

static inline void child_wait_gone(struct child *c)
{
	while (!life_is_over(&c->life)) {
		c->waiter = task_this();
		park_shielded(WAIT_ACTOR_END, c);
	}
}

static inline void child_fini(struct child *c)
{
	life_fini(&c->life);
	sys_use(&sys_real);
	logged_child = NULL;
}

/* The end of most tests, whatever state it is in. */
static inline void child_end(struct child *c)
{
	if (!life_is_over(&c->life))
		life_event(&c->life, LIFE_EV_KILL);
	child_wait_gone(c);
	child_fini(c);
}

/* What children do. */

/* Only SIGKILL ends it. */
static inline void listen_to_nothing(void)
{
	for (;;)
		pause();
}

static inline void listen_to_all(void)
{
	sigset_t none;

	sigemptyset(&none);
	sys_sigmask(SIG_SETMASK, &none, NULL);
	for (;;)
		pause();
}
