/* SPDX-License-Identifier: MIT */
/* test.c - main() of every test program: which tests, how often, and what came out. */
#define _GNU_SOURCE
#include "lib/test.h"

#include <err.h>
#include <fnmatch.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>

#include "lib/body.h"
#include "lib/dir.h"
#include "lib/runner.h"

static const char usage[] =
	"usage: %s [-l] [-v] [--no-fork] [--seeds N] [NAME, part of a name or glob]...\n"
	"  -l, --list     print the names and run nothing\n"
	"  -v, --verbose  print what every test prints, not only what a failing one "
	"does\n"
	"  --no-fork      run one test in this process, for a debugger\n"
	"  --seeds N      run each test under N seeds\n"
	"environment: ACRE_SEED=the first seed, ACRE_SCHEDULE=shuffle, pct, lifo or fifo "
	"for all\n"
	"  seeds instead of one by the seed, ACRE_TEST_LIMIT=seconds for a test, 0 = no "
	"limit\n"
	"status: 0 all passed, 1 one failed, 77 all were skipped\n";

struct options {
	const char *program;
	bool list, verbose, no_fork;
	unsigned long seeds;
	const char *schedule; /* of all seeds; NULL: that of each */
	char **patterns; /* ends with NULL */
};

struct tests {
	const struct test_case **cases;
	size_t n;
};

/* Of the library: a program that hosts actors is executed again as an actor. */
int acre_boot_if_actor(int argc, char **argv) __attribute__((weak));

/* The section of TEST(); weak, since a file may have no tests. */
extern const struct test_case *const __start_acre_tests[] __attribute__((weak));
extern const struct test_case *const __stop_acre_tests[] __attribute__((weak));

/* What UBSan finds is a failure, not a remark. */
const char *__ubsan_default_options(void);

const char *__ubsan_default_options(void)
{
	return "halt_on_error=1:print_stacktrace=1";
}

static bool parse_number(const char *text, unsigned long *ret)
{
	char *end;
	unsigned long number = strtoul(text, &end, 0);

	if (end == text || *end)
		return false;
	*ret = number;
	return true;
}

/* Which of ready tasks run first: the shares that a run under many seeds has of each way
 * (core/schedule.h), mixed so that a few seeds in a row have the most important ones. */
static const char *const schedules[] = {
	"shuffle", "pct",  "lifo", "shuffle", "pct",
	"shuffle", "fifo", "pct",  "shuffle", "shuffle"
};

/* That of the environment, for all seeds. Else NULL. */
static const char *choose_schedule(void)
{
	const char *given = getenv("ACRE_SCHEDULE");

	for (size_t i = 0; given && i < sizeof schedules / sizeof *schedules; i++)
		if (strcmp(given, schedules[i]) == 0)
			return schedules[i];
	if (given)
		errx(1, "ACRE_SCHEDULE wants shuffle, pct, lifo or fifo, not %s", given);
	return NULL;
}

static struct options parse_options(int argc, char **argv)
{
	enum { NO_FORK = 256, SEEDS };
	static const struct option known[] = {
		{ "list", no_argument, NULL, 'l' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ "no-fork", no_argument, NULL, NO_FORK },
		{ "seeds", required_argument, NULL, SEEDS },
		{ 0 },
	};
	struct options options = { .program = argv[0], .seeds = 1 };
	int option;

	while ((option = getopt_long(argc, argv, "lvh", known, NULL)) != -1)
		switch (option) {
		case 'l':
			options.list = true;
			break;
		case 'v':
			options.verbose = true;
			break;
		case NO_FORK:
			options.no_fork = true;
			break;
		case SEEDS:
			if (!parse_number(optarg, &options.seeds) || options.seeds == 0)
				errx(1, "--seeds wants a number from 1 on, not %s",
				     optarg);
			break;
		case 'h':
			printf(usage, argv[0]);
			exit(0);
		default:
			fprintf(stderr, usage, argv[0]);
			exit(1);
		}
	options.patterns = argv + optind;
	options.schedule = choose_schedule();
	return options;
}

static int compare_lines(const void *a, const void *b)
{
	const struct test_case *const *x = a, *const *y = b;

	return ((*x)->line > (*y)->line) - ((*x)->line < (*y)->line);
}

/* All tests of this program, in the order of their lines. */
static struct tests collect(void)
{
	size_t n = (size_t)(__stop_acre_tests - __start_acre_tests);
	struct tests tests = { .cases = calloc(n + 1, sizeof *tests.cases) };

	if (!tests.cases)
		err(1, "calloc");
	for (size_t i = 0; i < n; i++)
		tests.cases[tests.n++] = __start_acre_tests[i];
	qsort(tests.cases, tests.n, sizeof *tests.cases, compare_lines);
	return tests;
}

static bool is_a_name(const struct tests *tests, const char *pattern)
{
	for (size_t i = 0; i < tests->n; i++)
		if (strcmp(tests->cases[i]->name, pattern) == 0)
			return true;
	return false;
}

/* A pattern that is the name of a test selects only that, not those it is a part of. */
static bool matches(const struct tests *all, const char *pattern, const char *name)
{
	if (is_a_name(all, pattern))
		return strcmp(name, pattern) == 0;
	if (strpbrk(pattern, "*?["))
		return fnmatch(pattern, name, 0) == 0;
	return strstr(name, pattern) != NULL;
}

/* Those that a pattern matches, all if there is none. Each must match something. */
static struct tests select_tests(const struct tests *all, char **patterns)
{
	struct tests chosen = { .cases = calloc(all->n + 1, sizeof *chosen.cases) };
	bool *is_chosen = calloc(all->n + 1, sizeof *is_chosen);
	bool found;

