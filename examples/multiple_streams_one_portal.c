/* SPDX-License-Identifier: MIT */
/* multiple_streams_one_portal.c - two streams of one actor at the same time, each read by a task of its own. */
#include <acre.h>

ACRE_CONTEXT(count_from, acre_int, .kind = ACRE_ENDPOINT_STREAM)
{
	int r = 0;

	for (int64_t i = in->value; r >= 0 && i < in->value + 100; i++)
		r = acre_send(ctx, acre_int, .value = i);
	return r;
}

struct reading {
	struct acre_actor *actor;
	int64_t from, sum;
};

ACRE_TASK(add_up, struct reading *reading)
{
	struct acre_int item;
	int r = 0;

	ACRE_OPEN(ctx, r, reading->actor, count_from, &(struct acre_int){ reading->from })
		while ((r = acre_recv(ctx, acre_int, &item)) > 0)
			reading->sum += item.value;
	return r;
}

ACRE_MAIN()
{
	struct reading readings[2] = { { .from = 0 }, { .from = 1000 } };
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "streamer");
		for (size_t i = 0; i < 2 && r >= 0; i++) {
			readings[i].actor = a;
			r = acre_go(&n, add_up, &readings[i]);
		}
	}
	if (r >= 0)
		printf("the sums are %lld and %lld\n", (long long)readings[0].sum,
		       (long long)readings[1].sum);
	return r < 0 ? r : 0;
}
