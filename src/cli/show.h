/* SPDX-License-Identifier: MIT */
/* show.h - trees and actors as lines for people, and as JSON for programs. */
#pragma once

#include <jansson.h>

#include "cli/forest.h"

/* Of an actor: name, uuid, pid or null, addresses. NULL: no memory. */
json_t *show_actor_json(const struct entry *first, size_t n_addresses);
/* Of a tree: uuid, state, registrar or null, name and pid of the registrar or null, number of
 * actors. NULL: no memory. */
json_t *show_tree_json(const struct tree *t);

/* Their lines, with a line of titles before them. */
void show_actor_titles(void);
void show_actor(const struct entry *first, size_t n_addresses);
void show_tree_titles(void);
void show_tree(const struct tree *t);

/* A line of JSON on stdout, whose value is taken; returns the exit status. */
int show_json(json_t *take);
