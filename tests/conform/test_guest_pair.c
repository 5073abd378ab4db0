/* SPDX-License-Identifier: MIT */
/* test_guest_pair.c - a task in C and one of the guest in one actor, in dialogue: cases C120 to C128. */
#include "conform/guest.h"

/* What the guest's halves do; `how` tells how the last one ended. */
static const char halves[] =
	"import acre, asyncio\n"
	"log = []\n"
	"def half(function):\n"
	"    @acre.context\n"
	"    async def run(ctx, **args):\n"
	"        how = 'returned'\n"
	"        try:\n"
	"            return await function(ctx, **args)\n"
	"        except BaseException as e:\n"
	"            how = getattr(e, 'cls', '') or type(e).__name__\n"
	"            raise\n"
	"        finally:\n"
	"            log.append(how)\n"
	"    run.__name__ = function.__name__\n"
	"    return run\n"
	"def how():\n"
	"    return log.pop()\n"
	"@half\n"
	"async def idles(ctx):\n"
	"    await ctx.started('start')\n"
	"    await asyncio.sleep(3600)\n"
	"@half\n"
	"async def asserts(ctx):\n"
	"    await ctx.started('start')\n"
	"    await asyncio.sleep(0.05)\n"
	"    assert 0, 'of the guest'\n"
	"@half\n"
	"async def fails_first(ctx):\n"
	"    await asyncio.sleep(0.2)\n"
	"    raise RuntimeError('before it has started')\n"
	"@half\n"
	"async def gives_up(ctx):\n"
	"    await ctx.started()\n"
	"    await asyncio.sleep(0.5)\n"
	"    asyncio.current_task().cancel()\n"
	"    await asyncio.sleep(0)\n"
	"@half\n"
	"async def feeds(ctx, ending):\n"
	"    for i in range(100):\n"
	"        await ctx.send(i)\n"
	"        if i == 50 and ending == 3: return\n"
	"        if i == 50 and ending == 4: raise ValueError('of the guest')\n"
	"        await asyncio.sleep(0.001)\n"
	"    await ctx.finish()\n"
	"@half\n"
	"async def echoes(ctx):\n"
	"    async for item in ctx:\n"
	"        if item < 0: break\n"
	"        await ctx.send(item)\n"
	"    await ctx.finish()\n";

static int open_half(struct acre_context **ret, const char *name, int64_t ending)
{
	struct acre_packer *p = acre_pack_new();
	struct acre_any arg;
	int r;

	acre_pack_map(p, ending ? 1 : 0);
	if (ending) {
		acre_pack_text(p, "ending");
		acre_pack_int(p, ending);
	}
	r = acre_pack_end(p, &arg.value);
	if (r >= 0)
		r = acre_guest_open(ret, "main", name, ACRE_KIND(acre_any), &arg);
	acre_pack_free(p);
	return r;
}

/* Opens that half, and waits for its end. */
static int host(const char *name)
{
	struct acre_context *pair = NULL;
	int r = open_half(&pair, name, 0);

	if (r >= 0)
		r = acre_result(pair, acre_nil, &nil);
	return acre_context_close(&pair, r);
}

#define HOST(name)                                                          \
	ACRE_CONTEXT(hosts_##name, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT) \
	{                                                                   \
		return host(#name);                                         \
	}

HOST(idles)
HOST(asserts)
HOST(gives_up)
HOST(fails_first)

ACRE_CONTEXT(hosts_idles_for_a_while, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	int r = 0;

	ACRE_WITHIN(acre_ms(200), r)
		r = host("idles");
	assert_class(r, ETIMEDOUT);
	return 0;
}

static int with_halves(int (*body)(struct acre_actor *a))
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_source(&n, &a, halves);
		if (r >= 0)
			r = body(a);
	}
	return r;
}

