/* SPDX-License-Identifier: MIT */
/* module_plain.c - each macro that takes options, without any: nothing but ISO C may be needed. */
#include <acre.h>

/* Compiled by tools/check-headers with -pedantic -Werror, and never run or loaded. */

#define PAIR(F) F(int32_t, a) F(int32_t, b)
ACRE_MSG(pair, PAIR)

ACRE_CONTEXT(add, pair)
{
	int r = acre_started(ctx, acre_nil);

	if (r >= 0)
		r = acre_send(ctx, pair);
	return r < 0 ? r : acre_return(ctx, acre_int, .value = in->a + in->b);
}

ACRE_CONTEXT(add_apart, pair, .stack_size = 1 << 20)
{
	return acre_return(ctx, acre_int, .value = in->a + in->b);
}

ACRE_TASK(collect, int64_t *sum)
{
	*sum += 1;
	return acre_ready(sum);
}

static const char *const argv_of_true[] = { "true", NULL };

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

static int in_hang(struct acre_nursery *n, int64_t *sum)
{
	struct acre_command *command;
	struct acre_process *process;
	struct acre_hang hang;
	void *ready;
	int r = acre_dump_on_hang(&hang, acre_secs(1));

	if (r >= 0)
		r = acre_go(n, collect, sum);
	if (r >= 0)
		r = acre_go(n, collect, sum, .name = "second");
	if (r >= 0)
		r = acre_go_ready(n, collect, sum, &ready);
	if (r >= 0)
		r = acre_fork_from_worker(&process, nothing, NULL);
	if (r >= 0)
		r = acre_command_start(n, &command, .argv = argv_of_true);
	r = acre_hang_close(&hang, r);
	return r;
}

ACRE_MAIN()
{
	struct acre_command_result result;
	struct acre_actor *actor;
	struct acre_int sum;
	struct pair pair = { 1, 2 };
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &actor);
		if (r >= 0)
			r = acre_call(actor, add, &pair, acre_int, &sum);
		ACRE_OPEN(ctx, r, actor, add_apart, &pair)
			r = acre_result(ctx, acre_int, &sum);
		if (r >= 0)
			r = in_hang(&n, &sum.value);
	}
	ACRE_WITHIN(acre_secs(1), r)
		r = acre_oneshot(add, &pair, acre_int, &sum);
	ACRE_SHIELD(acre_secs(1), r)
		r = acre_note(r, "saying goodbye");
	if (r >= 0)
		r = acre_command_run(&result, .argv = argv_of_true);
	return r < 0 ? acre_fail(EPROTO, "it did not work") : 0;
}
