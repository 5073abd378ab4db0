/* SPDX-License-Identifier: MIT */
/* environment.c - reading the environment. */
#include "base/environment.h"

#include <stddef.h>
#include <stdlib.h>

static const char *const names[] = {
#define AS_NAME(name, text) [ENVIRONMENT_##name] = #name,
	ENVIRONMENT(AS_NAME)
#undef AS_NAME
};

const char *environment_name(enum environment variable)
{
	return names[variable];
}

const char *environment(enum environment variable)
{
	const char *text = secure_getenv(names[variable]);

	return text && *text ? text : NULL;
}
