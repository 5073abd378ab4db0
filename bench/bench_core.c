/* SPDX-License-Identifier: MIT */
/* bench_core.c - in one process: switch, yield, spawn, message, cancel, memory, how many. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <acre.h>

#include "base/mem.h"
#include "base/sys.h"
#include "bench.h"
#include "core/fiber.h"
#include "core/loop.h"

#ifdef HAVE_ST
#include <st.h>
#endif

#define WARM_UP	   1000
#define ROUNDS	   500000
#define FEWER	   100000
#define BATCH	   100
#define IDLE_TASKS 10000
#define MANY_TASKS 1000000

static double per_op(double begun, double n)
{
	return (bench_cpu() - begun) / n * 1e9;
}

/*
 * The bare switch: there and back is two.
 */

static struct fiber here, there;

static void bounce(void *unused)
{
	(void)unused;
	for (;;)
		fiber_switch(&there, &here);
}

static double raw_switch(void)
{
	static _Alignas(64) uint8_t stack[64 * 1024];
	double begun;

	fiber_adopt(&here);
	fiber_init(&there, stack, sizeof stack, bounce, NULL);
	for (int i = 0; i < WARM_UP; i++)
		fiber_switch(&here, &there);
	begun = bench_cpu();
	for (int i = 0; i < ROUNDS; i++)
		fiber_switch(&here, &there);
	begun = per_op(begun, 2.0 * ROUNDS);
	fiber_fini(&there);
	fiber_fini(&here);
	return begun;
}

/*
 * Yield through the scheduler, two tasks.
 */

ACRE_TASK(yield_often, int *rounds)
{
	int r = 0;

	for (int i = 0; i < *rounds && r >= 0; i++)
		r = acre_yield();
	return r;
}

static void two_yield(int rounds)
{
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_go(&n, yield_often, &rounds);
		if (r >= 0)
			r = acre_go(&n, yield_often, &rounds);
	}
	if (r < 0)
		abort();
}

static double yields(void)
{
	double begun;

	two_yield(WARM_UP);
	begun = bench_cpu();
	two_yield(ROUNDS);
	return per_op(begun, 2.0 * ROUNDS);
}

static double our_yield(void)
{
	return bench_in_task(yields);
}

/*
 * A nursery with one task, opened, run, joined.
 */

ACRE_TASK(nothing, int *count)
{
	++*count;
	return 0;
}

static double spawns(void)
{
	int count = 0, r = 0;
	double begun = 0;

	for (int i = -WARM_UP; i < ROUNDS && r >= 0; i++) {
		if (i == 0)
			begun = bench_cpu();
		ACRE_NURSERY(n, r)
			r = acre_go(&n, nothing, &count);
	}
	if (r < 0 || count != ROUNDS + WARM_UP)
		abort();
	return per_op(begun, ROUNDS);
}

static double our_spawn(void)
{
	return bench_in_task(spawns);
}

/* What the kernel alone takes for as many stacks: a page that is touched, and a guard
 * (nothing, where it has none that are cheap). */
