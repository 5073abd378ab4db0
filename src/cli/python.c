/* SPDX-License-Identifier: MIT */
/* python.c - `acre python SCRIPT`: a tree whose root is a script. */
#include <acre/python.h>

#include <argp.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/cli.h"

struct arguments {
	int argc;
	char **argv; /* of the script, which is the first; NULL: none */
	struct acre_run_options options;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;

	switch (key) {
	case 'n':
		a->options.name = arg;
		return 0;
	case 't':
		a->options.transports = arg;
		return 0;
	case ARGP_KEY_ARG:
		a->argc = state->argc - state->next + 1;
		a->argv = &state->argv[state->next - 1];
		state->next = state->argc; /* the rest is the script's */
		return 0;
	case ARGP_KEY_END:
		if (!a->argv)
			cli_refuse("expected a script");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{ "name", 'n', "NAME", 0, "The name of the root (root)", 0 },
	{ "transports", 't', "LIST", 0,
	  "Be found by name, over uds, tcp, or both with a comma", 0 },
	{ 0 }
};

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "SCRIPT [ARGUMENT]...",
	.doc = "Runs a Python script that may start actors: `import acre` is the module "
	       "that "
	       "acre-python(7) tells of. When it has ended, so has all that it started.\v"
	       "The exit status is that of the script; 1 if it ends by an exception, 130 "
	       "if by "
	       "SIGINT, 143 if by SIGTERM; 2 if it could not begin.",
};

int verb_python(int argc, char **argv)
{
	struct arguments a = { .argc = 0 };
	int status;

	cli_parse(&argp, argc, argv, ARGP_IN_ORDER, &a);
	status = acre_python_main(a.argc, a.argv, &a.options);
	fflush(NULL);
	_exit(status); /* Python is not taken down: its memory would look like a leak */
}
