/* SPDX-License-Identifier: MIT */
/* unix_at.h - the address of a Unix socket for bare calls, of a path that must fit. */
#pragma once

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/test.h"

static inline struct sockaddr_un unix_at(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	size_t len = strlen(path);

	assert_true(len < sizeof at.sun_path);
	memcpy(at.sun_path, path, len + 1);
	return at;
}
