/* SPDX-License-Identifier: MIT */
/* transports.h - places to listen at, and connections made there, for tests of transports. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <acre/error.h>

#include "base/sys.h"
#include "lib/run.h"
#include "wire/transport.h"

enum { GUARD_S = 30 }; /* seconds: a guard against hanging */

static inline struct address address_at(const char *text)
{
	struct address a = { 0 };
	struct address_fault fault;

	if (address_parse(&a, text, strlen(text), &fault) < 0)
		fail_msg("%s: %s", text, fault.text);
	return a;
}

/* A path in this test's directory. */
static inline struct address uds_at(const char *file)
{
	char text[256];

	snprintf(text, sizeof text, "/unix%s/%s", test_dir(), file);
	return address_at(text);
}

static inline bool is_ready(int fd, int events)
{
	struct pollfd p = { .fd = fd, .events = (short)events };

	return poll(&p, 1, GUARD_S * 1000) == 1;
}

/* Dials, and waits until that is over. */
static inline int dial_whole(int *ret_fd, const struct address *to)
{
	int fd = -1;
	int r = transport_dial(&fd, to, &transport_options_default);

	if (r < 0)
		return r;
	while (r == 1) {
		assert_true(is_ready(fd, POLLOUT));
		r = transport_dialled(fd, to);
	}
	if (r < 0)
		close(fd);
	else
		*ret_fd = fd;
	return r;
}

static inline int accept_one(struct listener *l)
{
	struct address peer;
	int fd = -1;

	assert_true(is_ready(l->fd, POLLIN));
	assert_ok(transport_accept(l, &fd, &peer));
	return fd;
}

static inline void write_text(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* So many bytes came. */
static inline void assert_comes(int fd, const char *text)
{
	char came[64];
	size_t n = 0, len = strlen(text);
	ssize_t r;

	assert_true(len < sizeof came);
	while (n < len) {
		assert_true(is_ready(fd, POLLIN));
		r = read(fd, came + n, len - n);
		assert_true(r > 0);
		n += (size_t)r;
	}
	assert_memory_equal(came, text, len);
}

/* 0: an orderly end; else the errno of a broken one. What came before is left aside. */
static inline int end_of(int fd)
{
	char bytes[4096];
	ssize_t n;

	do {
		assert_true(is_ready(fd, POLLIN));
		n = read(fd, bytes, sizeof bytes);
	} while (n > 0);
	return n == 0 ? 0 : errno;
}

static inline void kill_and_reap(pid_t pid)
{
	int status;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}
