/* SPDX-License-Identifier: MIT */
/* terminal.h - a root on a terminal of its own, whose other end the test has. */
#pragma once

#include "conform/root.h"

#include <pty.h>
#include <sys/ioctl.h>

#define CTRL_C "\x03"

static int master, slave;

/* How often this actor was interrupted. */
static inline int count_interrupts(void)
{
	static struct acre_trace_event events[4096];
	size_t n = acre_trace_read(events, 4096);
	int count = 0;

	for (size_t i = 0; i < n; i++)
		count += events[i].kind == ACRE_EVENT_SIGNAL && events[i].a == SIGINT;
	return count;
}

static inline struct root start_on_terminal(int (*run)(void))
{
	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	return root_start(run);
}

static inline int end_on_terminal(struct root *root)
{
	int status = root_end(root);

	close(master);
	close(slave);
	return status;
}

/* As a shell starts it: leader of its session, in the foreground of its terminal. */
static inline int run_on_terminal(int (*body)(int argc, char **argv))
{
	close(master);
	assert_true(setsid() > 0);
	assert_int_equal(ioctl(slave, TIOCSCTTY, 0), 0);
	assert_int_equal(dup2(slave, STDIN_FILENO), STDIN_FILENO);
	close(slave);
	return run_main(body);
}
