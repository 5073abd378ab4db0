/* SPDX-License-Identifier: MIT */
/* run.c - `acre run PROGRAM`: runs a program of which nothing is left when it has ended. */
#include <acre/run.h>
#include <acre/command.h>

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "core/loop.h"

/* As timeout(1) and env(1) have them. */
#define EXIT_DEADLINE  124
#define EXIT_OURS      125
#define EXIT_NOT_RUN   126
#define EXIT_NOT_FOUND 127
#define EXIT_SIGNAL    128 /* and its number */

/* Nobody waits for a century, and it fits a span */
#define SECONDS_MOST 4e9
/* What a failure would tell; the program's output has been written to ours */
#define KEEP 4096

struct job {
	char **argv; /* of the program */
	const char *label;
	double deadline, linger; /* seconds; 0: none, the usual one */
	int input_fd;		 /* 0: /dev/null */
	bool started;
	bool ended; /* by itself: `death` is how */
	struct acre_death death;
	enum acre_reason reason; /* the operating system wanted us to end, or NONE */
};

static double seconds(const char *what, const char *text)
{
	char *end;
	double s = strtod(text, &end);

	if (end == text || *end || !(s > 0 && s <= SECONDS_MOST))
		cli_refuse("%s is a number of seconds above 0, at most %.0f, not %s",
			   what, SECONDS_MOST, text);
	return s;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct job *job = state->input;

	switch (key) {
	case 'd':
		job->deadline = seconds("the deadline", arg);
		return 0;
	case 'g':
		job->linger = seconds("the linger", arg);
		return 0;
	case 'l':
		job->label = arg;
		return 0;
	case ARGP_KEY_ARG:
		job->argv = &state->argv[state->next - 1];
		state->next = state->argc; /* the rest is the program's */
		return 0;
	case ARGP_KEY_END:
		if (!job->argv)
			cli_refuse("expected a program");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{ "deadline", 'd', "SECONDS", 0, "End it when it has run for so long", 0 },
	{ "linger", 'g', "SECONDS", 0,
	  "Time between SIGTERM and SIGKILL when it is to end (1.6)", 0 },
	{ "label", 'l', "TEXT", 0,
	  "Write \"[TEXT:out] \" or \"[TEXT:err] \" before each line", 0 },
	{ 0 }
};

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "PROGRAM [ARGUMENT]...",
	.doc = "Runs a program, and when it has ended, or is to end, whatever it has started: its "
	       "process group, and daemons too. Its stdin is ours, or /dev/null if that is a "
	       "terminal; its outputs are pipes, which are written to ours as they fill.\v"
	       "SIGINT, SIGTERM or the deadline end it: SIGTERM, and SIGKILL after the linger. A "
	       "second SIGINT is SIGKILL.\n\n"
	       "The exit status is that of the program, or\n"
	       "  124  the deadline has passed\n"
	       "  125  acre itself has failed\n"
	       "  126  the program cannot be executed\n"
	       "  127  the program is not found\n"
	       "  130  SIGINT has ended it; 143: SIGTERM\n"
	       "  128 + N  signal N has killed the program",
};

static acre_span span_of(double s)
{
	acre_span span = { .ns = (int64_t)(s * 1e9) };

	return span;
}

static int run_program(struct job *job)
{
	struct acre_command *c;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_command_start(&n, &c, .argv = (const char *const *)job->argv,
				       .label = job->label ? job->label : "",
				       .input_fd = job->input_fd,
				       .out = ACRE_COMMAND_RELAY,
				       .err = ACRE_COMMAND_RELAY, .keep = KEEP,
				       .linger = span_of(job->linger),
				       .flags = ACRE_COMMAND_ANY_STATUS);
		job->started = r >= 0;
		if (r >= 0)
			r = acre_command_wait(c, &job->death);
		job->ended = job->started && r >= 0;
	}
	return r;
}

static int root(void *arg)
{
	struct job *job = arg;
	int r = 0;

	if (job->deadline > 0) {
		ACRE_WITHIN(span_of(job->deadline), r)
			r = run_program(job);
	} else {
		r = run_program(job);
	}
	job->reason = (enum acre_reason)loop_this->root.scope.reason;
	return r;
}

static int tell(const char *program, int r, int status)
{
	const char *advice = cli_advice(acre_code(r));

	if (!advice)
		return cli_tell(status, "%s: %s", program, acre_why(r)->message);
	return cli_tell(status, "%s: %s (%s): %s, and try again", program,
			acre_why(r)->message, acre_class_name(acre_code(r)), advice);
}

/* errno value of exec, what to do */
static const struct {
	int code;
	const char *text;
} not_run[] = {
	{ EACCES,
	  "it is no program that you may execute: look at its mode, or name another" },
	{ ENOEXEC, "it is no program of this machine, nor a script with a #! line" },
	{ ENOTDIR, "its path leads through what is no directory" },
	{ E2BIG, "its arguments and environment are too many: give it less" },
};

static int not_started(const struct job *job, int r)
{
	if (acre_is(r, ENOENT))
		return cli_tell(EXIT_NOT_FOUND,
				"%s: %s; name one that is there, or its path",
				job->argv[0], acre_why(r)->message);
	if (cli_advice(acre_code(r)))
		return tell(job->argv[0], r, EXIT_OURS);
	for (size_t i = 0; i < sizeof not_run / sizeof *not_run; i++)
		if (acre_is(r, not_run[i].code))
			return cli_tell(EXIT_NOT_RUN, "%s: %s", job->argv[0],
					not_run[i].text);
	return tell(job->argv[0], r, EXIT_NOT_RUN);
}

static int exit_status(const struct job *job, int r)
{
	if (job->reason == ACRE_REASON_INTERRUPT)
		return EXIT_SIGNAL + SIGINT;
	if (job->reason == ACRE_REASON_TERMINATE)
		return EXIT_SIGNAL + SIGTERM;
	if (r < 0 && acre_is(r, ETIMEDOUT))
		return EXIT_DEADLINE;
	if (r < 0 && !job->started)
		return not_started(job, r);
	if (r < 0 && !acre_is(r, ACRE_EDIED))
		return tell(job->argv[0], r, EXIT_OURS);
	return job->death.signal ? EXIT_SIGNAL + job->death.signal : job->death.status;
}

int verb_run(int argc, char **argv)
{
	struct job job = { .death = { .last_words = "" } };
	int r;

	cli_usage_status = EXIT_OURS;
	cli_parse(&argp, argc, argv, ARGP_IN_ORDER, &job);
	if (!isatty(STDIN_FILENO))
		job.input_fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (job.input_fd < 0)
		job.input_fd = 0;
	r = acre_run(root, &job, &(struct acre_run_options){ .signals = true });
	return exit_status(&job, r);
}
