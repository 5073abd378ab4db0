/* SPDX-License-Identifier: MIT */
/* sys_spawn.c - a child that borrows our memory until it execs.
 *
 * CLONE_VM without a copy of anything is why a spawn costs the same in a small process and
 * in one of 8 GiB (kernel-facts K24). CLONE_VFORK makes the calling thread stand still, so
 * the child may use its thread-local storage, errno among it. Only the stack must not be
 * shared: the child would write over the frames that we return to.
 *
 * The child therefore starts on a stack with nothing on it, and cannot return from the
 * system call into a C function that expects its frame. Between the call and the child
 * function there are a few instructions per machine, which keep all they need in registers:
 * those the kernel hands to the child unchanged.
 */
#define _GNU_SOURCE
#include "base/sys_spawn.h"

#include <linux/sched.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "base/fault.h"
#include "base/panic.h"

#if defined(__SANITIZE_ADDRESS__)
#define SPAWN_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SPAWN_ASAN 1
#endif
#endif
#ifdef SPAWN_ASAN
#include <sanitizer/asan_interface.h>
#endif

#if defined __x86_64__

static long clone_and_call(struct clone_args *args, int (*child)(void *), void *arg)
{
	register int (*fn)(void *) __asm__("r12") = child;
	register void *fn_arg __asm__("r13") = arg;
	long r = SYS_clone3;

	__asm__ volatile("syscall\n\t"
			 "test	%%rax, %%rax\n\t"
			 "jnz	1f\n\t"
			 "xor	%%ebp, %%ebp\n\t" /* the outermost frame */
			 "mov	%%r13, %%rdi\n\t"
			 "call	*%%r12\n\t"
			 "mov	%%eax, %%edi\n\t"
			 "mov	%[exit], %%eax\n\t"
			 "syscall\n\t"
			 "hlt\n"
			 "1:"
			 : "+a"(r)
			 : "D"(args), "S"(sizeof *args), "r"(fn),
			   "r"(fn_arg), [exit] "i"(SYS_exit_group)
			 : "rcx", "r11", "memory", "cc");
	return r;
}

#elif defined __aarch64__

static long clone_and_call(struct clone_args *args, int (*child)(void *), void *arg)
{
	register long x0 __asm__("x0") = (long)args;
	register size_t x1 __asm__("x1") = sizeof *args;
	register long x8 __asm__("x8") = SYS_clone3;
	register int (*fn)(void *) __asm__("x19") = child;
	register void *fn_arg __asm__("x20") = arg;

	__asm__ volatile("svc	#0\n\t"
			 "cbnz	x0, 1f\n\t"
			 "mov	x29, xzr\n\t" /* the outermost frame */
			 "mov	x30, xzr\n\t"
			 "mov	x0, x20\n\t"
			 "blr	x19\n\t"
			 "mov	x8, %[exit]\n\t"
			 "svc	#0\n\t"
			 "brk	#1\n"
			 "1:"
			 : "+r"(x0)
			 : "r"(x1), "r"(x8), "r"(fn),
			   "r"(fn_arg), [exit] "i"(SYS_exit_group)
			 : "memory", "cc");
	return x0;
}

#else
#error "a machine whose system call is not known here"
#endif

/* The child's frames end without returning, so what AddressSanitizer has noted about them
 * would stay, and be held against the next child on this stack: it is one memory. */
static void forget_frames(const struct sys_spawn_args *args)
{
#ifdef SPAWN_ASAN
	__asan_unpoison_memory_region(args->stack, args->stack_len);
#else
	(void)args;
#endif
}

pid_t sys_spawn_real(const struct sys_spawn_args *args, int (*child)(void *), void *arg)
{
	int pidfd = -1;
	struct clone_args clone = {
		.flags = args->flags | (PLANTED(SPAWN_COPIES) ? 0 : CLONE_VM) |
			 CLONE_VFORK | CLONE_PIDFD,
		.pidfd = (uintptr_t)&pidfd,
		/* else the caller's own (kernel-facts K16) */
		.exit_signal = args->flags & CLONE_PARENT ? 0 : SIGCHLD,
		.stack = (uintptr_t)args->stack,
		.stack_size = args->stack_len,
		.cgroup = args->flags & CLONE_INTO_CGROUP ? (unsigned)args->cgroup_fd : 0,
	};
	long pid;

	CHECK(((uintptr_t)args->stack | args->stack_len) % 16 == 0);
	pid = clone_and_call(&clone, child, arg);
	forget_frames(args);
	if (pid > 0)
		*args->ret_pidfd = pidfd;
	return (pid_t)pid;
}
