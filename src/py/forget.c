/* SPDX-License-Identifier: MIT */
/* forget.c - the interpreters beside the main one are taken off Python's list of them. */

/*
 * PyOS_AfterFork_Child() ends all interpreters but the main one, with no interpreter current,
 * and crashes or hangs if there is any (cpython#101437; python.md, 2.1). So they are taken
 * off its list before. This is the one thing that no function of Python's does.
 *
 * From 3.13 on Python begins its state with a table for debuggers, which tells where the
 * list is, whatever the layout of that version; it says of which version it is. Before that
 * there are only the internal headers, which Debian has: this file alone sees them.
 */
#include "py/forget.h"

#include <patchlevel.h>

#define HAS_TABLE (PY_VERSION_HEX >= 0x030d0000)

#if !HAS_TABLE
#define Py_BUILD_CORE 1
#endif

#include "py/plugin.h"

#if HAS_TABLE

#include <string.h>

/* Words of _Py_DebugOffsets */
enum { COOKIE, VERSION, HEAD = 5, NEXT = 8 };

extern const uint64_t _PyRuntime[];

bool forget_is_possible(void)
{
	return !memcmp(&_PyRuntime[COOKIE], "xdebugpy", sizeof _PyRuntime[COOKIE]) &&
	       _PyRuntime[VERSION] == Py_Version;
}

static void set_at(const void *object, uint64_t offset, const void *value)
{
	memcpy((char *)(uintptr_t)object + offset, &value, sizeof value);
}

void forget_interps(void)
{
	const PyInterpreterState *main = PyInterpreterState_Main();

	set_at(_PyRuntime, _PyRuntime[HEAD], main);
	set_at(main, _PyRuntime[NEXT], NULL);
}

#else

#include <internal/pycore_interp.h>
#include <internal/pycore_runtime.h>

/* Layouts of one minor version are the same. */
bool forget_is_possible(void)
{
	return Py_Version >> 16 == PY_VERSION_HEX >> 16;
}

void forget_interps(void)
{
	PyInterpreterState *main = _PyRuntime.interpreters.main;

	_PyRuntime.interpreters.head = main;
	main->next = NULL;
}

#endif
