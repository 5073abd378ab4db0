/* SPDX-License-Identifier: MIT */
/* title.c - what ps says of a process that was forked, not executed. */
#include "actor/title.h"

#include <fcntl.h>
#include <linux/prctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actor/birth.h"
#include "actor/peer.h"
#include "base/sys.h"
#include "base/util.h"

/*
 * The kernel knows where the arguments of a process lie. What lies there is the parent's
 * argv, which the program may still use, and may be too short. So the kernel is told of
 * another place, which takes no privilege, but all addresses of the memory map at once: the
 * others are those that /proc tells.
 */

/* Words of /proc/PID/stat, counted from 1 (proc(5)) */
enum {
	STAT_FIRST = 3, /* behind the name */
	STAT_START_CODE = 26,
	STAT_END_CODE = 27,
	STAT_START_STACK = 28,
	STAT_START_DATA = 45,
	STAT_END_DATA = 46,
	STAT_START_BRK = 47,
	STAT_ENV_START = 50,
	STAT_ENV_END = 51,
	STAT_END
};

/* 52 numbers of up to 20 digits, and a name */
#define STAT_MAX 2048

static int read_stat(unsigned long long words[STAT_END])
{
	auto_close int fd = sys_openat(AT_FDCWD, "/proc/self/stat", O_RDONLY, 0);
	char text[STAT_MAX], *at;
	ssize_t n = fd < 0 ? fd : sys_read(fd, text, sizeof text - 1);

	if (n < 0)
		return (int)n;
	text[n] = '\0';
	at = strrchr(text, ')');
	for (int i = STAT_FIRST; at && i < STAT_END; i++) {
		at = strchr(at + 1, ' ');
		words[i] = at ? strtoull(at, NULL, 10) : 0;
	}
	return at ? 0 : -ENODATA;
}

/* The arguments, one behind the other, each with its end. */
static size_t write_arguments(char *to, size_t size, const char *title)
{
	int n = snprintf(to, size, "%s%c%s", title, '\0', ACTOR_ARGUMENT);

	return size_min((size_t)n + 1, size);
}

int title_show(const char *title)
{
	static char arguments[ACTOR_TITLE_MAX + sizeof ACTOR_ARGUMENT];
	unsigned long long words[STAT_END];
	struct prctl_mm_map map;
	int r = read_stat(words);

	if (r < 0)
		return r;
	map = (struct prctl_mm_map){
		.start_code = words[STAT_START_CODE],
		.end_code = words[STAT_END_CODE],
		.start_data = words[STAT_START_DATA],
		.end_data = words[STAT_END_DATA],
		.start_brk = words[STAT_START_BRK],
		.brk = (uintptr_t)sbrk(0),
		.start_stack = words[STAT_START_STACK],
		.arg_start = (uintptr_t)arguments,
		.env_start = words[STAT_ENV_START],
		.env_end = words[STAT_ENV_END],
		.exe_fd = (uint32_t)-1, /* as it is */
	};
	map.arg_end = map.arg_start + write_arguments(arguments, sizeof arguments, title);
	return sys_prctl(PR_SET_MM, PR_SET_MM_MAP, (uintptr_t)&map, sizeof map, 0);
}
