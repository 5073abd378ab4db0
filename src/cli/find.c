/* SPDX-License-Identifier: MIT */
/* find.c - `acre find NAME`: all actors of that name, in all trees of this user. */
#include <argp.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/reach.h"
#include "cli/show.h"

struct job {
	const char *name, *at;
	bool json;
	struct forest forest;
	json_t *found;
	size_t n;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct job *job = state->input;

	switch (key) {
	case 'j':
		job->json = true;
		return 0;
	case 'a':
		job->at = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (job->name)
			cli_refuse("expected one name, came %s, too", arg);
		job->name = arg;
		return 0;
	case ARGP_KEY_END:
		if (!job->name || !*job->name)
			cli_refuse("expected the name of an actor");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	CLI_AT_OPTION,
	{ "json", 'j', NULL, 0, "One line of JSON: an array of objects", 0 },
	{ 0 }
};

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "NAME",
	.doc = "Finds the actors of that name or uuid, in all trees of this user: a "
	       "line for each address, with name, uuid and pid (- if it is not known). "
	       "Names are not unique.\v" CLI_STATUS_TEXT,
};

static int ask(void *arg)
{
	struct job *job = arg;

	return reach_forest(&job->forest, job->at);
}

static int tell(const struct entry *first, size_t n_addresses, void *arg)
{
	struct job *job = arg;

	job->n++;
	if (job->json)
		return json_array_append_new(job->found,
					     show_actor_json(first, n_addresses));
	show_actor(first, n_addresses);
	return 0;
}

static int tell_all(struct job *job)
{
	int r = 0;

	job->found = job->json ? json_array() : NULL;
	for (size_t i = 0; r == 0 && i < job->forest.n; i++)
		r = tree_each(&job->forest.trees[i], job->name, tell, job);
	if (job->json && r < 0) {
		json_decref(job->found);
		job->found = NULL;
	}
	return job->json ? show_json(job->found) : 0;
}

int verb_find(int argc, char **argv)
{
	struct job job = { .name = NULL };
	int status;

	cli_parse(&argp, argc, argv, 0, &job);
	status = reach_run(ask, &job);
	if (!status)
		status = tell_all(&job);
	if (!status && !job.n)
		status = reach_tell_nobody(&job.forest, job.name, job.at);
	forest_free(&job.forest);
	return status;
}
