/* SPDX-License-Identifier: MIT */
/* bench_actor.c - actors of each backend: from spawn to ready, how many a second, memory. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <acre.h>

#include "bench.h"
#include "measure.h"

/*
 * The floor of a backend is what the kernel takes for a process, or thread, of that kind
 * that ends at once; ours is a whole actor that serves. What does not depend on the memory
 * of the parent, by its nature or by our promise (G18), has the floor of a small parent.
 */

#define RATE_TASKS 8   /* that spawn at the same time */
#define RATE_EACH  25  /* actors of each of them */
#define CORES	   2   /* the bar is for so many */
#define IDLE	   25  /* actors or processes whose memory is measured */

extern char **environ;

/*
 * Floors.
 */

static pid_t spawn_self(const char *what)
{
	char *argv[] = { (char *)(uintptr_t) "bench_actor", (char *)(uintptr_t)what,
			 NULL };
	pid_t pid;

	bench_must(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ) == 0);
	return pid;
}

static void reap(pid_t pid)
{
	bench_must(waitpid(pid, NULL, 0) == pid);
}

static void exec_once(void)
{
	reap(spawn_self("--nothing"));
}

static void fork_once(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	bench_must(pid > 0);
	reap(pid);
}

static void *nothing(void *arg)
{
	return arg;
}

static void thread_once(void)
{
	pthread_t t;

	bench_must(pthread_create(&t, NULL, nothing, NULL) == 0);
	pthread_join(t, NULL);
}

static pid_t exec_idle(void)
{
	return spawn_self("--idle");
}

static pid_t fork_idle(void)
{
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	bench_must(pid > 0);
	return pid;
}

struct kind {
	const char *backend;
	const char *floor_name;
	void (*once)(void);
	pid_t (*idle)(void); /* NULL: it has no memory of its own */
	int of_small;	     /* the floor is that of a small parent */
	double bar;	     /* spawn to ready against the floor; 0: none is set */
};

static const struct kind kinds[] = {
	{ "exec", "posix_spawn+wait", exec_once, exec_idle, 0, 2.5 },
	{ "forkserver", "small fork+wait", fork_once, fork_idle, 1, 2.5 },
	{ "fork", "fork+wait", fork_once, fork_idle, 0, 0 },
	{ "thread", "pthread_create+join", thread_once, NULL, 0, 0 },
};
#define N_KINDS (sizeof kinds / sizeof *kinds)

static const struct kind *kind_now(void)
{
	for (size_t i = 0; i < N_KINDS; i++)
		if (!strcmp(kinds[i].backend, bench_now->backend))
			return &kinds[i];
	abort();
}

/*
 * From spawn to ready: the median of a repetition, in us.
 */

static double raw_spawns(void)
{
	const struct kind *kind = kind_now();
	struct costs c = costs_begin();
	double begun;

	do {
		begun = bench_wall();
		kind->once();
	} while (costs_add(&c, begun));
	return costs_end(&c);
}

static double spawns(void)
{
	struct costs c = costs_begin();
	int goes_on = 1, r = 0;

	while (goes_on && r >= 0)
		ACRE_NURSERY(n, r) {
			struct acre_actor *a;
			double begun = bench_wall();

			r = acre_spawn(&n, &a, .name = "newborn",
				       .backend = bench_now->backend);
			goes_on = costs_add(&c, begun);
			if (r >= 0 && acre_actor_pid(a) != getpid())
				bench_delayed(acre_actor_pid(a));
		}
	bench_check(r);
	return costs_end(&c);
}

static double our_spawns(void)
{
	return bench_in_task(spawns);
}

static double raw_spawn(void)
{
	return bench_apart(kind_now()->of_small ? 0 : bench_now->gib, raw_spawns);
}

static double our_spawn(void)
{
	return bench_apart(bench_now->gib, our_spawns);
}

static double our_spawn_small(void)
{
	return bench_apart(0, our_spawns);
}

/*
 * Actors per second, made and ended, on two cores.
 */

