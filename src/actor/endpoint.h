/* SPDX-License-Identifier: MIT */
/* endpoint.h - the functions of this program that may be called by name. */
#pragma once

#include <acre/context.h>

#include "wire/msg.h"

/* Sections in one process: the program and the modules its actors load */
#define ENDPOINT_SPACES_MAX 16
/* Bytes with the end: as long as an endpoint's name may be */
#define ENDPOINT_SPACE_NAME_MAX 128

/* The namespaces that one actor exposes. Zeroed: none. */
struct endpoint_exposed {
	char names[ENDPOINT_SPACES_MAX][ENDPOINT_SPACE_NAME_MAX];
	size_t n;
};

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
