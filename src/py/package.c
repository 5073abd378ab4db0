/* SPDX-License-Identifier: MIT */
/* package.c - the package acre, which the plug-in holds as text. */
#include "py/package.h"

#include "py/acre_modules.h" /* made of acre/ */
#include "py/exception.h"
#include "py/interp.h"

/* Name -> text; NULL with an exception. */
static PyObject *sources(void)
{
	PyObject *all = PyDict_New(), *text;

	for (size_t i = 0; all && i < sizeof acre_modules / sizeof *acre_modules; i++) {
		text = PyUnicode_FromString(acre_modules[i].source);
		if (!text || PyDict_SetItemString(all, acre_modules[i].name, text) < 0)
			Py_CLEAR(all);
		Py_XDECREF(text);
	}
	return all;
}

static int embed(void)
{
	PyObject *globals = PyDict_New(), *all = sources(), *text = NULL;
	int r = -1;

	if (all)
		text = PyDict_GetItemString(all, "acre._embedded"); /* borrowed */
	if (globals && text && PyDict_SetItemString(globals, "sources", all) >= 0 &&
	    PyDict_SetItemString(globals, "__builtins__", PyEval_GetBuiltins()) >= 0)
		r = interp_run(PyUnicode_AsUTF8(text), "acre/_embedded.py", globals);
	Py_XDECREF(globals);
	Py_XDECREF(all);
	return r;
}

int package_offer(void)
{
	return embed() < 0 ? exception_fail(ACRE_EGUEST) : 0;
}
