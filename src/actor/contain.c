/* SPDX-License-Identifier: MIT */
/* contain.c - a fence around everything below the root, which nothing leaves. */
#include "actor/contain.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "actor/runtime.h"
#include "base/clock.h"
#include "base/sys.h"
#include "base/util.h"

/*
 * Where the cgroup is to be is found in two files: the mount of the hierarchy, which on
 * hybrid layouts is not at its usual place (kernel-facts K43), and our own cgroup in it.
 */

#define LINE_SIZE 4096 /* a path and some words */
#define PATH_SIZE 8192
/* To SIGKILL of all that is left and the removal, at the orderly end */
#define EMPTY_NS       INT64_C(2000000000)
#define EMPTY_PIECE_NS 1000000

static int cannot(struct containment *c, int r, const char *why)
{
	c->error = -r;
	return acre_fail(EOPNOTSUPP, "this tree cannot be contained: %s%s%s", why,
			 r < 0 ? ": " : "", r < 0 ? strerror(-r) : "");
}

/* The path of the first line that has `mark`, which `path_in` finds; false: none has. */
static bool find_in(const char *file, bool (*path_in)(char *line, const char **ret),
		    char ret[LINE_SIZE])
{
	char line[LINE_SIZE];
	const char *path;
	FILE *f = fopen(file, "re");
	bool found = false;

	while (f && !found && fgets(line, sizeof line, f)) {
		line[strcspn(line, "\n")] = '\0';
		found = path_in(line, &path);
		if (found)
			snprintf(ret, LINE_SIZE, "%s", path);
	}
	if (f)
		fclose(f);
	return found;
}

/* "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw": the fifth word, if the fourth is
 * the whole hierarchy. */
static bool mount_in(char *line, const char **ret)
{
	char *word = NULL, *rest = line;

	if (!strstr(line, " - cgroup2 "))
		return false;
	for (int i = 0; i < 3; i++)
		strsep(&rest, " ");
	word = strsep(&rest, " ");
	if (!word || strcmp(word, "/") != 0)
		return false;
	*ret = strsep(&rest, " ");
	return *ret != NULL;
}

/* "0::/user.slice" */
static bool own_cgroup_in(char *line, const char **ret)
{
	*ret = line + 3;
	return strncmp(line, "0::", 3) == 0;
}

static int open_parent(struct containment *c)
{
	char mount[LINE_SIZE], own[LINE_SIZE], path[PATH_SIZE];
	int r;

	if (!find_in("/proc/self/mountinfo", mount_in, mount))
		return cannot(c, 0, "no cgroup version 2 is mounted here");
	if (!find_in("/proc/self/cgroup", own_cgroup_in, own))
		return cannot(c, 0, "this process is in no cgroup of version 2");
	snprintf(path, sizeof path, "%s%s", mount, own);
	r = c->parent_fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
	return r < 0 ? cannot(c, r, "its cgroup cannot be opened") : 0;
}

static int make_cgroup(struct containment *c, const char *uuid)
{
	char path[sizeof c->name + sizeof "/cgroup.kill"];
	int r;

	snprintf(c->name, sizeof c->name, "acre-%.40s", uuid);
	snprintf(path, sizeof path, "%s/cgroup.kill", c->name);
	r = sys_mkdirat(c->parent_fd, c->name, 0755);
	if (r < 0)
		return cannot(c, r, "it may not make a cgroup");
	c->is_made = true;
	r = c->dir_fd = sys_openat(c->parent_fd, c->name, O_RDONLY | O_DIRECTORY, 0);
	if (r >= 0)
		r = c->kill_fd = sys_openat(c->parent_fd, path, O_WRONLY, 0);
	return r < 0 ? cannot(c, r, "its cgroup cannot be emptied (Linux before 5.14?)")
		     : 0;
}

static int start_guard(struct containment *c);

/* Somebody has killed it. Without one, only the death signals are left. */
static void guard_has_ended(struct watch *w, uint32_t events)
{
	struct containment *c = container_of(w, struct containment, guard_watch);

	(void)events;
	loop_unwatch(w);
	guard_end(&c->guard);
	acre_ignore(start_guard(c));
}

