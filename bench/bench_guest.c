/* SPDX-License-Identifier: MIT */
/* bench_guest.c - actors that run Python: until they answer, what a call costs, memory. */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <acre.h>
#include <acre/python.h>
#include <acre/value.h>

#include "bench.h"
#include "measure.h"
#include "peers.h"

/*
 * The floors are the same version of Python, executed: what a program pays that starts a
 * process of Python for each of its workers. Ours is ready when a first call of an `async def`
 * has come back; theirs when a loop has run, which has had nothing to do.
 */

#define TRIPS	   2000
#define WARM_UP	   100
#define CALLERS	   64 /* tasks that call at the same time */
#define CALLS_EACH 50
#define ITEMS	   20000 /* of a stream */

#define AS_TEXT(x) #x
#define TEXT_OF(x) AS_TEXT(x) /* of what it stands for */
#define IDLE	   10 /* actors or processes whose memory is measured */

#define READY_BAR  (1 / 15.0) /* of what an executed Python takes until its loop runs */
#define READY_US   10000
#define MEMORY_BAR (1 / 3.0) /* of what that has for itself */
#define MEMORY_KIB 4096

extern char **environ;

/*
 * Python, executed.
 */

static const char does_nothing[] = "pass";
static const char runs_loop[] = "import asyncio, os\n"
				"async def f():\n"
				"    os.write(1, b'x')\n"
				"asyncio.run(f())\n";
static const char stays_idle[] = "import asyncio, os\n"
				 "async def f():\n"
				 "    os.write(1, b'x')\n"
				 "    await asyncio.sleep(1e6)\n"
				 "asyncio.run(f())\n";

