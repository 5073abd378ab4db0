/* SPDX-License-Identifier: MIT */
/* overheard.h - a process of its own runs a function, and what it says on stderr is kept. */
#pragma once

#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/test.h"

#define OVERHEARD_LIMIT_S 20 /* a guard: what hangs is to be seen as that */

/* How it ended, as of waitpid(); 0 if fn returned. */
static inline int overhear(void (*fn)(void), char *ret_text, size_t size)
{
	size_t n = 0;
	int out[2], status;
	ssize_t r;
	pid_t pid;

	assert_int_equal(pipe(out), 0);
	pid = fork();
	if (pid == 0) {
		alarm(OVERHEARD_LIMIT_S);
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
		dup2(out[1], STDERR_FILENO);
		close(out[0]);
		close(out[1]);
		fn();
		_exit(0);
	}
	close(out[1]);
	while ((r = read(out[0], ret_text + n, size - 1 - n)) > 0)
		n += (size_t)r;
	ret_text[n] = '\0';
	close(out[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	test_note("%s", ret_text);
	return status;
}
