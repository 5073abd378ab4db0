/* SPDX-License-Identifier: MIT */
/* endpoint.h - the functions of this program that may be called by name. */
#pragma once

#include <acre/context.h>

#include "wire/msg.h"

/* Finds an endpoint: -ACRE_ENOTEXPOSED or -ACRE_ENOENDPOINT with a report that names
 * what there is. */
int endpoint_find(const struct acre_endpoint **ret, struct slice name_space,
		  struct slice name);

/* Exposes a namespace of this process; -ENOENT. */
int endpoint_expose(const char *name_space, size_t len);
/* Loads a shared object and exposes its endpoints under its own name; ACRE_EBOOT with
 * the loader's words. */
int endpoint_load(const char *path);
/* Forgets what is exposed: a new runtime exposes nothing. */
void endpoint_reset(void);