static pid_t start_python(const char *source, int out)
{
	char *argv[] = { (char *)(uintptr_t)GUEST_PYTHON, (char *)(uintptr_t) "-c",
			 (char *)(uintptr_t)source, NULL };
	posix_spawn_file_actions_t actions;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	if (out >= 0)
		posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	bench_must(posix_spawn(&pid, GUEST_PYTHON, &actions, NULL, argv, environ) == 0);
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

/* Its waiting for a CPU counts. */
static void reap(pid_t pid)
{
	siginfo_t info;

	bench_must(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0);
	bench_delayed(pid);
	bench_must(waitpid(pid, NULL, 0) == pid);
}

/* Until it has said something. */
static pid_t start_loop(const char *source)
{
	pid_t pid;
	int out[2];
	char x;

	bench_must(pipe2(out, O_CLOEXEC) == 0);
	pid = start_python(source, out[1]);
	close(out[1]);
	bench_must(read(out[0], &x, 1) == 1);
	close(out[0]);
	return pid;
}

static double exec_nothing(void)
{
	struct costs c = costs_begin();
	double begun;

	do {
		begun = bench_wall();
		reap(start_python(does_nothing, -1));
	} while (costs_add(&c, begun));
	return costs_end(&c);
}

static double exec_loop(void)
{
	struct costs c = costs_begin();
	double begun;
	int goes_on;

	do {
		pid_t pid;

		begun = bench_wall();
		pid = start_loop(runs_loop);
		goes_on = costs_add(&c, begun);
		reap(pid);
	} while (goes_on);
	return costs_end(&c);
}

static double exec_memory_of(const char *field)
{
	pid_t pids[IDLE];
	double kib = 0;

	for (int i = 0; i < IDLE; i++)
		pids[i] = start_loop(stays_idle);
	for (int i = 0; i < IDLE; i++)
		await_idle(pids[i]);
	for (int i = 0; i < IDLE; i++)
		kib += memory_of(pids[i], field);
	for (int i = 0; i < IDLE; i++) {
		kill(pids[i], SIGKILL);
		reap(pids[i]);
	}
	return kib / IDLE;
}

/*
 * Guests.
 */

static const struct acre_guest echo = {
	.source = "import acre\n"
		  "async def same(number):\n"
		  "    return number\n"
		  "@acre.context\n"
		  "async def echo(ctx):\n"
		  "    await ctx.started()\n"
		  "    async for item in ctx:\n"
		  "        await ctx.send(item)\n"
		  "@acre.context\n"
		  "async def count(ctx):\n"
		  "    await ctx.started()\n"
		  "    for i in range(" TEXT_OF(ITEMS) "):\n"
						       "        await ctx.send(i)\n"
						       "@acre.context\n"
						       "async def take(ctx):\n"
						       "    await ctx.started()\n"
						       "    n = 0\n"
						       "    async for item in ctx:\n"
						       "        n += 1\n"
						       "    return n\n"
};

static int call_same(struct acre_actor *a, int64_t number)
{
	struct acre_packer *p = acre_pack_new();
	struct acre_value arg, got;
	struct acre_part part;
	int r;

	acre_pack_map(p, 1);
	acre_pack_text(p, "number");
	acre_pack_int(p, number);
	r = acre_pack_end(p, &arg);
	if (r >= 0)
		r = acre_call_named(a, "main", "same", arg, &got);
	acre_pack_free(p);
	if (r >= 0 && (acre_value_next(&got, &part) != 1 || part.integer != number))
		r = acre_fail(EPROTO, "not the number that was due");
	return r < 0 ? r : 0;
}

static int spawn_echo(struct acre_nursery *n, struct acre_actor **ret)
{
	int r = acre_spawn(n, ret, .name = "echo", .backend = "subint_forkserver",
			   .guest = &echo);

	return r < 0 ? r : call_same(*ret, 1);
}

static double spawns(void)
{
	struct costs c = costs_begin();
	int goes_on = 1, r = 0;

	while (goes_on && r >= 0)
		ACRE_NURSERY(n, r) {
			struct acre_actor *a;
			double begun = bench_wall();

			r = spawn_echo(&n, &a);
			goes_on = costs_add(&c, begun);
			if (r >= 0)
				bench_delayed(acre_actor_pid(a));
		}
	bench_check(r);
	return costs_end(&c);
}

static double calls(void)
{
	struct acre_actor *a;
	double begun = 0;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_echo(&n, &a);
		for (int i = -WARM_UP; i < TRIPS && r >= 0; i++) {
			if (i == 0)
				begun = bench_wall();
			r = call_same(a, i);
		}
		begun = bench_wall() - begun;
		if (r >= 0)
			bench_delayed(acre_actor_pid(a));
	}
	bench_check(r);
	return begun / TRIPS * 1e6;
}

ACRE_TASK(call_again, struct acre_actor *a)
{
	int r = 0;

	for (int i = 0; i < CALLS_EACH && r >= 0; i++)
		r = call_same(a, i);
	return r;
}

static double call_rate(void)
{
	struct acre_actor *a;
	double begun = 0;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_echo(&n, &a);
		begun = bench_wall();
		ACRE_NURSERY(callers, r)
			for (int i = 0; i < CALLERS && r >= 0; i++)
				r = acre_go(&callers, call_again, a);
		begun = bench_wall() - begun;
		if (r >= 0)
			bench_delayed(acre_actor_pid(a));
	}
	bench_check(r);
	return CALLERS * CALLS_EACH / begun / 1e3;
}

/*
 * Streams: an item there and back, and many one way. `what` fills the context.
 */

static double stream(const char *name, double (*what)(struct acre_context *ctx, int *ret))
{
	struct acre_context *ctx;
	struct acre_nil nil = { 0 };
	struct acre_actor *a;
	double figure = 0;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_echo(&n, &a);
		if (r >= 0)
			r = acre_open_named(&ctx, a, "main", name, ACRE_KIND(acre_nil),
					    &nil);
		if (r >= 0) {
			figure = what(ctx, &r);
			r = acre_context_close(&ctx, r);
		}
		if (r >= 0)
			bench_delayed(acre_actor_pid(a));
	}
	bench_check(r);
	return figure;
}

