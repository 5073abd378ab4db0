/* SPDX-License-Identifier: MIT */
/* probe.c - what this Python can do here, found out by doing it. */
#include "py/probe.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/util.h"
#include "py/fork.h"
#include "py/interp.h"

/*
 * A version says what its authors meant; what a build does on a machine is another thing
 * (python.md: own GIL in 3.12 is there, and corrupts the heap). So each ability is tried in
 * a child of fork, whose crash or hang is the answer.
 */

/* An interpreter with asyncio took 0.3 s on a machine under load */
#define PATIENCE_NS INT64_C(5000000000)

static const char uses_loop[] = "import asyncio\n"
				"asyncio.run(asyncio.sleep(0))\n";

static int run_here(void)
{
	PyObject *main = PyImport_AddModule("__main__"); /* borrowed */

	return main && interp_run(uses_loop, "<probe>", PyModule_GetDict(main)) == 0;
}

static bool try_interp(bool own_gil)
{
	PyThreadState *main = PyThreadState_Get(), *interp;
	bool did;

	if (interp_new(&interp, own_gil) < 0)
		return false;
	did = run_here();
	PyErr_Clear();
	interp_end(interp, main);
	return did;
}

/* Bound: its end, or SIGKILL. Only we can reap it, so its number is its own. A child that
 * cannot be held is killed by that, as the group that it leads. */
static int await_end(pid_t pid, siginfo_t *ret)
{
	struct pollfd p = { .fd = sys_pidfd_open(pid, 0), .events = POLLIN };
	int r = p.fd < 0 ? p.fd : sys_poll(&p, 1, PATIENCE_NS), reaped;

	if (r <= 0)
		acre_ignore(sys_kill_group(pid, SIGKILL));
	sys_close(p.fd);
	reaped = sys_waitid(P_PID, (id_t)pid, ret, WEXITED | __WALL);
	return r < 0 ? r : reaped;
}

/* In a child of a child: it is not told why. */
static int run_in_fork(void *unused)
{
	(void)unused;
	return run_here() ? 0 : 1;
}

/* With the interpreter in the midst of its life. */
static bool try_fork_from_guest(void)
{
	siginfo_t end = { 0 };
	PyThreadState *interp;
	pid_t pid;

	if (interp_new(&interp, PLUGIN_HAS_OWN_GIL) < 0 || !run_here())
		return false;
	pid = fork_run(run_in_fork, NULL, NULL, 0);
	return pid > 0 && await_end(pid, &end) >= 0 && end.si_code == CLD_EXITED &&
	       end.si_status == 0;
}

static bool try_ability(enum python_ability ability)
{
	switch (ability) {
	case PYTHON_FORKS:
		return run_here();
	case PYTHON_SHARES_GIL:
		return try_interp(false);
	case PYTHON_OWN_GIL:
		return try_interp(true);
	case PYTHON_FORKS_FROM_GUEST:
		return try_fork_from_guest();
	case N_PYTHON_ABILITIES:
	default:
		return false;
	}
}

static bool judge(int r, const siginfo_t *end, char why_not[PROBE_WHY_MAX])
{
	if (r < 0)
		snprintf(why_not, PROBE_WHY_MAX, "its probe could not be made (%s)", strerror(-r));
	else if (end->si_code != CLD_EXITED)
		snprintf(why_not, PROBE_WHY_MAX, "its probe ended by signal %d", end->si_status);
	else if (end->si_status)
		snprintf(why_not, PROBE_WHY_MAX, "its probe failed");
	else
		return true;
	return false;
}

bool probe_one(enum python_ability ability, char why_not[PROBE_WHY_MAX])
{
	siginfo_t end = { 0 };
	pid_t pid;
	int r;

	PyOS_BeforeFork();
	pid = sys_fork_process();
	if (pid == 0) {
		acre_ignore(sys_setpgid(0, 0));
		PyOS_AfterFork_Child();
		_exit(try_ability(ability) ? 0 : 1);
	}
	PyOS_AfterFork_Parent();
	if (pid > 0)
		acre_ignore(sys_setpgid(pid, pid)); /* before that, or by itself */
	r = pid < 0 ? pid : await_end(pid, &end);
	return judge(r, &end, why_not);
}

int probe_run(struct python_probe *ret)
{
	int r = interp_start();

	*ret = (struct python_probe){ 0 };
	for (int i = 0; r >= 0 && i < N_PYTHON_ABILITIES; i++)
		if (i != PYTHON_OWN_GIL || PLUGIN_HAS_OWN_GIL)
			ret->can[i] = probe_one((enum python_ability)i, ret->why_not[i]);
		else
			snprintf(ret->why_not[i], sizeof ret->why_not[i],
				 "Python %d.%d has none that can be used",
				 PY_MAJOR_VERSION, PY_MINOR_VERSION);
	return r;
}
