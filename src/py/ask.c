/* SPDX-License-Identifier: MIT */
/* ask.c - what a guest asks of its actor goes out as a map, and comes back as an object. */
#include "py/ask.h"

#include "base/sys.h"
#include "base/util.h"
#include "py/convert.h"
#include "py/guest_module.h"

/* An ask is a number for Python, like a call: its address, valid until its answer is out. */

#define REPORT_CAPSULE "acre.report"

/* The packed map, or NULL with an exception. */
static struct acre_packer *pack(PyObject *arg)
{
	struct acre_packer *p = plugin_host->acre_pack_new();

	if (!p)
		PyErr_NoMemory();
	else if (convert_pack(arg, p) < 0)
		p = plugin_host->acre_pack_free(p);
	return p;
}

PyObject *ask_begin(PyObject *self, PyObject *args)
{
	struct guest *guest = guest_of_thread();
	unsigned long long call;
	struct acre_packer *p;
	struct guest_ask *ask;
	PyObject *arg;
	const char *name;

	(void)self;
	if (!guest || !PyArg_ParseTuple(args, "KsO", &call, &name, &arg))
		return NULL;
	p = pack(arg);
	if (!p)
		return NULL;
	ask = plugin_host->guest_ask(guest, (struct guest_call *)(uintptr_t)call, name,
				     p);
	return ask ? PyLong_FromVoidPtr(ask) : PyErr_NoMemory();
}

PyObject *ask_stop(PyObject *self, PyObject *number)
{
	struct guest_ask *ask = PyLong_AsVoidPtr(number);

	(void)self;
	if (!ask)
		return NULL;
	plugin_host->guest_ask_stop(ask);
	Py_RETURN_NONE;
}

PyObject *ask_fd(PyObject *self, PyObject *unused)
{
	struct guest *guest = guest_of_thread();

	(void)self;
	(void)unused;
	return guest ? PyLong_FromLong(plugin_host->guest_answers_fd(guest)) : NULL;
}

/* Bound: each ask has its answer, and a signal that is meant to interrupt raises here. */
PyObject *ask_wait(PyObject *self, PyObject *unused)
{
	struct guest *guest = guest_of_thread();

	(void)self;
	(void)unused;
	if (!guest)
		return NULL;
	guest_wait_readable(plugin_host->guest_answers_fd(guest));
	if (PyErr_CheckSignals() < 0)
		return NULL;
	Py_RETURN_NONE;
}

static void drop_report(PyObject *capsule)
{
	plugin_host->guest_forget_failure(PyCapsule_GetPointer(capsule, REPORT_CAPSULE));
}

/* Owned; None if there is none. */
static PyObject *hold_report(struct report *take_report)
{
	PyObject *capsule;

	if (!take_report)
		Py_RETURN_NONE;
	capsule = PyCapsule_New(take_report, REPORT_CAPSULE, drop_report);
	if (!capsule)
		plugin_host->guest_forget_failure(take_report);
	return capsule;
}

static PyObject *report_of(struct guest_ask *ask)
{
	return hold_report(plugin_host->guest_ask_report(ask));
}

/* A failure of the guest's own that is to keep its class wherever it is raised out of. */
PyObject *ask_misfit(PyObject *self, PyObject *text)
{
	const char *utf8 = PyUnicode_Check(text) ? PyUnicode_AsUTF8(text) : NULL;

	(void)self;
	if (!utf8 && !PyErr_Occurred())
		PyErr_SetString(PyExc_TypeError, "a misfit is told by a text");
	if (!utf8)
		return NULL;
	return hold_report(plugin_host->guest_take_failure(
		plugin_host->fail_with_trace(ACRE_ETYPE, utf8, "", "")));
}

static PyObject *describe(struct guest_ask *ask)
{
	struct acre_value value;
	int r = plugin_host->guest_ask_result(ask, &value);
	PyObject *object, *report;

	if (value.len)
		object = convert_unpack(value);
	else
		object = Py_NewRef(Py_None);
	if (!object)
		return NULL;
	report = report_of(ask);
	if (!report) {
		Py_DECREF(object);
		return NULL;
	}
	return Py_BuildValue("sNiNN", "answer", PyLong_FromVoidPtr(ask), r, object,
			     report);
}

/* ("answer", number, 0 or a class below 0, value or failure, report), or
 * ("cancelled", holder). One that Python has no memory for is told without a value. */
PyObject *ask_answered(PyObject *self, PyObject *unused)
{
	struct guest *guest = guest_of_thread();
	struct guest_ask *ask;
	PyObject *answer;
	uint64_t cancelled = 0;

	(void)self;
	(void)unused;
	ask = guest ? plugin_host->guest_answered(guest, &cancelled) : NULL;
	if (cancelled)
		return Py_BuildValue("sK", "cancelled", (unsigned long long)cancelled);
	if (!ask)
		return guest ? Py_NewRef(Py_None) : NULL;
	answer = describe(ask);
	if (!answer) {
		PyErr_Clear();
		answer = Py_BuildValue("sNiOO", "answer", PyLong_FromVoidPtr(ask),
				       -ENOMEM, Py_None, Py_None);
	}
	plugin_host->guest_ask_free(ask);
	return answer;
}

bool ask_failure(PyObject *exception, int *ret_r)
{
	PyObject *capsule = PyObject_GetAttrString(exception, "_report");
	bool is_one = capsule && PyCapsule_IsValid(capsule, REPORT_CAPSULE);

	if (is_one)
		*ret_r = plugin_host->guest_fail_again(
			PyCapsule_GetPointer(capsule, REPORT_CAPSULE));
	Py_XDECREF(capsule);
	PyErr_Clear();
	return is_one;
}
