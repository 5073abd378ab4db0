/* SPDX-License-Identifier: MIT */
/* sweep.c - processes that a test left behind: named, killed and reaped. */
/*
 * A child of the test had a parent that could wait for it, so any is a fault of the test.
 * Other descendants whose parents died come to the runner, which is a sub-reaper. One
 * that runs is a fault, also if it would end soon; one that ended by itself and was not
 * reaped is one too.
 *
 * One kind of orphan is let pass: that which somebody else has killed with SIGKILL, if it
 * is gone within 2 s. When a killed actor dies, the kernel has sent SIGKILL to its
 * children, but they need time to give their memory back, and nobody in the test is their
 * parent or holds a pidfd. So it is not in the test's power to wait for them, and they
 * run no code of theirs. The verdict hangs on how such a process was ended, not on how
 * far the kernel has got with it, so it does not depend on when the runner looks.
 *
 * Killing a process may orphan others, its children: rounds are made until there is none.
 * Pids are safe here, for a child keeps its number until its parent reaps it.
 */
#define _GNU_SOURCE
#include "lib/sweep.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/cgroup.h"
#include "lib/proc.h"

#define ROUND_MAX      64   /* processes in a round, so fds */
#define ROUNDS         100  /* more means that they multiply */
#define GONE_WITHIN_MS 2000 /* from SIGKILL to death: 150 ms for each GiB of memory */
#define PIECE_MS       10

struct sweep {
	const char *kind; /* "child" or "orphan" */
	bool pass_killed;
	pid_t except;
	struct text *to;
};

struct leftover {
	struct proc proc; /* when it was found */
	bool was_running; /* and nobody had sent it SIGKILL */
	char cgroup[CGROUP_PATH_SIZE];
};

/* Has it ended, with all its threads? If so the rest of waitid()'s answer is how. */
static bool is_dead(pid_t pid, siginfo_t *ret_end)
{
	*ret_end = (siginfo_t){ 0 };
	waitid(P_PID, (id_t)pid, ret_end, WEXITED | WNOHANG | WNOWAIT | __WALL);
	return ret_end->si_pid == pid;
}

/* Not all children send SIGCHLD, so the wait for it is cut into pieces. */
static bool dies(pid_t pid, siginfo_t *ret_end)
{
	struct timespec piece = { .tv_nsec = PIECE_MS * 1000000 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (int ms = 0; ms < GONE_WITHIN_MS; ms += PIECE_MS) {
		if (is_dead(pid, ret_end))
			return true;
		sigtimedwait(&set, NULL, &piece);
	}
	return is_dead(pid, ret_end);
}

/* Finds out how a process is and kills it. False: it is gone, somebody has reaped it. */
static bool take_down(struct leftover *left, pid_t pid)
{
	siginfo_t end;

	if (!proc_look(&left->proc, pid))
		return false;
	cgroup_of_tree(pid, left->cgroup);
	left->was_running = !left->proc.is_killed && !is_dead(pid, &end);
	if (left->was_running)
		kill(pid, SIGKILL);
	return true;
}

static void say_dead(const struct sweep *sweep, const struct proc *proc,
		     const siginfo_t *end)
{
	bool by_signal = end->si_code != CLD_EXITED;

	if (sweep->pass_killed && by_signal && end->si_status == SIGKILL)
		return;
	text_say(sweep->to, "left: %s not reaped, %s %d: pid %d %s", sweep->kind,
		 by_signal ? "killed by signal" : "ended with status", end->si_status,
		 (int)proc->pid, proc->what);
}

/* Waits for its death, reaps it and says what is to be said. False: it does not die. */
static bool see_off(const struct sweep *sweep, const struct leftover *left)
{
	const struct proc *proc = &left->proc;
	siginfo_t end;
	bool dead = dies(proc->pid, &end);

	if (dead)
		waitid(P_PID, (id_t)proc->pid, &end, WEXITED | __WALL);
	if (left->was_running)
		text_say(sweep->to, "left: %s running (%c): pid %d %s", sweep->kind,
			 proc->state, (int)proc->pid, proc->what);
	else if (dead)
		say_dead(sweep, proc, &end);
	if (!dead)
		text_say(sweep->to, "left: %s that SIGKILL does not end: pid %d %s",
			 sweep->kind, (int)proc->pid, proc->what);
	return dead;
}

/* Also those that /proc does not list. */
static bool has_children(void)
{
	siginfo_t unused;

	return waitid(P_ALL, 0, &unused, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0;
}

static size_t find(const struct sweep *sweep, pid_t *pids)
{
	size_t n = 0, found = proc_children(getpid(), pids, ROUND_MAX);

	for (size_t i = 0; i < found; i++)
		if (pids[i] != sweep->except)
			pids[n++] = pids[i];
	return n;
}

/* Kills all, then waits: the times to die do not add up. False: one does not die. */
static bool kill_all(const struct sweep *sweep, const pid_t *pids, size_t n_pids)
{
	struct leftover left[ROUND_MAX];
	size_t n = 0;
	bool all_dead = true;

	for (size_t i = 0; i < n_pids; i++)
		n += take_down(&left[n], pids[i]);
	for (size_t i = 0; i < n; i++)
		all_dead = see_off(sweep, &left[i]) && all_dead;
	for (size_t i = 0; i < n; i++)
		cgroup_remove(left[i].cgroup); /* of whoever was the last one in it */
	return all_dead;
}

static void kill_all_generations(const struct sweep *sweep)
{
	pid_t pids[ROUND_MAX];
	size_t n;

	for (int i = 0; i < ROUNDS; i++) {
		if (!has_children())
			return;
		n = find(sweep, pids);
		if (n == 0 && sweep->except != 0)
			return;
		if (!kill_all(sweep, pids, n))
			return;
	}
	text_say(sweep->to, "left: one more %s after %d rounds, multiplying or unlisted",
		 sweep->kind, ROUNDS);
}

static void run(const struct sweep *sweep)
{
	sigset_t set, old;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, &old);
	kill_all_generations(sweep);
	sigprocmask(SIG_SETMASK, &old, NULL);
}

void sweep_children(struct text *to)
{
	struct sweep sweep = { .kind = "child", .to = to };

	run(&sweep);
}

void sweep_orphans(pid_t except, struct text *to)
{
	struct sweep sweep = {
		.kind = "orphan", .pass_killed = true, .except = except, .to = to
	};

	run(&sweep);
}
