/* SPDX-License-Identifier: MIT */
/* exception.c - an exception of Python becomes a failure. */
#include "py/exception.h"

#include <stdio.h>
#include <string.h>

#include "py/ask.h"

/* With the end; the library cuts what is longer */
#define TYPE_MAX 256

PyObject *exception_take(void)
{
#if PLUGIN_HAS_CONFIG
	return PyErr_GetRaisedException();
#else
	PyObject *type, *value, *traceback;

	PyErr_Fetch(&type, &value, &traceback);
	PyErr_NormalizeException(&type, &value, &traceback);
	if (traceback)
		PyException_SetTraceback(value, traceback);
	Py_XDECREF(type);
	Py_XDECREF(traceback);
	return value;
#endif
}

/* As UTF-8, also where it holds what has no form there. NULL: it has none at all, and no
 * exception is left. */
static PyObject *utf8(PyObject *take_text)
{
	PyObject *bytes = take_text ? PyUnicode_AsEncodedString(take_text, "utf-8",
								"backslashreplace")
				    : NULL;

	Py_XDECREF(take_text);
	if (!bytes)
		PyErr_Clear();
	return bytes;
}

static const char *text_of(PyObject *bytes, const char *else_text)
{
	return bytes ? PyBytes_AS_STRING(bytes) : else_text;
}

/* `ValueError`, `json.decoder.JSONDecodeError`: as tracebacks have it. */
static void name_type(PyObject *exception, char ret[TYPE_MAX])
{
	PyObject *type = (PyObject *)Py_TYPE(exception);
	PyObject *module = utf8(PyObject_GetAttrString(type, "__module__"));
	PyObject *name = utf8(PyObject_GetAttrString(type, "__qualname__"));
	const char *in = text_of(module, "");
	bool is_plain = !*in || !strcmp(in, "builtins") || !strcmp(in, "__main__");

	snprintf(ret, TYPE_MAX, "%s%s%s", is_plain ? "" : in, is_plain ? "" : ".",
		 text_of(name, Py_TYPE(exception)->tp_name));
	Py_XDECREF(module);
	Py_XDECREF(name);
}

static PyObject *joined(PyObject *lines)
{
	PyObject *nothing = PyUnicode_FromString(""), *text = NULL;

	if (nothing && lines)
		text = PyUnicode_Join(nothing, lines);
	Py_XDECREF(nothing);
	Py_XDECREF(lines);
	return text;
}

/* By Python's own module, which bears exceptions of all kinds. */
static PyObject *traceback_of(PyObject *exception)
{
	PyObject *module = PyImport_ImportModule("traceback"), *text = NULL;

	if (module)
		text = joined(
			PyObject_CallMethod(module, "format_exception", "O", exception));
	Py_XDECREF(module);
	return utf8(text);
}

int exception_fail(int class)
{
	PyObject *exception = exception_take(), *text, *trace;
	char type[TYPE_MAX];
	int r;

	name_type(exception, type);
	text = utf8(PyObject_Str(exception));
	trace = traceback_of(exception);
	r = plugin_host->fail_with_trace(class, type,
					 text_of(text, "<exception str() failed>"),
					 text_of(trace, ""));
	Py_XDECREF(text);
	Py_XDECREF(trace);
	Py_DECREF(exception);
	PyErr_Clear();
	return r;
}

/* asyncio's, which acre has imported. Not kept: each interpreter has one of its own. */
bool exception_is_cancellation(PyObject *exception)
{
	PyObject *module = PyImport_ImportModule("asyncio");
	PyObject *cancelled =
		module ? PyObject_GetAttrString(module, "CancelledError") : NULL;
	bool is = cancelled && PyErr_GivenExceptionMatches(exception, cancelled);

	Py_XDECREF(cancelled);
	Py_XDECREF(module);
	PyErr_Clear();
	return is;
}

/*
 * Failures as they travel.
 */

struct members {
	struct report *kept[GUEST_GROUP_KEPT];
	size_t n, n_more;
};

/* What came from another actor goes on as it is. */
static int fail_one(PyObject *exception)
{
	int r;

	if (ask_failure(exception, &r))
		return r;
	PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
	return exception_fail(ACRE_EGUEST);
}

static void add_member(struct members *m, PyObject *exception)
{
	struct report *rep;

	if (exception_is_cancellation(exception))
		return; /* it never counts */
	rep = plugin_host->guest_take_failure(fail_one(exception));
	if (m->n < GUEST_GROUP_KEPT) {
		m->kept[m->n++] = rep;
	} else {
		m->n_more++;
		plugin_host->guest_forget_failure(rep);
	}
}

static bool is_group(PyObject *exception)
{
	PyObject *report = PyObject_GetAttrString(exception, "_report");

	PyErr_Clear();
	Py_XDECREF(report);
	return (!report || report == Py_None) &&
	       PyErr_GivenExceptionMatches(exception, PyExc_BaseExceptionGroup);
}

/* A group within it is replaced by what that one has. Owned; NULL with an exception. */
static PyObject *leaves_of(PyObject *group)
{
	PyObject *all = PyList_New(0), *within;
	Py_ssize_t i = 0;

	if (all && PyList_Append(all, group) < 0)
		Py_CLEAR(all);
	while (all && i < PyList_GET_SIZE(all)) {
		if (!is_group(PyList_GET_ITEM(all, i))) {
			i++;
			continue;
		}
		within = PyObject_GetAttrString(PyList_GET_ITEM(all, i), "exceptions");
		if (!within || PyList_SetSlice(all, i, i + 1, within) < 0)
			Py_CLEAR(all);
		Py_XDECREF(within);
	}
	return all;
}

static int fail_group(PyObject *group, PyObject *leaves)
{
	struct members m = { .n = 0 };
	PyObject *text, *trace;
	int r;

	for (Py_ssize_t i = 0; i < PyList_GET_SIZE(leaves); i++)
		add_member(&m, PyList_GET_ITEM(leaves, i));
	if (!m.n)
		return fail_one(group);
	text = utf8(PyObject_GetAttrString(group, "message"));
	trace = traceback_of(group);
	r = plugin_host->guest_fail_group(m.kept, m.n, m.n_more, text_of(text, ""),
					  text_of(trace, ""));
	Py_XDECREF(text);
	Py_XDECREF(trace);
	return r;
}

int exception_fail_as_it_is(PyObject *exception)
{
	PyObject *leaves = is_group(exception) ? leaves_of(exception) : NULL;
	int r = leaves ? fail_group(exception, leaves) : fail_one(exception);

	Py_XDECREF(leaves);
	PyErr_Clear();
	return r;
}
