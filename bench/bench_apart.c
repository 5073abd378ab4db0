/* SPDX-License-Identifier: MIT */
/* bench_apart.c - measuring in processes that have little memory, or much. */
#include "bench.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <acre.h>

/*
 * A side of a row is asked for with one datagram and answers with one. The process that
 * asks sleeps meanwhile, so that the two sides of a row, which may run in two of these, do
 * not disturb each other.
 */

#define GIB_MAX 8
#define GIB_KIB (1024.0 * 1024)
#define SPARE	(1.2 * GIB_KIB) /* of a GiB: page tables, and what else the machine does */

struct request {
	double (*fn)(void);
	const struct bench_row *row;
};

struct answer {
	double result, delay;
};

static int control[GIB_MAX + 1]; /* 0: no process yet */

int bench_has_room(unsigned int gib)
{
	FILE *f = fopen("/proc/meminfo", "r");
	char line[200];
	double kib = 0;

	while (f && kib == 0 && fgets(line, sizeof line, f))
		if (sscanf(line, "MemAvailable: %lf kB", &kib) != 1)
			kib = 0;
	if (f)
		fclose(f);
	return kib >= gib * GIB_KIB + SPARE;
}

/* Small pages, as a heap has that has grown in a long life. */
static void take_memory(unsigned int gib)
{
	if (!gib)
		return;
	bench_must(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0);
	bench_must(mmap(NULL, (size_t)gib << 30, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0) != MAP_FAILED);
	bench_must(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0) == 0);
}

_Noreturn static void serve(int fd, unsigned int gib)
{
	struct request q;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	take_memory(gib);
	while (recv(fd, &q, sizeof q, 0) == sizeof q) {
		double delay = bench_delay();
		struct answer a;

		bench_now = q.row;
		a.result = q.fn();
		a.delay = bench_delay() - delay;
		bench_must(send(fd, &a, sizeof a, 0) == sizeof a);
	}
	_exit(0);
}

double bench_apart(unsigned int gib, double (*fn)(void))
{
	struct request q = { .fn = fn, .row = bench_now };
	int pair[2], *fd = &control[gib];
	struct answer a;

	if (!*fd) {
		fflush(stdout); /* or it would be printed twice */
		bench_must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) ==
			   0);
		switch (fork()) {
		case -1:
			bench_must(0);
			break;
		case 0:
			close(pair[0]);
			serve(pair[1], gib);
		default:
			close(pair[1]);
			*fd = pair[0];
		}
	}
	bench_must(send(*fd, &q, sizeof q, 0) == sizeof q);
	if (recv(*fd, &a, sizeof a, 0) != sizeof a) {
		close(*fd);
		*fd = 0;
		return NAN;
	}
	bench_delayed_for(a.delay);
	return a.result;
}

#define BACKEND_NAME(id, name, text) name,
const char *const bench_backends[BENCH_BACKENDS] = { ACRE_BACKENDS(BACKEND_NAME) };
#undef BACKEND_NAME

static int ask_for_backend(void *arg)
{
	struct acre_nursery n;
	int r;

	acre_nursery_open(&n);
	r = acre_nursery_backend(&n, arg);
	return acre_nursery_close(&n, r);
}

int bench_has_backend(const char *name)
{
	return acre_run(ask_for_backend, (void *)(uintptr_t)name, NULL) >= 0;
}

const char *bench_name(const char *name, const char *detail)
{
	char *both = NULL;

	bench_must(asprintf(&both, "%s, %s", name, detail) >= 0);
	return both;
}