	if (!chosen.cases || !is_chosen)
		err(1, "calloc");
	for (char **pattern = patterns; *pattern; pattern++) {
		found = false;
		for (size_t i = 0; i < all->n; i++)
			if (matches(all, *pattern, all->cases[i]->name))
				found = is_chosen[i] = true;
		if (!found)
			errx(1, "no test is called %s; -l lists them", *pattern);
	}
	for (size_t i = 0; i < all->n; i++)
		if (!*patterns || is_chosen[i])
			chosen.cases[chosen.n++] = all->cases[i];
	free(is_chosen);
	return chosen;
}

/* The last digit of the seed chooses the schedule, unless the environment does. */
static void set_seed(const struct options *options, uint64_t seed)
{
	const char *schedule = options->schedule;
	char text[24];

	if (!schedule)
		schedule = schedules[seed % (sizeof schedules / sizeof *schedules)];
	snprintf(text, sizeof text, "%llu", (unsigned long long)seed);
	setenv("ACRE_SEED", text, 1);
	setenv("ACRE_SCHEDULE", schedule, 1);
}

/* The first seed: that of the environment, else any. Short, since it is typed. */
static uint64_t choose_seed(void)
{
	const char *given = getenv("ACRE_SEED");
	unsigned long number;
	uint32_t seed;

	if (given) {
		if (!parse_number(given, &number))
			errx(1, "ACRE_SEED wants a number, not %s", given);
		return number;
	}
	if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
		err(1, "getrandom");
	return seed;
}

static void print_result(const struct options *options, const struct test_case *test,
			 const struct result *result, int64_t ms)
{
	switch (result->verdict) {
	case PASSED:
		printf("ok       %s (%lld ms)\n", test->name, (long long)ms);
		break;
	case SKIPPED:
		printf("skipped  %s (%s) (%lld ms)\n", test->name, result->skip_reason,
		       (long long)ms);
		break;
	case FAILED:
		printf("FAILED   %s (%lld ms)\n", test->name, (long long)ms);
		printf("  again: ACRE_SEED=%s ACRE_SCHEDULE=%s %s %s\n",
		       getenv("ACRE_SEED"), getenv("ACRE_SCHEDULE"), options->program,
		       test->name);
		break;
	}
	if (options->verbose)
		printf("  seed %s, %s\n", getenv("ACRE_SEED"), getenv("ACRE_SCHEDULE"));
	if (result->verdict == FAILED || options->verbose) {
		text_print(&result->story, stdout, "  ");
		text_print(&result->output, stdout, "  | ");
	}
	fflush(stdout);
}

/* One test under all seeds, or up to the first that it fails under; -v shows each run. */
static enum verdict run_under_seeds(const struct options *options,
				    const struct test_case *test, uint64_t seed)
{
	struct result *result = malloc(sizeof *result);
	enum verdict verdict = PASSED;
	int64_t ms = 0;

	if (!result)
		err(1, "malloc");
	for (unsigned long i = 0; i < options->seeds && verdict == PASSED; i++) {
		set_seed(options, seed + i);
		runner_run(test, result);
		ms += result->ms;
		verdict = result->verdict;
		if (options->verbose || verdict != PASSED || i + 1 == options->seeds)
			print_result(options, test, result, ms);
	}
	if (result->interrupted != 0)
		runner_end_by(result->interrupted);
	free(result);
	return verdict;
}

static int run_all(const struct options *options, const struct tests *tests)
{
	uint64_t seed = choose_seed();
	unsigned count[] = { [PASSED] = 0, [FAILED] = 0, [SKIPPED] = 0 };

	runner_init();
	printf("%s: %zu tests, seed %llu", options->program, tests->n,
	       (unsigned long long)seed);
	if (options->seeds > 1)
		printf(" to %llu", (unsigned long long)(seed + options->seeds - 1));
	printf("\n");
	for (size_t i = 0; i < tests->n; i++)
		count[run_under_seeds(options, tests->cases[i], seed)]++;
	printf("%u passed, %u failed, %u skipped\n", count[PASSED], count[FAILED],
	       count[SKIPPED]);
	if (count[FAILED] > 0)
		return 1;
	return count[PASSED] > 0 ? 0 : EXIT_SKIPPED;
}

/* In this process: a failing assertion stops the debugger where it stands. */
static int run_here(const struct options *options, const struct tests *tests)
{
	static struct text complaints;
	char dir[DIR_LEN];

	if (tests->n != 1)
		errx(1, "--no-fork runs one test, and %zu are chosen", tests->n);
	prctl(PR_SET_CHILD_SUBREAPER, 1); /* so orphans count as children */
	set_seed(options, choose_seed());
	dir_make(dir);
	dir_use(dir);
	body_run(tests->cases[0], &complaints);
	text_print(&complaints, stdout, "  ");
	dir_remove(dir);
	printf("%s %s\n", complaints.len > 0 ? "FAILED" : "ok", tests->cases[0]->name);
	return complaints.len > 0;
}

int main(int argc, char **argv)
{
	struct options options;
	struct tests all, chosen;
	int status = 0;

	if (acre_boot_if_actor)
		acre_boot_if_actor(argc, argv); /* comes back only if this is no actor */
	setenv("CMOCKA_TEST_ABORT", "1", 1); /* by a failing assertion, where it stands */
	setvbuf(stdout, NULL, _IOLBF, 0);
	options = parse_options(argc, argv);
	all = collect();
	chosen = select_tests(&all, options.patterns);
	if (options.list)
		for (size_t i = 0; i < chosen.n; i++)
			printf("%s\n", chosen.cases[i]->name);
	else if (options.no_fork)
		status = run_here(&options, &chosen);
	else
		status = run_all(&options, &chosen);
	free(chosen.cases);
	free(all.cases);
	return status;
}
