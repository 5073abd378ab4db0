/* SPDX-License-Identifier: MIT */
/* test_torture_actor.c - actors, calls, contexts and streams while things fail in the actor. */
#include "torture/torture.h"

#include <string.h>
#include <unistd.h>

#include "torture/endpoints.h"

/* What fails there is told here as the failure of an actor. */
static const int actor_may[] = { ACRE_EBOOT, ACRE_EDIED, ACRE_ECLOSED, 0 };

/* Who lacks something tells at once: nobody waits for the end of the time to boot. */
static bool is_late(int r)
{
	const struct acre_death *death = r < 0 ? acre_why(r)->death : NULL;

	return death && death->step && !strcmp(death->step, "serving in time");
}

TORTURE(an_actor_that_has_no_luck, .may = actor_may, .in_actors = true)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r)
		r = acre_spawn(&n, &a, .name = "unlucky");
	assert_true(!is_late(r));
	return r;
}

TORTURE(a_module_that_is_not_there_either, .may = actor_may, .in_actors = true)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r)
		r = acre_spawn(&n, &a, .module = "/nonexistent/module.so");
	assert_true(r < 0);
	return acre_is(r, ACRE_EBOOT) ? 0 : r;
}

TORTURE(a_call_there, .may = actor_may, .in_actors = true)
{
	struct acre_int v;
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a);
		if (r >= 0)
			r = acre_call(a, square, &(struct acre_int){ 7 }, acre_int, &v);
		assert_true(r < 0 || v.value == 49);
	}
	return r;
}

TORTURE(a_failure_there, .may = actor_may, .in_actors = true)
{
	struct acre_int v;
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a);
		if (r >= 0)
			r = acre_call(a, fails, &(struct acre_nil){ 0 }, acre_int, &v);
	}
	assert_true(r < 0);
	return acre_is(r, EDOM) ? 0 : r;
}

TORTURE(a_stream_both_ways, .may = actor_may, .in_actors = true)
{
	struct acre_int result, item;
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a);
		ACRE_OPEN(up, r, a, adds_up, &(struct acre_nil){ 0 }) {
			ACRE_OPEN(down, r, a, counts, &(struct acre_int){ 5 }) {
				while ((r = acre_recv(down, acre_int, &item)) > 0 &&
				       (r = acre_send(up, acre_int,
						      .value = item.value)) >= 0)
					;
			}
			if (r >= 0)
				r = acre_finish(up);
			if (r >= 0)
				r = acre_result(up, acre_int, &result);
			assert_true(r < 0 || result.value == 15);
		}
	}
	return r;
}

TORTURE(a_cancel_that_is_heard_there, .may = actor_may, .in_actors = true)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a);
		ACRE_OPEN(ctx, r, a, sleeps, &(struct acre_nil){ 0 })
			r = acre_context_cancel(ctx);
	}
	return r;
}
