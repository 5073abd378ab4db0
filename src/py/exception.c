/* SPDX-License-Identifier: MIT */
/* exception.c - an exception of Python becomes a failure. */
#include "py/exception.h"

#include <stdio.h>
#include <string.h>

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
