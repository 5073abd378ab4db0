/* SPDX-License-Identifier: MIT */
/* guest_module.c - the module _acre, by which guest.py talks to the actor. */
#include "py/guest_module.h"

#include "actor/guest.h"
#include "base/sys.h"
#include "base/util.h"
#include "py/ask.h"
#include "py/convert.h"
#include "py/exception.h"
#include "py/fork_python.h"
#include "py/guest.h"

/* The guest that this thread runs, in this process. NULL: another thread of Python's. */
static _Thread_local struct guest *guest_here;
static _Thread_local pid_t guest_process;

void guest_module_serve(struct guest *guest)
{
	guest_here = guest;
	guest_process = sys_getpid();
}

bool guest_module_serves(void)
{
	return guest_here;
}

/* Another thread has none, and must not have, and a child of fork has a copy whose actor is not
 * there: an exception. */
struct guest *guest_of_thread(void)
{
	if (guest_here && guest_process == sys_getpid())
		return guest_here;
	PyErr_SetString(
		PyExc_RuntimeError,
		guest_here ? "acre can be used in the actor's process only, and this "
			     "one was forked of it"
			   : "acre can be used on the thread of the guest only");
	return NULL;
}

/* A call is a number for Python: its address, valid until it is answered. */
static struct guest_call *call_of(PyObject *number)
{
	return PyLong_AsVoidPtr(number);
}

static PyObject *fd(PyObject *self, PyObject *unused)
{
	struct guest *guest = guest_of_thread();

	(void)self;
	(void)unused;
	return guest ? PyLong_FromLong(plugin_host->guest_fd(guest)) : NULL;
}

void guest_wait_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	Py_BEGIN_ALLOW_THREADS;
	acre_ignore(sys_poll(&p, 1, -1));
	Py_END_ALLOW_THREADS;
}

/* Until there is something to look at. Bound: the actor tells that it is over, too. */
static PyObject *wait_for_actor(PyObject *self, PyObject *unused)
{
	struct guest *guest = guest_of_thread();

	(void)self;
	(void)unused;
	if (!guest)
		return NULL;
	guest_wait_readable(plugin_host->guest_fd(guest));
	Py_RETURN_NONE;
}

/* ("call", number, space, name, arguments, context or 0), ("load", number, kind, source),
 * ("cancel", number), or None. */
static PyObject *describe(struct guest_call *call, bool is_cancel)
{
	PyObject *arguments;

	if (is_cancel)
		return Py_BuildValue("sN", "cancel", PyLong_FromVoidPtr(call));
	if (call->what == GUEST_LOADS)
		return Py_BuildValue("sNss", "load", PyLong_FromVoidPtr(call),
				     call->name_space, call->name);
	arguments = convert_unpack(call->arg);
	if (!arguments)
		return NULL;
	return Py_BuildValue("sNssNK", "call", PyLong_FromVoidPtr(call), call->name_space,
			     call->name, arguments, (unsigned long long)call->holder);
}

/* One that Python has no memory for, or no words, is answered here. */
static PyObject *next(PyObject *self, PyObject *unused)
{
	struct guest *guest = guest_of_thread();
	struct guest_call *call;
	PyObject *request;
	bool is_cancel;

	(void)self;
	(void)unused;
	if (!guest)
		return NULL;
	while ((call = plugin_host->guest_next(guest, &is_cancel))) {
		request = describe(call, is_cancel);
		if (request)
			return request;
		if (is_cancel)
			PyErr_Clear(); /* it is interrupted instead */
		else
			plugin_host->guest_answer(call, exception_fail(ACRE_EGUEST));
	}
	Py_RETURN_NONE;
}

static PyObject *done(PyObject *self, PyObject *args)
{
	PyObject *number, *value;
	struct guest_call *call;
	int r = 0;

	(void)self;
	if (!PyArg_ParseTuple(args, "OO", &number, &value) || !(call = call_of(number)))
		return NULL;
	if (call->result && convert_pack(value, call->result) < 0)
		r = exception_fail(ACRE_ETYPE);
	plugin_host->guest_answer(call, r);
	Py_RETURN_NONE;
}

/* A guest may end by itself as if it was cancelled: that is a failure. */
static PyObject *fail(PyObject *self, PyObject *args)
{
	PyObject *number, *exception;
	struct guest_call *call;
	int r;

	(void)self;
	if (!PyArg_ParseTuple(args, "OO", &number, &exception) || !(call = call_of(number)))
		return NULL;
	if (!exception_is_cancellation(exception)) {
		r = exception_fail_as_it_is(exception);
	} else if (plugin_host->guest_is_cancelled(call)) {
		r = -ECANCELED;
	} else {
		PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
		r = exception_fail(ACRE_EGUESTCANCEL);
	}
	plugin_host->guest_answer(call, r);
	Py_RETURN_NONE;
}

static PyObject *take_cancel(PyObject *self, PyObject *number)
{
	struct guest_call *call = call_of(number);

	(void)self;
	return call ? PyBool_FromLong(plugin_host->guest_take_cancel(call)) : NULL;
}

static PyObject *is_cancelled(PyObject *self, PyObject *number)
{
	struct guest_call *call = call_of(number);

	(void)self;
	return call ? PyBool_FromLong(plugin_host->guest_is_cancelled(call)) : NULL;
}

static PyObject *is_over(PyObject *self, PyObject *unused)
{
	struct guest *guest = guest_of_thread();

	(void)self;
	(void)unused;
	return guest ? PyBool_FromLong(plugin_host->guest_is_over(guest)) : NULL;
}

/* Of an interrupt that Python sees: one from outside is the actor's to mind. */
static PyObject *heard(PyObject *self, PyObject *unused)
{
	struct guest *guest = guest_of_thread();

	(void)self;
	(void)unused;
	if (!guest)
		return NULL;
	if (!guest_take_asked())
		plugin_host->guest_hand_on(guest);
	Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
	{ "fd", fd, METH_NOARGS, "Readable when next() is to be asked." },
	{ "wait", wait_for_actor, METH_NOARGS, "Waits until it is." },
	{ "next", next, METH_NOARGS, "What is to be done, or None." },
	{ "done", done, METH_VARARGS, "Answers a call with a value." },
	{ "fail", fail, METH_VARARGS, "Answers a call with an exception." },
	{ "take_cancel", take_cancel, METH_O, "True once, if it was cancelled." },
	{ "is_cancelled", is_cancelled, METH_O, "Whether it was cancelled." },
	{ "is_over", is_over, METH_NOARGS, "Whether the actor has ended." },
	{ "heard", heard, METH_NOARGS, "Python sees an interrupt." },
	ASK_METHODS,
	FORK_METHOD,
	{ 0 },
};

static PyModuleDef_Slot slots[] = {
#if PLUGIN_HAS_CONFIG
	{ Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED },
#endif
#if PLUGIN_HAS_GIL_SLOT
	{ Py_mod_gil, Py_MOD_GIL_USED },
#endif
	{ 0 },
};

static struct PyModuleDef definition = {
	PyModuleDef_HEAD_INIT,
	.m_name = "_acre",
	.m_doc = "What a guest's event loop is asked for, and what it answers.",
	.m_methods = methods,
	.m_slots = slots,
};

PyObject *guest_module_init(void)
{
	return PyModuleDef_Init(&definition);
}
