/* SPDX-License-Identifier: MIT */
/* fiber.h - stacks that take turns on one thread. */
#pragma once

/*
 * A fiber is a place to go on: a few registers, and the stack that they point into. A
 * switch stores the registers of the running fiber and loads those of another one; there
 * is no system call in it, no lock, no queue.
 *
 *	- One fiber of a thread runs, the others are parked, where they have called
 *	  fiber_switch(). Who runs next is the caller's business (sched.c).
 *	- A fiber stays on its thread: compilers keep addresses of thread-local variables
 *	  over a switch (kernel-facts K53).
 *	- The stack and the struct are the caller's, and the struct may lie at the high
 *	  end of its own stack. Who places it staggers the ends: stacks that all begin at
 *	  multiples of a big power of two collide in the cache.
 *	- Rounding modes and the like belong to the fiber (fenv.h); errno, the signal mask
 *	  and what else belongs to the thread is common to all of them.
 *
 * AddressSanitizer, ThreadSanitizer and valgrind are told of each switch, or they would
 * report a thousand errors where there is none (fiber.c).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/util.h"

#if defined(__x86_64__)
#include "core/fiber_x86_64.h"
#elif defined(__aarch64__)
#include "core/fiber_aarch64.h"
#else
#error "a switch has to be written for this processor: fiber_ARCH.h and fiber_ARCH.S"
#endif

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define FIBER_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define FIBER_TSAN 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define FIBER_ASAN 1
#endif
#ifdef __SANITIZE_THREAD__
#define FIBER_TSAN 1
#endif
#if defined(FIBER_ASAN) || defined(FIBER_TSAN)
#define FIBER_ANNOTATED 1
#endif

struct fiber {
	struct fiber_regs regs; /* where it goes on; stale while it runs */
	void *low;		/* its stack: [low, low + size); NULL: not known */
	size_t size;
	unsigned valgrind_id; /* 0: not registered */
#ifdef FIBER_ANNOTATED
	void (*entry)(void *arg); /* NULL: a thread's own stack */
	void *arg;
	void *fake_stack;  /* ASan's, while it is parked */
	void *tsan;	   /* TSan's name for it */
#endif
};

/* The fiber that runs; NULL in a thread that has adopted none. */
extern _Thread_local struct fiber *fiber_running
	__attribute__((visibility("hidden"), tls_model("initial-exec")));

/* Makes a fiber of the calling thread, which is then the running one. */
void fiber_adopt(struct fiber *f);
/* Finds out beforehand what that wants to know: children that this thread forks know it, too. */
void fiber_learn_stack(void);

/* A sanitizer or valgrind is to be told of the fibers of this thread. */
extern _Thread_local bool fiber_watched
	__attribute__((visibility("hidden"), tls_model("initial-exec")));

/* To be told of one that begins (which then begins in another way), and of its end. */
void fiber_announce(struct fiber *f, void (*entry)(void *arg), void *arg);
void fiber_retract(struct fiber *f);

#define FIBER_STACK_ALIGN 16 /* as the ABIs want it at a call */

extern const char fiber_first_pc[]
	__attribute__((visibility("hidden"))); /* fiber_ARCH.S */

/* What fiber_ARCH.S takes from the stack. */
static inline void fiber_lay_first_words(struct fiber *f, void (*entry)(void *arg),
					 void *arg)
{
	uintptr_t high = (uintptr_t)f->low + f->size;
	uintptr_t *words = (uintptr_t *)(high & ~(uintptr_t)(FIBER_STACK_ALIGN - 1)) - 2;

	words[0] = (uintptr_t)entry;
	words[1] = (uintptr_t)arg;
	f->regs.sp = (uintptr_t)words;
	f->regs.fp = 0;
	f->regs.pc = (uintptr_t)fiber_first_pc;
	fiber_inherit_control(&f->regs);
}

/* A fiber that will run entry(arg), which never returns, on the stack [low, low + size).
 * In a thread that has adopted one. */
static inline void fiber_init(struct fiber *f, void *low, size_t size,
			      void (*entry)(void *arg), void *arg)
{
	*f = (struct fiber){ .low = low, .size = size };
	fiber_lay_first_words(f, entry, arg);
	if (unlikely(fiber_watched))
		fiber_announce(f, entry, arg);
}

/* After it has left, or to throw away one that is parked: nothing of it is left in the
 * stack, which can go. From another fiber; the one that adopted its thread does it
 * itself. Idempotent. */
static inline void fiber_fini(struct fiber *f)
{
	if (fiber_running == f)
		fiber_running = NULL;
	if (unlikely(fiber_watched))
		fiber_retract(f);
}

/* Before the one switch of a process that a fiber has made with fork(): that is order too. TSan
 * ignores all order in such a process, but none of the accesses of its other fibers. */
#ifdef FIBER_TSAN
void fiber_forked(void);
#else
static inline void fiber_forked(void) {}
#endif

/* Parks the running fiber, `from`, and lets `to` go on. Returns after a switch back. */
#ifdef FIBER_ANNOTATED
void fiber_switch(struct fiber *from, struct fiber *to);
#else
/* Never a function of its own: compilers may give it no frame, and backtraces would
 * miss its caller. */
__attribute__((always_inline)) static inline void
fiber_switch(struct fiber *from, struct fiber *to)
{
	fiber_running = to;
	fiber_swap(&from->regs, &to->regs);
}
#endif

/* The running fiber ends. Who runs next calls fiber_fini() on it, and has its stack. */
#ifdef FIBER_ANNOTATED
_Noreturn void fiber_leave(struct fiber *from, struct fiber *to);
#else
__attribute__((always_inline)) _Noreturn static inline void
fiber_leave(struct fiber *from, struct fiber *to)
{
	fiber_running = to;
	fiber_swap_last(&from->regs, &to->regs);
	BUG("a fiber that has left was switched to");
}
#endif

/*
 * Return addresses by frame pointers, innermost first; how many. They are read only
 * inside of the stack, so that a frame without a frame pointer ends the list, and nothing
 * worse. All three are async-signal-safe. The last address of a whole list lies in
 * fiber_start.
 */

/* Of a parked fiber, from where it goes on. */
size_t fiber_backtrace(const struct fiber *parked, uintptr_t *pcs, size_t n);

/* Of the caller, without its `skip` innermost frames. Where the bounds of the stack are
 * not known (no fiber was adopted, or this is another stack), the list is one address
 * long. */
size_t fiber_backtrace_here(uintptr_t *pcs, size_t n, size_t skip);

/* From any frame pointer on, such as a signal handler finds in its ucontext. */
size_t fiber_walk(uintptr_t fp, uintptr_t low, uintptr_t high, uintptr_t *pcs, size_t n);
