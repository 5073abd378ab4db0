/* SPDX-License-Identifier: MIT */
/* dumps.h - what a dump says of a process of the test. */
#pragma once

#include "conform/stuck.h"

#include <sched.h>

#include "actor/dump.h"
#include "core/loop.h"
#include "core/status.h"

/* A dump runs on a thread with a big stack: not in a task. */
struct job {
	pid_t pid;		   /* 0: our own */
	const struct status *asks; /* of the loop whose task asks */
	int r;
	char path[256];
	char version[SNAP_VERSION_MAX];
};

static inline int write_dump(void *arg)
{
	struct job *job = arg;
	int fd;

	while (!status_get(&job->asks->waits)) /* until the task that asks is parked */
		sched_yield();
	fd = open(job->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	job->r = job->pid ? dump_write_process(fd, job->pid, job->version)
			  : dump_write(fd);
	close(fd);
	return 0;
}

/* Of a process; 0: of ours. */
static inline const char *text_of_dump(pid_t pid)
{
	struct job job = { .pid = pid == getpid() ? 0 : pid, .asks = loop_this->status };

	snprintf(job.path, sizeof job.path, "%s", file_of_test("dump"));
	assert_ok(acre_blocking(write_dump, &job));
	assert_int_equal(job.r, 0);
	return text_of(job.path);
}
