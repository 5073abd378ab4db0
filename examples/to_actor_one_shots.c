/* SPDX-License-Identifier: MIT */
/* to_actor_one_shots.c - calls that each make their own actor, side by side in a nursery of tasks. */
#include <acre.h>

ACRE_CONTEXT(square, acre_int, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return acre_return(ctx, acre_int, .value = in->value * in->value);
}

struct job {
	struct acre_nursery *nursery;
	int64_t of, result;
};

ACRE_TASK(run_job, struct job *job)
{
	struct acre_int result;
	int r = acre_oneshot(square, &(struct acre_int){ job->of }, acre_int, &result,
			     .nursery = job->nursery);

	if (r > 0)
		job->result = result.value;
	return r < 0 ? r : 0;
}

ACRE_MAIN()
{
	struct job jobs[5] = { { .of = 0 } };
	int r = 0;

	ACRE_NURSERY(n, r)
		for (size_t i = 0; i < 5 && r >= 0; i++) {
			jobs[i] = (struct job){ .nursery = &n, .of = (int64_t)i + 1 };
			r = acre_go(&n, run_job, &jobs[i]);
		}
	for (size_t i = 0; i < 5 && r >= 0; i++)
		printf("the square of %lld is %lld\n", (long long)jobs[i].of,
		       (long long)jobs[i].result);
	return r < 0 ? r : 0;
}
