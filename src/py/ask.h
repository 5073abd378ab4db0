/* SPDX-License-Identifier: MIT */
/* ask.h - methods of _acre by which a guest asks for something. */
#pragma once

#include "py/plugin.h"

PyObject *ask_begin(PyObject *self, PyObject *args);
PyObject *ask_stop(PyObject *self, PyObject *number);
PyObject *ask_answered(PyObject *self, PyObject *unused);
PyObject *ask_fd(PyObject *self, PyObject *unused);
PyObject *ask_wait(PyObject *self, PyObject *unused);
PyObject *ask_misfit(PyObject *self, PyObject *text);

/* clang-format off */
#define ASK_METHODS                                                                  \
	{ "ask", ask_begin, METH_VARARGS, "Asks; gives the number of the ask." },     \
	{ "stop", ask_stop, METH_O, "Its answer is wanted soon." },                  \
	{ "answered", ask_answered, METH_NOARGS, "The next answer, or None." },      \
	{ "answers_fd", ask_fd, METH_NOARGS, "Readable when there are answers." },   \
	{ "wait_answers", ask_wait, METH_NOARGS, "Waits until there are answers." }, \
	{ "misfit", ask_misfit, METH_O, "The report of a failure ACRE_ETYPE." }
/* clang-format on */

/* Whether an exception is a failure that came as an answer: then it is filed again. */
bool ask_failure(PyObject *exception, int *ret_r);
