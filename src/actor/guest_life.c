/* SPDX-License-Identifier: MIT */
/* guest_life.c - the process of a guest: its two threads, their signals, and its end. */
#include "actor/guest_life.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "actor/child.h"
#include "actor/guest.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/barrier.h"
#include "core/log.h"
#include "core/report.h"

/*
 * The guest's thread blocks no signal that the processes it starts should get: a mask is
 * inherited over exec. So the loop's signals have a handler, which runs on the guest's
 * thread and hands them to the loop's, where they are blocked and read. SIGUSR1, which
 * another thread waits for, and those of the terminal stay blocked in both.
 *
 * The end is the loop's to decide: it tells the guest, interrupts it after half of a grace,
 * and ends the process without it after the whole.
 */

#define GRACE_TURNS   50
#define GRACE_TURN_NS INT64_C(10000000) /* 0.5 s in all, as for an ack */

static struct {
	struct guest guest;
	struct barrier_thread barrier;
	pthread_t thread;
	int (*live)(struct guest *guest, void *arg);
	void *arg;
	int left[2]; /* a pipe: its end is closed when the guest has returned */
	int status;
} loop_life;

static void hand_to_loop(int sig)
{
	pthread_kill(loop_life.thread, sig);
}

static const struct sigaction hand = { .sa_handler = hand_to_loop,
				       .sa_flags = SA_RESTART };

/* trio, for one, takes it anew to find out whether it may. */
static void hand_on(struct guest *guest)
{
	(void)guest;
	acre_ignore(sys_sigaction(SIGINT, &hand, NULL)); /* a valid signal */
	hand_to_loop(SIGINT);
}

static int share_signals(void)
{
	static const int kept[] = { SIGUSR1, SIGTTIN, SIGTTOU, SIGTSTP };
	sigset_t blocked;
	int r = sys_sigaction(SIGINT, &hand, NULL);

	if (r >= 0)
		r = sys_sigaction(SIGTERM, &hand, NULL);
	sigemptyset(&blocked);
	for (size_t i = 0; i < ARRAY_N(kept); i++)
		sigaddset(&blocked, kept[i]);
	return r < 0 ? r : sys_sigmask(SIG_SETMASK, &blocked, NULL);
}

static void end_guest(void)
{
	struct pollfd p = { .fd = loop_life.left[0], .events = POLLIN };

	guest_end(&loop_life.guest);
	for (int i = 0; i < GRACE_TURNS && sys_poll(&p, 1, GRACE_TURN_NS) == 0; i++)
		if (i >= GRACE_TURNS / 2) /* its own end may take that long */
			loop_life.guest.plugin->guest_interrupt(&loop_life.guest);
	if (sys_poll(&p, 1, 0) == 0)
		_exit(loop_life.status);
}

static void give_up(struct guest *guest)
{
	(void)guest;
	log_say(ACRE_LOG_WARNING,
		"ends without its guest, which was cancelled and did not end in time");
	_exit(EXIT_FAILURE);
}

static void *run_loop(void *arg)
{
	barrier_begin(&loop_life.barrier);
	loop_life.status = loop_life.live(&loop_life.guest, loop_life.arg);
	end_guest();
	report_thread_fini();
	return arg;
}

/* All signals are blocked in it, and in this thread until it is there to be handed some. */
static int start_loop(void)
{
	sigset_t old;
	int r;

	sys_block_asynchronous(&old);
	r = barrier_start(&loop_life.barrier, &loop_life.thread,
			  &(const struct barrier_start){ .name = "the loop of a guest's actor",
							 .rank = BARRIER_CALLS,
							 .fn = run_loop,
							 .arg = NULL });
	return r < 0 ? r : share_signals();
}

/* No signal is handed to a thread that is gone. */
static void join_loop(void)
{
	sigset_t old;

	acre_ignore(sys_close(TAKE_FD(loop_life.left[1])));
	sys_block_asynchronous(&old);
	pthread_join(loop_life.thread,
		     NULL); /* bound: it knows that the guest has left */
}

_Noreturn static void fail(const char *what, int r)
{
	fprintf(stderr, "acre: %s: %s\n", what, acre_why(r)->message);
	_exit(EXIT_FAILURE);
}

int guest_host(const struct python_plugin *plugin,
	       int (*live)(struct guest *guest, void *arg), void *arg)
{
	int r;

	loop_life.live = live;
	loop_life.arg = arg;
	plugin->guest_take_thread();
	r = sys_pipe2(loop_life.left, 0);
	if (r >= 0)
		r = guest_init(&loop_life.guest, plugin);
	loop_life.guest.give_up = give_up;
	loop_life.guest.hand_on = hand_on;
	if (r >= 0)
		r = start_loop();
	if (r < 0)
		fail("a guest's process cannot begin", r);
	r = plugin->guest_run(&loop_life.guest);
	if (r < 0)
		fail("a guest cannot run", r);
	join_loop();
	return loop_life.status;
}

static int live_as_child(struct guest *guest, void *arg)
{
	return child_live_in_process(arg, guest);
}

void guest_live(const struct python_plugin *plugin, const char *title)
{
	int status;

	acre_ignore(sys_prctl(PR_SET_NAME, (uintptr_t)title, 0, 0, 0));
	plugin->after_fork_child();
	status = guest_host(plugin, live_as_child, (char *)(uintptr_t)title);
	fflush(NULL);
	_exit(status);
}