#define TEST_HALVES(name)                              \
	static int name##_with_(struct acre_actor *a); \
	TEST_PYTHON(name)                              \
	{                                              \
		return with_halves(name##_with_);      \
	}                                              \
	static int name##_with_(struct acre_actor *a)

static void assert_how(struct acre_actor *a, const char *want)
{
	struct acre_value got;

	assert_int_equal(call_guest(a, "how", &got), 1);
	assert_text(got, want);
}

TEST_HALVES(c120_a_guest_task_is_cancelled_by_its_hosts_deadline)
{
	assert_ok(acre_call(a, hosts_idles_for_a_while, &nil, acre_nil, &nil));
	assert_how(a, "CancelledError");
	return 0;
}

TEST_HALVES(c121_the_failure_of_a_guest_task_is_its_hosts)
{
	int r = acre_call(a, hosts_asserts, &nil, acre_nil, &nil);

	assert_remote(r, ACRE_EGUEST);
	assert_string_equal(acre_why(r)->name, "AssertionError");
	assert_how(a, "AssertionError");
	return 0;
}

ACRE_TASK(cancel_soon, struct acre_actor *a)
{
	int r = acre_sleep(acre_ms(100));

	return r < 0 ? r : acre_actor_cancel(a);
}

TEST_HALVES(c122_a_guest_task_is_cancelled_with_its_actor)
{
	int r = 0;

	ACRE_NURSERY(n, r) {
		assert_ok(acre_go(&n, cancel_soon, a));
		assert_class(acre_call(a, hosts_idles, &nil, acre_nil, &nil), ACRE_ECTXC);
	}
	return r;
}

TEST_PYTHON(c122_a_guest_task_is_cancelled_by_an_outer_deadline)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_WITHIN(acre_secs(1), r)
		ACRE_NURSERY(n, r) {
			r = spawn_source(&n, &a, halves);
			if (r >= 0)
				r = acre_call(a, hosts_idles, &nil, acre_nil, &nil);
		}
	assert_class(r, ETIMEDOUT);
	return 0;
}

ACRE_TASK(host_idles, void *unused)
{
	(void)unused;
	return host("idles");
}

/* A half that fails, and another one that sleeps. */
ACRE_CONTEXT(hosts_two, acre_nil)
{
	struct acre_context *pair = NULL;
	int r = 0;

	(void)in;
	ACRE_NURSERY(n, r) {
		r = acre_go(&n, host_idles, NULL);
		if (r >= 0)
			r = open_half(&pair, "asserts", 0);
		if (r >= 0)
			r = acre_started(ctx, acre_text, .value = "start");
		if (r >= 0)
			r = acre_result(pair, acre_nil, &nil);
		r = acre_context_close(&pair, r);
	}
	return r;
}

TEST_HALVES(c123_who_waits_for_a_context_gets_the_failure_of_its_guest_task)
{
	acre_instant begun = acre_now();
	struct acre_text first;
	int r = 0;

	ACRE_OPEN(ctx, r, a, hosts_two, &nil) {
		assert_int_equal(acre_first(ctx, acre_text, &first), 1);
		assert_string_equal(first.value, "start");
		r = acre_result(ctx, acre_nil, &nil);
	}
	assert_remote(r, ACRE_EGUEST);
	assert_string_equal(acre_why(r)->name, "AssertionError");
	assert_true(seconds_since(begun) <= 2);
	return 0;
}

TEST_HALVES(c123_a_context_is_cancelled_before_its_guest_task_fails)
{
	struct acre_outcome outcome = { .done = false };
	int r = 0;

	ACRE_OPEN(ctx, r, a, hosts_two, &nil) {
		r = acre_context_cancel(ctx);
		acre_ignore_result(acre_result(ctx, acre_nil, &nil));
		outcome = acre_outcome(ctx);
	}
	assert_ok(r);
	assert_true(outcome.done && outcome.cancel_called);
	assert_int_equal(outcome.r, -ACRE_ECTXC);
	assert_string_equal(outcome.canceller, "root");
	return 0;
}

TEST_HALVES(c123_an_actor_is_cancelled_before_its_guest_task_fails)
{
	int r = 0;

	ACRE_OPEN(ctx, r, a, hosts_two, &nil) {
		assert_ok(acre_actor_cancel(a));
		r = acre_result(ctx, acre_nil, &nil);
		assert_class(r, ACRE_ECTXC);
		assert_string_equal(acre_outcome(ctx).canceller, "root");
	}
	assert_class(r, ACRE_ECTXC);
	return 0;
}

