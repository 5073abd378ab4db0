/* SPDX-License-Identifier: MIT */
/* reach.c - looking actors up, and dialling the one that was meant. */
#include "cli/reach.h"

#include <acre/run.h>

#include <string.h>

#include "base/mem.h"
#include "base/util.h"
#include "cli/cli.h"

bool reach_is_address(const char *who)
{
	return who[0] == '/';
}

/* A forest of the one tree whose registrar listens there. */
static int ask_at(struct forest *ret, const char *at)
{
	struct tree *t = mem_zalloc(sizeof *t);
	int r;

	*ret = (struct forest){ .trees = t, .n = t ? 1 : 0 };
	if (!t)
		return cli_tell(CLI_FAILED, "no memory: free some and try again");
	snprintf(t->registrar, sizeof t->registrar, "%s", at);
	r = tree_ask(t);
	return r < 0 ? cli_tell_unreached(r, at) : 0;
}

int reach_forest(struct forest *ret, const char *at)
{
	int r;

	if (at)
		return ask_at(ret, at);
	r = forest_look(ret);
	if (r >= 0)
		r = forest_ask(ret);
	return r < 0 ? cli_tell_failure(r) : 0;
}

/*
 * Of all that are called so there must be one.
 */

struct candidates {
	const struct entry *first;
	size_t n_addresses, n; /* of the first one; of actors */
};

static int keep(const struct entry *first, size_t n_addresses, void *arg)
{
	struct candidates *c = arg;

	if (c->n && !strcmp(c->first->uuid, first->uuid)) /* registered twice */
		return 0;
	if (c->n++ == 0) {
		c->first = first;
		c->n_addresses = n_addresses;
	}
	return 0;
}

int reach_tell_nobody(const struct forest *f, const char *who, const char *at)
{
	size_t silent = 0;

	for (size_t i = 0; i < f->n; i++)
		silent += f->trees[i].state == TREE_silent;
	if (at)
		return cli_tell(
			CLI_NOBODY,
			"nobody is registered as %s at %s: `acre ls %s` tells who is",
			who, at, at);
	if (silent)
		return cli_tell(
			CLI_NOBODY,
			"nobody is registered as %s in the trees that answer; `acre ls` "
			"tells of %zu more",
			who, silent);
	return cli_tell(
		CLI_NOBODY,
		"nobody is registered as %s: `acre ls` tells which trees there are, "
		"`acre ls ADDRESS` who is in them",
		who);
}

/* Sockets are nearer than other hosts: they come first. */
static int dial(struct acre_actor **ret, const struct candidates *c)
{
	const char *tried = "";
	int r = -ENOENT;

	for (int far = 0; far < 2; far++)
		for (size_t i = 0; r < 0 && i < c->n_addresses; i++) {
			bool is_far = strncmp(c->first[i].address, "/unix/", 6) != 0;

			if (is_far != far)
				continue;
			tried = c->first[i].address;
			r = acre_dial(ret, tried);
			if (acre_is(r, ECANCELED))
				return r;
		}
	return r < 0 ? cli_tell_unreached(r, tried) : 0;
}

static int choose(struct acre_actor **ret, const struct forest *f, const char *who,
		  const char *at)
{
	struct candidates c = { .first = NULL };

	for (size_t i = 0; i < f->n; i++)
		acre_ignore(tree_each(&f->trees[i], who, keep, &c));
	if (!c.n)
		return reach_tell_nobody(f, who, at);
	if (c.n > 1)
		return cli_tell(
			CLI_USAGE,
			"%zu actors are called %s: say which by the uuid or address "
			"that `acre find %s` tells",
			c.n, who, who);
	return dial(ret, &c);
}

int reach_actor(struct acre_actor **ret, const char *who, const char *at)
{
	struct forest f;
	int r;

	*ret = NULL;
	if (!*who)
		return cli_tell(CLI_USAGE,
				"expected an actor, came \"\": `acre ls` tells "
				"who is there");
	if (reach_is_address(who)) {
		r = acre_dial(ret, who);
		return r < 0 ? cli_tell_unreached(r, who) : 0;
	}
	r = reach_forest(&f, at);
	if (r == 0)
		r = choose(ret, &f, who, at);
	forest_free(&f);
	return r;
}

int reach_run(int (*fn)(void *arg), void *arg)
{
	int r = acre_run(fn, arg, NULL);

	return r < 0 ? cli_tell_failure(r) : r;
}