static void use_cores(void)
{
	cpu_set_t all, some;
	size_t n = 0;

	CPU_ZERO(&some);
	bench_must(sched_getaffinity(0, sizeof all, &all) == 0);
	for (size_t i = 0; i < CPU_SETSIZE && n < CORES; i++)
		if (CPU_ISSET(i, &all)) {
			CPU_SET(i, &some);
			n++;
		}
	bench_must(sched_setaffinity(0, sizeof some, &some) == 0);
}

/* A process for each core: one alone waits for each of its children. */
static double raw_rate_apart(void)
{
	double begun = bench_wall();
	pid_t pids[CORES];

	use_cores();
	for (int i = 0; i < CORES; i++) {
		pids[i] = fork();
		bench_must(pids[i] >= 0);
		for (int k = 0; !pids[i] && k < RATE_TASKS * RATE_EACH / CORES; k++)
			kind_now()->once();
		if (!pids[i])
			_exit(0);
	}
	for (int i = 0; i < CORES; i++)
		reap(pids[i]);
	return RATE_TASKS * RATE_EACH / (bench_wall() - begun);
}

ACRE_TASK(spawn_some, void *unused)
{
	int r = 0;

	(void)unused;
	for (int i = 0; i < RATE_EACH && r >= 0; i++)
		ACRE_NURSERY(n, r) {
			struct acre_actor *a;

			r = acre_spawn(&n, &a, .backend = bench_now->backend);
		}
	return r;
}

static double rate(void)
{
	double begun = 0;
	int r = 0;

	ACRE_NURSERY(n, r) { /* what starts with the first actor */
		struct acre_actor *a;

		r = acre_spawn(&n, &a, .backend = bench_now->backend);
	}
	bench_check(r);
	ACRE_NURSERY(n, r) {
		begun = bench_wall();
		for (int i = 0; i < RATE_TASKS && r >= 0; i++)
			r = acre_go(&n, spawn_some, NULL);
	}
	bench_check(r);
	return RATE_TASKS * RATE_EACH / (bench_wall() - begun);
}

static double our_rate_apart(void)
{
	use_cores();
	return bench_in_task(rate);
}

static double raw_rate(void)
{
	return bench_apart(0, raw_rate_apart);
}

static double our_rate(void)
{
	return bench_apart(0, our_rate_apart);
}

/*
 * Memory, in KiB: the share that a process has of what it uses, so that pages which all of
 * them use count once.
 */

static void *idle_thread(void *arg)
{
	pthread_barrier_wait(arg);
	pthread_barrier_wait(arg);
	return arg;
}

static double raw_threads(void)
{
	double before = memory_of(getpid(), "Pss"), kib;
	pthread_t t[IDLE];
	pthread_barrier_t b;

	pthread_barrier_init(&b, NULL, IDLE + 1);
	for (int i = 0; i < IDLE; i++)
		bench_must(pthread_create(&t[i], NULL, idle_thread, &b) == 0);
	pthread_barrier_wait(&b);
	kib = (memory_of(getpid(), "Pss") - before) / IDLE;
	pthread_barrier_wait(&b);
	for (int i = 0; i < IDLE; i++)
		pthread_join(t[i], NULL);
	return kib;
}

static double raw_memory_apart(void)
{
	const struct kind *kind = kind_now();
	pid_t pids[IDLE];
	double kib = 0;

	if (!kind->idle)
		return raw_threads();
	for (int i = 0; i < IDLE; i++)
		pids[i] = kind->idle();
	for (int i = 0; i < IDLE; i++)
		await_idle(pids[i]);
	for (int i = 0; i < IDLE; i++)
		kib += memory_of(pids[i], "Pss");
	for (int i = 0; i < IDLE; i++) {
		kill(pids[i], SIGKILL);
		reap(pids[i]);
	}
	return kib / IDLE;
}

static const char *backend_of_memory;

static double memory(void)
{
	double before = 0, kib = 0;
	struct acre_actor *a[IDLE + 1];
	int r = 0;

	ACRE_NURSERY(n, r) {
		for (int i = 0; i <= IDLE && r >= 0; i++) {
			r = acre_spawn(&n, &a[i], .backend = backend_of_memory);
			if (i == 0) /* what starts with the first one is none of it */
				before = memory_of(getpid(), "Pss");
		}
		for (int i = 1; i <= IDLE && r >= 0; i++)
			if (acre_actor_pid(a[i]) != getpid())
				kib += memory_of(acre_actor_pid(a[i]), "Pss");
		if (kib == 0)
			kib = memory_of(getpid(), "Pss") - before;
	}
	bench_check(r);
	return kib / IDLE;
}