TEST_HALVES(c124_a_guest_task_that_cancels_itself_is_a_failure)
{
	acre_instant begun = acre_now();

	assert_remote(acre_call(a, hosts_gives_up, &nil, acre_nil, &nil),
		      ACRE_EGUESTCANCEL);
	assert_true(seconds_since(begun) <= 2);
	assert_how(a, "CancelledError");
	return 0;
}

/*
 * C125: 0 to 99 through the channel, and four endings in the middle.
 */

enum ending { NO_ENDING = 9, HOST_FAILS = 1, HOST_LEAVES, GUEST_LEAVES, GUEST_FAILS };

static int64_t n_seen;

ACRE_CONTEXT(hosts_feeds, acre_int, .kind = ACRE_ENDPOINT_ONESHOT)
{
	struct acre_context *pair = NULL;
	struct acre_int item;
	int r = open_half(&pair, "feeds", in->value);

	n_seen = 0;
	while (r >= 0 && (r = acre_recv(pair, acre_int, &item)) > 0) {
		if (item.value != n_seen++)
			r = acre_fail(T_ASSERT, "it came out of order");
		if (item.value == 50 && in->value == HOST_LEAVES)
			break;
		if (item.value == 50 && in->value == HOST_FAILS)
			r = acre_fail(T_RUNTIME, "of the host");
	}
	return acre_context_close(&pair, r);
}

ACRE_CONTEXT(saw, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	(void)in;
	return acre_return(ctx, acre_int, .value = n_seen);
}

/* The failure; what was seen and how the guest's half has ended is checked. */
static int feed(struct acre_actor *a, enum ending ending, int64_t n, const char *how)
{
	struct acre_int seen;
	int r = acre_call(a, hosts_feeds, &(struct acre_int){ ending }, acre_nil, &nil);

	assert_int_equal(acre_call(a, saw, &nil, acre_int, &seen), 1);
	assert_int_equal(seen.value, n);
	assert_how(a, how);
	return r;
}

TEST_HALVES(c125_a_guest_task_sends_its_host_all_in_order)
{
	assert_ok(feed(a, NO_ENDING, 100, "returned"));
	return 0;
}

TEST_HALVES(c125_one_half_of_a_pair_ends_in_the_middle)
{
	int r;

	assert_remote(feed(a, HOST_FAILS, 51, "CancelledError"), T_RUNTIME);
	assert_remote(feed(a, HOST_LEAVES, 51, "ACRE_EHOSTEXIT"), ACRE_EHOSTEXIT);
	assert_remote(feed(a, GUEST_LEAVES, 51, "returned"), ACRE_EGUESTEXIT);
	r = feed(a, GUEST_FAILS, 51, "ValueError");
	assert_remote(r, ACRE_EGUEST);
	assert_string_equal(acre_why(r)->message, "of the guest");
	return 0;
}

struct reader {
	struct acre_chan from;
	struct acre_int ring[4];
	int64_t n;
};

ACRE_TASK(read_all, struct reader *reader)
{
	struct acre_int item;
	int r;

	while ((r = acre_chan_recv(&reader->from, &item)) > 0)
		if (item.value != reader->n++)
			return acre_fail(T_ASSERT, "it came out of order");
	return r;
}

/* Each value goes to two readers. */
ACRE_CONTEXT(hosts_two_readers, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	struct acre_context *pair = NULL;
	struct reader readers[2];
	struct acre_int item;
	int r = 0;

	(void)in;
	ACRE_NURSERY(n, r) {
		for (int i = 0; i < 2 && r >= 0; i++) {
			readers[i].n = 0;
			acre_chan_init(&readers[i].from, sizeof item, readers[i].ring, 4);
			r = acre_go(&n, read_all, &readers[i]);
		}
		if (r >= 0)
			r = open_half(&pair, "feeds", NO_ENDING);
		while (r >= 0 && (r = acre_recv(pair, acre_int, &item)) > 0)
			for (int i = 0; i < 2 && r >= 0; i++)
				r = acre_chan_send(&readers[i].from, &item);
		r = acre_context_close(&pair, r);
		for (int i = 0; i < 2; i++)
			acre_chan_close(&readers[i].from);
	}
	return r < 0 ? r
		     : acre_return(ctx, acre_int, .value = readers[0].n + readers[1].n);
}

