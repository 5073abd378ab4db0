/* SPDX-License-Identifier: MIT */
/* proc.c - what /proc tells about a process. */
/*
 * Everything is read by pid and so may be of a process that has ended meanwhile: callers
 * ask for processes that only they can reap, or do not mind. A file that cannot be read
 * (another user's, a kernel thread's stack without privilege) leaves its line out.
 */
#define _GNU_SOURCE
#include "lib/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_LEN          128
#define FILE_LEN          4096
#define TREE_MAX          128  /* processes in a dump */
#define KERNEL_PF_EXITING 0x4u /* include/linux/sched.h; field "flags" of proc(5) */

/* Reads a file as far as it fits and ends it with NUL. The length, -1 on failure. */
static ssize_t read_file(char *buf, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static ssize_t read_file(char *buf, size_t size, const char *fmt, ...)
{
	char path[PATH_LEN];
	va_list args;
	ssize_t len;
	int fd;

	va_start(args, fmt);
	vsnprintf(path, sizeof path, fmt, args);
	va_end(args);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	len = read(fd, buf, size - 1);
	buf[len > 0 ? len : 0] = '\0';
	close(fd);
	return len;
}

/* The value behind "\nNAME:" in a status file, empty if there is none. */
static const char *status_field(const char *status, const char *name)
{
	char key[32];
	const char *at;

	snprintf(key, sizeof key, "\n%s:\t", name);
	at = strstr(status, key);
	return at ? at + strlen(key) : "";
}

static bool signal_set_has(const char *hex, int sig)
{
	return strtoull(hex, NULL, 16) >> (sig - 1) & 1;
}

static void read_command_line(struct proc *proc, const char *dir)
{
	ssize_t len = read_file(proc->what, sizeof proc->what, "%s/cmdline", dir);

	if (len <= 0) {
		snprintf(proc->what, sizeof proc->what, "[%s]", proc->name);
		return;
	}
	for (ssize_t i = 0; i < len - 1; i++)
		if (proc->what[i] == '\0' || proc->what[i] == '\n')
			proc->what[i] = ' ';
}

static bool look(struct proc *ret, const char *dir, pid_t pid)
{
	char stat[FILE_LEN], status[FILE_LEN];
	char *name, *name_end;
	struct proc proc = { .pid = pid };
	unsigned flags;

	if (read_file(stat, sizeof stat, "%s/stat", dir) <= 0 ||
	    read_file(status, sizeof status, "%s/status", dir) <= 0)
		return false;
	name = strchr(stat, '(');
	name_end = strrchr(stat, ')'); /* the last one: a name may contain one */
	if (!name || !name_end ||
	    sscanf(name_end, ") %c %*d %*d %*d %*d %*d %u", &proc.state, &flags) != 2)
		return false;
	*name_end = '\0';
	proc.is_exiting = flags & KERNEL_PF_EXITING;
	proc.is_killed = signal_set_has(status_field(status, "ShdPnd"), SIGKILL) ||
			 signal_set_has(status_field(status, "SigPnd"), SIGKILL);
	proc.is_traced = atoi(status_field(status, "TracerPid")) != 0;
	snprintf(proc.name, sizeof proc.name, "%s", name + 1);
	read_command_line(&proc, dir);
	*ret = proc;
	return true;
}

bool proc_look(struct proc *ret, pid_t pid)
{
	char dir[PATH_LEN];

	snprintf(dir, sizeof dir, "/proc/%d", (int)pid);
	return look(ret, dir, pid);
}

bool proc_look_at_thread(struct proc *ret, pid_t tid)
{
	char dir[PATH_LEN];

	snprintf(dir, sizeof dir, "/proc/self/task/%d", (int)tid);
	return look(ret, dir, tid);
}

typedef void entry_fn(const char *dir, int number, void *arg);

/* Calls fn for each numeric entry of a directory of /proc, in no order. */
static void for_each_number(const char *dir, entry_fn *fn, void *arg)
{
	DIR *d = opendir(dir);
	struct dirent *entry;

	if (!d)
		return;
	while ((entry = readdir(d)))
		if (entry->d_name[0] != '.')
			fn(dir, atoi(entry->d_name), arg);
	closedir(d);
}

struct pids {
	pid_t *pids;
	size_t n, max;
};

static void add_children_of_thread(const char *dir, int tid, void *arg)
{
	struct pids *children = arg;
	char path[PATH_LEN + 32];
	FILE *f;
	int pid;

	snprintf(path, sizeof path, "%s/%d/children", dir, tid);
	f = fopen(path, "re");
	if (!f)
		return;
	while (children->n < children->max && fscanf(f, "%d", &pid) == 1)
		children->pids[children->n++] = pid;
	fclose(f);
}

size_t proc_children(pid_t pid, pid_t *ret_pids, size_t n)
{
	struct pids children = { .pids = ret_pids, .max = n };
	char dir[PATH_LEN];

	snprintf(dir, sizeof dir, "/proc/%d/task", (int)pid);
	for_each_number(dir, add_children_of_thread, &children);
	return children.n;
}

static void dump_status(const char *dir, int tid, struct text *to)
{
	static const char *const fields[] = { "State",  "SigPnd", "ShdPnd", "SigBlk",
					      "SigIgn", "SigCgt", "TracerPid" };
	char status[FILE_LEN];
	const char *value;

	if (read_file(status, sizeof status, "%s/%d/status", dir, tid) <= 0)
		return;
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		value = status_field(status, fields[i]);
		text_say(to, "    %-10s %.*s", fields[i], (int)strcspn(value, "\n"),
			 value);
	}
}

