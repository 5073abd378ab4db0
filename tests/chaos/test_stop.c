/* SPDX-License-Identifier: MIT */
/* test_stop.c - SIGSTOP and SIGCONT at any moment of a tree that works: promise G14. */
#include "conform/tree.h"

#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

/*
 * Three actors below the root pass on what an actor below each of them counts. All seven
 * processes are stopped and continued at random, and nobody notices: no item is lost, none
 * comes twice, nothing fails.
 */

#define STOPS	  1000
#define STOP_NS	  2000000u /* longest stop, and longest pause between two */
#define RELAYS	  3
#define PROCESSES (1 + 2 * RELAYS)
/* epoll_wait is what a stop interrupts: each reader is there again and again */
#define BATCH 64

ACRE_CONTEXT(count_for_ever, acre_nil)
{
	int r = 0;

	for (int64_t i = getpid(); r >= 0; i++)
		r = acre_send(ctx, acre_int, .value = i);
	return r;
}

/* The first item is the pid of who counts, from which it counts. */
ACRE_CONTEXT(relay, acre_text)
{
	struct acre_actor *a;
	struct acre_int v;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "counter", .backend = in->value);
		if (r >= 0)
			ACRE_OPEN(below, r, a, count_for_ever, &nil)
				while (r >= 0 && (r = acre_recv(below, acre_int, &v)) > 0)
					r = acre_send(ctx, acre_int, .value = v.value);
	}
	return r;
}

struct reader {
	struct acre_actor *actor;
	const char *backend;
	pid_t counter;
	int64_t n_read;
	bool *stops;
};

ACRE_TASK(read_on, struct reader *reader)
{
	struct acre_int v;
	int r = 0;

	ACRE_OPEN(ctx, r, reader->actor, relay, &(struct acre_text){ reader->backend }) {
		assert_int_equal(acre_recv(ctx, acre_int, &v), 1);
		reader->counter = (pid_t)v.value;
		r = acre_ready(NULL);
		while (r >= 0 && !*reader->stops) {
			assert_int_equal(acre_recv(ctx, acre_int, &v), 1);
			assert_int_equal(v.value, reader->counter + ++reader->n_read);
			if (reader->n_read % BATCH == 0)
				r = acre_sleep(acre_us(100));
		}
		if (r >= 0)
			r = acre_context_cancel(ctx);
	}
	return r;
}

/* A process that stops and continues the others. */
static pid_t start_stopper(const pid_t *pids, size_t n)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	srand48((long)test_seed());
	for (int i = 0; i < STOPS; i++) {
		struct timespec moment = { .tv_nsec = (long)(drand48() * STOP_NS) };
		pid_t whom = pids[(size_t)(drand48() * (double)n)];

		kill(whom, SIGSTOP);
		nanosleep(&moment, NULL);
		kill(whom, SIGCONT);
		moment.tv_nsec = (long)(drand48() * STOP_NS);
		nanosleep(&moment, NULL);
	}
	_exit(0);
}

static int work_until_stopped_often(struct reader *readers, bool *stops)
{
	pid_t pids[PROCESSES] = { getpid() }, stopper;
	int status = 0, r = 0;

	for (int i = 0; i < RELAYS; i++) {
		pids[1 + 2 * i] = acre_actor_pid(readers[i].actor);
		pids[2 + 2 * i] = readers[i].counter;
	}
	stopper = start_stopper(pids, PROCESSES);
	while (r >= 0 && waitpid(stopper, &status, WNOHANG) == 0)
		r = acre_sleep(acre_ms(1));
	assert_int_equal(status, 0);
	*stops = true;
	return r;
}

TEST_TREE(g14_stop_and_continue_are_invisible)
{
	static struct reader readers[RELAYS] = { { .backend = "exec" },
						 { .backend = "forkserver" },
						 { .backend = "fork" } };
	static bool stops;
	int64_t n_read = 0;
	void *none;
	int r = 0;

	ACRE_NURSERY(n, r) {
		for (int i = 0; i < RELAYS && r >= 0; i++) {
			readers[i].stops = &stops;
			r = acre_spawn(&n, &readers[i].actor, .name = "relay",
				       .backend = readers[i].backend);
			if (r >= 0)
				r = acre_go_ready(&n, read_on, &readers[i], &none);
		}
		if (r >= 0)
			r = work_until_stopped_often(readers, &stops);
	}
	for (int i = 0; i < RELAYS; i++)
		n_read += readers[i].n_read;
	test_note("%d stops, %lld items", STOPS, (long long)n_read);
	assert_ok(r);
	assert_true(n_read > 0);
	return r;
}
