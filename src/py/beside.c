/* SPDX-License-Identifier: MIT */
/* beside.c - a guest in an interpreter of its own, beside others of its process. */
#include "py/beside.h"

#include <dlfcn.h>
#include <pthread.h>

#include "actor/guest.h"
#include "base/sys.h"
#include "base/util.h"
#include "py/exception.h"
#include "py/guest_module.h"
#include "py/interp.h"

/*
 * The main interpreter is started by whoever comes first, and idles from then on. A guest has
 * a thread that was made for it in C, makes its interpreter there, and ends it there: S43 is
 * about threads that are used again, and no thread is.
 *
 * What it runs is interrupted by a pending call of its interpreter. That needs no GIL, and is
 * run by the guest's own thread between two steps, so it can ask which call is meant before
 * it raises, as the handler of a signal does in a main interpreter. Nothing wakes a guest
 * from a call that blocks: signals are the main interpreter's.
 *
 * The jail: another thread attaches to its interpreter and goes away with the GIL. The guest
 * never gets that again, and nothing else of the process needs it. Only C is called in
 * between, as a step of Python would hand it back.
 */

/* Between two looks of who waits for a GIL: a jailed guest is not to wake up, ever */
#define SWITCH_INTERVAL_S 1e6

typedef int pending_fn(void *arg);
/* In 3.12 and newer: `flags` 0, by any thread of the interpreter. Exported, for Python's own
 * modules; there is no public call that reaches another interpreter than the main one. */
typedef int add_pending_fn(PyInterpreterState *interp, pending_fn *fn, void *arg,
			   int flags);

static struct {
	pthread_mutex_t lock;
	pid_t _Atomic pid; /* in which it has begun; 0: in none */
	add_pending_fn *add_pending;
} host = { .lock = PTHREAD_MUTEX_INITIALIZER };

enum state { RUNS, ENDS, JAILED };

/* For good if it is jailed. */
struct beside {
	pthread_mutex_t lock;
	enum state state; /* under the lock: while it RUNS the interpreter is there */
	PyInterpreterState *interp;
	PyObject *serve;	/* owned: its module acre._serve */
	PyObject *set_interval; /* owned, like the next: for the jail */
	PyObject *interval;
	bool _Atomic is_tripped; /* a pending call is on its way */
};

bool beside_has_begun(void)
{
	return atomic_load(&host.pid) != 0;
}

static int begin_locked(void)
{
	int r;

	if (atomic_load(&host.pid) == sys_getpid())
		return 0;
	if (beside_has_begun())
		return PLUGIN_FAIL(EBUSY,
				   "a fork of a process that hosts interpreters cannot "
				   "host any");
	if (!PLUGIN_HAS_OWN_GIL)
		return PLUGIN_FAIL(
			EOPNOTSUPP,
			"Python %s has no interpreters with a GIL of their own that "
			"can be used: they are from 3.13 on",
			PY_VERSION);
	host.add_pending = (add_pending_fn *)(uintptr_t)dlsym(RTLD_DEFAULT,
							      "_PyEval_AddPendingCall");
	if (!host.add_pending)
		return PLUGIN_FAIL(EOPNOTSUPP,
				   "this Python %s has no way to interrupt an "
				   "interpreter",
				   PY_VERSION);
	r = interp_start();
	if (r >= 0) {
		PyEval_SaveThread(); /* the main interpreter idles from here on */
		atomic_store(&host.pid, sys_getpid());
	}
	return r;
}

int beside_begin(void)
{
	int r;

	pthread_mutex_lock(&host.lock);
	r = begin_locked();
	pthread_mutex_unlock(&host.lock);
	return r;
}

/*
 * The guest's thread.
 */

static struct beside *beside_new(PyObject *take_serve)
{
	struct beside *b = PyMem_RawCalloc(1, sizeof *b);

	if (!b) {
		Py_DECREF(take_serve);
		return NULL;
	}
	pthread_mutex_init(&b->lock, NULL);
	b->interp = PyInterpreterState_Get();
	b->serve = take_serve;
	b->set_interval = Py_XNewRef(PySys_GetObject("setswitchinterval"));
	b->interval = PyFloat_FromDouble(SWITCH_INTERVAL_S);
	return b;
}

