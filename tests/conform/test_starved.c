/* SPDX-License-Identifier: MIT */
/* test_starved.c - interrupts of a flooded, stalled or crowded tree: promise G6, class A of the reference. */
#include "conform/root.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

/*
 * In the reference an interrupt is a byte in a pipe that the loop reads. While the loop cannot
 * run the pipe gets full, and the byte that says "interrupt" is not written: the signal is
 * lost for ever (tests/pin/pin_signals.c does it; doc/hangs/class-a.md tells of it). These
 * tests do to a loop of ours what leads to that there.
 */

#define ROUNDS	     2000
#define ROUNDS_LONG  20000
#define WITH_ACTOR   50 /* one of so many rounds has an actor, and so a watchdog */
#define FLOOD	     50 /* other signals before an interrupt, and as many after it */
#define STALLS	     51
#define STALL_FLOOD  2000 /* signals in a stall: interrupts and others in turn */
#define STUCK	     25
#define LADDER_S     2.1 /* no ack within 0.5 s, SIGTERM, SIGKILL after 1.6 s */
#define BUSY_S	     3	 /* the stuck ones take the processors of all others, too */
#define HANG_GUARD_S 120

static int n_rounds(void)
{
	return getenv("ACRE_LONG") ? ROUNDS_LONG : ROUNDS;
}

/* As a program may have it: each of these interrupts whatever system call is being made. */
static void do_nothing(int sig)
{
	(void)sig;
}

static void have_handlers(void)
{
	struct sigaction nothing = { .sa_handler = do_nothing };

	sigaction(SIGWINCH, &nothing, NULL);
	sigaction(SIGCHLD, &nothing, NULL);
}

static int n_os_cancels(void)
{
	static struct acre_trace_event events[4096];
	size_t n = acre_trace_read(events, 4096);
	int count = 0;

	for (size_t i = 0; i < n; i++)
		count += events[i].kind == ACRE_EVENT_OS_CANCEL;
	return count;
}

/*
 * One interrupt for each of many roots, one after the other in one process.
 */

static int round_number, lets_go[2];

static int await_interrupt(void)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		if (round_number % WITH_ACTOR == 0)
			r = acre_spawn(&n, &a, .name = "idle");
		assert_ok(r);
		say(1);
		r = acre_sleep(acre_secs(3600));
	}
	return r;
}

static int stall(void)
{
	char byte;
	int r = 0;

	say(1);
	while (read(lets_go[0], &byte, 1) <
	       0) /* no checkpoint; a handler interrupts it */
		assert_int_equal(errno, EINTR);
	r = acre_sleep(acre_secs(3600));
	say(n_os_cancels());
	return r;
}

static int run_rounds(int n, int (*body)(void))
{
	have_handlers();
	for (round_number = 1; round_number <= n; round_number++) {
		int r = tree_result(body, true);

		assert_class(r, EINTR);
		report_thread_fini();
	}
	return 0;
}

static int many_roots(void)
{
	return run_rounds(n_rounds(), await_interrupt);
}

static int stalled_roots(void)
{
	return run_rounds(STALLS, stall);
}

/* Each is handled before the next one comes, or is one with it. */
static void flood(const struct root *root)
{
	for (int i = 0; i < FLOOD; i++)
		pidfd_send_signal(root->pidfd, i % 2 ? SIGCHLD : SIGWINCH, NULL, 0);
}