static int start_guard(struct containment *c)
{
	struct guard_job job = { .root_pidfd = runtime_this->self.fd,
				 .kill_fd = c->kill_fd,
				 .parent_fd = c->parent_fd,
				 .name = c->name };
	int r = guard_start(&c->guard, &job);

	if (r >= 0 && c->guard.pid.fd >= 0)
		r = loop_watch(&c->guard_watch, c->guard.pid.fd, EPOLLIN,
			       guard_has_ended);
	return r;
}

static void remove_cgroup(struct containment *c)
{
	int64_t end = clock_real() + EMPTY_NS;

	acre_ignore(sys_write(c->kill_fd, "1", 1));
	while (sys_unlinkat(c->parent_fd, c->name, AT_REMOVEDIR) == -EBUSY &&
	       clock_real() < end)
		acre_ignore(sys_poll(NULL, 0, EMPTY_PIECE_NS));
}

static void begin(struct containment *c)
{
	*c = (struct containment){ .is_on = true,
				   .dir_fd = -1,
				   .kill_fd = -1,
				   .parent_fd = -1,
				   .guard = { .pid = PIDREF_NULL } };
}

static int open_cgroup(struct containment *c, const char *uuid)
{
	int r;

	begin(c);
	r = open_parent(c);
	if (r >= 0)
		r = make_cgroup(c, uuid);
	if (r >= 0) {
		r = start_guard(c);
		if (r < 0)
			r = cannot(c, r, "its guard cannot be started");
	}
	if (r < 0)
		contain_close(c);
	return r;
}

static int open_pidns(struct containment *c)
{
	const char *why = "";
	int r;

	begin(c);
	r = pidns_open(&c->pidns, runtime_this->self.fd, &why);
	c->is_on = c->is_pidns = r >= 0;
	return r < 0 ? cannot(c, r, why) : r;
}

/* There is no cgroup for us here; not: there was no room just now. */
static bool may_do_without(int error)
{
	return error != EMFILE && error != ENFILE && error != ENOMEM && error != EAGAIN;
}

int contain_open(struct containment *c, const char *uuid, bool only_pidns)
{
	struct report *refusal;
	int r;

	if (only_pidns)
		return open_pidns(c);
	r = open_cgroup(c, uuid);
	if (r >= 0 || !may_do_without(c->error))
		return r;
	refusal = report_take(r);
	r = open_pidns(c);
	if (r < 0)
		r = acre_note(r, "by a PID namespace; nor by a cgroup: %s",
			      refusal ? report_public(refusal)->message : "no memory");
	report_unref(refusal);
	return r;
}

int contain_probe_cgroup(char *ret_path, size_t size)
{
	char link[sizeof "/proc/self/fd/" + 10], name[sizeof "probe-" + 10];
	struct containment c;
	ssize_t n = 0;
	int r;

	begin(&c);
	r = open_parent(&c);
	snprintf(link, sizeof link, "/proc/self/fd/%d", c.parent_fd);
	if (r >= 0)
		n = sys_readlinkat(AT_FDCWD, link, ret_path, size - 1);
	ret_path[n > 0 ? n : 0] = '\0';
	snprintf(name, sizeof name, "probe-%d", (int)sys_getpid()); /* others look, too */
	if (r >= 0)
		r = make_cgroup(&c, name);
	contain_close(&c);
	return r;
}

void contain_birth(const struct containment *c, struct spawn_request *q)
{
	q->is_contained = c && !c->is_pidns;
	q->cgroup_fd = q->is_contained ? c->dir_fd : -1;
	q->pidns = c && c->is_pidns ? &c->pidns : NULL;
}

void contain_close(struct containment *c)
{
	if (!c->is_on)
		return;
	c->is_on = false;
	if (c->is_pidns) {
		pidns_close(&c->pidns);
		return;
	}
	loop_unwatch(&c->guard_watch);
	if (c->is_made)
		remove_cgroup(c);
	guard_end(&c->guard);
	sys_close(TAKE_FD(c->dir_fd));
	sys_close(TAKE_FD(c->kill_fd));
	sys_close(TAKE_FD(c->parent_fd));
}
