/* SPDX-License-Identifier: MIT */
/* interp.c - Python is started in this process; interpreters are made, used and ended. */
#include "py/interp.h"

#include <limits.h>
#include <stdio.h>

#include "base/sys.h"
#include "py/arena.h"
#include "py/fork_python.h"
#include "py/guest_module.h"
#include "py/package.h"

/* The process in which we have started it: a child of fork has a copy, and goes on with it. */
static bool is_ours;

static int say_status(const char *what, PyStatus status)
{
	return PLUGIN_FAIL(ACRE_EGUEST, "%s: %s%s%s", what,
			   status.func ? status.func : "", status.func ? ": " : "",
			   status.err_msg ? status.err_msg : "it has exited");
}

/* Python looks for what belongs to it from where its program lies, which is not ours. The first
 * `python3` of PATH, which it would take else, may be of another version than the library that we
 * are linked with. */
static PyStatus name_program(PyConfig *config)
{
	const char *venv = plugin_host->environment(ENVIRONMENT_VIRTUAL_ENV);
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s%s", venv ? venv : PLUGIN_PYTHON,
		 venv ? "/bin/python3" : "");
	return PyConfig_SetBytesString(config, &config->program_name, path);
}

/* As `python3` would, but that signals are the program's own. */
int interp_start(void)
{
	PyConfig config;
	PyStatus status;

	if (Py_IsInitialized())
		return is_ours ? 0
			       : PLUGIN_FAIL(EBUSY,
					     "this process has a Python of its own");
	if (PyImport_AppendInittab("_acre", guest_module_init) < 0)
		return PLUGIN_FAIL(ENOMEM, "no memory for a module of Python's");
	arena_begin();
	PyConfig_InitPythonConfig(&config);
	config.install_signal_handlers = 0;
	config.parse_argv = 0;
	status = name_program(&config);
	if (!PyStatus_Exception(status))
		status = Py_InitializeFromConfig(&config);
	PyConfig_Clear(&config);
	if (PyStatus_Exception(status))
		return say_status("Python does not start", status);
	is_ours = true;
	return package_offer();
}

#if PLUGIN_HAS_CONFIG

/* Own GIL means isolated (python.md, section 3): an allocator of its own, modules that bear
 * it, and no thread that Python would have to wait for without end. */
static int make(PyThreadState **ret, bool own_gil, bool may_fork)
{
	PyInterpreterConfig config = {
		.use_main_obmalloc = !own_gil,
		.allow_fork = may_fork,
		.allow_exec = !own_gil,
		.allow_threads = 1,
		.allow_daemon_threads = !own_gil,
		.check_multi_interp_extensions = own_gil,
		.gil = own_gil ? PyInterpreterConfig_OWN_GIL
			       : PyInterpreterConfig_SHARED_GIL,
	};
	PyStatus status;

	if (own_gil)
		arena_making();
	status = Py_NewInterpreterFromConfig(ret, &config);
	if (own_gil)
		arena_made(*ret ? PyThreadState_GetInterpreter(*ret) : NULL);
	return PyStatus_Exception(status) ? say_status("no interpreter", status) : 0;
}

#else

static int make(PyThreadState **ret, bool own_gil, bool may_fork)
{
	(void)own_gil;
	(void)may_fork;
	*ret = Py_NewInterpreter();
	return *ret ? 0 : PLUGIN_FAIL(ACRE_EGUEST, "no interpreter could be made");
}

#endif

int interp_new_plain(PyThreadState **ret, bool own_gil, bool may_fork)
{
	PyThreadState *before = PyThreadState_Get();
	int r;

	if (own_gil && !PLUGIN_HAS_OWN_GIL)
		return PLUGIN_FAIL(
			EOPNOTSUPP,
			"Python %s has no interpreters with a GIL of their own "
			"that can be used: they are from 3.13 on",
			PY_VERSION);
	r = make(ret, own_gil, may_fork);
	if (r < 0)
		PyThreadState_Swap(before);
	return r;
}

int interp_new(PyThreadState **ret, bool own_gil)
{
	PyThreadState *before = PyThreadState_Get();
	int r = interp_new_plain(ret, own_gil, false);

	if (r < 0)
		return r;
	r = package_offer();
	if (r >= 0)
		r = fork_refuse();
	if (r < 0)
		interp_end(*ret, before);
	return r;
}

void interp_end(PyThreadState *interp, PyThreadState *main)
{
	arena_gone(PyThreadState_GetInterpreter(interp));
	Py_EndInterpreter(interp);
#if PLUGIN_HAS_CONFIG
	PyEval_AcquireThread(main);
#else
	PyThreadState_Swap(main); /* the one GIL was never let go */
#endif
}

int interp_run(const char *source, const char *file, PyObject *in)
{
	PyObject *code = Py_CompileString(source, file, Py_file_input), *unused;

	if (!code)
		return -1;
	unused = PyEval_EvalCode(code, in, in);
	Py_DECREF(code);
	if (!unused)
		return -1;
	Py_DECREF(unused);
	return 0;
}

/* Its own failure is nobody's. */
static void flush(const char *name)
{
	PyObject *file = PySys_GetObject(name); /* borrowed */
	PyObject *unused = NULL;

	if (file && file != Py_None)
		unused = PyObject_CallMethod(file, "flush", NULL);
	Py_XDECREF(unused);
	PyErr_Clear();
}

void interp_flush(void)
{
	flush("stdout");
	flush("stderr");
}