static double trips_of_items(struct acre_context *ctx, int *ret)
{
	struct acre_int item = { 0 };
	double begun = 0;
	int r = 0;

	for (int i = -WARM_UP; i < TRIPS && r >= 0; i++) {
		if (i == 0)
			begun = bench_wall();
		r = acre_send(ctx, acre_int, .value = i);
		if (r >= 0)
			r = acre_recv(ctx, acre_int, &item);
		if (r >= 0 && item.value != i)
			r = acre_fail(EPROTO, "not the item that was due");
	}
	begun = bench_wall() - begun;
	*ret = r < 0 ? r : acre_finish(ctx);
	return begun / TRIPS * 1e6;
}

static double items_to_guest(struct acre_context *ctx, int *ret)
{
	struct acre_int taken = { 0 };
	double begun = bench_wall();
	int r = 0;

	for (int i = 0; i < ITEMS && r >= 0; i++)
		r = acre_send(ctx, acre_int, .value = i);
	if (r >= 0)
		r = acre_finish(ctx);
	if (r >= 0)
		r = acre_result(ctx, acre_int, &taken);
	if (r >= 0 && taken.value != ITEMS)
		r = acre_fail(EPROTO, "not as many items as were sent");
	*ret = r;
	return ITEMS / (bench_wall() - begun) / 1e3;
}

static double items_from_guest(struct acre_context *ctx, int *ret)
{
	struct acre_int item;
	double begun = bench_wall();
	int r, n = 0;

	while ((r = acre_recv(ctx, acre_int, &item)) > 0)
		n++;
	if (r >= 0 && n != ITEMS)
		r = acre_fail(EPROTO, "not as many items as were sent");
	*ret = r;
	return ITEMS / (bench_wall() - begun) / 1e3;
}

static double stream_trips(void)
{
	return stream("echo", trips_of_items);
}

static double stream_to(void)
{
	return stream("take", items_to_guest);
}

static double stream_from(void)
{
	return stream("count", items_from_guest);
}

static const char *field_now; /* of smaps_rollup */

static double memory(void)
{
	struct acre_actor *a[IDLE];
	double kib = 0;
	int r = 0;

	ACRE_NURSERY(n, r) {
		for (int i = 0; i < IDLE && r >= 0; i++)
			r = spawn_echo(&n, &a[i]);
		for (int i = 0; i < IDLE && r >= 0; i++)
			kib += memory_of(acre_actor_pid(a[i]), field_now);
	}
	bench_check(r);
	return kib / IDLE;
}

/*
 * The bare kernel: two processes, and an eventfd each way.
 */

static void hand_back(int from, int to)
{
	uint64_t n;

	while (read(from, &n, sizeof n) == sizeof n)
		bench_must(write(to, &n, sizeof n) == sizeof n);
	_exit(1);
}

static double eventfd_trips(void)
{
	int there = eventfd(0, EFD_CLOEXEC), back = eventfd(0, EFD_CLOEXEC);
	double begun = 0;
	pid_t pid = fork();

	bench_must(pid >= 0);
	if (pid == 0)
		hand_back(there, back);
	for (int i = -WARM_UP; i < TRIPS; i++) {
		uint64_t n = 1;

		if (i == 0)
			begun = bench_wall();
		bench_must(write(there, &n, sizeof n) == sizeof n);
		bench_must(read(back, &n, sizeof n) == sizeof n);
	}
	begun = bench_wall() - begun;
	kill(pid, SIGKILL);
	reap(pid);
	close(there);
	close(back);
	return begun / TRIPS * 1e6;
}

static double eventfd_rate(void)
{
	return 1e3 / eventfd_trips();
}

/*
 * Sides: each in a process that has little memory.
 */

static double in_task_spawns(void)
{
	return bench_in_task(spawns);
}

static double in_task_calls(void)
{
	return bench_in_task(calls);
}

static double in_task_rate(void)
{
	return bench_in_task(call_rate);
}

static double in_task_stream_trips(void)
{
	return bench_in_task(stream_trips);
}

