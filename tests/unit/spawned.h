/* SPDX-License-Identifier: MIT */
/* spawned.h - a process that the spawner makes of the test's own program, and what it finds. */
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "actor/program.h"
#include "actor/spawner.h"
#include "base/sys.h"
#include "base/util.h"
#include "lib/run.h"

/*
 * The test's program, executed with --look, says on its descriptor 3 what it was born with,
 * a line for each thing, and ends. look_at_a_child() has it spawned and returns that.
 */

static void say_link(FILE *to, const char *what, const char *link)
{
	char target[256] = "closed";

	acre_ignore(readlink(link, target, sizeof target - 1));
	fprintf(to, "%s %s\n", what, target);
}

static inline void say_status(FILE *to)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[256];

	while (f && fgets(line, sizeof line, f))
		if (!strncmp(line, "Sig", 3) || !strncmp(line, "NoNewPrivs", 10))
			fputs(line, to);
	if (f)
		fclose(f);
}

static inline void say_fds(FILE *to)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	int n = 0;

	while (dir && (entry = readdir(dir)))
		n += entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(dir);
	if (dir)
		closedir(dir);
	fprintf(to, "fds %d\n", n);
}

static inline void look(void)
{
	FILE *to = fdopen(3, "w");
	int pdeathsig = 0;

	if (!to)
		_exit(1);
	say_fds(to);
	prctl(PR_GET_PDEATHSIG, &pdeathsig);
	fprintf(to, "pdeathsig %d\n", pdeathsig);
	fprintf(to, "group %s\n", getpgrp() == getpid() ? "own" : "inherited");
	fprintf(to, "VAR %s\n", getenv("VAR") ? getenv("VAR") : "unset");
	say_link(to, "stdin", "/proc/self/fd/0");
	say_link(to, "stdout", "/proc/self/fd/1");
	say_link(to, "stderr", "/proc/self/fd/2");
	say_status(to);
	fclose(to);
	_exit(0);
}

int acre_boot_if_actor(int argc, char **argv);

int acre_boot_if_actor(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--look"))
		look();
	return 0;
}

/* Ends and reaps what was made; its status as waitid() has it. */
static inline siginfo_t end_of(struct spawn_request *q)
{
	siginfo_t info = { 0 };

	assert_ok(test_wait_pidfd(q->pid.fd, 20));
	assert_int_equal(pidref_reap(&q->pid, &info, 0), 1);
	pidref_fini(&q->pid);
	return info;
}

/* Of our own program, with this argument. */
static inline int spawn_own(struct spawn_request *ret, const char *arg, int fd3,
			    int stderr_fd)
{
	char *argv[] = { (char[]){ "own" }, strdup(arg), NULL };
	struct program *program;
	int r = program_new(&program, NULL);

	assert_ok(r);
	*ret = (struct spawn_request){ .make = spawn_exec,
				       .path = program->path,
				       .argv = argv,
				       .env = program->env,
				       .fds = { fd3 },
				       .n_fds = 1,
				       .stderr_fd = stderr_fd };
	r = spawner_make(ret);
	ret->argv = NULL;
	ret->env = NULL;
	program_free(program);
	free(argv[1]);
	return r;
}

/* What a child says that it was born with; to be freed. */
static inline char *look_at_a_child(int stderr_fd)
{
	char *text = calloc(1, 4096);
	struct spawn_request q;
	size_t len = 0;
	ssize_t n;
	int pipe[2];

	assert_non_null(text);
	assert_ok(sys_pipe2(pipe, 0));
	assert_ok(spawn_own(&q, "--look", pipe[1], stderr_fd));
	assert_ok(sys_close(pipe[1]));
	while ((n = sys_read(pipe[0], text + len, 4095 - len)) > 0)
		len += (size_t)n;
	assert_ok(sys_close(pipe[0]));
	assert_int_equal(end_of(&q).si_status, 0);
	test_note("%s", text);
	return text;
}
