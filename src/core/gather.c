/* SPDX-License-Identifier: MIT */
/* gather.c - entering several blocks at the same time. */
#include <acre/chan.h>
#include <acre/error.h>
#include <acre/share.h>

#include "base/mem.h"

/*
 * A block is something with an enter and a leave, and both run in one task of its own, so
 * it may keep scopes and nurseries open in between. That task waits for the body's end
 * where a block of the language has its body; a failure anywhere cancels the nursery, and
 * so reaches each block as it would from inside.
 */
struct gathering {
	size_t n_missing;	  /* blocks that have not been entered */
	struct acre_event all_in; /* none is missing */
	struct acre_event leave;  /* the body has ended well */
};

/* A block and its task. */
struct gathered {
	const struct acre_block *block;
	void **value;
	struct gathering *gathering;
};

ACRE_TASK(gathered, struct gathered *g)
{
	int r = g->block->enter(g->block->arg, g->value);

	if (r < 0)
		return r;
	if (--g->gathering->n_missing == 0)
		acre_event_set(&g->gathering->all_in);
	r = acre_event_wait(&g->gathering->leave);
	return g->block->leave(g->block->arg, *g->value, r);
}

/* With the memory for n tasks' arguments and n values. */
static int gather(const struct acre_block *blocks, struct gathered *tasks, void **values,
		  size_t n, int (*body)(void *arg, void **values, size_t n), void *arg)
{
	struct gathering gathering = { .n_missing = n };
	int r = 0;

	acre_event_init(&gathering.all_in);
	acre_event_init(&gathering.leave);
	ACRE_NURSERY(nursery, r) {
		for (size_t i = 0; i < n && r >= 0; i++) {
			tasks[i] =
				(struct gathered){ &blocks[i], &values[i], &gathering };
			r = acre_go(&nursery, gathered, &tasks[i]);
		}
		if (r >= 0)
			r = acre_event_wait(&gathering.all_in);
		if (r >= 0)
			r = body(arg, values, n);
		if (r >= 0)
			acre_event_set(&gathering.leave);
	}
	return r;
}

int acre_gather(const struct acre_block *blocks, size_t n,
		int (*body)(void *arg, void **values, size_t n), void *arg)
{
	auto_free struct gathered *tasks = NULL;
	auto_free void **values = NULL;
	size_t len;

	if (n == 0)
		return acre_fail(EINVAL, "gathering no blocks");
	if (!__builtin_mul_overflow(n, sizeof *tasks, &len)) {
		tasks = mem_alloc(len);
		values = mem_zalloc(n * sizeof *values);
	}
	if (!tasks || !values)
		return acre_fail(ENOMEM, "no memory to gather %zu blocks", n);
	return gather(blocks, tasks, values, n, body, arg);
}
