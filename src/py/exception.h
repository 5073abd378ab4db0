/* SPDX-License-Identifier: MIT */
/* exception.h - an exception of Python becomes a failure. */
#pragma once

#include "py/plugin.h"

/* Takes the current exception, which there is, and files it as a failure of this class: type
 * and text are its message, the traceback its trace. Whatever str() of it does: no exception is
 * left. The thread holds the GIL. */
int exception_fail(int class);

/* Takes the current exception, which there is, as an object of the caller's. */
PyObject *exception_take(void);

/* Files what an exception is: that which came from another actor goes on as it is, a group is a
 * group of what it has at last, all else is ACRE_EGUEST. */
int exception_fail_as_it_is(PyObject *exception);
/* It says that something was cancelled. */
bool exception_is_cancellation(PyObject *exception);
