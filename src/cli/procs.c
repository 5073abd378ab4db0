/* SPDX-License-Identifier: MIT */
/* procs.c - from the number in a socket's name to a process. */
#include "cli/procs.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actor/discovery.h"
#include "base/sys.h"
#include "base/util.h"

#define STATUS_MAX 1024 /* bytes of /proc/N/status; the line comes among the first ones */

pid_t procs_pid_of(const char *address)
{
	const char *at = strrchr(address, '@'), *line;
	char path[64], status[STATUS_MAX], *end;
	unsigned long number = at ? strtoul(at + 1, &end, 10) : 0;
	auto_close int fd = -1;
	ssize_t n;

	if (!number || strcmp(end, ".sock") != 0 || number == DISCOVERY_REGISTRY_NUMBER)
		return 0;
	snprintf(path, sizeof path, "/proc/%lu/status", number);
	fd = sys_openat(AT_FDCWD, path, O_RDONLY, 0);
	n = fd < 0 ? fd : sys_read(fd, status, sizeof status - 1);
	if (n <= 0)
		return 0;
	status[n] = '\0';
	line = strstr(status, "\nTgid:");
	return line ? (pid_t)strtol(line + strlen("\nTgid:"), NULL, 10) : 0;
}
