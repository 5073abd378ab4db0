/* SPDX-License-Identifier: MIT */
/* pin_interp_threads.c - S43: an interpreter is made by one thread, used by another one, ended by a third. */
/*
 * On bare calls of Python, without the code that leans on it (py/beside.c, which keeps an
 * interpreter on the thread that made it, and could do otherwise). The three threads live on and
 * do so again and again, as those of a pool would: the reference saw states of a thread that
 * came again wrong then. A failure here is a failure of ours, or of a Python to be told of.
 *
 * ACRE_TEST_ROUNDS says how often; 10,000 are some minutes.
 */
#include <Python.h>

#include <pthread.h>
#include <stdlib.h>

#include "lib/test.h"

#if PY_VERSION_HEX >= 0x030d0000

/* What goes from hand to hand. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int turn; /* of which thread it is; -1: all are to end */
	PyInterpreterState *interp;
	PyThreadState *left; /* of who made it, where that is not deleted at once */
	bool keeps_state;
	int failures;
} hand = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, .turn = 0 };

static void make(void)
{
	PyInterpreterConfig config = { .allow_threads = 1,
				       .check_multi_interp_extensions = 1,
				       .gil = PyInterpreterConfig_OWN_GIL };
	PyThreadState *main = PyThreadState_New(PyInterpreterState_Main()), *first = NULL;
	PyStatus status;

	PyEval_AcquireThread(main);
	status = Py_NewInterpreterFromConfig(&first, &config);
	assert_false(PyStatus_Exception(status));
	hand.interp = PyThreadState_GetInterpreter(first);
	if (hand.keeps_state) {
		hand.left = first;
		PyEval_SaveThread();
	} else {
		PyThreadState_Clear(first);
		PyThreadState_DeleteCurrent();
	}
	PyEval_AcquireThread(main);
	PyThreadState_Clear(main);
	PyThreadState_DeleteCurrent();
}

/* A module in C that asks for the state of its thread, an object that dies with the
 * interpreter, and a thread of Python's. */
static const char uses[] = "import threading, _socket\n"
			   "class Late:\n"
			   "    def __del__(self): len('late')\n"
			   "late = Late(); late.loop = late\n"
			   "seen = []\n"
			   "t = threading.Thread(target=seen.append, args=(1,))\n"
			   "t.start(); t.join()\n"
			   "assert seen == [1]\n";

static void use(void)
{
	PyThreadState *mine = PyThreadState_New(hand.interp);
	PyObject *main, *unused, *code;

	PyEval_AcquireThread(mine);
	main = PyImport_AddModule("__main__");
	code = Py_CompileString(uses, "<uses>", Py_file_input);
	unused = code ? PyEval_EvalCode(code, PyModule_GetDict(main),
					PyModule_GetDict(main))
		      : NULL;
	hand.failures += !unused;
	Py_XDECREF(unused);
	Py_XDECREF(code);
	PyErr_Clear();
	PyThreadState_Clear(mine);
	PyThreadState_DeleteCurrent();
}

static void end(void)
{
	PyThreadState *mine =
		hand.keeps_state ? hand.left : PyThreadState_New(hand.interp);

	PyEval_AcquireThread(mine);
	Py_EndInterpreter(mine);
}

static void (*const steps[])(void) = { make, use, end };

enum { N_STEPS = 3 };

/* One of the three: `arg` is its step. */
static void *thread(void *arg)
{
	const int mine = (int)(intptr_t)arg;

	pthread_mutex_lock(&hand.lock);
	for (;;) {
		while (hand.turn != mine && hand.turn >= 0)
			pthread_cond_wait(&hand.changed, &hand.lock);
		if (hand.turn < 0)
			break;
		steps[mine]();
		hand.turn = (mine + 1) % N_STEPS == 0 ? N_STEPS : mine + 1;
		pthread_cond_broadcast(&hand.changed);
	}
	pthread_mutex_unlock(&hand.lock);
	return NULL;
}

static void give(int turn)
{
	hand.turn = turn;
	pthread_cond_broadcast(&hand.changed);
}

static int rounds(void)
{
	const char *n = getenv("ACRE_TEST_ROUNDS");

	return n ? atoi(n) : 20;
}

/* By the first state of another thread, 3.14.8 ends an interpreter and keeps its memory. */
#define KEPT_MAX 100 /* rounds, of 2.4 MB */

static void go_round(bool keeps_state)
{
	int n = keeps_state && rounds() > KEPT_MAX ? KEPT_MAX : rounds();
	pthread_t threads[N_STEPS];

	hand.keeps_state = keeps_state;
	hand.turn = N_STEPS;
	Py_InitializeEx(0);
	PyEval_SaveThread();
	for (int i = 0; i < N_STEPS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, thread,
						(void *)(intptr_t)i),
				 0);
	pthread_mutex_lock(&hand.lock);
	for (int i = 0; i < n; i++) {
		give(0);
		while (hand.turn != N_STEPS)
			pthread_cond_wait(&hand.changed, &hand.lock);
	}
	give(-1);
	pthread_mutex_unlock(&hand.lock);
	for (int i = 0; i < N_STEPS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(hand.failures, 0);
}

TEST(an_interpreter_goes_through_three_hands)
{
	go_round(false);
}

/* The state of the thread that made it is the one by which another thread ends it. */
TEST(an_interpreter_and_its_first_state_go_through_three_hands)
{
	go_round(true);
}

#else

TEST(an_interpreter_goes_through_three_hands)
{
	test_skip("Python %s has no interpreters with a GIL of their own", PY_VERSION);
}

#endif
