/* SPDX-License-Identifier: MIT */
/* show.c - the columns and the keys in which trees and actors are told. */
#include "cli/show.h"

#include <stdio.h>

#include "cli/cli.h"

#define UUID_WIDTH 36 /* columns */

static json_t *text_or_null(const char *text)
{
	return *text ? json_string(text) : json_null();
}

static json_t *pid_or_null(pid_t pid)
{
	return pid ? json_integer(pid) : json_null();
}

json_t *show_actor_json(const struct entry *first, size_t n_addresses)
{
	json_t *addresses = json_array();

	for (size_t i = 0; i < n_addresses; i++)
		if (json_array_append_new(addresses, json_string(first[i].address)) < 0) {
			json_decref(addresses);
			return NULL;
		}
	return json_pack("{s:s, s:s, s:o, s:o}", "name", first->name, "uuid", first->uuid,
			 "pid", pid_or_null(first->pid), "addresses", addresses);
}

static int count(const struct entry *first, size_t n_addresses, void *arg)
{
	(void)first;
	(void)n_addresses;
	++*(size_t *)arg;
	return 0;
}

static size_t n_actors(const struct tree *t)
{
	size_t n = 0;

	return tree_each(t, NULL, count, &n) == 0 ? n : 0;
}

json_t *show_tree_json(const struct tree *t)
{
	return json_pack("{s:o, s:s, s:o, s:o, s:o, s:I}", "uuid", text_or_null(t->uuid),
			 "state", tree_state_word(t->state), "registrar",
			 text_or_null(t->registrar), "name", text_or_null(t->name), "pid",
			 pid_or_null(t->pid), "actors", (json_int_t)n_actors(t));
}

void show_actor_titles(void)
{
	printf("%-16s %-*s %7s  %s\n", "NAME", UUID_WIDTH, "UUID", "PID", "ADDRESS");
}

static const char *pid_text(char ret[16], pid_t pid)
{
	snprintf(ret, 16, pid ? "%d" : "-", (int)pid);
	return ret;
}

void show_actor(const struct entry *first, size_t n_addresses)
{
	char pid[16];

	for (size_t i = 0; i < n_addresses; i++)
		printf("%-16s %-*s %7s  %s\n", first->name, UUID_WIDTH, first->uuid,
		       pid_text(pid, first->pid), first[i].address);
}

void show_tree_titles(void)
{
	printf("%-*s %-9s %-16s %7s %6s  %s\n", UUID_WIDTH, "TREE", "STATE", "REGISTRAR",
	       "PID", "ACTORS", "ADDRESS");
}

static const char *or_dash(const char *text)
{
	return *text ? text : "-";
}

void show_tree(const struct tree *t)
{
	char pid[16];

	printf("%-*s %-9s %-16s %7s %6zu  %s\n", UUID_WIDTH, or_dash(t->uuid),
	       tree_state_word(t->state), or_dash(t->name), pid_text(pid, t->pid),
	       n_actors(t), or_dash(t->registrar));
}

int show_json(json_t *take)
{
	char *text = take ? json_dumps(take, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

	json_decref(take);
	if (!text)
		return cli_tell(CLI_FAILED, "no memory: free some and try again");
	puts(text);
	free(text);
	return 0;
}
