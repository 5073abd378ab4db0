/* SPDX-License-Identifier: MIT */
/* guest.c - a guest in the main interpreter of its process, on the main thread. */
#include "py/guest.h"

#include <pthread.h>
#include <signal.h>

#include "actor/guest.h"
#include "base/sys.h"
#include "base/util.h"
#include "py/beside.h"
#include "py/convert.h"
#include "py/exception.h"
#include "py/fork.h"
#include "py/guest_module.h"
#include "py/interp.h"
#include "py/probe.h"

/*
 * In a warm forkserver, which has one thread and no other interpreter, the official way to
 * fork works (python.md, 2.1: one idle interpreter beside would kill each child). What the
 * forkserver has imported its children share, and gc.freeze() keeps a collection in one of
 * them from touching it.
 */

static PyObject *guest_serve; /* the module acre._serve */
static pthread_t guest_thread;
static volatile bool is_asked; /* the interrupt that Python is about to see is ours */

static int result_of(PyObject *take_unused)
{
	if (!take_unused)
		return exception_fail(ACRE_EGUEST);
	Py_DECREF(take_unused);
	return 0;
}

static int call_guest(const char *name)
{
	return result_of(PyObject_CallMethod(guest_serve, name, NULL));
}

static int make_module(void)
{
	guest_serve = PyImport_ImportModule("acre._serve");
	if (!guest_serve)
		return exception_fail(ACRE_EGUEST);
	return 0;
}

/* A fork of it is tried before anybody counts on one. */
static int check_fork(void)
{
	char why_not[PROBE_WHY_MAX];

	return probe_one(PYTHON_FORKS, why_not) ? 0
						: PLUGIN_FAIL(EOPNOTSUPP,
							      "Python %s does not bear a "
							      "fork: %s",
							      PY_VERSION, why_not);
}

int guest_warm(void)
{
	int r = interp_start();

	if (r >= 0)
		r = make_module();
	if (r >= 0)
		r = check_fork(); /* with all that it uses imported: 5 ms, not 0.3 s */
	return r;
}

int guest_import(const char *module)
{
	return result_of(PyObject_CallMethod(guest_serve, "_import", "s", module));
}

int guest_is_warm(void)
{
	return call_guest("_warm");
}

int guest_before_fork(bool has_gil)
{
	return fork_begin(has_gil);
}

void guest_after_fork_parent(void)
{
	fork_go_on_in_parent();
}

/* On the guest's thread, or Python would not look at it before something else makes it. What
 * blocks returns with EINTR, since this does not ask for a restart. */
static void interrupt_here(int sig)
{
	(void)sig;
	is_asked = true;
	PyErr_SetInterruptEx(SIGINT);
}

void guest_after_fork_child(void)
{
	fork_go_on_in_child();
}

void guest_take_thread(void)
{
	struct sigaction woken = { .sa_handler = interrupt_here };

	guest_thread = pthread_self();
	acre_ignore(sys_sigaction(PYTHON_WAKE_SIGNAL, &woken, NULL)); /* a valid signal */
}

/* sys.argv is there as Python has started: its items are replaced. */
int guest_set_arguments(int argc, char **argv)
{
	PyObject *list = PyList_New(0), *text;
	int r = list ? 0 : -1;

	for (int i = 0; r >= 0 && i < argc; i++) {
		text = PyUnicode_DecodeFSDefault(argv[i]);
		r = text ? PyList_Append(list, text) : -1;
		Py_XDECREF(text);
	}
	if (r >= 0)
		r = PySys_SetObject("argv", list);
	Py_XDECREF(list);
	return r < 0 ? exception_fail(ACRE_EGUEST) : 0;
}

/* Python gets a handler for its own table; that of the process is the loop's, and stays. One that
 * comes meanwhile is the loop's, too, which reads it. */
static int begin_anew(void)
{
	struct sigaction of_loop;
	sigset_t interrupt, before;
	int r;

	sigemptyset(&interrupt);
	sigaddset(&interrupt, SIGINT);
	acre_ignore(sys_sigmask(SIG_BLOCK, &interrupt, &before));
	r = sys_sigaction(SIGINT, NULL, &of_loop);
	if (r >= 0)
		r = call_guest("_begin_anew");
	if (r >= 0)
		r = sys_sigaction(SIGINT, &of_loop, NULL);
	acre_ignore(sys_sigmask(SIG_SETMASK, &before, NULL));
	return r;
}

int guest_run(struct guest *guest)
{
	int r = 0;

	guest_module_serve(guest);
	if (!guest_serve) /* its parent has guests beside the main interpreter only */
		r = make_module();
	if (r >= 0)
		r = begin_anew();
	return r < 0 ? r : call_guest("_main");
}

bool guest_take_asked(void)
{
	bool was_asked = is_asked;

	is_asked = false;
	return was_asked;
}

/* Needs no GIL: a flag that Python looks at between two steps, and before it goes on with a
 * call that a signal has ended. */
void guest_interrupt(struct guest *guest)
{
	if (guest->is_beside)
		beside_interrupt(guest);
	else
		pthread_kill(guest_thread, PYTHON_WAKE_SIGNAL);
}
