/* SPDX-License-Identifier: MIT */
/* subint.c - a source runs in an interpreter beside the main one. */
#include "py/subint.h"

#include "py/beside.h"
#include "py/convert.h"
#include "py/exception.h"
#include "py/interp.h"

/*
 * The thread comes from C and is new: no state of another interpreter is left in it. It takes
 * one of the main interpreter, since an interpreter is made from another one. Nothing is ended
 * here: who runs a source ends the process when it has what came of it, and Python's own end
 * would wait for threads of the source.
 */

int subint_begin(void)
{
	int r = beside_has_begun() ? PLUGIN_FAIL(EBUSY, "a fork of a process that hosts "
							"interpreters cannot run Python")
				   : interp_start();

	if (r >= 0)
		PyEval_SaveThread(); /* the main interpreter idles from here on */
	return r;
}

static int pack_result(PyObject *globals, struct acre_packer *to)
{
	PyObject *result = PyDict_GetItemString(globals, "result"); /* borrowed */

	return convert_pack(result ? result : Py_None, to) < 0
		       ? exception_fail(ACRE_ETYPE)
		       : 0;
}

static int run(const struct python_source *source, struct acre_packer *to)
{
	PyObject *main = PyImport_AddModule("__main__"); /* borrowed */
	PyObject *globals = main ? PyModule_GetDict(main) : NULL;
	int r;

	if (!globals)
		return exception_fail(ACRE_EGUEST);
	r = interp_run(source->text, source->name, globals);
	if (r < 0)
		r = exception_fail(ACRE_EGUEST);
	else
		r = pack_result(globals, to);
	interp_flush();
	return r;
}

static bool has_own_gil(enum acre_gil gil)
{
	return gil == ACRE_GIL_OWN || (gil == ACRE_GIL_BEST && PLUGIN_HAS_OWN_GIL);
}

int subint_run(const struct python_source *source, struct acre_packer *to)
{
	PyThreadState *main = PyThreadState_New(PyInterpreterState_Main()), *interp;
	int r;

	PyEval_AcquireThread(main);
	r = source->plain ? interp_new_plain(&interp, has_own_gil(source->gil), true)
			  : interp_new(&interp, has_own_gil(source->gil));
	if (r >= 0)
		r = run(source, to);
	PyEval_SaveThread();
	return r;
}

int subint_main_run(const struct python_source *source, struct acre_packer *to)
{
	int r = interp_start();

	return r < 0 ? r : run(source, to);
}
