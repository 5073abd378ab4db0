/* SPDX-License-Identifier: MIT */
/* measure.c - costs are collected, and /proc tells what memory is whose. */
#include "measure.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct costs costs_begin(void)
{
	return (struct costs){ .n = -COSTS_WARM_UP, .end = bench_wall() + COSTS_TIME };
}

int costs_add(struct costs *c, double begun)
{
	double now = bench_wall();

	if (c->n >= 0)
		c->us[c->n] = (now - begun) * 1e6;
	c->n++;
	return c->n < COSTS_MAX && (c->n < 1 || now < c->end);
}

double costs_end(struct costs *c)
{
	bench_must(c->n > 0);
	qsort(c->us, (size_t)c->n, sizeof *c->us, by_value);
	return c->us[c->n / 2];
}

double memory_of(pid_t pid, const char *field)
{
	char path[64], line[200], name[64];
	double kib = 0, value;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
	f = fopen(path, "r");
	bench_must(f != NULL);
	while (kib == 0 && fgets(line, sizeof line, f))
		if (sscanf(line, "%63[^:]: %lf kB", name, &value) == 2 &&
		    !strcmp(name, field))
			kib = value;
	fclose(f);
	return kib;
}

void await_idle(pid_t pid)
{
	char path[64], state = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	while (state != 'S') { /* bound: it pauses */
		f = fopen(path, "r");
		bench_must(f && fscanf(f, "%*d (%*[^)]) %c", &state) == 1);
		fclose(f);
		sched_yield();
	}
}
