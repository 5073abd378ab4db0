/* SPDX-License-Identifier: MIT */
/* ls.c - `acre ls`: the trees of this user, or who is registered at an address. */
#include <argp.h>
#include <stdio.h>

#include "base/util.h"
#include "cli/cli.h"
#include "cli/reach.h"
#include "cli/show.h"

struct job {
	const char *at; /* NULL: all trees */
	bool json;
	struct forest forest;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct job *job = state->input;

	switch (key) {
	case 'j':
		job->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (job->at)
			cli_refuse("expected one address, came %s, too", arg);
		if (!reach_is_address(arg))
			cli_refuse("\"%s\" is no address: see `acre find NAME`", arg);
		job->at = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{ "json", 'j', NULL, 0, "One line of JSON: an array of objects", 0 }, { 0 }
};

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "[ADDRESS]",
	.doc = "Lists the trees of this user whose actors can be found, each with its "
	       "registrar. With the address of a registrar: the actors that it "
	       "knows.\vA tree is alive (its registrar answers), elsewhere (it is "
	       "registered at another address: ask there), silent (it lives, but does "
	       "not answer: it begins, ends, or is stopped) or dead (`acre reap` "
	       "removes what is left of it).\n\n" CLI_STATUS_TEXT,
};

static int ask(void *arg)
{
	struct job *job = arg;

	return reach_forest(&job->forest, job->at);
}

static int add_actor(const struct entry *first, size_t n_addresses, void *arg)
{
	return json_array_append_new(arg, show_actor_json(first, n_addresses));
}

static int print_actor(const struct entry *first, size_t n_addresses, void *arg)
{
	(void)arg;
	show_actor(first, n_addresses);
	return 0;
}

static int list_actors(const struct job *job)
{
	const struct tree *t = &job->forest.trees[0];
	json_t *all = job->json ? json_array() : NULL;

	if (job->json) {
		if (tree_each(t, NULL, add_actor, all) < 0) {
			json_decref(all);
			all = NULL;
		}
		return show_json(all);
	}
	if (t->n_entries)
		show_actor_titles();
	return tree_each(t, NULL, print_actor, NULL);
}

static int list_trees(const struct job *job)
{
	const struct forest *f = &job->forest;
	json_t *all = job->json ? json_array() : NULL;
	int r = 0;

	if (!job->json && f->n)
		show_tree_titles();
	for (size_t i = 0; r == 0 && i < f->n; i++)
		if (!job->json)
			show_tree(&f->trees[i]);
		else
			r = json_array_append_new(all, show_tree_json(&f->trees[i]));
	if (!job->json)
		return 0;
	if (r < 0) {
		json_decref(all);
		all = NULL;
	}
	return show_json(all);
}

int verb_ls(int argc, char **argv)
{
	struct job job = { .at = NULL };
	int status;

	cli_parse(&argp, argc, argv, 0, &job);
	status = reach_run(ask, &job);
	if (!status)
		status = job.at ? list_actors(&job) : list_trees(&job);
	if (!status && !job.at && !job.forest.n)
		status = cli_tell(CLI_NOBODY,
				  "you have no tree here: a tree is found if its root "
				  "has .transports");
	if (!status && job.at && !job.forest.trees[0].n_entries)
		status = cli_tell(
			CLI_NOBODY,
			"%s at %s is no registrar, or nobody has registered: `acre ls` "
			"tells the registrars",
			job.forest.trees[0].name, job.at);
	for (size_t i = 0; i < job.forest.n; i++)
		if (job.forest.trees[i].state == TREE_silent)
			acre_ignore(
				cli_tell(0,
					 "%s is silent: %s; `acre dump PID` tells what "
					 "it does",
					 job.forest.trees[i].uuid,
					 job.forest.trees[i].why));
	forest_free(&job.forest);
	return status;
}
