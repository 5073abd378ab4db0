/* SPDX-License-Identifier: MIT */
/* fiber.c - birth, end and frames of a fiber, and what checking tools are told of it. */
/*
 * The switch itself is in fiber_ARCH.h, the first frame in fiber_ARCH.S.
 *
 * The tools believe that a thread has one stack. Each has calls to say otherwise, and
 * each wants them at another point (kernel-facts section 13):
 *
 *	ASan	start_switch before the switch, finish_switch as the first thing after it,
 *		on the new stack. A fiber that ends for good says so, and its fake stack
 *		is freed. Red zones left in the stack of an ended fiber are wiped, or the
 *		next one there stumbles over them.
 *	TSan	one object per fiber, switched just before the stacks are. Flag 0: what
 *		one fiber did happened before what the next one does.
 *	valgrind knows a stack by its bounds, and needs nothing at a switch.
 *
 * Without the sanitizers fiber_switch() is inline, and only valgrind is thought of.
 */
#define _GNU_SOURCE
#include "core/fiber.h"

#include <pthread.h>

#include "base/fault.h"
#include "base/panic.h"
#include "base/util.h"

#ifdef __has_include
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#define FIBER_VALGRIND 1
#endif
#endif

#ifdef FIBER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef FIBER_TSAN
#include <sanitizer/tsan_interface.h>
#endif

_Thread_local struct fiber *fiber_running;
_Thread_local bool fiber_watched;

/* Of the thread's own stack. To find them is to read all of /proc/self/maps, and they stay
 * what they are, in a process that this thread has forked, too. Empty: not known. */
static _Thread_local struct {
	void *low;
	size_t size;
} own;

void fiber_learn_stack(void)
{
	pthread_attr_t attr;

	if (own.size || pthread_getattr_np(pthread_self(), &attr) != 0)
		return;
	if (pthread_attr_getstack(&attr, &own.low, &own.size) != 0)
		own.size = 0;
	pthread_attr_destroy(&attr);
}

/* If we stand on it: a process forked in a task goes on standing on that task's stack. */
static void find_bounds(struct fiber *f)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);

	fiber_learn_stack();
	if (here - (uintptr_t)own.low < own.size) {
		f->low = own.low;
		f->size = own.size;
	}
}

void fiber_adopt(struct fiber *f)
{
	*f = (struct fiber){ 0 };
	find_bounds(f);
#ifdef FIBER_TSAN
	f->tsan = __tsan_get_current_fiber();
#endif
#ifdef FIBER_ANNOTATED
	fiber_watched = true;
#elif defined(FIBER_VALGRIND)
	fiber_watched = RUNNING_ON_VALGRIND; /* to ask costs more than a switch */
#endif
	fiber_running = f;
}

#ifdef FIBER_ANNOTATED

/* Inlined by force: TSan counts the returns of functions, and this one is called on one
 * fiber and would return on another. */
__attribute__((always_inline))
static inline void announce_switch(void **fake_stack, struct fiber *to)
{
#ifdef FIBER_ASAN
	__sanitizer_start_switch_fiber(fake_stack, to->low, to->size);
#else
	(void)fake_stack;
#endif
#ifdef FIBER_TSAN
	__tsan_switch_to_fiber(to->tsan, 0);
#endif
	fiber_running = to;
}

static inline void arrive(struct fiber *f)
{
#ifdef FIBER_ASAN
	__sanitizer_finish_switch_fiber(f->fake_stack, NULL, NULL);
#else
	(void)f;
#endif
}

void fiber_switch(struct fiber *from, struct fiber *to)
{
	announce_switch(&from->fake_stack, to);
	fiber_swap(&from->regs, &to->regs);
	arrive(from);
}

_Noreturn void fiber_leave(struct fiber *from, struct fiber *to)
{
	announce_switch(NULL, to);
	fiber_swap_last(&from->regs, &to->regs);
	BUG("a fiber that has left was switched to");
}

#ifdef FIBER_TSAN
/* Of TSan's run-time library, in no header. */
void AnnotateIgnoreSyncEnd(const char *file, int line);

