/* SPDX-License-Identifier: MIT */
/* doctor_host.c - how this host is set: its version, /proc, sysctls and limits. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/util.h"
#include "cli/doctor.h"

/* What acre is tested with, and what its promises are measured with */
#define KERNEL_MAJOR  5
#define KERNEL_MINOR  10
#define MAPS_ENOUGH   65530	      /* what kernels begin with */
#define NPROC_ENOUGH  1024	      /* 250 actors: each is a process and some threads */
#define NOFILE_ENOUGH 1024	      /* an actor takes four in its parent */
#define FDS_PER_ACTOR 4		      /* pidfd, link, stderr, and one on the way */
#define STACK_ENOUGH  (1024UL * 1024) /* a thread of libc, and 256 KiB of arguments */

static bool read_line(const char *path, char *ret, size_t size)
{
	auto_close int fd = sys_openat(AT_FDCWD, path, O_RDONLY, 0);
	ssize_t n = fd < 0 ? -1 : sys_read(fd, ret, size - 1);

	ret[n > 0 ? n : 0] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
	return n >= 0;
}

void doctor_kernel(struct doctor_finding *ret)
{
	struct utsname name;
	bool is_old;
	char *rest;
	long major, minor;

	if (uname(&name) < 0) {
		doctor_found(ret, DOCTOR_LIMITED, "it does not tell its version");
		return;
	}
	major = strtol(name.release, &rest, 10);
	minor = *rest ? strtol(rest + 1, NULL, 10) : 0;
	is_old = major < KERNEL_MAJOR || (major == KERNEL_MAJOR && minor < KERNEL_MINOR);
	doctor_found(ret, is_old ? DOCTOR_LIMITED : DOCTOR_OK, "%s %s, %s", name.sysname,
		     name.release, name.machine);
}

/* The sweep reads the lists of children; they are of our own PID namespace only if the
 * numbers are. */
void doctor_proc(struct doctor_finding *ret)
{
	char self[32] = "", path[80], line[64];
	ssize_t n = sys_readlinkat(AT_FDCWD, "/proc/self", self, sizeof self - 1);

	if (n < 0) {
		doctor_found(ret, DOCTOR_MISSING, "it is not mounted");
	} else if (strtol(self, NULL, 10) != sys_getpid()) {
		doctor_found(ret, DOCTOR_LIMITED,
			     "it is the one of another PID namespace");
	} else {
		snprintf(path, sizeof path, "/proc/%.20s/task/%.20s/children", self,
			 self);
		if (read_line(path, line, sizeof line))
			doctor_found(ret, DOCTOR_OK, "it is ours, and lists children");
		else
			doctor_found(ret, DOCTOR_LIMITED, "it does not list children");
	}
}

void doctor_maps(struct doctor_finding *ret)
{
	bool has_guards = sys_has(SYS_HAS_GUARD_INSTALL);
	char line[32];
	long n;

	if (!read_line("/proc/sys/vm/max_map_count", line, sizeof line)) {
		doctor_found(ret, DOCTOR_LIMITED, "it cannot be read");
		return;
	}
	n = strtol(line, NULL, 10);
	if (has_guards)
		doctor_found(ret, DOCTOR_OK, "%ld; guards do not count", n);
	else
		doctor_found(ret, n < MAPS_ENOUGH ? DOCTOR_LIMITED : DOCTOR_OK,
			     "%ld: about %ld tasks at once", n, n / 2);
}

void doctor_ptrace(struct doctor_finding *ret)
{
	char line[32];
	long scope;

	if (!read_line("/proc/sys/kernel/yama/ptrace_scope", line, sizeof line)) {
		doctor_found(ret, DOCTOR_OK, "not restricted: no Yama");
		return;
	}
	scope = strtol(line, NULL, 10);
	if (scope <= 0)
		doctor_found(ret, DOCTOR_OK, "%ld: not restricted", scope);
	else if (scope < 3 && sys_geteuid() == 0)
		doctor_found(ret, DOCTOR_OK, "%ld: not restricted for root", scope);
	else if (scope == 1)
		doctor_found(ret, DOCTOR_LIMITED, "1: for descendants only");
	else
		doctor_found(ret, DOCTOR_LIMITED, "%ld: %s", scope,
			     scope == 2 ? "for root only" : "for nobody");
}

void doctor_core(struct doctor_finding *ret)
{
	char line[256];

	if (!read_line("/proc/sys/kernel/core_pattern", line, sizeof line))
		doctor_found(ret, DOCTOR_LIMITED, "it cannot be read");
	else
		doctor_found(ret, *line == '|' ? DOCTOR_LIMITED : DOCTOR_OK, "%s",
			     *line ? line : "(none)");
}

static rlim_t limit_of(int which)
{
	struct rlimit limit;

	return getrlimit((__rlimit_resource_t)which, &limit) < 0 ? 0 : limit.rlim_cur;
}

void doctor_nproc(struct doctor_finding *ret)
{
	rlim_t n = limit_of(RLIMIT_NPROC);

	if (n == RLIM_INFINITY)
		doctor_found(ret, DOCTOR_OK, "unlimited");
	else
		doctor_found(ret, n < NPROC_ENOUGH ? DOCTOR_LIMITED : DOCTOR_OK,
			     "%lu processes and threads of this user", (unsigned long)n);
}

void doctor_nofile(struct doctor_finding *ret)
{
	rlim_t n = limit_of(RLIMIT_NOFILE);

	doctor_found(ret, n < NOFILE_ENOUGH ? DOCTOR_LIMITED : DOCTOR_OK,
		     "%lu descriptors: about %lu children of an actor", (unsigned long)n,
		     (unsigned long)(n / FDS_PER_ACTOR));
}

void doctor_stack(struct doctor_finding *ret)
{
	rlim_t n = limit_of(RLIMIT_STACK);

	if (n == RLIM_INFINITY)
		doctor_found(ret, DOCTOR_OK, "unlimited");
	else
		doctor_found(ret, n < STACK_ENOUGH ? DOCTOR_LIMITED : DOCTOR_OK,
			     "%lu KiB", (unsigned long)n / 1024);
}