TEST_HALVES(c125_a_guest_task_feeds_two_readers)
{
	struct acre_int n;

	assert_int_equal(acre_call(a, hosts_two_readers, &nil, acre_int, &n), 1);
	assert_int_equal(n.value, 200);
	return 0;
}

/*
 * C126: an echo behind a context.
 */

ACRE_CONTEXT(hosts_echo, acre_nil)
{
	struct acre_context *pair = NULL;
	struct acre_int item;
	int r = open_half(&pair, "echoes", 0);

	(void)in;
	while (r >= 0 && (r = acre_recv(ctx, acre_int, &item)) > 0) {
		r = acre_send(pair, acre_int, .value = item.value);
		if (r >= 0)
			r = acre_recv(pair, acre_int, &item);
		if (r <= 0)
			break; /* the sentinel ends that stream, and so this one */
		r = acre_send(ctx, acre_int, .value = item.value);
	}
	return acre_context_close(&pair, r);
}

static int echo(struct acre_actor *a, int class_at_50)
{
	struct acre_int back;
	int r = 0;

	ACRE_OPEN(ctx, r, a, hosts_echo, &nil) {
		for (int i = 0; i < 100 && r >= 0; i++) {
			if (i == 50 && class_at_50)
				r = acre_fail(class_at_50, "at item 50");
			if (r >= 0)
				r = acre_send(ctx, acre_int, .value = i);
			if (r >= 0)
				r = acre_recv(ctx, acre_int, &back);
			if (r >= 0)
				assert_int_equal(back.value, i);
		}
		if (r >= 0)
			r = acre_send(ctx, acre_int, .value = -1);
		if (r >= 0) {
			r = acre_recv(ctx, acre_int, &back);
			assert_int_equal(r, 0);
		}
	}
	return r;
}

TEST_HALVES(c126_a_guest_task_is_an_echo_behind_a_context)
{
	acre_instant begun = acre_now();

	assert_ok(echo(a, 0));
	assert_how(a, "returned");
	assert_class(echo(a, T_VALUE), T_VALUE);
	assert_how(a, "CancelledError");
	assert_class(echo(a, EINTR), EINTR);
	assert_how(a, "CancelledError");
	assert_true(seconds_since(begun) <= 4);
	return 0;
}

TEST_HALVES(c128_a_guest_task_fails_before_it_has_started)
{
	acre_instant begun = acre_now();
	int r = acre_call(a, hosts_fails_first, &nil, acre_nil, &nil);

	assert_remote(r, ACRE_EGUEST);
	assert_string_equal(acre_why(r)->name, "RuntimeError");
	assert_true(seconds_since(begun) <= 3);
	return 0;
}

static int open_shared(void *unused, void **ret)
{
	struct acre_context *pair = NULL;
	int r = open_half(&pair, "fails_first", 0);

	(void)unused;
	*ret = pair;
	return r;
}

static int close_shared(void *unused, void *value, int r)
{
	struct acre_context *pair = value;

	(void)unused;
	return acre_context_close(&pair, r);
}

ACRE_CONTEXT(hosts_a_shared_one, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	const struct acre_resource resource = { .key = "pair",
						.open = open_shared,
						.close = close_shared };
	struct acre_cache *cache;
	void *pair;
	int r = acre_cache_open(&cache);

	(void)in;
	if (r >= 0)
		r = acre_cache_enter(cache, &resource, &pair);
	if (r >= 0)
		r = acre_cache_leave(cache, "pair", r);
	return acre_cache_close(&cache, r);
}

TEST_HALVES(c128_a_shared_guest_task_fails_before_it_has_started)
{
	int r = acre_call(a, hosts_a_shared_one, &nil, acre_nil, &nil);

	assert_remote(r, ACRE_EGUEST);
	assert_string_equal(acre_why(r)->name, "RuntimeError");
	return 0;
}

TEST_TREE(a_pair_needs_a_guest)
{
	struct acre_context *pair = NULL;

	assert_class(open_half(&pair, "echoes", 0), EINVAL);
	assert_null(pair);
	return 0;
}