static void dump_lines(struct text *to, const char *title, char *lines)
{
	char *line;

	while ((line = strsep(&lines, "\n")))
		if (*line)
			text_say(to, "    %-10s %s", title, line);
}

static void dump_thread(const char *dir, int tid, void *arg)
{
	static const char *const files[] = { "wchan", "syscall", "stack" };
	struct text *to = arg;
	char buf[FILE_LEN];

	if (read_file(buf, sizeof buf, "%s/%d/comm", dir, tid) <= 0)
		return;
	buf[strcspn(buf, "\n")] = '\0';
	text_say(to, "  thread %d (%s)", tid, buf);
	dump_status(dir, tid, to);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		if (read_file(buf, sizeof buf, "%s/%d/%s", dir, tid, files[i]) > 0)
			dump_lines(to, files[i], buf);
}

static void dump_fd(const char *dir, int fd, void *arg)
{
	struct text *to = arg;
	char path[PATH_LEN + 16], target[FILE_LEN];
	ssize_t len;

	snprintf(path, sizeof path, "%s/%d", dir, fd);
	len = readlink(path, target, sizeof target);
	if (len > 0)
		text_say(to, "  fd %d: %.*s", fd, (int)len, target);
}

static void dump_process(pid_t pid, struct text *to)
{
	char dir[PATH_LEN];
	struct proc proc;

	if (!proc_look(&proc, pid))
		return;
	text_say(to, "process %d (%c) %s", (int)pid, proc.state, proc.what);
	if (proc.state == 'Z')
		return;
	snprintf(dir, sizeof dir, "/proc/%d/task", (int)pid);
	for_each_number(dir, dump_thread, to);
	snprintf(dir, sizeof dir, "/proc/%d/fd", (int)pid);
	for_each_number(dir, dump_fd, to);
}

void proc_dump_tree(pid_t pid, struct text *to)
{
	pid_t tree[TREE_MAX] = { pid };
	size_t n = 1;

	for (size_t i = 0; i < n; i++) { /* n grows: children are added behind */
		dump_process(tree[i], to);
		n += proc_children(tree[i], tree + n, TREE_MAX - n);
	}
	if (n == TREE_MAX)
		text_say(to, "(there may be more processes than these %d)", TREE_MAX);
}
