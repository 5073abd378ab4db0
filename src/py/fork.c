/* SPDX-License-Identifier: MIT */
/* fork.c - a process that holds interpreters is forked, and its child goes on in the main one. */
#include "py/fork.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/sys.h"
#include "base/util.h"
#include "py/forget.h"

/*
 * CPython forks from its main interpreter only, and while there is no other: else the child
 * ends or hangs before it runs Python (python.md, 2.1). What is done here about it (2.2):
 *
 *  - The thread that forks takes a state of the main interpreter, and with it the main GIL,
 *    which is held across the fork and made anew in the child.
 *  - In the child the other interpreters are forgotten before Python looks at them
 *    (forget.c). They were running, so what they had is in the midst of something: the child
 *    never goes back into the frames that asked for it. It gets a source instead, and a copy
 *    of whatever that needs, since memory of an interpreter may be wiped (arena.c).
 *  - It ends by _exit(): Python's own end would look for the thread that was its main one.
 *
 * What stays as with any fork of a process with threads: a lock that another thread holds
 * within libc or a library stays locked in the child. The GILs of the others are not held,
 * so theirs may be.
 */

/* Under the main interpreter's GIL, from the one call to the other */
static struct {
	PyThreadState *caller; /* whose GIL the thread had; NULL: none */
	PyThreadState *main;   /* owned: made for the fork; NULL: the caller's is one */
} forking;

static bool is_of_main(PyThreadState *state)
{
	return state && PyThreadState_GetInterpreter(state) == PyInterpreterState_Main();
}

/* Whether the thread has a GIL it says itself: up to 3.11 Python knows only that some thread
 * has one. */
int fork_begin(bool has_gil)
{
	PyThreadState *caller = has_gil ? PyThreadState_Get() : NULL, *main = NULL;

	if (!forget_is_possible())
		return -EOPNOTSUPP;
	if (!is_of_main(caller)) {
		main = PyThreadState_New(PyInterpreterState_Main());
		if (!main)
			return -ENOMEM;
		if (caller) /* each with the GIL of its interpreter, if it has its own */
			PyThreadState_Swap(main);
		else
			PyEval_AcquireThread(main);
	}
	PyOS_BeforeFork(); /* which may let go of the GIL, and others may fork then */
	forking.caller = caller;
	forking.main = main;
	return 0;
}

void fork_go_on_in_parent(void)
{
	PyThreadState *caller = forking.caller, *main = forking.main;

	PyOS_AfterFork_Parent();
	if (!main)
		return;
	PyThreadState_Clear(main);
	if (!caller) {
		PyThreadState_DeleteCurrent();
		return;
	}
	PyThreadState_Swap(caller);
	PyThreadState_Delete(main);
}

void fork_go_on_in_child(void)
{
	if (!PLANTED(FORK_KEEPS_INTERPS))
		forget_interps();
	PyOS_AfterFork_Child();
}

/* The fork itself, with all signals blocked. */
static pid_t fork_and_go_on(int (*fn)(void *arg), void *arg, const int *fds, size_t n_fds)
{
	pid_t parent = sys_getpid(), pid;
	int r = fork_begin(true);

	if (r < 0)
		return r;
	pid = sys_fork_process();
	if (pid == 0) {
		if (plugin_host->forked_begin_in_child(parent, fds, n_fds) < 0)
			_exit(EXIT_FAILURE);
		fork_go_on_in_child();
		_exit(fn(arg));
	}
	fork_go_on_in_parent();
	return pid;
}

/* A thread that ends before its child has asked for the signal of that would leave it behind
 * (kernel-facts K3). Bound: the child's first steps, or its death; either closes its end. */
static void await_first_steps(int fd)
{
	PyThreadState *state = PyEval_SaveThread();
	char unused;

	acre_ignore((int)sys_read(fd, &unused, 1));
	PyEval_RestoreThread(state);
}

pid_t fork_run(int (*fn)(void *arg), void *arg, const int *fds, size_t n_fds)
{
	int begun[2], r = sys_pipe2(begun, 0);
	sigset_t all, old;
	pid_t pid;

	if (r < 0)
		return r;
	sigfillset(&all);
	sys_sigmask(SIG_SETMASK, &all, &old);
	pid = fork_and_go_on(fn, arg, fds, n_fds);
	sys_sigmask(SIG_SETMASK, &old, NULL);
	sys_close(begun[1]);
	if (pid > 0)
		await_first_steps(begun[0]);
	sys_close(begun[0]);
	return pid;
}
