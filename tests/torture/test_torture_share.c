/* SPDX-License-Identifier: MIT */
/* test_torture_share.c - broadcasts, shared resources and gathered blocks while things fail. */
#include "torture/torture.h"

static int next_number(void *source, void *item)
{
	int *n = source, r = acre_yield();

	if (r < 0)
		return r;
	if (*n == 4)
		return 0;
	*(int *)item = ++*n;
	return 1;
}

struct listener {
	struct acre_subscriber *subscriber;
	int sum;
};

static int listen_to_end(struct listener *l)
{
	int item, r;

	while ((r = acre_subscriber_recv(l->subscriber, &item)) > 0)
		l->sum += item;
	return r;
}

ACRE_TASK(listen, struct listener *l)
{
	return listen_to_end(l);
}

static int listen_to(struct acre_broadcast *b, struct listener listeners[3])
{
	int r = acre_subscribe(&listeners[0].subscriber, b);

	if (r >= 0)
		r = acre_subscribe(&listeners[1].subscriber, b);
	if (r >= 0)
		r = acre_subscribe_like(&listeners[2].subscriber,
					listeners[0].subscriber);
	ACRE_NURSERY(nursery, r) {
		for (int i = 0; r >= 0 && i < 2; i++)
			r = acre_go(&nursery, listen, &listeners[i]);
		if (r >= 0)
			r = listen_to_end(&listeners[2]);
	}
	for (int i = 0; i < 3; i++) {
		assert_true(r < 0 || listeners[i].sum == 10);
		listeners[i].subscriber = acre_unsubscribe(listeners[i].subscriber);
	}
	return r;
}

TORTURE(a_broadcast)
{
	struct listener listeners[3] = { { NULL, 0 } };
	struct acre_broadcast *b = NULL;
	int n = 0;
	int r = acre_broadcast_open(&b, (struct acre_broadcast_options){
						.item_size = sizeof(int),
						.window = 8,
						.next = next_number,
						.source = &n });

	if (r < 0)
		return r;
	r = listen_to(b, listeners);
	return acre_broadcast_close(&b, r);
}

TORTURE(a_subscriber_that_falls_behind)
{
	struct acre_subscriber *fast = NULL, *slow = NULL;
	struct acre_broadcast *b = NULL;
	int n = 0, item, lost = 0;
	int r = acre_broadcast_open(&b, (struct acre_broadcast_options){
						.item_size = sizeof(int),
						.window = 2,
						.next = next_number,
						.source = &n });

	if (r < 0)
		return r;
	r = acre_subscribe(&fast, b);
	if (r >= 0)
		r = acre_subscribe(&slow, b);
	if (r >= 0)
		while ((r = acre_subscriber_recv(fast, &item)) > 0)
			;
	if (r >= 0) {
		lost = acre_subscriber_recv(slow, &item);
		assert_true(acre_is(lost, ACRE_ELAGGED));
		r = acre_subscriber_recv(slow, &item);
	}
	acre_unsubscribe(fast);
	acre_unsubscribe(slow);
	return acre_broadcast_close(&b, r);
}

struct counts {
	int opened, closed;
};

static int open_resource(void *arg, void **ret_value)
{
	struct counts *counts = arg;
	int r = acre_yield();

	if (r < 0)
		return r;
	counts->opened++;
	*ret_value = counts;
	return 0;
}

static int close_resource(void *arg, void *value, int r)
{
	struct counts *counts = arg;

	assert_ptr_equal(value, counts);
	counts->closed++;
	return r;
}

struct user {
	struct acre_cache *cache;
	struct counts *counts;
};

ACRE_TASK(use_resource, struct user *user)
{
	struct acre_resource resource = { .key = "the one",
					  .open = open_resource,
					  .close = close_resource,
					  .arg = user->counts };
	void *value;
	int r = acre_cache_enter(user->cache, &resource, &value);

	if (r < 0)
		return r;
	assert_ptr_equal(value, user->counts);
	r = acre_yield();
	return acre_cache_leave(user->cache, "the one", r);
}

TORTURE(a_shared_resource)
{
	struct counts counts = { 0 };
	struct user user = { .counts = &counts };
	int r = acre_cache_open(&user.cache);

	if (r < 0)
		return r;
	ACRE_NURSERY(nursery, r) {
		for (int i = 0; r >= 0 && i < 3; i++)
			r = acre_go(&nursery, use_resource, &user);
	}
	assert_int_equal(counts.opened, counts.closed);
	return acre_cache_close(&user.cache, r);
}

static int enter(void *arg, void **ret_value)
{
	int *depth = arg, r = acre_yield();

	if (r < 0)
		return r;
	++*depth;
	*ret_value = depth;
	return 0;
}

static int leave(void *arg, void *value, int r)
{
	int *depth = arg;

	assert_ptr_equal(value, depth);
	--*depth;
	return r;
}

static int look(void *arg, void **values, size_t n)
{
	int *depth = arg;

	assert_int_equal(*depth, n);
	assert_ptr_equal(values[0], depth);
	return acre_yield();
}

TORTURE(gathered_blocks)
{
	int depth = 0, r;
	const struct acre_block blocks[] = { { enter, leave, &depth },
					     { enter, leave, &depth },
					     { enter, leave, &depth } };

	r = acre_gather(blocks, 3, look, &depth);
	assert_int_equal(depth, 0);
	return r;
}