/* False: it is jailed, and its interpreter is not to be touched any more. */
static bool leave(struct beside *b)
{
	bool can;

	pthread_mutex_lock(&b->lock);
	can = b->state == RUNS;
	if (can)
		b->state = ENDS;
	pthread_mutex_unlock(&b->lock);
	if (!can)
		return false;
	Py_CLEAR(b->serve);
	Py_CLEAR(b->set_interval);
	Py_CLEAR(b->interval);
	return true;
}

static int call(PyObject *serve, const char *name)
{
	PyObject *unused = PyObject_CallMethod(serve, name, NULL);

	if (!unused)
		return exception_fail(ACRE_EGUEST);
	Py_DECREF(unused);
	return 0;
}

/* NULL: a failure is filed. */
static struct beside *begin(int *ret_r)
{
	PyObject *serve = PyImport_ImportModule("acre._serve");
	struct beside *b = serve ? beside_new(serve) : NULL;

	if (!serve)
		*ret_r = exception_fail(ACRE_EGUEST);
	else if (!b)
		*ret_r = PLUGIN_FAIL(ENOMEM, "no memory for a guest");
	return b;
}

/* False: it is jailed. */
static bool live(struct guest *guest, int *ret_r)
{
	struct beside *b = begin(ret_r);

	if (!b)
		return true;
	guest_module_serve(guest);
	atomic_store(&guest->plugs, b);
	*ret_r = call(b->serve, "_main");
	if (*ret_r >= 0)
		*ret_r = call(b->serve, "_leave");
	guest_module_serve(NULL);
	return leave(b);
}

int beside_run(struct guest *guest)
{
	PyThreadState *main = PyThreadState_New(PyInterpreterState_Main()), *interp;
	int r;

	if (!main)
		return PLUGIN_FAIL(ENOMEM, "no memory for a thread of Python");
	PyEval_AcquireThread(main);
	r = interp_new(&interp, true);
	if (r >= 0) {
		if (!live(guest, &r)) {
			PyEval_SaveThread(); /* who jails it waits for that */
			return r;
		}
		interp_end(interp, main);
	}
	PyThreadState_Clear(main);
	PyThreadState_DeleteCurrent();
	return r;
}

/*
 * Other threads.
 */

/* On a thread of the guest's interpreter; on another one than the guest's own it is not meant,
 * and comes again. */
static int trip(void *arg)
{
	struct beside *b = arg;
	PyObject *unused;

	atomic_store(&b->is_tripped, false);
	if (!guest_module_serves())
		return 0;
	unused = PyObject_CallMethod(b->serve, "_interrupted", "iO", 0, Py_None);
	Py_XDECREF(unused);
	return unused ? 0 : -1;
}

void beside_interrupt(struct guest *guest)
{
	struct beside *b = atomic_load(&guest->plugs);

	if (!b)
		return;
	pthread_mutex_lock(&b->lock);
	if (b->state == RUNS && !atomic_exchange(&b->is_tripped, true) &&
	    host.add_pending(b->interp, trip, b, 0) != 0)
		atomic_store(&b->is_tripped, false); /* there are too many */
	pthread_mutex_unlock(&b->lock);
}

bool beside_condemn(struct guest *guest)
{
	struct beside *b = atomic_load(&guest->plugs);
	bool can;

	if (!b)
		return false;
	pthread_mutex_lock(&b->lock);
	can = b->state == RUNS;
	if (can)
		b->state = JAILED;
	pthread_mutex_unlock(&b->lock);
	return can;
}

void beside_jail(struct guest *guest)
{
	struct beside *b = atomic_load(&guest->plugs);
	PyThreadState *mine = PyThreadState_New(b->interp);

	if (!mine)
		return;		    /* it goes on: there is no memory for more */
	PyEval_AcquireThread(mine); /* bound: none, if the guest is in C with its GIL */
	if (b->set_interval && b->interval)
		Py_XDECREF(PyObject_CallOneArg(b->set_interval, b->interval));
}

void beside_free(struct guest *guest)
{
	struct beside *b = atomic_load(&guest->plugs);

	if (!b)
		return;
	pthread_mutex_destroy(&b->lock);
	PyMem_RawFree(b);
}
