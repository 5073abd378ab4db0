/* SPDX-License-Identifier: MIT */
/* dump.c - `acre dump PID`: reads a process that hangs from outside, without its help. */
#include "actor/dump.h"

#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

struct arguments {
	pid_t pid;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;
	char *end;
	long pid;

	switch (key) {
	case ARGP_KEY_ARG:
		pid = strtol(arg, &end, 10);
		if (a->pid || *end || pid <= 0 || pid > INT_MAX)
			cli_refuse("expected the number of one process, not %s", arg);
		a->pid = (pid_t)pid;
		return 0;
	case ARGP_KEY_END:
		if (!a->pid)
			cli_refuse("expected the number of a process");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.parser = parse,
	.args_doc = "PID",
	.doc = "Tells all of a process that hangs, and of the actors below it: tasks as "
	       "a tree "
	       "with what each waits for, the stacks of tasks and threads, descriptors, "
	       "recent "
	       "events.\v"
	       "The process needs to do nothing, and may be stopped. Its threads stand "
	       "still for "
	       "some milliseconds. Names and lines need libdw. One must be allowed to "
	       "trace the "
	       "process: see ptrace(2).\n\n" CLI_STATUS_TEXT,
};

static int fail(pid_t pid, int r, const char *version)
{
	switch (r) {
	case -ESRCH:
		fprintf(stderr,
			"acre dump: there is no process %d: `acre ls` tells of some\n",
			(int)pid);
		break;
	case -EPERM:
	case -EACCES:
		fprintf(stderr,
			"acre dump: process %d may not be read by you: see ptrace(2)\n",
			(int)pid);
		break;
	case -ENOENT:
		fprintf(stderr,
			"acre dump: process %d does not run acre: `acre ls` tells which "
			"do\n",
			(int)pid);
		break;
	case -EPROTO:
		fprintf(stderr,
			"acre dump: process %d runs acre %s, built otherwise than this command; "
			"use that one's\n",
			(int)pid, version);
		break;
	default:
		fprintf(stderr, "acre dump: process %d: %s\n", (int)pid, strerror(-r));
	}
	return CLI_FAILED;
}

int verb_dump(int argc, char **argv)
{
	struct arguments a = { .pid = 0 };
	char version[SNAP_VERSION_MAX] = "";
	int r;

	cli_parse(&argp, argc, argv, 0, &a);
	r = dump_write_process(STDOUT_FILENO, a.pid, version);
	return r < 0 ? fail(a.pid, r, version) : 0;
}
