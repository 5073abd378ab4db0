/* SPDX-License-Identifier: MIT */
/* proc.c - what /proc tells of a process. */
#include "actor/proc.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys.h"
#include "base/util.h"

#define PATH_SIZE 64   /* /proc/4194304/task/4194304/status */
#define TEXT_SIZE 2048 /* what is looked for stands in the beginning */

static void read_text(const char *path, char text[TEXT_SIZE])
{
	auto_close int fd = sys_openat(AT_FDCWD, path, O_RDONLY, 0);
	ssize_t len = fd < 0 ? 0 : sys_read(fd, text, TEXT_SIZE - 1);

	text[len > 0 ? len : 0] = '\0';
}

pid_t proc_parent(pid_t pid)
{
	char path[PATH_SIZE], text[TEXT_SIZE];
	const char *end;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	read_text(path, text);
	end = strrchr(text, ')');
	if (!end || strlen(end) < strlen(") S 1"))
		return 0;
	return (pid_t)strtol(end + strlen(") S "), NULL, 10);
}

/* NSpid: ours, those of the namespaces between, its own. */
pid_t proc_own_number(pid_t pid, pid_t tid)
{
	char path[PATH_SIZE], text[TEXT_SIZE], *line, *last;

	snprintf(path, sizeof path, "/proc/%d/task/%d/status", (int)pid, (int)tid);
	read_text(path, text);
	line = strstr(text, "\nNSpid:");
	if (!line)
		return 0;
	line[1 + strcspn(line + 1, "\n")] = '\0';
	last = strrchr(line, '\t');
	return last ? (pid_t)strtol(last, NULL, 10) : 0;
}

static pid_t find_thread(pid_t pid, pid_t own)
{
	_Alignas(struct dirent64) char bytes[TEXT_SIZE];
	auto_close int fd = -1;
	char path[PATH_SIZE];
	pid_t tid, found = 0;
	ssize_t n;

	snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
	while (fd >= 0 && !found && (n = sys_getdents64(fd, bytes, sizeof bytes)) > 0)
		for (ssize_t at = 0; at < n && !found;) {
			const struct dirent64 *e = (const void *)(bytes + at);

			tid = (pid_t)strtol(e->d_name, NULL, 10);
			found = tid > 0 && proc_own_number(pid, tid) == own ? tid : 0;
			at += e->d_reclen;
		}
	return found;
}

/* As a rule it has the same number for both. */
pid_t proc_thread(pid_t pid, pid_t own)
{
	return proc_own_number(pid, own) == own ? own : find_thread(pid, own);
}

pid_t proc_behind(pid_t holder, int pidfd)
{
	char path[PATH_SIZE], text[TEXT_SIZE];
	const char *pid;

	if (holder)
		snprintf(path, sizeof path, "/proc/%d/fdinfo/%d", (int)holder, pidfd);
	else
		snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
	read_text(path, text);
	pid = strstr(text, "\nPid:");
	return pid ? (pid_t)strtol(pid + strlen("\nPid:"), NULL, 10) : 0;
}
