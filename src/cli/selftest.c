/* SPDX-License-Identifier: MIT */
/* selftest.c - `acre selftest`: forks and Python interpreters get along as we believe, or not. */
#include <acre/process.h>
#include <acre/python.h>
#include <acre/run.h>

#include <argp.h>
#include <stdlib.h>
#include <string.h>

#include "actor/subint.h"
#include "base/util.h"
#include "cli/cli.h"

/*
 * The four scenarios of the reference's smoke test, what it left open, and its law of exit
 * statuses. Each runs in children of fork, under a limit after which they are killed; in this
 * process there is no Python.
 */

#define SELFTEST_FAILED 1 /* another outcome than the expected one */
#define SELFTEST_SETUP	2 /* it could not be tried */
#define LIMIT_S		30
#define BANNER_WIDTH	60
#define OBSERVED_MAX	512

/* Statuses of a child, as in the reference */
#define STATUS_SENTINEL 42 /* Python ran where it should not */
#define STATUS_SETUP	43
#define STATUS_HANGS	3 /* the thread of the interpreter did not come back */
#define STATUS_RAISED	4
#define STATUS_REFUSED	5 /* this Python is too old for it */

/* name, what is expected */
#define SCENARIOS(S)                                                                \
	S(control_subint_thread_fork,                                               \
	  "the child of a plain fork in a sub-interpreter ends "                    \
	  "before it runs Python")                                                  \
	S(main_thread_fork, "rc=0 of a child forked by Python's main thread")       \
	S(worker_thread_fork, "rc=0 of a child forked by a worker of acre")         \
	S(full_architecture, "rc=0 of a forked child that runs an event loop in a " \
			     "sub-interpreter on a second thread")                  \
	S(full_architecture_shared_gil, "rc=0 of the same under one GIL")           \
	S(full_architecture_own_gil, "rc=0 of the same with a GIL of its own, "     \
				     "or rc=5 where Python is older than 3.13")     \
	S(fork_from_guest, "rc=0 of a process with an event loop that code in a "   \
			   "sub-interpreter has forked by acre.fork()")             \
	S(refused_subint_thread_fork,                                               \
	  "a plain fork in a sub-interpreter of acre's raises")

struct arguments {
	const char *scenario; /* NULL: all */
	int limit_s;
	int status;
};

/* Of one scenario: 1 as expected, 0 not, < 0 it could not be tried. */
typedef int scenario_fn(char observed[OBSERVED_MAX]);

/* What a forked function has ended with. */
static int observe(int (*fn)(void *), void *arg, char observed[OBSERVED_MAX],
		   struct acre_death *ret)
{
	struct acre_process *p = NULL;
	char status[ACRE_STATUS_MAX];
	int r = acre_fork_from_worker(&p, fn, arg);

	if (r >= 0)
		r = acre_process_wait(p, ret);
	acre_process_free(p);
	if (r >= 0)
		snprintf(observed, OBSERVED_MAX, "%s", acre_process_status(ret, status));
	if (r >= 0 && !ret->signal && ret->status == STATUS_SETUP)
		r = acre_fail(EOPNOTSUPP, "Python does not run in a child: see above");
	return r;
}

static bool is_status(const struct acre_death *d, int status)
{
	return !d->signal && d->status == status;
}

/* How long the thread of the interpreter has: set before the fork. */
static int64_t thread_limit_ns;

static int take_code(struct acre_packer *result)
{
	struct acre_value packed;
	struct acre_part code = { .type = ACRE_PART_NIL };

	if (acre_pack_end(result, &packed) < 0 || acre_value_next(&packed, &code) < 0 ||
	    code.type != ACRE_PART_INT)
		return STATUS_SETUP;
	return (int)(code.integer < 0 ? 128 - code.integer
				      : code.integer); /* as a shell */
}

static bool is_too_old(const struct python_plugin *plugin)
{
	return !strncmp(plugin->python(), "3.11.", 5) ||
	       !strncmp(plugin->python(), "3.12.", 5);
}

/* A source in a sub-interpreter; its result is the status. */
static int run_in_child(void *arg)
{
	const struct python_source *source = arg;
	struct acre_packer *result = acre_pack_new();
	const struct python_plugin *plugin;
	int r = python_load(&plugin);

	if (r >= 0)
		r = subint_run_in_child(source, result, thread_limit_ns);
	if (r >= 0)
		return take_code(result);
	if (acre_is(r, ETIMEDOUT))
		return STATUS_HANGS;
	acre_print(stderr, r);
	if (acre_is(r, ACRE_EGUEST))
		return STATUS_RAISED;
	return source->gil == ACRE_GIL_OWN && is_too_old(plugin) ? STATUS_REFUSED
								 : STATUS_SETUP;
}

