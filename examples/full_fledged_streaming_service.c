/* SPDX-License-Identifier: MIT */
/* full_fledged_streaming_service.c - an aggregator of actors that stream: what two of them send is merged, each value once. */
#include <acre.h>

#define N_VALUES 1000

ACRE_CONTEXT(stream_data, acre_nil, .kind = ACRE_ENDPOINT_STREAM)
{
	int r = 0;

	for (int64_t i = 0; r >= 0 && i < N_VALUES; i++)
		r = acre_send(ctx, acre_int, .value = i);
	return r;
}

/* What an aggregator has of one streamer, and what all of them have in common. */
struct merging {
	struct acre_actor *streamer;
	struct acre_context *out;
	bool *seen;
};

ACRE_TASK(merge, struct merging *m)
{
	struct acre_nil none = { 0 };
	struct acre_int item;
	int r = 0;

	ACRE_OPEN(ctx, r, m->streamer, stream_data, &none)
		while ((r = acre_recv(ctx, acre_int, &item)) > 0) {
			if (m->seen[item.value])
				continue;
			m->seen[item.value] = true;
			r = acre_send(m->out, acre_int, .value = item.value);
			if (r < 0)
				break;
		}
	return r;
}

/* The streamers are its own, and end with it. */
ACRE_CONTEXT(aggregate, acre_nil, .kind = ACRE_ENDPOINT_STREAM)
{
	bool seen[N_VALUES] = { false };
	struct merging merging[2];
	int r = 0;

	ACRE_NURSERY(n, r) {
		for (size_t i = 0; i < 2 && r >= 0; i++) {
			merging[i] = (struct merging){ .out = ctx, .seen = seen };
			r = acre_spawn(&n, &merging[i].streamer, .name = "streamer");
			if (r >= 0)
				r = acre_go(&n, merge, &merging[i]);
		}
	}
	return r;
}

ACRE_MAIN()
{
	struct acre_nil none = { 0 };
	acre_instant begun = acre_now();
	struct acre_actor *aggregator;
	struct acre_int item;
	int64_t n_values = 0;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &aggregator, .name = "aggregator");
		ACRE_OPEN(ctx, r, aggregator, aggregate, &none)
			while ((r = acre_recv(ctx, acre_int, &item)) > 0)
				n_values++;
	}
	if (r >= 0)
		printf("%lld values in %.0f ms\n", (long long)n_values,
		       (double)acre_between(begun, acre_now()).ns / 1e6);
	return r < 0 ? r : n_values != N_VALUES;
}
