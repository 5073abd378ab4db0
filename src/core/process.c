/* SPDX-License-Identifier: MIT */
/* process.c - a child process that somebody holds, waits for, and has collected once. */
#include "core/process.h"

#include <signal.h>

#include "base/fault.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/child_table.h"
#include "core/death.h"
#include "core/reap.h"
#include "core/report.h"
#include "core/sched.h"
#include "core/waitfd.h"

/*
 * A pidfd becomes readable when its process ends, and stays so when it was collected. So
 * whoever waits only waits for the descriptor, any number of tasks and each as often as it
 * likes, and then asks: the first one collects the child, and the others find what the
 * handle has kept. A wait that was cancelled has changed nothing.
 *
 * While it is held it is in the child table, so that no sweep takes it for a stranger when
 * it makes a session of its own. When it was collected, what it has left is swept.
 */
struct acre_process {
	struct pidref pid; /* owned */
	struct child_entry entry;
	pid_t owner; /* the process that holds it: a child of fork has a copy of no use */
	int ended;   /* 0: not that we know; 1: collected; -ECHILD: by somebody else */
	bool killed; /* we sent it SIGKILL */
	struct acre_death death;
};

static int not_ours(const struct acre_process *p)
{
	return acre_fail(ECHILD, "process %d is a child of %d, not of this process",
			 (int)p->pid.pid, (int)p->owner);
}

static bool is_ours(const struct acre_process *p)
{
	return p->owner == sys_getpid();
}

int process_new(struct acre_process **ret)
{
	struct acre_process *p = mem_zalloc(sizeof *p);

	if (!p)
		return -ENOMEM;
	p->pid = PIDREF_NULL;
	p->owner = sys_getpid();
	p->death.last_words = "";
	*ret = p;
	return 0;
}

void process_hold(struct acre_process *p, const struct pidref *take_pid)
{
	p->pid = *take_pid;
	if (PLANTED(HELD_SWEPT))
		return;
	child_table_lock();
	child_table_add(&p->entry, p->pid.pid, p->pid.fd, CHILD_PROGRAM);
	child_table_unlock();
}

/* Whether the process is a child of ours that can be collected. */
static int check_child(const struct pidref *pid)
{
	int r = pidref_reap(pid, NULL, WNOHANG | WNOWAIT);

	return r < 0 ? r : 0;
}

/* A child of ours by its number. */
static int find_child(struct pidref *ret, pid_t pid)
{
	struct pidref found;
	int r = pid > 0 ? pidref_open(&found, pid) : -ESRCH;

	if (r < 0)
		return acre_fail(-r, "there is no process %d to hold", (int)pid);
	r = check_child(&found);
	if (r < 0) {
		pidref_fini(&found);
		return acre_fail(-r, "process %d is not a child of this one", (int)pid);
	}
	*ret = found;
	return 0;
}

int acre_process_open(struct acre_process **ret, pid_t pid)
{
	struct pidref found;
	int r = find_child(&found, pid);

	if (r < 0)
		return r;
	r = process_new(ret);
	if (r < 0) {
		pidref_fini(&found);
		return acre_fail(-r, "no memory to hold process %d", (int)pid);
	}
	process_hold(*ret, &found);
	return 0;
}

pid_t acre_process_pid(const struct acre_process *process)
{
	return process->pid.pid;
}

/* 1, 0 or -ECHILD; once it is not 0 it stays. */
static int collect(struct acre_process *p)
{
	if (p->ended == 0) {
		p->ended = reap(&p->pid, &p->death);
		p->death.hard_kill = p->killed && p->death.signal == SIGKILL;
	}
	if (p->ended != 0)
		child_table_remove(&p->entry);
	return p->ended;
}

static int tell(const struct acre_process *p, struct acre_death *ret)
{
	if (p->ended < 0)
		return acre_fail(ECHILD, "process %d was collected by somebody else",
				 (int)p->pid.pid);
	if (ret)
		*ret = p->death;
	return 1;
}