/* 1: its process has ended with 0. */
static int run_source(struct python_source *source, char observed[OBSERVED_MAX],
		      struct acre_death *ret)
{
	const char *why_not = python_why_not();
	int r = why_not ? acre_fail(EOPNOTSUPP, "%s", why_not)
			: observe(run_in_child, source, observed, ret);

	if (r >= 0 && is_status(ret, STATUS_HANGS))
		snprintf(observed, OBSERVED_MAX, "rc=%d: its thread did not come back",
			 STATUS_HANGS);
	if (r >= 0 && is_status(ret, STATUS_RAISED))
		snprintf(observed, OBSERVED_MAX, "rc=%d: its source has raised",
			 STATUS_RAISED);
	return r < 0 ? r : is_status(ret, 0);
}

/* A fork that CPython cannot do: the child of a thread whose interpreter is not the main one
 * ends in PyOS_AfterFork_Child(). */
static int control_subint_thread_fork(char observed[OBSERVED_MAX])
{
	struct python_source source = {
		.text = "import os\n"
			"pid = os.fork()\n"
			"if pid == 0:\n"
			"    os._exit(42)\n"
			"result = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])\n",
		.name = "<selftest>",
		.gil = ACRE_GIL_SHARED,
		.plain = true
	};
	struct acre_death death = { 0 };
	int r = run_source(&source, observed, &death);

	if (r >= 0 && is_status(&death, STATUS_SENTINEL))
		snprintf(observed, OBSERVED_MAX, "rc=%d: it has run Python",
			 STATUS_SENTINEL);
	if (r < 0 || death.signal)
		return r < 0 ? r : 0;
	return death.status && death.status != STATUS_SENTINEL &&
	       death.status != STATUS_HANGS && death.status != STATUS_RAISED;
}

static int fork_in_main(void *unused)
{
	static const struct python_source source = {
		.text = "import os\n"
			"pid = os.fork()\n"
			"if pid == 0:\n"
			"    os._exit(0)\n"
			"result = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])\n",
		.name = "<selftest>"
	};
	struct acre_packer *result = acre_pack_new();
	const struct python_plugin *plugin;
	struct acre_value packed;
	struct acre_part rc;
	int r = python_load(&plugin);

	(void)unused;
	if (r >= 0)
		r = plugin->main_run(&source, result);
	if (r >= 0)
		r = acre_pack_end(result, &packed);
	if (r >= 0)
		r = acre_value_next(&packed, &rc);
	acre_pack_free(result);
	if (r >= 0)
		return rc.integer ? STATUS_RAISED : 0;
	acre_print(stderr, r);
	return STATUS_SETUP;
}

static int main_thread_fork(char observed[OBSERVED_MAX])
{
	struct acre_death death = { 0 };
	int r = observe(fork_in_main, NULL, observed, &death);

	return r < 0 ? r : is_status(&death, 0);
}

static int worker_thread_fork(char observed[OBSERVED_MAX])
{
	struct acre_death death = { 0 };
	int r = observe(NULL, NULL, observed, &death);

	return r < 0 ? r : is_status(&death, 0);
}

static int run_loop(enum acre_gil gil, char observed[OBSERVED_MAX],
		    struct acre_death *ret)
{
	struct python_source source = { .text = "try:\n"
						"    import trio\n"
						"    trio.run(trio.sleep, .05)\n"
						"except ImportError:\n"
						"    import asyncio\n"
						"    asyncio.run(asyncio.sleep(.05))\n"
						"result = 0\n",
					.name = "<selftest>",
					.gil = gil };

	return run_source(&source, observed, ret);
}

static int full_architecture(char observed[OBSERVED_MAX])
{
	struct acre_death death = { 0 };

	return run_loop(ACRE_GIL_BEST, observed, &death);
}

static int full_architecture_shared_gil(char observed[OBSERVED_MAX])
{
	struct acre_death death = { 0 };

	return run_loop(ACRE_GIL_SHARED, observed, &death);
}

static int full_architecture_own_gil(char observed[OBSERVED_MAX])
{
	struct acre_death death = { 0 };
	int r = run_loop(ACRE_GIL_OWN, observed, &death);

	return r == 0 ? is_status(&death, STATUS_REFUSED) : r;
}

