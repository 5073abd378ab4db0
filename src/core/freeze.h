/* SPDX-License-Identifier: MIT */
/* freeze.h - the threads of a process stand still, and say where they are. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * By ptrace, so no thread helps, and none can refuse: one that is stuck in a loop, one that
 * blocks all signals, and one that was stopped by SIGSTOP (which it is again afterwards). A
 * call that waits in the kernel may be interrupted by it, as by ^Z (kernel-facts K36).
 *
 * Where ptrace is not to be had (a debugger has the process; a sandbox) the threads run on,
 * and of those that wait in the kernel it tells where.
 *
 * All calls are async-signal-safe and use no memory but the caller's. They belong to one
 * thread: the kernel knows who has stopped what.
 */

#if defined(__x86_64__)
#define FREEZE_REGS 17 /* as DWARF numbers them, up to the return address */
#define FREEZE_FP   6
#define FREEZE_SP   7
#elif defined(__aarch64__)
#define FREEZE_REGS 32
#define FREEZE_FP   29
#define FREEZE_SP   31
#endif

/* Where code stands. */
struct freeze_place {
	uint64_t pc;
	uint64_t regs[FREEZE_REGS];
	uint64_t known; /* bit i: regs[i] is */
};

struct freeze_thread {
	pid_t tid;
	char name[16];
	char state; /* as ps has it, before it was stopped; '?': not known */
	bool is_seized;	 /* we trace it: it is stopped, or will be */
	bool is_stopped;
	int signal; /* that it was about to get; it gets it afterwards */
	bool has_place;
	struct freeze_place place;
};

struct freeze {
	pid_t pid;
	pid_t skip; /* a thread that is not stopped, nor listed: the one that waits for us; 0 */
	struct freeze_thread *threads; /* of the caller */
	size_t n, n_max;
	int error; /* why a thread could not be stopped, -errno; 0: all were */
};

/* -ESRCH: there is no such process. Bounded: a thread that does not stop within
 * FREEZE_WAIT_MS, since it waits for hardware, is not waited for. */
int freeze_begin(struct freeze *f);
/* One that has not stopped even now cannot be let go. It is when the calling thread ends, which
 * should be soon, or it would stop later, for good. */
void freeze_end(struct freeze *f);

#define FREEZE_WAIT_MS 500 /* for all threads together: they stop at once unless the kernel waits */