int acre_process_poll(struct acre_process *process, struct acre_death *ret)
{
	if (!is_ours(process))
		return not_ours(process);
	return collect(process) == 0 ? 0 : tell(process, ret);
}

int acre_process_wait(struct acre_process *process, struct acre_death *ret)
{
	int r = acre_checkpoint(); /* before it is collected: a status is never lost */

	if (r < 0)
		return r;
	if (!is_ours(process))
		return not_ours(process);
	while (collect(process) == 0) {
		r = waitfd_wait(process->pid.fd, POLLIN, WAIT_PROCESS, false);
		if (r == -ECANCELED)
			return r;
		if (r < 0)
			return acre_fail(-r, "process %d cannot be waited for",
					 (int)process->pid.pid);
	}
	r = tell(process, ret);
	return r < 0 ? r : 0;
}

static int send_signal(struct acre_process *p, int sig)
{
	if (!is_ours(p))
		return not_ours(p);
	return p->ended ? -ESRCH : pidref_signal(&p->pid, sig);
}

static int said(const struct acre_process *p, int sig, int r)
{
	if (r < 0 && report_class(r) != ECHILD)
		return acre_fail(-r, "signal %d cannot be sent to process %d", sig,
				 (int)p->pid.pid);
	return r;
}

int acre_process_signal(struct acre_process *process, int sig)
{
	return said(process, sig, send_signal(process, sig));
}

static int end_by(struct acre_process *p, int sig)
{
	int r = send_signal(p, sig);

	return r == -ESRCH ? 0 : said(p, sig, r);
}

int acre_process_terminate(struct acre_process *process)
{
	return end_by(process, SIGTERM);
}

int acre_process_kill(struct acre_process *process)
{
	process->killed = true;
	return end_by(process, SIGKILL);
}

/* Bound: the kernel frees its memory (kernel-facts K25). Other tasks run meanwhile, if this
 * is one and there is memory for its wait. */
static void end(struct acre_process *p)
{
	acre_ignore(pidref_signal(&p->pid, SIGKILL));
	if (task_this())
		acre_ignore(waitfd_wait(p->pid.fd, POLLIN, WAIT_PROCESS, true));
	acre_ignore(pidref_reap(&p->pid, NULL, 0));
}

void acre_process_free(struct acre_process *process)
{
	if (!process)
		return;
	if (is_ours(process)) {
		if (collect(process) == 0)
			end(process);
		child_table_remove(&process->entry);
		pidref_fini(&process->pid);
	}
	mem_free(process);
}

const char *acre_process_status(const struct acre_death *death, char ret[ACRE_STATUS_MAX])
{
	char name[SIGNAL_NAME_MAX];

	if (death->signal)
		snprintf(ret, ACRE_STATUS_MAX, "signal=%s",
			 signal_name(death->signal, name));
	else
		snprintf(ret, ACRE_STATUS_MAX, "rc=%d", death->status);
	return ret;
}

/* The handle lives for one call; the child must outlive it when the wait was cancelled. */
static int wait_for(const struct pidref *pid, struct acre_death *ret)
{
	struct acre_process p = { .owner = sys_getpid() };
	int r;

	process_hold(&p, pid);
	r = acre_process_wait(&p, ret);
	child_table_remove(&p.entry);
	return r;
}

int acre_wait_child(pid_t pid, bool expect_exit_ok, char ret_status[ACRE_STATUS_MAX])
{
	struct acre_death death = { .signal = 0 };
	char status[ACRE_STATUS_MAX];
	struct pidref child;
	int r = acre_checkpoint();

	if (r < 0)
		return r;
	r = find_child(&child, pid);
	if (r < 0)
		return r;
	r = wait_for(&child, &death);
	pidref_fini(&child);
	if (r < 0)
		return r;
	acre_process_status(&death, ret_status ? ret_status : status);
	return (death.signal == 0 && death.status == 0) == expect_exit_ok;
}