static double our_memory_apart(void)
{
	backend_of_memory = bench_now->backend;
	return bench_in_task(memory);
}

static double exec_memory_apart(void)
{
	backend_of_memory = "exec";
	return bench_in_task(memory);
}

static double raw_memory(void)
{
	return bench_apart(0, raw_memory_apart);
}

static double our_memory(void)
{
	return bench_apart(0, our_memory_apart);
}

static double exec_memory(void)
{
	return bench_apart(0, exec_memory_apart);
}

/*
 * The rows of a backend.
 */

#define GIB_MOST	  8
#define ROWS_OF_A_BACKEND 7
#define G18_US		  2000 /* promise: spawn to ready at 8 GiB */
#define G18_RATIO	  3    /* promise: at 8 GiB against none */
#define RATE_LIMIT	  2000
#define MEMORY_BAR	  0.5 /* forkserver against exec */

static struct bench_row spawn_row(const struct kind *k, unsigned int gib)
{
	static const char *const sizes[] = {
		[0] = "0 GiB", [1] = "1 GiB", [8] = "8 GiB"
	};

	return (struct bench_row){
		.name = bench_name(bench_name("spawn to ready", k->backend), sizes[gib]),
		.unit = "us",
		.floor_name = k->floor_name,
		.floor = raw_spawn,
		.ours = our_spawn,
		.bar = k->bar,
		.limit = k->bar > 0 && gib == GIB_MOST ? G18_US : 0,
		.backend = k->backend,
		.gib = gib,
	};
}

static size_t rows_of(const struct kind *k, struct bench_row *ret)
{
	size_t n = 0;

	ret[n++] = spawn_row(k, 0);
	ret[n++] = spawn_row(k, 1);
	if (bench_has_room(GIB_MOST)) {
		ret[n++] = spawn_row(k, GIB_MOST);
		ret[n] = ret[n - 1];
		ret[n].name = bench_name("spawn at 8 GiB : at 0", k->backend);
		ret[n].floor_name = "ours at 0 GiB";
		ret[n].floor = our_spawn_small;
		ret[n].limit = 0;
		ret[n++].bar = k->bar > 0 ? G18_RATIO : 0;
	}
	ret[n++] =
		(struct bench_row){ .name = bench_name("actors on 2 cores", k->backend),
				    .unit = "/s",
				    .floor_name = k->floor_name,
				    .floor = raw_rate,
				    .ours = our_rate,
				    .sense = BENCH_RATE,
				    .limit = RATE_LIMIT,
				    .backend = k->backend };
	ret[n++] = (struct bench_row){ .name = bench_name("memory of an idle actor",
							  k->backend),
				       .unit = "KiB",
				       .floor_name = "idle process, or thread",
				       .floor = raw_memory,
				       .ours = our_memory,
				       .backend = k->backend };
	if (!strcmp(k->backend, "exec"))
		return n;
	ret[n] = ret[n - 1];
	ret[n].name = bench_name("memory against exec's", k->backend);
	ret[n].floor_name = "ours of exec";
	ret[n].floor = exec_memory;
	ret[n++].bar = strcmp(k->backend, "forkserver") ? 0 : MEMORY_BAR;
	return n;
}

int main(int argc, char **argv)
{
	static struct bench_row rows[N_KINDS * ROWS_OF_A_BACKEND];
	size_t n = 0;

	if (argc == 2 && !strcmp(argv[1], "--nothing"))
		return 0;
	if (argc == 2 && !strcmp(argv[1], "--idle"))
		return pause();
	acre_boot(argc, argv);
	for (size_t i = 0; i < N_KINDS; i++)
		if (bench_has_backend(kinds[i].backend))
			n += rows_of(&kinds[i], &rows[n]);
	if (!bench_has_room(GIB_MOST))
		printf("no room for %d GiB: without the rows of so big a parent\n",
		       GIB_MOST);
	return bench_main(argc, argv, rows, n);
}
