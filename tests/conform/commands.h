/* SPDX-License-Identifier: MIT */
/* commands.h - tests of commands: scripts that are run, and our own outputs while they are relayed. */
#pragma once

#include "conform/tree.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "base/util.h"

enum { SOON = 20 }; /* seconds: a guard against hanging */

#define sh_argv(script) ((const char *const[]){ "sh", "-c", (script), NULL })
#define run_sh(ret, script, ...) \
	acre_command_run((ret), .argv = sh_argv(script), ##__VA_ARGS__)
#define start_sh(nursery, ret, script, ...) \
	acre_command_start((nursery), (ret), .argv = sh_argv(script), ##__VA_ARGS__)

/* Our own stdout or stderr goes elsewhere meanwhile. */
struct capture {
	int which, saved, to;
	int reader; /* of a pipe; -1: it is a file, or closed */
};

static inline int a_file(void)
{
	int fd = memfd_create("captured", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static inline int a_pipe(struct capture *c)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	c->reader = ends[0];
	return ends[1];
}

static inline void capture_begin(struct capture *c, int which, int to)
{
	c->which = which;
	c->to = to;
	c->saved = fcntl(which, F_DUPFD_CLOEXEC, 10);
	assert_true(c->saved >= 0);
	assert_int_equal(dup2(to, which), which);
}

static inline void put_back(struct capture *c)
{
	assert_int_equal(dup2(c->saved, c->which), c->which);
	close(c->saved);
}

/* Of a pipe. */
static inline void capture_end(struct capture *c)
{
	put_back(c);
	close(c->to);
	if (c->reader >= 0)
		close(c->reader);
}

/* Of a file: what was written, to be freed. */
static inline char *captured(struct capture *c)
{
	off_t len = lseek(c->to, 0, SEEK_END);
	char *text = calloc(1, (size_t)len + 1);

	put_back(c);
	assert_int_equal(pread(c->to, text, (size_t)len, 0), len);
	close(c->to);
	return text;
}

static inline void assert_captured(struct capture *c, const char *expected)
{
	char *text = captured(c);

	assert_string_equal(text, expected);
	free(text);
}