/* What the first scenario shows to be impossible, in the way that is possible. */
static int fork_from_guest(char observed[OBSERVED_MAX])
{
	struct python_source source = {
		.text = "import acre, os\n"
			"pid = acre.fork('import asyncio\\n'\n"
			"                'asyncio.run(asyncio.sleep(.05))')\n"
			"result = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])\n",
		.name = "<selftest>"
	};
	struct acre_death death = { 0 };

	return run_source(&source, observed, &death);
}

static int refused_subint_thread_fork(char observed[OBSERVED_MAX])
{
	struct python_source source = { .text = "import os\n"
						"try:\n"
						"    os._exit(42 if os.fork() else 0)\n"
						"except RuntimeError as e:\n"
						"    assert 'acre.fork' in str(e)\n"
						"result = 0\n",
					.name = "<selftest>",
					.gil = ACRE_GIL_SHARED };
	struct acre_death death = { 0 };
	int r = run_source(&source, observed, &death);

	if (r > 0)
		snprintf(observed, OBSERVED_MAX, "RuntimeError: use acre.fork()");
	return r;
}

#define AS_SCENARIO(name, expected) { #name, expected, name },

static const struct scenario {
	const char *name, *expected;
	scenario_fn *run;
} scenarios[] = { SCENARIOS(AS_SCENARIO) };

/*
 * Telling.
 */

static void print_banner(const char *name)
{
	for (int i = 0; i < BANNER_WIDTH; i++)
		putchar('=');
	printf("\n%s\n", name);
	for (int i = 0; i < BANNER_WIDTH; i++)
		putchar('=');
	putchar('\n');
	fflush(stdout); /* children write, too */
}

/* Its limit is longer than that of its thread, so that this one is told. */
static int try_scenario(const struct scenario *s, int limit_s)
{
	char observed[OBSERVED_MAX] = "";
	int r = 0, outcome = 0;

	print_banner(s->name);
	thread_limit_ns = acre_secs(limit_s).ns;
	ACRE_WITHIN(acre_secs(limit_s + 2), r)
		outcome = r = s->run(observed);
	if (acre_is(r, ETIMEDOUT)) {
		snprintf(observed, sizeof observed, "no end within %d s", limit_s);
		r = outcome = 0;
	}
	if (r < 0) {
		printf("[SETUP] %s: %s\n", s->name, acre_why(r)->message);
		return SELFTEST_SETUP;
	}
	printf("[%s] %s: expected %s; observed %s\n", outcome ? "PASS" : "FAIL", s->name,
	       s->expected, observed);
	return outcome ? 0 : SELFTEST_FAILED;
}

static int run_root(void *arg)
{
	struct arguments *a = arg;

	for (size_t i = 0; i < ARRAY_N(scenarios); i++)
		if (!a->scenario || !strcmp(a->scenario, scenarios[i].name))
			a->status = (int)int64_max(a->status, try_scenario(&scenarios[i],
									   a->limit_s));
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;
	char *end;

	switch (key) {
	case 's':
		a->scenario = arg;
		for (size_t i = 0; i < ARRAY_N(scenarios); i++)
			if (!strcmp(arg, scenarios[i].name))
				return 0;
		cli_refuse("there is no scenario %s", arg);
		return 0;
	case 'l':
		a->limit_s = (int)strtol(arg, &end, 10);
		if (*end || a->limit_s <= 0 || a->limit_s > LIMIT_S)
			cli_refuse("a limit is 1 to %d seconds, not %s", LIMIT_S, arg);
		return 0;
	case ARGP_KEY_ARG:
		cli_refuse("a scenario is given by --scenario=%s", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{ "scenario", 's', "NAME", 0, "This one, not all", 0 },
	{ "limit", 'l', "SECONDS", 0, "What is not over by then has failed (10)", 0 },
	{ 0 }
};

#define AS_LINE(name, expected) "  " #name "\n"

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "Tries out the ways in which processes and Python interpreters get along, "
	       "and "
	       "compares with what is expected.\v"
	       "The scenarios:\n" SCENARIOS(AS_LINE) "What Python says of its own end in "
						     "the first one is expected, too.\n\n"
						     "The exit status is 0 if all is as "
						     "expected, 1 if it is not, 2 if it "
						     "could "
						     "not be tried.",
};

int verb_selftest(int argc, char **argv)
{
	struct arguments a = { .limit_s = 10 };
	int r;

	cli_parse(&argp, argc, argv, 0, &a);
	r = acre_run(run_root, &a, &(const struct acre_run_options){ .signals = true });
	if (r < 0)
		return cli_tell_failure(r);
	return a.status;
}
