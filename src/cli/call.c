/* SPDX-License-Identifier: MIT */
/* call.c - `acre call WHO NS.FUNC [JSON]`: calls a function of an actor, and prints its result. */
#include <acre/call.h>

#include <stdio.h>

#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/show.h"

struct job {
	struct ask ask;
	json_t *result; /* NULL: no memory */
	bool done;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	return ask_parse(&((struct job *)state->input)->ask, key, arg);
}

static const struct argp_option options[] = { ASK_OPTIONS, { 0 } };

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = ASK_ARGS_DOC,
	.doc = "Calls a function that an actor exposes, with the keys of a JSON object "
	       "as its arguments, and prints its result as a line of JSON: null if it "
	       "has none.\vItems of a stream are dropped: see `acre "
	       "stream`.\n\n" ASK_STATUS_TEXT,
};

static int call(void *arg)
{
	struct job *job = arg;
	struct acre_value result;
	struct acre_actor *a;
	int r, status = reach_actor(&a, job->ask.who, job->ask.at);

	if (status)
		return status;
	r = acre_call_named(a, job->ask.name_space, job->ask.func, job->ask.arg, &result);
	job->done = r >= 0;
	if (r > 0)
		job->result = json_of_value(&result);
	else if (r == 0)
		job->result = json_null();
	acre_release(&a);
	return r < 0 ? r : 0;
}

int verb_call(int argc, char **argv)
{
	struct job job = { .done = false };
	int status;

	cli_parse(&argp, argc, argv, 0, &job);
	status = ask_run(&job.ask, call, &job);
	if (job.done && !status)
		return show_json(job.result);
	json_decref(job.result);
	return status;
}
