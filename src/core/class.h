/* SPDX-License-Identifier: MIT */
/* class.h - classes of failures from inside. */
#pragma once

#include <acre/error.h>

/* Whether a handler for `ancestor` handles `code` as well: it is the class, or one above it. */
bool class_is(int code, int ancestor);

/* The class above, 0 if there is none. */
int class_parent(int code);

/* ACRE_ENAMED for a name that this program has no class of. */
int class_of_name(const char *name);
bool class_is_known(int code);
