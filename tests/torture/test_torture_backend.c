/* SPDX-License-Identifier: MIT */
/* test_torture_backend.c - actors of each backend, in turn, while things fail in their parent. */
#include "torture/torture.h"

#include "torture/endpoints.h"

/* An actor that could not be made or cannot be spoken to is told of in these. */
static const int tree_may[] = { ACRE_EBOOT, ACRE_EDIED, ACRE_ECLOSED, 0 };

/* Of the nursery, not of the spawn: one of the two ways to say it. */
static int call_one_of(const char *backend)
{
	struct acre_int result;
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_nursery_backend(&n, backend);
		if (r >= 0)
			r = acre_spawn(&n, &a, .name = backend);
		if (r >= 0)
			r = acre_call(a, square, &(struct acre_int){ 5 }, acre_int, &result);
		assert_true(r < 0 || result.value == 25);
	}
	return r;
}

TORTURE(an_actor_by_fork, .may = tree_may)
{
	return call_one_of("fork");
}

TORTURE(an_actor_by_fork_that_has_no_luck, .may = tree_may, .in_actors = true)
{
	return call_one_of("fork");
}

TORTURE(an_actor_of_a_forkserver, .may = tree_may)
{
	return call_one_of("forkserver");
}

TORTURE(a_forkserver_that_has_no_luck, .may = tree_may, .in_actors = true)
{
	return call_one_of("forkserver");
}

TORTURE(an_actor_that_is_a_thread, .may = tree_may)
{
	return call_one_of("thread");
}
