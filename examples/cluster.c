/* SPDX-License-Identifier: MIT */
/* cluster.c - an actor for each core, and the items of one list dealt out among them. */
#include <acre.h>

#include <stdio.h>

#define ITEMS 1000

ACRE_CONTEXT(squares, acre_nil) /* given: ctx */
{
	struct acre_int item;
	int r = acre_started(ctx, acre_nil);

	while (r >= 0 && (r = acre_recv(ctx, acre_int, &item)) > 0)
		r = acre_send(ctx, acre_int, .value = item.value * item.value);
	return r;
}

static int deal(struct acre_worker *workers, size_t n, void *ret_sum)
{
	int64_t *sum = ret_sum;
	struct acre_int square;
	int r = 0;

	for (int64_t i = 0; i < ITEMS && r >= 0; i++) {
		struct acre_context *ctx = workers[i % (int64_t)n].ctx;

		r = acre_send(ctx, acre_int, .value = i);
		if (r >= 0)
			r = acre_recv(ctx, acre_int, &square);
		*sum += r > 0 ? square.value : 0;
	}
	printf("%zu workers, the first is %s\n", n, acre_actor_name(workers[0].actor));
	return r;
}

ACRE_MAIN()
{
	struct acre_nil nothing = { 0 };
	int64_t sum = 0;
	int r = acre_cluster(squares, &nothing, deal, &sum);

	if (r >= 0)
		printf("the squares below %d add up to %lld\n", ITEMS, (long long)sum);
	return r < 0 ? r : 0;
}