void fiber_forked(void)
{
	AnnotateIgnoreSyncEnd(__FILE__, __LINE__);
}
#endif

static void run_annotated(void *arg)
{
	struct fiber *f = arg;

	arrive(f);
	f->entry(f->arg);
}

#endif

void fiber_announce(struct fiber *f, void (*entry)(void *arg), void *arg)
{
#ifdef FIBER_ANNOTATED
	f->entry = entry;
	f->arg = arg;
	fiber_lay_first_words(f, run_annotated, f);
#else
	(void)f;
	(void)entry;
	(void)arg;
#endif
#ifdef FIBER_TSAN
	f->tsan = __tsan_create_fiber(0);
#endif
#ifdef FIBER_VALGRIND
	if (!PLANTED(STACK_NOT_TOLD))
		f->valgrind_id = (unsigned)VALGRIND_STACK_REGISTER(
			f->low, (char *)f->low + f->size - 1);
#endif
}

void fiber_retract(struct fiber *f)
{
	(void)f; /* without sanitizers and valgrind there is nothing to retract */
#ifdef FIBER_ANNOTATED
	if (f->entry) {
#ifdef FIBER_ASAN
		ASAN_UNPOISON_MEMORY_REGION(f->low, f->size);
#endif
#ifdef FIBER_TSAN
		__tsan_destroy_fiber(f->tsan);
#endif
		f->entry = NULL;
	}
#endif
#ifdef FIBER_VALGRIND
	if (f->valgrind_id) {
		VALGRIND_STACK_DEREGISTER(f->valgrind_id);
		(void)VALGRIND_MAKE_MEM_UNDEFINED(f->low, f->size);
	}
	f->valgrind_id = 0;
#endif
}

/* Frames are read as they lie, with whatever is between them. gcc has no MemorySanitizer. */
#ifdef __clang__
#define READS_FRAMES __attribute__((no_sanitize("address", "thread", "memory")))
#else
#define READS_FRAMES __attribute__((no_sanitize("address", "thread")))
#endif

/* Every compiler lays a frame as { caller's frame pointer, return address }, with the
 * frames of callers above, on both processors. */
READS_FRAMES
size_t fiber_walk(uintptr_t fp, uintptr_t low, uintptr_t high, uintptr_t *pcs, size_t n)
{
	const uintptr_t *frame;
	size_t i = 0;

	while (i < n && fp >= low && fp < high && high - fp >= 2 * sizeof *frame &&
	       fp % sizeof *frame == 0) {
		frame = (const uintptr_t *)fp;
		if (!frame[1])
			break;
		pcs[i++] = fiber_return_address(frame[1]);
		low = fp + 2 * sizeof *frame; /* only upwards, so it ends */
		fp = frame[0];
	}
	return i;
}

size_t fiber_backtrace(const struct fiber *parked, uintptr_t *pcs, size_t n)
{
	uintptr_t low = (uintptr_t)parked->low;

	if (n == 0)
		return 0;
	pcs[0] = parked->regs.pc;
	return 1 + fiber_walk(parked->regs.fp, size_max(low, parked->regs.sp),
			      low + parked->size, pcs + 1, n - 1);
}

/* Where the stack ends that `here` is in; just above it, if that is not the fiber's. */
static uintptr_t high_end(uintptr_t here)
{
	const struct fiber *f = fiber_running;

	if (f && here - (uintptr_t)f->low < f->size)
		return (uintptr_t)f->low + f->size;
	return here + 2 * sizeof(uintptr_t);
}

READS_FRAMES __attribute__((noinline))
size_t fiber_backtrace_here(uintptr_t *pcs, size_t n, size_t skip)
{
	uintptr_t fp = (uintptr_t)__builtin_frame_address(0);
	uintptr_t low = fp, high = high_end(fp), pc;

	for (; skip > 0; skip--) {
		if (fiber_walk(fp, low, high, &pc, 1) == 0)
			return 0;
		low = fp + 1;
		fp = *(const uintptr_t *)fp;
	}
	return fiber_walk(fp, low, high, pcs, n);
}
