/* SPDX-License-Identifier: MIT */
/* rpc_bidir_streaming.c - ping and pong: a first value, a stream both ways, and a result. */
#include <acre.h>

#define N_PINGS 10

ACRE_CONTEXT(ponger, acre_int)
{
	int r = acre_started(ctx, acre_int, .value = in->value + 1);
	struct acre_text item;
	int64_t n = 0;

	for (; r >= 0 && (r = acre_recv(ctx, acre_text, &item)) > 0; n++)
		r = acre_send(ctx, acre_text, .value = "pong");
	return r < 0 ? r : acre_return(ctx, acre_int, .value = n);
}

static int ping(struct acre_context *ctx)
{
	struct acre_text item;
	int r = 0;

	for (int i = 0; r >= 0 && i < N_PINGS; i++) {
		r = acre_send(ctx, acre_text, .value = "ping");
		if (r >= 0)
			r = acre_recv(ctx, acre_text, &item);
	}
	return r < 0 ? r
		     : acre_finish(
			       ctx); /* no more pings: the other side's end of input */
}

ACRE_MAIN()
{
	struct acre_int first, n;
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(nursery, r) {
		r = acre_spawn(&nursery, &a, .name = "rpc_server");
		ACRE_OPEN(ctx, r, a, ponger, &(struct acre_int){ 10 }) {
			r = acre_first(ctx, acre_int, &first);
			if (r >= 0)
				r = ping(ctx);
			if (r >= 0)
				r = acre_result(ctx, acre_int, &n);
			if (r > 0)
				printf("began with %lld, %lld pings were answered\n",
				       (long long)first.value, (long long)n.value);
		}
	}
	return r < 0 ? r : 0;
}
