/* SPDX-License-Identifier: MIT */
/* census.c - how many of each kind of thing a process has, before and after a stretch of a test. */
/*
 * The clean house (house.c) names each thing that is left when a test ends. Here things are
 * counted, at any two moments: for a test that spawns a hundred actors and says that the
 * hundredth took no more than the first, and for people who look for what grows.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/house.h"
#include "lib/proc.h"
#include "lib/test.h"

#define CHILDREN_MAX 4096

static size_t count(const struct house *house, const char *head)
{
	size_t n = 0;

	for (size_t i = 0; i < house->n; i++)
		n += strncmp(house->lines[i], head, strlen(head)) == 0;
	return n;
}

struct test_census test_census(void)
{
	static pid_t children[CHILDREN_MAX];
	struct test_census now;
	struct house house;

	house_look(&house, test_dir());
	now = (struct test_census){
		.threads = 1 + count(&house, "thread "),
		.fds = count(&house, "fd "),
		.socket_files = count(&house, "socket file "),
		.shared_memories = count(&house, "mapping of "),
		.processes = proc_children(getpid(), children, CHILDREN_MAX),
	};
	house_fini(&house);
	return now;
}

void test_tell_deltas(const char *label, const struct test_census *before)
{
	struct test_census now = test_census();

	test_note("%s: threads %zu->%zu, fds %zu->%zu, processes %zu->%zu, socket files "
		  "%zu->%zu, shared memories %zu->%zu",
		  label, before->threads, now.threads, before->fds, now.fds,
		  before->processes, now.processes, before->socket_files,
		  now.socket_files, before->shared_memories, now.shared_memories);
}

void test_assert_no_growth(const struct test_census *before, const char *file, int line)
{
	struct test_census now = test_census();

	if (now.threads <= before->threads && now.fds <= before->fds &&
	    now.processes <= before->processes &&
	    now.socket_files <= before->socket_files &&
	    now.shared_memories <= before->shared_memories)
		return;
	test_tell_deltas("grown", before);
	_fail(file, line);
}
