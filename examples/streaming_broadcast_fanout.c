/* SPDX-License-Identifier: MIT */
/* streaming_broadcast_fanout.c - one remote stream for several tasks, one of which is too slow and is told so. */
#include <acre.h>

#define N_VALUES 200

ACRE_CONTEXT(values, acre_nil, .kind = ACRE_ENDPOINT_STREAM)
{
	int r = 0;

	for (int64_t i = 0; r >= 0 && i < N_VALUES; i++)
		r = acre_send(ctx, acre_int, .value = i);
	return r;
}

struct listener {
	struct acre_broadcast *broadcast;
	const char *name;
	bool is_slow;
};

ACRE_TASK(listen, struct listener *l)
{
	struct acre_subscriber *sub = NULL;
	struct acre_int item;
	int r = acre_subscribe(&sub, l->broadcast), n = 0, lags = 0;

	if (r >= 0)
		r = acre_ready(NULL);
	while (r >= 0) {
		r = acre_subscriber_recv(sub, &item);
		if (r == 0)
			break;
		n += r > 0;
		lags += acre_is(r, ACRE_ELAGGED);
		if (acre_is(r,
			    ACRE_ELAGGED)) /* it goes on with the oldest that is left */
			r = 0;
		if (r >= 0 && l->is_slow)
			r = acre_sleep(acre_ms(2));
	}
	acre_unsubscribe(sub);
	printf("%s got %d values%s\n", l->name, n, lags ? ", and missed some" : "");
	return r;
}

static int next_value(void *source, void *item)
{
	return acre_recv(source, acre_int, item);
}

static int fan_out(struct acre_context *ctx)
{
	struct listener listeners[] = { { .name = "quick" },
					{ .name = "as quick" },
					{ .name = "slow", .is_slow = true } };
	struct acre_broadcast *b;
	void *unused;
	int r = acre_broadcast_open(&b, (struct acre_broadcast_options){
						.item_size = sizeof(struct acre_int),
						.window = 16,
						.next = next_value,
						.source = ctx });

	if (r < 0)
		return r;
	ACRE_NURSERY(n, r)
		for (size_t i = 0; i < 3 && r >= 0; i++) {
			listeners[i].broadcast = b;
			r = acre_go_ready(&n, listen, &listeners[i], &unused);
		}
	return acre_broadcast_close(&b, r);
}

ACRE_MAIN()
{
	struct acre_nil none = { 0 };
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "source");
		ACRE_OPEN(ctx, r, a, values, &none)
			r = fan_out(ctx);
	}
	return r < 0 ? r : 0;
}
