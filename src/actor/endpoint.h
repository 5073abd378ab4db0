/* SPDX-License-Identifier: MIT */
/* endpoint.h - the functions of this program that may be called by name. */
#pragma once

#include <acre/context.h>

#include "wire/msg.h"

/* Sections in one process: the program and the modules its actors load */
#define ENDPOINT_SPACES_MAX 16
/* Bytes with the end: as long as an endpoint's name may be */
#define ENDPOINT_SPACE_NAME_MAX 128

/* An endpoint of one actor alone, which others in its process do not have. */
struct endpoint_own {
	struct acre_endpoint endpoint; /* its texts are owned */
	struct endpoint_own *next;
};

/* What one actor has to offer. Zeroed: nothing. */
struct endpoint_exposed {
	char names[ENDPOINT_SPACES_MAX][ENDPOINT_SPACE_NAME_MAX]; /* namespaces */
	size_t n;
	struct endpoint_own *own; /* owned, newest first */
};

/* Whether the process has an endpoint of that name, which all its actors have. Any thread. */
bool endpoint_is_shared(const char *name_space, const char *name);

void endpoint_add_own(struct endpoint_exposed *exposed, struct endpoint_own *take_own);
struct endpoint_own *endpoint_free_own(struct endpoint_own *own);
void endpoint_exposed_fini(struct endpoint_exposed *exposed);

/* Finds an endpoint: -ACRE_ENOTEXPOSED or -ACRE_ENOENDPOINT with a report that names
 * what there is. */
int endpoint_find(const struct acre_endpoint **ret, const struct endpoint_exposed *exposed,
		  struct slice name_space, struct slice name);

/* Exposes a namespace of this process; -ENOENT. */
int endpoint_expose(struct endpoint_exposed *exposed, const char *name_space, size_t len);
/* Loads a shared object and exposes its endpoints under its own name; ACRE_EBOOT with
 * the loader's words. */
int endpoint_load(struct endpoint_exposed *exposed, const char *path);
/* Loads it only: for the forkserver. */
int endpoint_preload(const char *path);
