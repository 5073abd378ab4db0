/* SPDX-License-Identifier: MIT */
/* test_spawn_memory.c - making an actor copies nothing of what its parent has, unless asked: G18. */
/*
 * What a spawn takes does not grow with the memory of who spawns, because that memory is
 * neither copied nor shared. Time would say so on a quiet machine only (./dev bench: rows "spawn
 * to ready", at 0, 1 and 8 GiB); two counts say it on every one:
 *
 *	Memory that a child shares is read-only until one of the two writes to it, so who
 *	writes to all of it takes a page fault for each page. After a spawn there are none.
 *
 *	The actor itself has next to nothing, so neither had the forkserver that it came from.
 *
 * The backend fork does both, on purpose. That is the proof that the counts see it.
 */
#include "conform/tree.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "unit/forks.h"

#define MEMORY	((size_t)128 << 20) /* bytes: far more than a small program has */
#define PAGE	((size_t)4096)
#define N_PAGES ((long)(MEMORY / PAGE))

static uint8_t *take_memory(void)
{
	uint8_t *memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(memory, MAP_FAILED);
	/* or a fault is for 512 of them */
	assert_int_equal(madvise(memory, MEMORY, MADV_NOHUGEPAGE), 0);
	return memory;
}

static long faults(void)
{
	struct rusage usage;

	assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
	return usage.ru_minflt;
}

/* How many page faults it takes to write to all of it. */
static long write_to(volatile uint8_t *memory)
{
	long before = faults();

	for (size_t at = 0; at < MEMORY; at += PAGE)
		memory[at]++;
	return faults() - before;
}

/* The memory of a process that is in no file, in bytes. */
static size_t memory_of(pid_t pid)
{
	char path[64], line[256];
	size_t kib = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof line, f))
		if (sscanf(line, "RssAnon: %zu kB", &kib) == 1)
			break;
	fclose(f);
	return kib << 10;
}

struct cost {
	long faults;   /* of the parent, when it writes to its memory after the spawn */
	size_t memory; /* of the actor */
};

static int spawn_from_much(struct cost *ret)
{
	uint8_t *memory = take_memory();
	struct acre_actor *a;
	int r = 0;

	assert_true(write_to(memory) >= N_PAGES);
	assert_true(write_to(memory) < N_PAGES / 16);
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "child");
		if (r >= 0)
			*ret = (struct cost){ write_to(memory),
					      memory_of(acre_actor_pid(a)) };
	}
	munmap(memory, MEMORY);
	test_note("%ld of %ld pages, %zu of %zu KiB", ret->faults, N_PAGES,
		  ret->memory >> 10, MEMORY >> 10);
	return r;
}

static int spawn_without_a_copy(void)
{
	struct cost cost = { 0 };
	int r = spawn_from_much(&cost);

	if (r < 0)
		return r;
	assert_true(cost.faults < N_PAGES / 16);
	assert_true(cost.memory > 0);
	if (!is_sanitized()) /* they have much of their own */
		assert_true(cost.memory < MEMORY / 16);
	return r;
}

TEST_TREE_OF(g18_an_actor_of_exec_costs_the_same_in_a_large_process, "exec")
{
	return spawn_without_a_copy();
}

TEST_TREE_OF(g18_an_actor_of_a_forkserver_costs_the_same_in_a_large_process, "forkserver")
{
	return spawn_without_a_copy();
}

TEST_TREE_OF(g18_a_forked_actor_has_all_and_so_costs_what_there_is, "fork")
{
	struct cost cost = { 0 };
	int r = spawn_from_much(&cost);

	if (r < 0)
		return r;
	assert_true(cost.faults >= N_PAGES);
	assert_true(cost.memory >= MEMORY);
	return r;
}
