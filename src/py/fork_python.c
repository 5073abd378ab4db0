/* SPDX-License-Identifier: MIT */
/* fork_python.c - forks as Python sees them: one that is offered, and two that are refused. */
#include "py/fork_python.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/util.h"
#include "py/exception.h"
#include "py/fork.h"
#include "py/interp.h"

/* Owned; none of it is memory of the interpreter that asks. */
struct plan {
	char *source;
	size_t n_fds;
	int fds[];
};

static void plan_free(struct plan *plan)
{
	if (plan)
		PyMem_RawFree(plan->source);
	PyMem_RawFree(plan);
}

/* As the end of Python would have it: sys.exit() is no failure. */
static int status_of_exception(void)
{
	PyObject *code;
	int status = EXIT_FAILURE;

	if (!PyErr_ExceptionMatches(PyExc_SystemExit)) {
		PyErr_Print(); /* of SystemExit it would end the process its own way */
		return status;
	}
	code = PyObject_GetAttrString(exception_take(), "code");
	if (!code || code == Py_None)
		status = EXIT_SUCCESS;
	else if (PyLong_Check(code))
		status = (int)PyLong_AsLong(code);
	else
		PyObject_Print(code, stderr, Py_PRINT_RAW);
	return status;
}

/* In the child. The module is a new one: the main interpreter may have been somebody's. */
static int run_source(void *arg)
{
	const struct plan *plan = arg;
	PyObject *module = PyModule_New("__main__");
	PyObject *globals = module ? PyModule_GetDict(module) : NULL;
	int status = 0;

	if (!globals ||
	    PyDict_SetItemString(PyImport_GetModuleDict(), "__main__", module) < 0 ||
	    PyDict_SetItemString(globals, "__builtins__", PyEval_GetBuiltins()) < 0 ||
	    interp_run(plan->source, "<fork>", globals) < 0)
		status = status_of_exception();
	interp_flush();
	return status;
}

static int compare(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

/* A Python exception if NULL. Descriptors are a tuple of ints. */
static struct plan *plan_new(const char *source, PyObject *fds)
{
	size_t n = fds ? (size_t)PyTuple_GET_SIZE(fds) : 0, len = strlen(source) + 1;
	struct plan *plan = PyMem_RawCalloc(1, sizeof *plan + n * sizeof *plan->fds);

	if (plan)
		plan->source = PyMem_RawMalloc(len);
	if (!plan || !plan->source) {
		plan_free(plan);
		return (struct plan *)PyErr_NoMemory();
	}
	memcpy(plan->source, source, len);
	plan->n_fds = n;
	for (size_t i = 0; i < n; i++) {
		plan->fds[i] = PyObject_AsFileDescriptor(PyTuple_GET_ITEM(fds, i));
		if (plan->fds[i] < 0) {
			plan_free(plan);
			return NULL;
		}
	}
	qsort(plan->fds, n, sizeof *plan->fds, compare);
	return plan;
}

static PyObject *raise_os_error(int error)
{
	PyObject *args =
		Py_BuildValue("is", error,
			      error == EOPNOTSUPP ? "this Python cannot be forked"
						  : strerror(error));

	if (args)
		PyErr_SetObject(PyExc_OSError, args);
	Py_XDECREF(args);
	return NULL;
}

PyObject *fork_python(PyObject *self, PyObject *args, PyObject *named)
{
	static char source_name[] = "source", fds_name[] = "fds"; /* it wants no const */
	static char *names[] = { source_name, fds_name, NULL };
	PyObject *fds = NULL;
	const char *source;
	struct plan *plan;
	pid_t pid;

	(void)self;
	if (!PyArg_ParseTupleAndKeywords(args, named, "s|$O!:fork", names, &source,
					 &PyTuple_Type, &fds))
		return NULL;
	plan = plan_new(source, fds);
	if (!plan)
		return NULL;
	pid = fork_run(run_source, plan, plan->fds, plan->n_fds);
	plan_free(plan);
	return pid < 0 ? raise_os_error(-pid) : PyLong_FromLong(pid);
}

static PyObject *py_refuse(PyObject *self, PyObject *unused)
{
	(void)self;
	(void)unused;
	PyErr_SetString(PyExc_RuntimeError,
			"a plain fork in a sub-interpreter ends its child before that "
			"runs Python; acre.fork(source) forks a process from here, and "
			"subprocess starts a program");
	return NULL;
}

static PyMethodDef refused[] = {
	{ "fork", py_refuse, METH_NOARGS, "Refused in a sub-interpreter." },
	{ "forkpty", py_refuse, METH_NOARGS, "Refused in a sub-interpreter." },
	{ 0 },
};

/* `os` has taken its functions from `posix`, which others import, too. */
int fork_refuse(void)
{
	static const char *const names[] = { "posix", "os" };
	PyObject *module;
	int r = 0;

	if (PLANTED(GUEST_FORKS_PLAINLY))
		return 0;
	for (size_t i = 0; r >= 0 && i < ARRAY_N(names); i++) {
		module = PyImport_ImportModule(names[i]);
		r = module ? PyModule_AddFunctions(module, refused) : -1;
		Py_XDECREF(module);
	}
	return r < 0 ? exception_fail(ACRE_EGUEST) : 0;
}
