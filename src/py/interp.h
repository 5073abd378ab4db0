/* SPDX-License-Identifier: MIT */
/* interp.h - Python in this process, and interpreters beside its main one. */
#pragma once

#include "py/plugin.h"

/* Starts Python in this process, unless this thread has: no handler of signals is set, and the
 * thread holds the GIL. EBUSY: there is a Python here that is not ours; ACRE_EGUEST. */
int interp_start(void);

/* Makes an interpreter, which is then the thread's current one and whose GIL it holds; the
 * thread has had the main one's. It has acre.fork(), and no other. EOPNOTSUPP, or ACRE_EGUEST and all is as before. */
int interp_new(PyThreadState **ret, bool own_gil);

/* The same as Python itself makes one: it may be let fork, which it cannot (fork.h). */
int interp_new_plain(PyThreadState **ret, bool own_gil, bool may_fork);

/* Ends it, on the thread that made it and has left nothing running in it; the thread holds
 * the main one's GIL again, with `main`. */
void interp_end(PyThreadState *interp, PyThreadState *main);

/* Runs a source in the current interpreter: 0, or -1 with a Python exception. */
int interp_run(const char *source, const char *file, PyObject *in);

/* What the current interpreter has printed is not lost. */
void interp_flush(void);
