/* SPDX-License-Identifier: MIT */
/* sys_sibling.c - a fork whose child belongs to our parent.
 *
 * libc's fork() cannot do that, and what it does beside the system call is done here: the
 * child's thread gets its own number where libc keeps it (CLONE_CHILD_SETTID), and its list
 * of robust mutexes is told to the kernel again. Handlers of pthread_atfork() do not run, so
 * the caller must have one thread: then no lock can be held by another one (kernel-facts
 * K23).
 *
 * The child's end signal is the caller's own (K16).
 */
#define _GNU_SOURCE
#include "base/sys_sibling.h"

#include <linux/futex.h>
#include <linux/sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

pid_t sys_fork_sibling_real(void)
{
	struct clone_args clone = {
		.flags = CLONE_PARENT | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID,
	};
	struct robust_list_head *robust;
	int *tid;
	size_t len;
	long pid;

	if (prctl(PR_GET_TID_ADDRESS, &tid) < 0)
		return -EOPNOTSUPP; /* a kernel without CONFIG_CHECKPOINT_RESTORE */
	if (syscall(SYS_get_robust_list, 0, &robust, &len) < 0)
		return -errno;
	clone.child_tid = (uintptr_t)tid;
	pid = syscall(SYS_clone3, &clone, sizeof clone);
	if (pid == 0)
		(void)syscall(SYS_set_robust_list, robust, len); /* cannot fail with a len it gave */
	return pid < 0 ? -errno : (pid_t)pid;
}
