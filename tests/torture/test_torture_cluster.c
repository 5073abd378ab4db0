/* SPDX-License-Identifier: MIT */
/* test_torture_cluster.c - clusters while things fail in the root. */
#include "torture/torture.h"

#include "torture/endpoints.h"

static const int cluster_may[] = { ACRE_EBOOT, ACRE_EDIED, ACRE_ECLOSED, 0 };

static int deal(struct acre_worker *workers, size_t n, void *sum)
{
	struct acre_int part;
	int r = 0;

	for (int64_t i = 1; r >= 0 && i <= 4; i++)
		r = acre_send(workers[i % (int64_t)n].ctx, acre_int, .value = i);
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = acre_finish(workers[i].ctx);
	for (size_t i = 0; r >= 0 && i < n; i++) {
		r = acre_result(workers[i].ctx, acre_int, &part);
		*(int64_t *)sum += r > 0 ? part.value : 0;
	}
	return r;
}

TORTURE(a_cluster_of_two, .may = cluster_may)
{
	static const char *const names[] = { "one", "two", NULL };
	struct acre_nil nil = { 0 };
	int64_t sum = 0;
	int r = acre_cluster(adds_up, &nil, deal, &sum, .names = names);

	assert_true(r < 0 || sum == 10);
	assert_int_equal(acre_children(NULL, 0), 0);
	return r;
}
