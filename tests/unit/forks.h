/* SPDX-License-Identifier: MIT */
/* forks.h - functions that run in a child of fork, and how they ended. */
#pragma once

#include "lib/test.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <acre/process.h>

#include "lib/run.h"

enum { SOON = 20 }; /* seconds: a guard against hanging */

static inline bool is_sanitized(void)
{
#if defined __SANITIZE_THREAD__ || defined __SANITIZE_ADDRESS__
	return true;
#elif defined __has_feature
	return __has_feature(thread_sanitizer) || __has_feature(address_sanitizer);
#else
	return false;
#endif
}

/* ThreadSanitizer has a thread of its own, which is a stranger to us. */
static inline bool is_tsan(void)
{
#if defined __SANITIZE_THREAD__
	return true;
#elif defined __has_feature
	return __has_feature(thread_sanitizer);
#else
	return false;
#endif
}

#define STRANGERS (is_tsan() ? ACRE_FORK_STRANGERS : 0)

/* The status of fn(arg) in a child; it is killed if it does not end. */
static inline const char *status_of(int (*fn)(void *), void *arg, uint64_t flags)
{
	static char words[ACRE_STATUS_MAX];
	struct acre_process *p = NULL;
	struct acre_death death = { 0 };
	int r = 0;

	assert_ok(acre_fork_from_worker(&p, fn, arg, .flags = flags | STRANGERS));
	ACRE_WITHIN(acre_secs(SOON), r)
		r = acre_process_wait(p, &death);
	assert_ok(r);
	acre_process_free(p);
	return acre_process_status(&death, words);
}

/* Of a function that answers in its status. */
#define assert_status(fn, arg, words) assert_string_equal(status_of(fn, arg, 0), words)

static inline void assert_no_child(void)
{
	errno = 0;
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* Open descriptors but the one that looks. */
static inline int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	int n = 0;

	if (!dir)
		return -1;
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(dir);
	closedir(dir);
	return n;
}

/* Of this process. */
static inline int count_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	int n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n;
}

static inline int tell_fds(void *unused)
{
	(void)unused;
	return count_fds();
}
