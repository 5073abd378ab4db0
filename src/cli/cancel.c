/* SPDX-License-Identifier: MIT */
/* cancel.c - `acre cancel WHO`: asks an actor to end. */
#include <argp.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/reach.h"

struct job {
	const char *who, *at;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct job *job = state->input;

	switch (key) {
	case 'a':
		job->at = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (job->who)
			cli_refuse("expected one actor, came %s, too", arg);
		job->who = arg;
		return 0;
	case ARGP_KEY_END:
		if (!job->who)
			cli_refuse("expected the name, uuid or address of an actor");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = { CLI_AT_OPTION, { 0 } };

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "NAME|ADDRESS",
	.doc = "Asks an actor to end, with all that it has started, and returns when it "
	       "has said that it will. The root of a tree ends the "
	       "tree.\v" CLI_STATUS_TEXT,
};

static int cancel(void *arg)
{
	const struct job *job = arg;
	struct acre_actor *a;
	int r, status = reach_actor(&a, job->who, job->at);

	if (status)
		return status;
	r = acre_actor_cancel(a);
	if (r < 0 && !acre_is(r, ECANCELED))
		status = cli_tell(
			CLI_FAILED,
			"%s: look at process %d with `acre dump %d`, or end it with "
			"kill",
			acre_why(r)->message, (int)acre_actor_pid(a),
			(int)acre_actor_pid(a));
	acre_release(&a);
	return r < 0 && !status ? r : status;
}

int verb_cancel(int argc, char **argv)
{
	struct job job = { .who = NULL };

	cli_parse(&argp, argc, argv, 0, &job);
	return reach_run(cancel, &job);
}