/* The status is 0 only if every root of it ended with EINTR: a lost one hangs. */
static void assert_ended_well(struct root *root)
{
	int status = root_end(root);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

TEST(g6_no_interrupt_is_lost_in_a_flood_of_other_signals)
{
	acre_instant begun = acre_now();
	struct root root;

	test_limit(HANG_GUARD_S);
	root = root_start(many_roots);
	for (int i = 0; i < n_rounds(); i++) {
		assert_int_equal(hear(&root), 1);
		flood(&root);
		root_interrupt(&root);
		flood(&root);
	}
	assert_ended_well(&root);
	test_note("%d rounds in %.2f s", n_rounds(), seconds_since(begun));
}

TEST(g6_an_interrupt_among_others_that_come_while_the_loop_stalls_is_one_cancel)
{
	struct root root;

	assert_int_equal(pipe2(lets_go, O_CLOEXEC), 0);
	root = root_start(stalled_roots);
	for (int i = 0; i < STALLS; i++) {
		assert_int_equal(hear(&root), 1);
		for (int k = 0; k < STALL_FLOOD; k++)
			pidfd_send_signal(root.pidfd, k % 2 ? SIGINT : SIGWINCH, NULL, 0);
		assert_int_equal(write(lets_go[1], "", 1), 1);
		assert_int_equal(hear(&root), 1); /* cancel */
	}
	assert_ended_well(&root);
	close(lets_go[0]);
	close(lets_go[1]);
}

/*
 * One interrupt for a tree of actors that never look. Each says when it has begun that, through
 * a named pipe: it may be a program of its own.
 */

static const char *pipe_of_spinning(void)
{
	static _Thread_local char path[512];

	snprintf(path, sizeof path, "%s/spinning", test_dir());
	return path;
}

ACRE_CONTEXT(spin, acre_nil)
{
	int fd = open(pipe_of_spinning(), O_WRONLY | O_CLOEXEC), r;
	pid_t pid = getpid();

	r = acre_started(ctx, acre_nil);
	if (r >= 0)
		r = acre_sleep(acre_ms(20)); /* what was said goes out */
	if (r < 0)
		return r;
	assert_int_equal(write(fd, &pid, sizeof pid), sizeof pid);
	for (volatile int n = 0;; n = n + 1)
		;
	return 0;
}

ACRE_TASK(hold_spinning, struct acre_actor *a)
{
	int r = 0;

	ACRE_OPEN(ctx, r, a, spin, &nil) {
		r = acre_ready(NULL);
		if (r >= 0)
			r = acre_sleep(acre_secs(3600));
	}
	return r;
}

static int hold_all_spinning(void)
{
	struct acre_actor *actors[STUCK];
	void *unused;
	int r = 0;

	ACRE_NURSERY(n, r) {
		for (int i = 0; i < STUCK && r >= 0; i++)
			r = acre_spawn(&n, &actors[i], .name = "spins");
		for (int i = 0; i < STUCK && r >= 0; i++)
			r = acre_go_ready(&n, hold_spinning, actors[i], &unused);
		if (r >= 0)
			r = acre_sleep(acre_secs(3600));
	}
	return r;
}

ACRE_CONTEXT(host_all, acre_nil)
{
	(void)ctx;
	return hold_all_spinning();
}

static int hold_host(void)
{
	struct acre_actor *host;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &host, .name = "host", .backend = "exec");
		if (r >= 0)
			r = acre_call(host, host_all, &nil, acre_nil, &nil);
	}
	return r;
}

/* Threads die with their process only: then the twenty-five are in one that hosts them. */
static int root_of_spinning_main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return backend_is("thread") ? hold_host() : hold_all_spinning();
}

static int root_of_spinning(void)
{
	return run_main(root_of_spinning_main);
}

static void await_spinning(int pidfds[STUCK], int fd)
{
	for (int i = 0; i < STUCK; i++) {
		pid_t pid;

		assert_int_equal(read(fd, &pid, sizeof pid), sizeof pid);
		pidfds[i] = pidfd_open(pid, 0);
		assert_true(pidfds[i] >= 0);
	}
}

TEST(s26_one_interrupt_ends_twenty_five_actors_that_spin)
{
	int pidfds[STUCK], fd, status;
	acre_instant begun;
	struct root root;

	test_limit(HANG_GUARD_S);
	actors_are_killed();
	adopt_orphans(); /* or nobody would see one */
	assert_int_equal(mkfifo(pipe_of_spinning(), 0600), 0);
	fd = open(pipe_of_spinning(), O_RDWR | O_CLOEXEC); /* it has no end */
	assert_true(fd >= 0);
	root = root_start(root_of_spinning);
	await_spinning(pidfds, fd);
	begun = acre_now();
	root_interrupt(&root);
	status = root_end(&root);
	test_note("%.2f s", seconds_since(begun));
	assert_true(seconds_since(begun) < LADDER_S + BUSY_S);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), INTERRUPTED);
	for (int i = 0; i < STUCK; i++) {
		assert_ok(test_wait_pidfd(pidfds[i], 0)); /* before the root was */
		close(pidfds[i]);
	}
	close(fd);
}
