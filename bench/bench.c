/* SPDX-License-Identifier: MIT */
/* bench.c - running rows in turns, and refusing a loaded machine. */
#include "bench.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <acre.h>

#define REPETITIONS 5
#define NAME	    "%-33s" /* the first column */
#define DELAY_MAX   0.3	    /* share of the time that our threads waited for a CPU */

const struct bench_row *bench_now;

static double seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double bench_cpu(void)
{
	return seconds(CLOCK_THREAD_CPUTIME_ID);
}

double bench_wall(void)
{
	return seconds(CLOCK_MONOTONIC);
}

void bench_must(int ok)
{
	if (!ok) {
		perror("bench");
		exit(1);
	}
}

void bench_check(int r)
{
	if (r < 0) {
		acre_print(stderr, r);
		exit(1);
	}
}

struct in_task {
	double (*fn)(void);
	double result;
};

static int call(void *arg)
{
	struct in_task *t = arg;

	t->result = t->fn();
	return 0;
}

double bench_in_tree(const char *transport, double (*fn)(void))
{
	struct acre_run_options options = { .transports = transport };
	struct in_task t = { .fn = fn };

	bench_check(acre_run(call, &t, &options));
	return t.result;
}

double bench_in_task(double (*fn)(void))
{
	return bench_in_tree(NULL, fn);
}

static double others_delay; /* of processes that are counted as ours */

/* Nanoseconds that a thread has waited in a run queue. */
static double delay_in(const char *path)
{
	double run, delay = 0;
	FILE *f = fopen(path, "r");

	if (f && fscanf(f, "%lf %lf", &run, &delay) != 2)
		delay = 0;
	if (f)
		fclose(f);
	return delay;
}

static double delay_of_threads(void)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *e;
	double sum = 0;
	char path[300];

	while (tasks && (e = readdir(tasks))) {
		snprintf(path, sizeof path, "/proc/self/task/%s/schedstat", e->d_name);
		if (e->d_name[0] != '.')
			sum += delay_in(path);
	}
	if (tasks)
		closedir(tasks);
	return sum;
}

double bench_delay(void)
{
	return delay_of_threads() + others_delay;
}

void bench_delayed_for(double ns)
{
	others_delay += ns;
}

/* What its first thread has waited, which is the one with its loop. A look at its threads
 * would have the kernel take apart more when it ends, and disturb that. */
void bench_delayed(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/schedstat", (int)pid);
	others_delay += delay_in(path);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double v[REPETITIONS])
{
	qsort(v, REPETITIONS, sizeof *v, by_value);
	return v[REPETITIONS / 2];
}

static const char *verdict(const struct bench_row *row, double is, double bar)
{
	return (row->sense == BENCH_COST ? is <= bar : is >= bar) ? "met" : "SHORT";
}

static void print_bars(const struct bench_row *row, double ratio, double ours)
{
	if (row->bar > 0 && row->floor)
		printf("  bar x%.2f %s", row->bar, verdict(row, ratio, row->bar));
	if (row->limit > 0)
		printf("  bar %.0f %s %s", row->limit, row->unit,
		       verdict(row, ours, row->limit));
}

/* False: a side has failed, and has said why. */
static int run_row(const struct bench_row *row)
{
	double floor[REPETITIONS], ours[REPETITIONS], ratio[REPETITIONS];
	double f = 0, o;

	for (int i = 0; i < REPETITIONS; i++) {
		floor[i] = row->floor ? row->floor() : 0;
		ours[i] = row->ours();
		if (isnan(floor[i]) || isnan(ours[i])) {
			printf(NAME " FAILED\n", row->name);
			return 0;
		}
		ratio[i] = row->floor ? ours[i] / floor[i] : 0;
	}
	o = median(ours);
	if (row->floor) {
		f = median(floor);
		median(ratio);
		printf(NAME " %10.2f %-4s %10.2f %-4s  x%6.2f (%.2f-%.2f)", row->name, f,
		       row->unit, o, row->unit, ratio[REPETITIONS / 2], ratio[0],
		       ratio[REPETITIONS - 1]);
		print_bars(row, ratio[REPETITIONS / 2], o);
		printf("  [%s]\n", row->floor_name);
	} else {
		printf(NAME " %10s %-4s %10.2f %-4s  (%.2f-%.2f)", row->name, "-",
		       row->unit, o, row->unit, ours[0], ours[REPETITIONS - 1]);
		print_bars(row, 0, o);
		printf("\n");
	}
	fflush(stdout);
	return 1;
}

static void print_machine(void)
{
	struct utsname u;
	double load = 0;
	FILE *f = fopen("/proc/loadavg", "r");

	uname(&u);
	if (f && fscanf(f, "%lf", &load) != 1)
		load = -1;
	if (f)
		fclose(f);
	printf("acre %s, %s, Linux %s, %ld cores, load %.1f\n", acre_version(),
	       __VERSION__, u.release, sysconf(_SC_NPROCESSORS_ONLN), load);
	printf(NAME " %15s %15s  ratio (smallest-largest of %d)\n", "", "floor", "ours",
	       REPETITIONS);
}

static int is_wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strstr(name, argv[i]))
			return 1;
	return argc < 2;
}

int bench_main(int argc, char **argv, const struct bench_row *rows, size_t n)
{
	int status = 0;

	print_machine();
	for (size_t i = 0; i < n; i++) {
		double delay = bench_delay(), begun = bench_wall(), share;

		if (!is_wanted(rows[i].name, argc, argv))
			continue;
		bench_now = &rows[i];
		if (!run_row(&rows[i])) {
			status = 1;
			continue;
		}
		share = (bench_delay() - delay) / 1e9 / (bench_wall() - begun);
		if (share > DELAY_MAX) {
			printf(NAME " machine too loaded: we waited %.0f %% of the time, "
				    "this row says nothing\n",
			       rows[i].name, share * 100);
			status = status ? status : BENCH_SKIPPED;
		}
	}
	return status;
}
