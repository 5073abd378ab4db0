/* SPDX-License-Identifier: MIT */
/* house.c - the clean house: what a process has, compared before and after. */
/*
 * A house is a sorted list of lines, one for each fd, thread, mapping of shared memory,
 * socket file, signal that is blocked or not at its default, and so on. Comparing two
 * houses is comparing two lists, so nothing has to be told apart: whatever differs is
 * named as it looks. A look that fails is a line as well, and so can never pass for a
 * clean house.
 *
 * A thread that pthread_join() has returned for may still be listed: the kernel wakes the
 * joiner before the thread has left the list. It is past the point where it could run
 * code, is marked so, and does not count.
 *
 * Processes are sweep.c's.
 */
#define _GNU_SOURCE
#include "lib/house.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/dir.h"
#include "lib/proc.h"

#define PATH_LEN 4096

/* Live allocations, from src/base/mem.c where that is linked. */
uint64_t mem_live(void) __attribute__((weak));

/* LeakSanitizer, where that is linked. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));
int __lsan_is_turned_off(void);

static void add(struct house *house, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void add(struct house *house, const char *fmt, ...)
{
	va_list args;
	int len;

	house->lines = reallocarray(house->lines, house->n + 1, sizeof *house->lines);
	if (!house->lines)
		abort();
	va_start(args, fmt);
	len = vasprintf(&house->lines[house->n], fmt, args);
	va_end(args);
	if (len < 0)
		abort();
	house->n++;
}

static void add_fds(struct house *house)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	char target[PATH_LEN];
	ssize_t len;

	if (!dir) {
		add(house, "fds that cannot be listed: %s", strerror(errno));
		return;
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || atoi(entry->d_name) == dirfd(dir))
			continue;
		len = readlinkat(dirfd(dir), entry->d_name, target, sizeof target);
		add(house, "fd %s: %.*s", entry->d_name, (int)(len > 0 ? len : 0),
		    target);
	}
	closedir(dir);
}

static void add_threads(struct house *house)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	struct proc thread;
	pid_t tid;

	if (!dir) {
		add(house, "threads that cannot be listed: %s", strerror(errno));
		return;
	}
	while ((entry = readdir(dir))) {
		tid = atoi(entry->d_name);
		if (tid == 0 || tid == getpid() || !proc_look_at_thread(&thread, tid))
			continue;
		if (!thread.is_exiting)
			add(house, "thread %d (%s)", tid, thread.name);
	}
	closedir(dir);
}

static bool is_shared_memory(const char *path)
{
	return strncmp(path, "/dev/shm/", 9) == 0 || strncmp(path, "/memfd:", 7) == 0;
}

static void add_mappings(struct house *house)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char *line = NULL, *path;
	size_t size = 0;

	if (!f) {
		add(house, "mappings that cannot be listed: %s", strerror(errno));
		return;
	}
	while (getline(&line, &size, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		path = strchr(line, '/');
		if (path && is_shared_memory(path))
			add(house, "mapping of %s", path);
	}
	free(line);
	fclose(f);
}

static void add_socket_files(struct house *house, const char *path)
{
	char *roots[] = { strdup(path), NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *entry;

	while (fts && (entry = dir_next(fts)))
		if (entry->fts_info == FTS_DEFAULT && S_ISSOCK(entry->fts_statp->st_mode))
			add(house, "socket file %s", entry->fts_path);
	if (!fts || fts_close(fts) < 0)
		add(house, "directory %s that cannot be read: %s", path, strerror(errno));
	free(roots[0]);
}

static void add_disposition(struct house *house, int sig)
{
	struct sigaction action;

	if (sigaction(sig, NULL, &action) < 0 || action.sa_handler == SIG_DFL)
		return; /* libc keeps two signals for itself: EINVAL */
	if (action.sa_handler == SIG_IGN)
		add(house, "signal %d (%s) ignored", sig, strsignal(sig));
	else
		add(house, "signal %d (%s) handled at %p, flags %#x", sig, strsignal(sig),
		    (void *)(uintptr_t)action.sa_handler, (unsigned)action.sa_flags);
}

static void add_signals(struct house *house)
{
	sigset_t blocked;

	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	for (int sig = 1; sig <= SIGRTMAX; sig++) {
		add_disposition(house, sig);
		if (sigismember(&blocked, sig) == 1)
			add(house, "signal %d (%s) blocked", sig, strsignal(sig));
	}
}

static void add_umask(struct house *house)
{
	mode_t mask = umask(0);

	umask(mask);
	add(house, "umask %03o", mask);
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void house_look(struct house *ret, const char *dir)
{
	struct house house = { 0 };

	add_fds(&house);
	if (!getenv("ACRE_TEST_EMULATED")) /* qemu's threads go on after their join */
		add_threads(&house);
	add_mappings(&house);
	add_socket_files(&house, dir);
	add_signals(&house);
	add_umask(&house);
	if (mem_live)
		add(&house, "%llu live allocations", (unsigned long long)mem_live());
	qsort(house.lines, house.n, sizeof *house.lines, compare_lines);
	*ret = house;
}

void house_fini(struct house *house)
{
	for (size_t i = 0; i < house->n; i++)
		free(house->lines[i]);
	free(house->lines);
	*house = (struct house){ 0 };
}

void house_compare(const struct house *before, const struct house *after, struct text *to)
{
	size_t b = 0, a = 0;
	int order;

	while (b < before->n || a < after->n) {
		if (b == before->n)
			order = 1;
		else if (a == after->n)
			order = -1;
		else
			order = strcmp(before->lines[b], after->lines[a]);
		if (order < 0)
			text_say(to, "gone: %s", before->lines[b]);
		else if (order > 0)
			text_say(to, "left: %s", after->lines[a]);
		b += order <= 0;
		a += order >= 0;
	}
}

/* LeakSanitizer asks. It works by ptrace and so dies in a process that is traced. */
int __lsan_is_turned_off(void)
{
	struct proc self;

	return proc_look(&self, getpid()) && self.is_traced;
}

void house_check_leaks(struct text *to)
{
	if (__lsan_do_recoverable_leak_check && __lsan_do_recoverable_leak_check() != 0)
		text_say(to, "left: memory, see the report of LeakSanitizer");
}