static double bare_stacks(void)
{
	size_t usable = LOOP_STACK_DEFAULT, stride = usable + STACK_GUARD_SIZE;
	size_t len = FEWER * stride;
	double begun = bench_cpu();
	uint8_t *low = mmap(NULL, len, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (low == MAP_FAILED)
		abort();
	madvise(low, len, MADV_NOHUGEPAGE);
	for (uint8_t *at = low; at < low + len; at += stride) {
		madvise(at, STACK_GUARD_SIZE, MADV_GUARD_INSTALL);
		at[stride - 1] = 1;
	}
	begun = per_op(begun, FEWER);
	munmap(low, len);
	return begun;
}

static double crowd(void)
{
	int count = 0, r = 0;
	double begun = bench_cpu();

	ACRE_NURSERY(n, r)
		for (int i = 0; i < FEWER && r >= 0; i++)
			r = acre_go(&n, nothing, &count);
	if (r < 0 || count != FEWER)
		abort();
	return per_op(begun, FEWER);
}

static double our_crowd(void)
{
	return bench_in_task(crowd);
}

/*
 * A message of 64 bytes from one task to another, through a channel of 64.
 */

struct message {
	uint64_t number;
	char rest[56];
};

ACRE_TASK(produce, struct acre_chan *chan)
{
	struct message m = { .number = 0 };
	int r = 0;

	for (; m.number < ROUNDS && r >= 0; m.number++)
		r = acre_chan_send(chan, &m);
	acre_chan_close(chan);
	return r;
}

static double messages(void)
{
	static struct message ring[64];
	struct acre_chan chan;
	struct message m;
	uint64_t sum = 0;
	double begun = bench_cpu();
	int r = 0;

	acre_chan_init(&chan, sizeof *ring, ring, 64);
	ACRE_NURSERY(n, r) {
		r = acre_go(&n, produce, &chan);
		while (r >= 0 && (r = acre_chan_recv(&chan, &m)) > 0)
			sum += m.number;
	}
	if (r < 0 || sum != (uint64_t)ROUNDS * (ROUNDS - 1) / 2)
		abort();
	return per_op(begun, ROUNDS);
}

static double our_message(void)
{
	return bench_in_task(messages);
}

/*
 * A blocked task is cancelled and joined.
 */

ACRE_TASK(wait_for_ever, struct acre_event *event)
{
	return acre_event_wait(event);
}

/* So many at a time that what it costs to read the clock does not count. Each has a nursery
 * of its own, within the one before. */
static double cancels_of_a_batch(void)
{
	static struct acre_nursery nurseries[BATCH];
	struct acre_event event;
	double begun;
	int r = 0;

	acre_event_init(&event);
	for (int i = 0; i < BATCH; i++) {
		acre_nursery_open(&nurseries[i]);
		if (r >= 0)
			r = acre_go(&nurseries[i], wait_for_ever, &event);
	}
	if (r >= 0)
		r = acre_yield(); /* they wait now */
	begun = bench_cpu();
	for (int i = BATCH; i-- > 0;) {
		acre_nursery_cancel(&nurseries[i]);
		r = acre_nursery_close(&nurseries[i], r);
	}
	if (r < 0)
		abort();
	return bench_cpu() - begun;
}

static double cancels(void)
{
	double cost = 0;

	for (int i = 0; i < FEWER; i += BATCH)
		cost += cancels_of_a_batch();
	return cost / FEWER * 1e9;
}

static double our_cancel(void)
{
	return bench_in_task(cancels);
}

/*
 * Memory, and how many.
 */

static double resident(void)
{
	long pages = 0, dummy;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f || fscanf(f, "%ld %ld", &dummy, &pages) != 2)
		abort();
	fclose(f);
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static double park_tasks(int n_tasks)
{
	struct acre_event event;
	double before = resident(), after = 0;
	int r = 0;

	acre_event_init(&event);
	ACRE_NURSERY(n, r) {
		for (int i = 0; i < n_tasks && r >= 0; i++)
			r = acre_go(&n, wait_for_ever, &event);
		if (r >= 0)
			r = acre_yield();
		after = resident();
		acre_event_set(&event);
	}
	if (r < 0) {
		acre_print(stderr, r);
		return 0;
	}
	return (after - before) / n_tasks;
}

static double idle_memory(void)
{
	return park_tasks(IDLE_TASKS);
}

static double our_idle_memory(void)
{
	return bench_in_task(idle_memory);
}

static double most(void)
{
	double begun = bench_wall();
	double memory = park_tasks(MANY_TASKS);

	printf("%-24s %d guarded tasks parked, %.0f B each, started and ended in %.1f "
	       "s\n",
	       "", MANY_TASKS, memory, bench_wall() - begun);
	return memory > 0 ? MANY_TASKS : 0;
}

static double our_most(void)
{
	return bench_in_task(most);
}

/*
 * The error model: three nested calls that succeed.
 */

__attribute__((noinline)) static int plain3(int x)
{
	return x < 0 ? x : 0;
}

__attribute__((noinline)) static int plain2(int x)
{
	int r = plain3(x);

	return r < 0 ? r : 0;
}

__attribute__((noinline)) static int plain1(int x)
{
	int r = plain2(x);

	return r < 0 ? r : 0;
}

__attribute__((noinline)) static int noted2(int x)
{
	return acre_note(plain3(x), "in the second");
}

__attribute__((noinline)) static int noted1(int x)
{
	return acre_note(noted2(x), "in the first");
}

static double plain_errno(void)
{
	double begun = bench_cpu();
	volatile int sum = 0;

	for (int i = 0; i < ROUNDS; i++)
		sum += plain1(i);
	(void)sum;
	return per_op(begun, ROUNDS);
}

static double noted(void)
{
	double begun = bench_cpu();
	volatile int sum = 0;

	for (int i = 0; i < ROUNDS; i++)
		sum += noted1(i);
	(void)sum;
	return per_op(begun, ROUNDS);
}

static double failing(void)
{
	double begun = bench_cpu();
	volatile int sum = 0;

	for (int i = 0; i < FEWER; i++)
		sum += acre_note(acre_note(acre_fail(ENOENT, "not there"),
					   "in the second"),
				 "in the first");
	(void)sum;
	return per_op(begun, FEWER);
}

static double our_failing(void)
{
	return bench_in_task(failing);
}

/*
 * State Threads, the in-process yardstick, where it is installed.
 */

#ifdef HAVE_ST
/* It has no call that only yields, and st_sleep(0) takes the way through the heap of
 * timers and the clock. So two threads hand over to each other by a condition variable. */
static st_cond_t st_turn;

static void *st_hand_over(void *rounds)
{
	for (int i = 0; i < *(int *)rounds; i++) {
		st_cond_signal(st_turn);
		st_cond_wait(st_turn);
	}
	st_cond_signal(st_turn);
	return NULL;
}

static double st_two_hand_over(int rounds)
{
	st_thread_t t = st_thread_create(st_hand_over, &rounds, 1, 0);
	double begun = bench_cpu();

	st_hand_over(&rounds);
	st_thread_join(t, NULL);
	return per_op(begun, 2.0 * rounds);
}

static double st_yields(void)
{
	double cost;

	st_turn = st_cond_new();
	st_two_hand_over(WARM_UP);
	cost = st_two_hand_over(ROUNDS);
	st_cond_destroy(st_turn);
	return cost;
}

static void *st_nothing(void *count)
{
	++*(int *)count;
	return NULL;
}

static double st_spawns(void)
{
	int count = 0;
	double begun = 0;

	for (int i = -WARM_UP; i < ROUNDS; i++) {
		if (i == 0)
			begun = bench_cpu();
		st_thread_join(st_thread_create(st_nothing, &count, 1, 0), NULL);
	}
	if (count != ROUNDS + WARM_UP)
		abort();
	return per_op(begun, ROUNDS);
}

#define VERSUS_ST(how, fn) "State Threads" how, fn
#else
#define VERSUS_ST(how, fn) NULL, NULL
#endif

/* Ratios to State Threads, and figures that stand for libraries which are not packaged.
 * The aim of a spawn is libdill's, 67 ns where State Threads take 70. */
#define YIELD_BAR     0.5
#define YIELD_LIMIT   15 /* ns */
#define SPAWN_BAR     0.95
#define MESSAGE_BAR   1.4
#define MESSAGE_LIMIT 40   /* ns */
#define CANCEL_LIMIT  150  /* ns */
#define MEMORY_LIMIT  4500 /* bytes, the guard included */

int main(int argc, char **argv)
{
	static const struct bench_row rows[] = {
		{ "yield over a switch", "ns", "bare switch", raw_switch, our_yield,
		  .sense = BENCH_COST, .bar = 0 },
		{ "yield", "ns", VERSUS_ST(", hand-over by condition", st_yields),
		  our_yield, .sense = BENCH_COST, .bar = YIELD_BAR,
		  .limit = YIELD_LIMIT },
		{ "spawn+join in a nursery", "ns", VERSUS_ST("", st_spawns), our_spawn,
		  .sense = BENCH_COST, .bar = SPAWN_BAR },
		{ "100,000 in one nursery", "ns", "bare stacks", bare_stacks, our_crowd,
		  .sense = BENCH_COST, .bar = 0 },
		{ "message, channel of 64", "ns",
		  VERSUS_ST(", hand-over by condition", st_yields), our_message,
		  .sense = BENCH_COST, .bar = MESSAGE_BAR, .limit = MESSAGE_LIMIT },
		{ "cancel+join", "ns", NULL, NULL, our_cancel, .sense = BENCH_COST,
		  .limit = CANCEL_LIMIT },
		{ "three calls succeed", "ns", "plain errno", plain_errno, noted,
		  .sense = BENCH_COST, .bar = 0 },
		{ "fail with two notes", "ns", NULL, NULL, our_failing,
		  .sense = BENCH_COST, .bar = 0 },
		{ "memory of an idle task", "B", NULL, NULL, our_idle_memory,
		  .sense = BENCH_COST, .limit = MEMORY_LIMIT },
		{ "most tasks", "", NULL, NULL, our_most, .sense = BENCH_RATE,
		  .limit = MANY_TASKS },
	};

#ifdef HAVE_ST
	st_init();
#endif
	return bench_main(argc, argv, rows, sizeof rows / sizeof *rows);
}