static double in_task_stream_to(void)
{
	return bench_in_task(stream_to);
}

static double in_task_stream_from(void)
{
	return bench_in_task(stream_from);
}

static double pss_apart(void)
{
	field_now = "Pss";
	return bench_in_task(memory);
}

static double exec_pss(void)
{
	return exec_memory_of("Pss");
}

static double private_apart(void)
{
	field_now = "Private_Dirty";
	return bench_in_task(memory);
}

static double exec_private(void)
{
	return exec_memory_of("Private_Dirty");
}

#define APART(fn)                          \
	static double fn##_side(void)      \
	{                                  \
		return bench_apart(0, fn); \
	}
APART(exec_nothing)
APART(exec_loop)
APART(exec_pss)
APART(exec_private)
APART(eventfd_trips)
APART(eventfd_rate)
APART(in_task_spawns)
APART(in_task_calls)
APART(in_task_rate)
APART(in_task_stream_trips)
APART(in_task_stream_to)
APART(in_task_stream_from)
APART(pss_apart)
APART(private_apart)

static const struct peer_row forkserver_of_python = {
	"multiprocessing", "multiprocessing's forkserver, Python " GUEST_VERSION, NULL,
	GUEST_PYTHON, GUEST_PEER
};

static const struct bench_row rows[] = {
	{ .name = "guest ready : python -c pass",
	  .unit = "us",
	  .floor_name = "executed and ended, Python " GUEST_VERSION,
	  .floor = exec_nothing_side,
	  .ours = in_task_spawns_side },
	{ .name = "guest ready : python -c asyncio",
	  .unit = "us",
	  .floor_name = "executed until its loop runs",
	  .floor = exec_loop_side,
	  .ours = in_task_spawns_side,
	  .bar = READY_BAR,
	  .limit = READY_US },
	{ .name = "guest ready : multiprocessing",
	  .unit = "us",
	  .floor_name = "its forkserver, asyncio preloaded",
	  .floor = peer_ready,
	  .ours = in_task_spawns_side,
	  .peer = &forkserver_of_python },
	{ .name = "call of a guest, there and back",
	  .unit = "us",
	  .floor_name = "two processes, two eventfds",
	  .floor = eventfd_trips_side,
	  .ours = in_task_calls_side },
	{ .name = "calls of a guest, 64 at a time",
	  .unit = "k/s",
	  .floor_name = "two processes, one at a time",
	  .floor = eventfd_rate_side,
	  .ours = in_task_rate_side,
	  .sense = BENCH_RATE },
	{ .name = "item of a stream, there and back",
	  .unit = "us",
	  .floor_name = "two processes, two eventfds",
	  .floor = eventfd_trips_side,
	  .ours = in_task_stream_trips_side },
	{ .name = "items to a guest",
	  .unit = "k/s",
	  .floor_name = "two processes, one at a time",
	  .floor = eventfd_rate_side,
	  .ours = in_task_stream_to_side,
	  .sense = BENCH_RATE },
	{ .name = "items from a guest",
	  .unit = "k/s",
	  .floor_name = "two processes, one at a time",
	  .floor = eventfd_rate_side,
	  .ours = in_task_stream_from_side,
	  .sense = BENCH_RATE },
	{ .name = "PSS of an idle guest",
	  .unit = "KiB",
	  .floor_name = "executed, its loop idle",
	  .floor = exec_pss_side,
	  .ours = pss_apart_side },
	{ .name = "memory of its own",
	  .unit = "KiB",
	  .floor_name = "executed, its loop idle",
	  .floor = exec_private_side,
	  .ours = private_apart_side,
	  .bar = MEMORY_BAR,
	  .limit = MEMORY_KIB },
};

int main(int argc, char **argv)
{
	setenv("ACRE_PYTHON_PLUGIN", GUEST_PLUGIN, 0);
	acre_boot(argc, argv);
	return bench_main(argc, argv, rows, sizeof rows / sizeof *rows);
}
