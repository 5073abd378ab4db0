/* SPDX-License-Identifier: MIT */
/* assert.c - assertions and waits beyond cmocka's. */
#define _GNU_SOURCE
#include "lib/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define CLASS_MASK 0xfff /* the class of a failure: the low 12 bits of -r */

/* Of <acre/error.h>, where the library is linked; tests of src/base do without. */
void acre_print(FILE *f, int r) __attribute__((weak));
bool acre_is(int r, int code) __attribute__((weak));

static void print_result(const char *what, int r)
{
	print_error("%s is %d", what, r);
	if (r >= 0)
		print_error("\n");
	else if (acre_print) {
		print_error(":\n");
		acre_print(stderr, r);
	} else
		print_error(", class %d (%s)\n", -r & CLASS_MASK,
			    strerror(-r & CLASS_MASK));
}

void test_assert_ok(int r, const char *what, const char *file, int line)
{
	if (r >= 0)
		return;
	print_result(what, r);
	_fail(file, line);
}

static bool is_class(int r, int class)
{
	if (acre_is)
		return acre_is(r, class);
	return r < 0 && (-r & CLASS_MASK) == class;
}

void test_assert_class(int r, int class, const char *what, const char *name,
		       const char *file, int line)
{
	if (is_class(r, class))
		return;
	print_error("expected a failure of class %s, but ", name);
	print_result(what, r);
	_fail(file, line);
}

void test_assert_text_has(const char *haystack, const char *needle, const char *file,
			  int line)
{
	if (haystack && strstr(haystack, needle))
		return;
	print_error("\"%s\" is not in \"%s\"\n", needle,
		    haystack ? haystack : "(no text)");
	_fail(file, line);
}

static bool is_inherited(int fd)
{
	int flags = fcntl(fd, F_GETFD);

	return flags >= 0 && !(flags & FD_CLOEXEC);
}

static void print_fd(int fd)
{
	char link[64], target[256];
	ssize_t len;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	len = readlink(link, target, sizeof target);
	print_error("fd %d would be inherited: %.*s\n", fd, (int)(len > 0 ? len : 0),
		    target);
}

void test_assert_fds_close_on_exec(const char *file, int line)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	bool failed = !dir;
	int fd;

	while (dir && (entry = readdir(dir))) {
		fd = atoi(entry->d_name);
		if (fd < 3 || !is_inherited(fd))
			continue;
		print_fd(fd);
		failed = true;
	}
	if (dir)
		closedir(dir);
	if (failed)
		_fail(file, line);
}

static int timer_open(int seconds)
{
	struct itimerspec when = { .it_value.tv_sec = seconds, .it_value.tv_nsec = 1 };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

	if (fd < 0 || timerfd_settime(fd, 0, &when, NULL) < 0) {
		perror("timerfd");
		abort();
	}
	return fd;
}

/* Waits for either; what the fd has counts if both are there. */
static bool wait_readable(int fd, int timer)
{
	struct pollfd fds[] = { { .fd = fd, .events = POLLIN },
				{ .fd = timer, .events = POLLIN } };

	while (poll(fds, 2, -1) < 0)
		if (errno != EINTR) {
			perror("poll");
			abort();
		}
	return fds[0].revents != 0;
}

int test_wait_pidfd(int pidfd, int seconds)
{
	int timer = timer_open(seconds);
	bool ended = wait_readable(pidfd, timer);

	close(timer);
	return ended ? 0 : -ETIMEDOUT;
}

/* An inotify fd that is readable when something happened in the directory of the path. */
static int watch_directory(const char *path)
{
	char *dir = strdup(path);
	char *slash = dir ? strrchr(dir, '/') : NULL;
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (slash)
		slash[slash == dir] = '\0'; /* the directory of "/x" is "/" */
	if (fd < 0 ||
	    inotify_add_watch(fd, slash ? dir : ".", IN_CREATE | IN_MOVED_TO) < 0) {
		perror(path);
		abort();
	}
	free(dir);
	return fd;
}

bool test_wait_file(const char *path, int seconds)
{
	char events[4096];
	int timer = timer_open(seconds);
	int fd = watch_directory(path); /* before the first look, so none is missed */
	bool found;

	while (!(found = access(path, F_OK) == 0) && wait_readable(fd, timer))
		while (read(fd, events, sizeof events) > 0)
			; /* which file it was, access() tells */
	close(fd);
	close(timer);
	return found;
}
