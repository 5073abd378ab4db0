/* SPDX-License-Identifier: MIT */
/* doctor_python.c - whether Python guests are to be had here, and what they can do. */
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "actor/python.h"
#include "base/pidref.h"
#include "base/sys.h"
#include "base/util.h"
#include "cli/doctor.h"

/* What the child tells: this command itself never has Python in it. */
struct answer {
	bool is_loaded;
	char version[32]; /* or why it is not loaded */
	struct python_probe probe;
};

static const char *const abilities[] = {
#define AS_TEXT(name, text) text,
	PYTHON_ABILITIES(AS_TEXT)
};

static void fill(struct answer *a)
{
	const struct python_plugin *p;
	int r = python_load(&p);

	if (r >= 0)
		r = p->probe(&a->probe);
	a->is_loaded = r >= 0;
	if (r >= 0)
		snprintf(a->version, sizeof a->version, "%.*s",
			 (int)strcspn(p->python(), " "), p->python());
}

static _Noreturn void answer_in_child(int tell_fd)
{
	struct answer a = { 0 };

	fill(&a);
	acre_ignore(
		sys_write(tell_fd, &a, sizeof a)); /* less than a pipe takes at once */
	_exit(0);
}

/* Bound: that of the probe. */
static bool ask_child(struct answer *ret)
{
	struct clone_args args = { .exit_signal = SIGCHLD };
	int pipe[2];
	siginfo_t info;
	ssize_t n = -1;
	pid_t pid;

	if (sys_pipe2(pipe, 0) < 0)
		return false;
	pid = sys_clone3(&args, sizeof args); /* this command has one thread */
	if (pid == 0)
		answer_in_child(pipe[1]);
	sys_close(pipe[1]);
	if (pid > 0) {
		n = sys_read(pipe[0], ret, sizeof *ret);
		acre_ignore(sys_waitid(P_PID, (id_t)pid, &info, WEXITED | __WALL));
	}
	sys_close(pipe[0]);
	return n == sizeof *ret;
}

static void tell(struct doctor_finding *ret, const struct answer *a)
{
	size_t used;

	doctor_found(ret, a->probe.can[PYTHON_FORKS] ? DOCTOR_OK : DOCTOR_LIMITED,
		     "Python %s", a->version);
	for (int i = 0; i < N_PYTHON_ABILITIES; i++) {
		bool can = a->probe.can[i];

		used = strlen(ret->found);
		snprintf(ret->found + used, sizeof ret->found - used, "; %s%s%s%s%s",
			 can ? "" : "not: ", abilities[i], can ? "" : " (",
			 can ? "" : a->probe.why_not[i], can ? "" : ")");
	}
}

void doctor_python(struct doctor_finding *ret)
{
	const char *why_not = python_why_not();
	struct answer a;

	if (why_not)
		doctor_found(ret, DOCTOR_MISSING, "%s", why_not);
	else if (!ask_child(&a) || !a.is_loaded)
		doctor_found(ret, DOCTOR_MISSING, "%s is there, and does not run here",
			     PYTHON_PLUGIN);
	else
		tell(ret, &a);
}
