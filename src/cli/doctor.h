/* SPDX-License-Identifier: MIT */
/* doctor.h - what `acre doctor` looks at: one row and one function for each. */
#pragma once

#include <stdarg.h>
#include <stdio.h>

enum doctor_state { DOCTOR_OK, DOCTOR_LIMITED, DOCTOR_MISSING };

/* What it means that one is not ok. */
enum doctor_weight {
	DOCTOR_NEEDED, /* acre does not run without */
	DOCTOR_WEAKER, /* a promise is weaker */
	DOCTOR_MERELY  /* worth knowing */
};

struct doctor_finding {
	enum doctor_state state; /* DOCTOR_OK before */
	char found[512];	 /* what was seen, in words */
};

/* id, name, weight, promises (doc/PROMISES.md), what it means when it is not ok, what
 * to do */
#define DOCTOR_CHECKS(C)                                                                 \
	C(kernel, "kernel", WEAKER, "all", "acre is tested from Linux 5.10 on",          \
	  "use a newer kernel")                                                          \
	C(pidfd, "pidfd", NEEDED, "G1, G3, G15",                                         \
	  "no process can be held, awaited or signalled",                                \
	  "Linux 5.4, or a sandbox that allows "                                         \
	  "pidfd_open, pidfd_send_signal and waitid")                                    \
	C(clone3, "clone3", NEEDED, "G1", "no process can be made",                      \
	  "a seccomp filter that knows clone3 (containers: a newer runtime)")            \
	C(clone_parent, "CLONE_PARENT", WEAKER, "G17, G18",                              \
	  "the backend forkserver, and PID namespaces, are not to be had",               \
	  "a kernel with CONFIG_CHECKPOINT_RESTORE; or use the backend exec")            \
	C(close_range, "close_range", NEEDED, "G16",                                     \
	  "no child can be made without stray "                                          \
	  "descriptors",                                                                 \
	  "Linux 5.9, or a seccomp filter that knows close_range")                       \
	C(death_signal, "PR_SET_PDEATHSIG", NEEDED, "G1",                                \
	  "children outlive a parent that is killed",                                    \
	  "a kernel that keeps it (emulators do not)")                                   \
	C(subreaper, "sub-reaper", WEAKER, "G1, G3",                                     \
	  "what a dead actor leaves is not swept before the root ends",                  \
	  "a kernel that has PR_SET_CHILD_SUBREAPER (emulators do not)")                 \
	C(proc, "/proc", WEAKER, "G1, G11",                                              \
	  "strangers are not found, and dumps say little",                               \
	  "mount the /proc of this PID namespace; the kernel needs "                     \
	  "CONFIG_PROC_CHILDREN")                                                        \
	C(cgroup, "cgroup v2", MERELY, "none, if there are PID namespaces",              \
	  "contained trees take a PID namespace instead",                                \
	  "run in a delegated cgroup: systemd-run --user --scope -p Delegate=yes "       \
	  "PROGRAM")                                                                     \
	C(pidns, "PID namespace", WEAKER, "G2",                                          \
	  "contained trees leave daemons when root and guard are killed at once, or "    \
	  "are "                                                                         \
	  "refused where no cgroup is to be had",                                        \
	  "allow user namespaces: see kernel.unprivileged_userns_clone, "                \
	  "kernel.apparmor_restrict_unprivileged_userns, user.max_user_namespaces, "     \
	  "user.max_pid_namespaces, and the seccomp profile of a container")             \
	C(autokill, "AUTOKILL pidfds", MERELY, "none: it would be one more layer of G1", \
	  "death signals and watchdogs do it alone", "Linux 7.1")                        \
	C(guards, "MADV_GUARD_INSTALL", WEAKER, "G19",                                   \
	  "each guard of a stack is a mapping: fewer tasks at once (vm.max_map_count)",  \
	  "Linux 6.13; or raise vm.max_map_count")                                       \
	C(maps, "vm.max_map_count", WEAKER, "G19",                                       \
	  "spawns of tasks fail with ENOMEM beyond half of that",                        \
	  "sysctl vm.max_map_count=262144")                                              \
	C(ptrace, "ptrace scope", WEAKER, "G11",                                         \
	  "acre dump is refused for processes that are not below it",                    \
	  "sysctl kernel.yama.ptrace_scope=0, or run acre dump as root")                 \
	C(core, "core pattern", MERELY, "G5",                                            \
	  "an actor that crashes is gone only when a handler has read all its memory",   \
	  "sysctl kernel.core_pattern=core, or a handler that is quick")                 \
	C(python, "Python guests", MERELY, "none: actors in C are what they are",        \
	  "the backends subint* are not to be had, or not all of them",                  \
	  "libpython 3.11 or newer, and acre built with -Dpython=enabled")               \
	C(nproc, "ulimit -u", WEAKER, "G1, G4", "spawns of actors fail with EAGAIN",     \
	  "raise it (limits.conf, LimitNPROC=, pids.max of the cgroup)")                 \
	C(nofile, "ulimit -n", WEAKER, "G8", "spawns of actors fail with EMFILE",        \
	  "raise it: ulimit -n 65536, LimitNOFILE=")                                     \
	C(stack, "ulimit -s", WEAKER, "G19",                                             \
	  "threads of actors get stacks that are too small, and exec takes few "         \
	  "arguments",                                                                   \
	  "ulimit -s 8192")

#define DOCTOR_AS_FUNCTION(id, name, weight, promises, means, remedy) \
	void doctor_##id(struct doctor_finding *ret);
DOCTOR_CHECKS(DOCTOR_AS_FUNCTION)

__attribute__((format(printf, 3, 4))) static inline void
doctor_found(struct doctor_finding *ret, enum doctor_state state, const char *fmt, ...)
{
	va_list args;

	ret->state = state;
	va_start(args, fmt);
	vsnprintf(ret->found, sizeof ret->found, fmt, args);
	va_end(args);
}
