/* SPDX-License-Identifier: MIT */
/* sys_sibling.c - a fork whose child belongs to our parent.
 *
 * libc's fork() cannot do that, and what it does beside the system call is done here: the
 * child's thread gets its own number where libc keeps it, or pthread_kill() would send to
 * the number of the parent's; the kernel is told again what it clears when the thread ends,
 * and of the thread's list of robust mutexes. Handlers of pthread_atfork() do not run, so
 * the caller must have one thread: then no lock can be held by another one (kernel-facts
 * K23).
 *
 * Up to glibc 2.41 the kernel clears that number itself, and so tells where it is. A newer
 * one lets it clear a word of its own for that.
 *
 * The child's end signal is the caller's own (K16).
 */
#define _GNU_SOURCE
#include "base/sys_sibling.h"

#include <dlfcn.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What glibc tells debuggers of a field of its threads. */
struct field {
	uint32_t bits;
	uint32_t n;
	uint32_t offset;
};

static const struct field *number_field;

/* When the program is loaded: in a child of fork the dynamic linker is not to be asked. */
__attribute__((constructor)) static void find_number_field(void)
{
	number_field = dlsym(RTLD_DEFAULT, "_thread_db_pthread_tid");
}

static int *find_number(int *cleared)
{
	int *number = cleared; /* of a program without dynamic linker */

	if (number_field)
		number = (int *)((char *)pthread_self() + number_field->offset);
	return *number == (int)syscall(SYS_gettid) ? number : NULL;
}

pid_t sys_fork_sibling_real(void)
{
	struct clone_args clone = { .flags = CLONE_PARENT };
	struct robust_list_head *robust;
	int *cleared, *number;
	size_t len;
	long pid;

	if (prctl(PR_GET_TID_ADDRESS, &cleared) < 0)
		return -EOPNOTSUPP; /* a kernel without CONFIG_CHECKPOINT_RESTORE */
	number = find_number(cleared);
	if (!number)
		return -EOPNOTSUPP; /* a libc that keeps it elsewhere */
	if (syscall(SYS_get_robust_list, 0, &robust, &len) < 0)
		return -errno;
	pid = syscall(SYS_clone3, &clone, sizeof clone);
	if (pid == 0) {
		*number = (int)syscall(SYS_set_tid_address, cleared);
		(void)syscall(SYS_set_robust_list, robust, len); /* cannot fail with a len it gave */
	}
	return pid < 0 ? -errno : (pid_t)pid;
}
