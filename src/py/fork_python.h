/* SPDX-License-Identifier: MIT */
/* fork_python.h - forks as Python sees them: one that is offered, and two that are refused. */
#pragma once

#include "py/plugin.h"

PyObject *fork_python(PyObject *self, PyObject *args, PyObject *named);

/* A method of _acre. */
#define FORK_METHOD                                                                     \
	{                                                                               \
		"fork", (PyCFunction)(void (*)(void))fork_python,                       \
			METH_VARARGS | METH_KEYWORDS,                                   \
			"fork(source, *, fds=()) -> pid\n\n"                            \
			"Forks this process. The child runs the source in its main "    \
			"interpreter, and\nends with status 0, that of sys.exit(), or " \
			"1. It dies with this thread, has\ndefault signals, and keeps " \
			"the descriptors 0, 1, 2 and those of `fds`."                   \
	}

/* Of an interpreter beside the main one: os.fork() and os.forkpty() raise, and say what to use
 * instead. */
int fork_refuse(void);
