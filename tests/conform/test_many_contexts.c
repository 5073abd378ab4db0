/* SPDX-License-Identifier: MIT */
/* test_many_contexts.c - ten thousand contexts over one link, a thousand at once: nothing grows. */
#include "conform/footprint.h"

/*
 * Both ends are looked at after each round of a thousand, when all of its contexts are closed.
 * The first round may leave what is kept for the next ones (stacks, room of tables); the others
 * must leave nothing, so the blocks of memory are the same to the last one.
 */

#define AT_ONCE 1000
#define ROUNDS	10
/* Of resident memory: stacks of tasks that have ended are kept, and given back after a while.
 * A page left by each context would be more. */
#define SPARE_KIB      (8 * AT_ONCE)
#define SPARE_MAPPINGS 8 /* the C library's heap may be cut in another way */

static void assert_same(const char *whose, const struct footprint *first,
			const struct footprint *last)
{
	test_note("%s: blocks %d->%d, mappings %d->%d, KiB %d->%d", whose,
		  (int)first->blocks, (int)last->blocks, (int)first->mappings,
		  (int)last->mappings, (int)first->kib, (int)last->kib);
	assert_int_equal(last->blocks, first->blocks);
	assert_int_equal(last->contexts, first->contexts);
	assert_int_equal(last->entries, first->entries);
	assert_int_equal(last->fds, first->fds);
	assert_int_equal(last->threads, first->threads);
	if (is_sanitized())
		return; /* it keeps what was freed */
	assert_in_range(last->mappings, 0, first->mappings + SPARE_MAPPINGS);
	assert_in_range(last->kib, 0, first->kib + SPARE_KIB);
}

/* Ends when the opener says so, with what it was given. */
ACRE_CONTEXT(hold, acre_int)
{
	int r = acre_started(ctx, acre_nil);

	if (r >= 0)
		r = acre_recv(ctx, acre_nil, &nil);
	return r < 0 ? r : acre_return(ctx, acre_int, .value = in->value);
}

/* Every third is cancelled, every third leaves without its result. */
static void end_one(struct acre_context **ctx, int i)
{
	struct acre_int v = { -1 };
	int r = 0;

	if (i % 3 == 0)
		r = acre_fail(ENOENT, "the opener's own failure");
	if (i % 3 == 1) {
		assert_ok(acre_finish(*ctx));
		assert_int_equal(acre_result(*ctx, acre_int, &v), 1);
		assert_int_equal(v.value, i);
	}
	r = acre_context_close(ctx, r);
	assert_int_equal(acre_code(r), i % 3 ? 0 : ENOENT);
}

static void open_and_close(struct acre_actor *a, int round)
{
	static struct acre_context *open[AT_ONCE];
	uint64_t before = map_n(&a->contexts);

	for (int i = 0; i < AT_ONCE; i++)
		assert_ok(acre_open(&open[i], a, hold, &(struct acre_int){ i }));
	assert_int_equal(map_n(&a->contexts), before + AT_ONCE);
	for (int i = 0; i < AT_ONCE; i++) /* in another order each time */
		end_one(&open[(i + round * 101) % AT_ONCE], (i + round * 101) % AT_ONCE);
	assert_int_equal(map_n(&a->contexts), before);
}

TEST_ACTOR(ten_thousand_contexts_over_one_link_leave_nothing)
{
	struct footprint here[2], there[2];

	for (int round = 0; round < ROUNDS; round++) {
		open_and_close(a, round);
		assert_int_equal(acre_call(a, look, &nil, footprint, &there[round > 0]),
				 1);
		here[round > 0] = footprint_of(a);
	}
	assert_same("opener", &here[0], &here[1]);
	assert_same("callee", &there[0], &there[1]);
	return 0;
}
