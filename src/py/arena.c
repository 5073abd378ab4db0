/* SPDX-License-Identifier: MIT */
/* arena.c - memory of interpreters that have their own is not copied by a fork. */
#include "py/arena.h"

#include <sys/mman.h>

#include "base/sys.h"
#include "base/util.h"

/*
 * A child that forgets an interpreter (fork.c) has all its memory still, and each page that
 * the parent's interpreter writes afterwards becomes the child's own: 99 MB with four busy
 * ones (python.md, 2.2). So the arenas of those that allocate from their own are empty in a
 * child. They stay mapped, since Python looks into a module's state in a child; those of
 * interpreters that share the main one's allocator are never touched.
 *
 * Which interpreter asks is told by the current thread state, and an arena is asked for with
 * one. A table that is full costs memory in children, and nothing else.
 */

#if PLUGIN_HAS_OWN_GIL

#define OWN_MAX 256

static PyInterpreterState *_Atomic own[OWN_MAX];
static _Thread_local bool is_making;

static bool is_own(PyInterpreterState *interp)
{
	for (size_t i = 0; i < ARRAY_N(own); i++)
		if (atomic_load_explicit(&own[i], memory_order_relaxed) == interp)
			return true;
	return false;
}

static bool is_to_wipe(void)
{
	PyThreadState *state = PyThreadState_GetUnchecked();
	PyInterpreterState *interp = state ? PyThreadState_GetInterpreter(state) : NULL;

	return interp && interp != PyInterpreterState_Main() &&
	       (is_making || is_own(interp));
}

static void *alloc(void *unused, size_t size)
{
	void *at = NULL;

	(void)unused;
	if (sys_mmap(&at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		     0) < 0)
		return NULL;
	if (is_to_wipe())
		acre_ignore(
			sys_madvise(at, size, MADV_WIPEONFORK)); /* else it is copied */
	return at;
}

static void release(void *unused, void *at, size_t size)
{
	(void)unused;
	acre_ignore(sys_munmap(at, size));
}

void arena_begin(void)
{
	PyObjectArenaAllocator wiping = { .alloc = alloc, .free = release };

	PyObject_SetArenaAllocator(&wiping);
}

void arena_making(void)
{
	is_making = true;
}

static void replace(PyInterpreterState *from, PyInterpreterState *to)
{
	for (size_t i = 0; i < ARRAY_N(own); i++) {
		PyInterpreterState *expected = from;

		if (atomic_compare_exchange_strong(&own[i], &expected, to))
			return;
	}
}

void arena_made(PyInterpreterState *interp)
{
	is_making = false;
	if (interp)
		replace(NULL, interp);
}

void arena_gone(PyInterpreterState *interp)
{
	replace(interp, NULL);
}

#else

void arena_begin(void) {}

void arena_making(void) {}

void arena_made(PyInterpreterState *interp)
{
	(void)interp;
}

void arena_gone(PyInterpreterState *interp)
{
	(void)interp;
}

#endif
