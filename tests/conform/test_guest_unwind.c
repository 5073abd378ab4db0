/* SPDX-License-Identifier: MIT */
/* test_guest_unwind.c - what a guest waits for with its actor is cancelled, and ends, in order. */
#include "conform/guest.h"
#include "unit/forks.h"

ACRE_CONTEXT(never_starts, acre_nil, .kind = ACRE_ENDPOINT_CONTEXT)
{
	(void)in;
	return acre_sleep(acre_secs(3600));
}

/* Each waits for something else, for ever; `awaits` and `stands` do it both ways. Each is
 * cancelled once, and what it does at last is left alone. */
static const char waits[] =
	"import acre, asyncio, time\n"
	"log = []\n"
	"slow = 'import time; time.sleep(3600)'\n"
	"async def call():\n"
	"    await (await acre.parent()).call('sleeps_for_ever')\n"
	"async def open():\n"
	"    async with (await acre.parent()).open_context('never_starts'): pass\n"
	"async def receive():\n"
	"    async with (await acre.parent()).open_context('sleeps_for_ever') as (ctx, "
	"first):\n"
	"        await ctx.receive()\n"
	"async def send():\n"
	"    async with (await acre.parent()).open_context('sleeps_for_ever') as (ctx, "
	"first):\n"
	"        for i in range(10**6): await ctx.send(i)\n"
	"async def result():\n"
	"    async with (await acre.parent()).open_context('sleeps_for_ever') as (ctx, "
	"first):\n"
	"        await ctx.result()\n"
	"async def leave():\n"
	"    async with (await acre.parent()).open_context('sleeps_for_ever'): pass\n"
	"async def spawn():\n"
	"    async with acre.open_nursery() as nursery:\n"
	"        await nursery.start_actor('slow', source=slow)\n"
	"async def remote():\n"
	"    async with acre.open_nursery() as nursery:\n"
	"        worker = await nursery.start_actor('worker')\n"
	"        await worker.call('sleeps')\n"
	"async def wait_actor():\n"
	"    async with acre.open_nursery() as nursery:\n"
	"        worker = await nursery.start_actor('worker')\n"
	"        await worker.wait()\n"
	"async def sleeps():\n"
	"    await asyncio.sleep(3600)\n"
	"async def awaits(name):\n"
	"    try:\n"
	"        await globals()[name]()\n"
	"    except acre.Cancelled:\n"
	"        log.append('cancelled')\n"
	"        await asyncio.sleep(0.03)\n"
	"        log.append('cleaned')\n"
	"        raise\n"
	"def stands(name):\n"
	"    try:\n"
	"        acre.block(globals()[name]())\n"
	"    except acre.Cancelled:\n"
	"        log.append('cancelled')\n"
	"        time.sleep(0.03)\n"
	"        log.append('cleaned')\n"
	"        raise\n"
	"def seen():\n"
	"    said = ' '.join(log)\n"
	"    log.clear()\n"
	"    return said\n";

static const char *const ways[] = { "call",  "open",  "receive", "send",      "result",
				    "leave", "spawn", "remote",	 "wait_actor" };

static int call_with_name(struct acre_actor *a, const char *function, const char *name)
{
	struct acre_packer *p = acre_pack_new();
	struct acre_value arg, unused;
	int r;

	acre_pack_map(p, 1);
	acre_pack_text(p, "name");
	acre_pack_text(p, name);
	r = acre_pack_end(p, &arg);
	if (r >= 0)
		r = acre_call_named(a, "main", function, arg, &unused);
	acre_pack_free(p);
	return r;
}

static int cancel_each(const char *function, int64_t after_ms)
{
	struct acre_actor *a;
	struct acre_value got;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_source(&n, &a, waits);
		assert_ok(r);
		for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
			test_note("%s, %s", function, ways[i]);
			r = 0;
			ACRE_WITHIN(acre_ms(after_ms), r)
				r = call_with_name(a, function, ways[i]);
			assert_class(r, ETIMEDOUT);
			assert_int_equal(call_guest(a, "seen", &got), 1);
			assert_text(got, "cancelled cleaned");
		}
		r = 0;
	}
	return r;
}

TEST_PYTHON(a_cancelled_call_leaves_whatever_it_awaits)
{
	actors_are_killed(); /* one that boots */
	return cancel_each("awaits", 250);
}

TEST_PYTHON(a_cancelled_call_leaves_whatever_it_stands_still_for)
{
	actors_are_killed();
	return cancel_each("stands", 250);
}

/* 1,000 items, a few at a time. */
ACRE_CONTEXT(trickles, acre_nil)
{
	int r = 0;

	(void)in;
	for (int i = 0; r >= 0 && i < 1000; i++) {
		if (i % 7 == 0)
			r = acre_sleep(acre_us(300));
		if (r >= 0)
			r = acre_send(ctx, acre_int, .value = i);
	}
	return r;
}

TEST_PYTHON(no_item_is_lost_by_a_receive_that_is_cancelled)
{
	return check_go(
		"import acre, asyncio, random\n"
		"async def one(ctx, limit):\n"
		"    if random.random() < 0.5:\n"
		"        return await asyncio.wait_for(ctx.receive(), limit)\n"
		"    async with asyncio.timeout(limit):\n"
		"        return await ctx.receive()\n"
		"async def go():\n"
		"    got, late = [], 0\n"
		"    async with (await acre.parent()).open_context('trickles') as (ctx, "
		"first):\n"
		"        while True:\n"
		"            try:\n"
		"                got.append(await one(ctx, random.random() * 0.002))\n"
		"            except TimeoutError:\n"
		"                late += 1\n"
		"            except StopAsyncIteration:\n"
		"                break\n"
		"    left = asyncio.current_task().cancelling()\n"
		"    return f'{got == list(range(1000))} {late > 0} {left}'\n",
		"True True 0");
}

TEST_PYTHON(several_readers_share_what_comes)
{
	return check_go("import acre, asyncio\n"
			"async def go():\n"
			"    got = []\n"
			"    async def read(ctx):\n"
			"        n = 0\n"
			"        async for item in ctx:\n"
			"            got.append(item)\n"
			"            n += 1\n"
			"            if n % 5 == 0: await asyncio.sleep(0)\n"
			"    async with (await acre.parent()).open_context('trickles') "
			"as (ctx, first):\n"
			"        async with asyncio.TaskGroup() as group:\n"
			"            for i in range(4): group.create_task(read(ctx))\n"
			"    return str(got == list(range(1000)))\n",
			"True");
}

ACRE_CONTEXT(count_sent, acre_nil)
{
	struct acre_int item;
	int64_t n = 0;
	int r = acre_started(ctx, acre_int, .value = 0); /* or the other would not begin */

	(void)in;
	if (r >= 0)
		r = acre_sleep(acre_ms(50)); /* its credit is spent by then */
	while (r >= 0 && (r = acre_recv(ctx, acre_int, &item)) > 0) {
		if (item.value != n++)
			return acre_fail(T_ASSERT, "item %d came as number %d",
					 (int)item.value, (int)n - 1);
		if (n % 16 == 0)
			r = acre_sleep(acre_us(200));
		if (r < 0)
			return r;
	}
	return r < 0 ? r : acre_return(ctx, acre_int, .value = n);
}

/* A send that returns has sent, one that is cancelled has not. */
TEST_PYTHON(a_cancelled_send_tells_whether_it_has_sent)
{
	return check_go(
		"import acre, asyncio, random\n"
		"async def go():\n"
		"    sent = late = 0\n"
		"    async with (await acre.parent()).open_context('count_sent') as "
		"(ctx, first):\n"
		"        while sent < 600:\n"
		"            try:\n"
		"                if sent % 2:\n"
		"                    await asyncio.wait_for(ctx.send(sent), "
		"random.random() * 0.001)\n"
		"                else:\n"
		"                    async with asyncio.timeout(random.random() * "
		"0.001):\n"
		"                        await ctx.send(sent)\n"
		"                sent += 1\n"
		"            except TimeoutError:\n"
		"                late += 1\n"
		"        await ctx.finish()\n"
		"        n = await ctx.result()\n"
		"    return f'{n} {late > 0} {asyncio.current_task().cancelling()}'\n",
		"600 True 0");
}

ACRE_TASK(call_busy, struct acre_actor *a)
{
	int r = call_guest(a, "busy", NULL);

	return r < 0 ? r : 0;
}

ACRE_TASK(call_idle, struct acre_actor *a)
{
	int r = 0;

	ACRE_WITHIN(acre_ms(150), r)
		r = call_guest(a, "idle", NULL);
	assert_class(r, ETIMEDOUT);
	return 0;
}

/* While one plain function runs another waits, and `idle` between them; so `idle` is taken, and
 * cancelled, in one look of the guest's, which has made no step of it. */
TEST_PYTHON(a_call_that_is_cancelled_before_its_first_step_is_answered)
{
	const char *source = "import asyncio, time\n"
			     "async def idle():\n"
			     "    await asyncio.sleep(3600)\n"
			     "def busy():\n"
			     "    time.sleep(0.1)\n";
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		assert_ok(spawn_source(&n, &a, source));
		ACRE_NURSERY(calls, r) {
			assert_ok(acre_go(&calls, call_busy, a));
			assert_ok(acre_sleep(acre_ms(30)));
			assert_ok(acre_go(&calls, call_idle, a));
			assert_ok(acre_sleep(acre_ms(5)));
			assert_ok(acre_go(&calls, call_busy, a));
		}
	}
	return r;
}

/* The cancel that a block makes is taken back when it ends, and only that. */
TEST_PYTHON(limits_and_groups_of_asyncio_hold_asks)
{
	return check_go(
		"import acre, asyncio\n"
		"async def fails(): raise KeyError('k')\n"
		"async def go():\n"
		"    parent, said = await acre.parent(), []\n"
		"    task = asyncio.current_task()\n"
		"    try:\n"
		"        async with asyncio.timeout(0.05):\n"
		"            async with parent.open_context('sleeps_for_ever') as (ctx, "
		"first):\n"
		"                await ctx.receive()\n"
		"    except TimeoutError:\n"
		"        said.append(f'timeout {task.cancelling()}')\n"
		"    try:\n"
		"        async with asyncio.TaskGroup() as group:\n"
		"            group.create_task(parent.call('sleeps_for_ever'))\n"
		"            group.create_task(fails())\n"
		"            await parent.call('sleeps_for_ever')\n"
		"    except* KeyError as e:\n"
		"        said.append(f'group {len(e.exceptions)} {task.cancelling()}')\n"
		"    await asyncio.sleep(0)\n"
		"    return ', '.join(said)\n",
		"timeout 0, group 1 0");
}

/* One source for what nurseries do: go() is the name of the case. */
#define NURSERIES                                                                       \
	"import acre, asyncio, os, signal\n"                                            \
	"async def sleeps():\n"                                                         \
	"    await asyncio.sleep(3600)\n"                                               \
	"async def fails():\n"                                                          \
	"    raise ValueError('of the child')\n"                                        \
	"def kill(actor):\n"                                                            \
	"    os.kill(actor.pid, signal.SIGKILL)\n"                                      \
	"def names(e):\n"                                                               \
	"    if isinstance(e, BaseExceptionGroup):\n"                                   \
	"        return '[' + ' '.join(sorted(names(m) for m in e.exceptions)) + ']'\n" \
	"    return getattr(e, 'cls', '') or type(e).__name__\n"                        \
	"def rest():\n"                                                                 \
	"    return asyncio.current_task().cancelling()\n"

TEST_PYTHON(a_nursery_that_cancels_itself_ends_its_block_and_no_more)
{
	return check_go(NURSERIES "async def go():\n"
				  "    at = 'none'\n"
				  "    async with acre.open_nursery() as nursery:\n"
				  "        worker = await nursery.start_actor('worker')\n"
				  "        await nursery.cancel()\n"
				  "        at = 'cancelled'\n"
				  "        await asyncio.sleep(3600)\n"
				  "        at = 'slept'\n"
				  "    async with acre.open_nursery() as nursery:\n"
				  "        worker = await nursery.start_actor('worker')\n"
				  "        asyncio.get_running_loop().call_later(0.05, "
				  "asyncio.ensure_future, nursery.cancel())\n"
				  "        await worker.call(sleeps)\n"
				  "    await asyncio.sleep(0)\n"
				  "    return f'{at} {rest()}'\n",
			"cancelled 0");
}

TEST_PYTHON(a_nursery_is_cancelled_from_outside)
{
	return check_go(NURSERIES
			"async def go():\n"
			"    said = []\n"
			"    try:\n"
			"        async with asyncio.timeout(0.3):\n"
			"            async with acre.open_nursery() as nursery:\n"
			"                worker = await nursery.start_actor('worker')\n"
			"                await worker.call(sleeps)\n"
			"    except TimeoutError:\n"
			"        said.append(f'timeout {rest()}')\n"
			"    async def inner():\n"
			"        async with acre.open_nursery() as nursery:\n"
			"            worker = await nursery.start_actor('worker')\n"
			"            await asyncio.sleep(3600)\n"
			"    task = asyncio.create_task(inner())\n"
			"    await asyncio.sleep(0.2)\n"
			"    task.cancel()\n"
			"    await asyncio.wait([task])\n"
			"    said.append(str(task.cancelled()))\n"
			"    return ' '.join(said)\n",
			"timeout 0 True");
}

TEST_PYTHON(the_failures_of_a_block_and_of_its_actor_are_a_group)
{
	return check_go(NURSERIES
			"async def go():\n"
			"    try:\n"
			"        async with acre.open_nursery() as nursery:\n"
			"            worker = await nursery.start_actor('worker')\n"
			"            kill(worker)\n"
			"            try:\n"
			"                await asyncio.sleep(3600)\n"
			"            finally:\n"
			"                raise KeyError('of the block')\n"
			"    except Exception as e:\n"
			"        return f'{type(e).__name__} {names(e)} {rest()}'\n",
			"ExceptionGroup [ACRE_EDIED KeyError] 0");
}

TEST_PYTHON(the_failure_of_a_block_ends_its_actors)
{
	return check_go(
		NURSERIES
		"async def go():\n"
		"    try:\n"
		"        async with acre.open_nursery() as nursery:\n"
		"            worker = await nursery.start_actor('worker')\n"
		"            task = asyncio.create_task(worker.call(sleeps))\n"
		"            await asyncio.sleep(0.02)\n"
		"            raise KeyError('k')\n"
		"    except KeyError as e:\n"
		"        await asyncio.wait([task])\n"
		"        return f'{names(e)} {names(task.exception())} {rest()}'\n",
		"KeyError ACRE_ECTXC 0");
}

/* What fails is in the innermost, the middle or the outermost of three. */
TEST_PYTHON(nurseries_are_nested_three_deep)
{
	return check_go(
		NURSERIES
		"async def deep(at, left, actors):\n"
		"    try:\n"
		"        async with acre.open_nursery() as nursery:\n"
		"            actors.append(await nursery.start_actor(f'at{left}'))\n"
		"            if left:\n"
		"                return await deep(at, left - 1, actors)\n"
		"            kill(actors[at])\n"
		"            await asyncio.sleep(3600)\n"
		"    except acre.Cancelled:\n"
		"        actors.append('cancelled')\n"
		"        raise\n"
		"async def go():\n"
		"    said = []\n"
		"    for at in range(3):\n"
		"        actors = []\n"
		"        try:\n"
		"            await deep(at, 2, actors)\n"
		"        except acre.Error as e:\n"
		"            said.append(f'{names(e)} {len(actors) - 3} {rest()}')\n"
		"    return ', '.join(said)\n",
		"ACRE_EDIED 2 0, ACRE_EDIED 1 0, ACRE_EDIED 0 0");
}

TEST_PYTHON(who_uses_a_block_that_another_task_ends_is_told)
{
	return check_go(
		NURSERIES
		"async def go():\n"
		"    parent, tasks = await acre.parent(), []\n"
		"    async def fill(ctx):\n"
		"        while True: await ctx.send(0)\n"
		"    async with parent.open_context('sleeps_for_ever') as (ctx, first):\n"
		"        tasks += [asyncio.create_task(ctx.receive()),\n"
		"                  asyncio.create_task(ctx.result()),\n"
		"                  asyncio.create_task(fill(ctx))]\n"
		"        await asyncio.sleep(0.02)\n"
		"        await ctx.cancel()\n"
		"    try:\n"
		"        async with parent.open_context('sleeps_for_ever') as (ctx, "
		"first):\n"
		"            tasks += [asyncio.create_task(ctx.receive()),\n"
		"                      asyncio.create_task(fill(ctx))]\n"
		"            await asyncio.sleep(0.02)\n"
		"            raise KeyError\n"
		"    except KeyError: pass\n"
		"    async with acre.open_nursery() as nursery:\n"
		"        worker = await nursery.start_actor('worker')\n"
		"        tasks += [asyncio.create_task(worker.wait())]\n"
		"        await asyncio.sleep(0.02)\n"
		"    for task in [ctx.receive(), worker.call(sleeps), worker.wait(),\n"
		"                 nursery.start_actor('late'), nursery.cancel()]:\n"
		"        tasks.append(asyncio.create_task(task))\n"
		"    await asyncio.wait(tasks)\n"
		"    return ' '.join(names(task.exception()) for task in tasks)\n",
		"ACRE_ECTXC NoneType ACRE_ECTXC EBADF EBADF EBADF EBADF EBADF EBADF "
		"EBADF "
		"EBADF");
}

/* Asks of each kind come and go; memory that stays is none of theirs. */
ACRE_CONTEXT(takes, acre_nil)
{
	struct acre_int item;
	int r;

	(void)in;
	while ((r = acre_recv(ctx, acre_int, &item)) > 0)
		;
	return r;
}

TEST_PYTHON(ten_thousand_asks_leave_no_memory_behind)
{
	if (is_sanitized())
		test_skip("what is freed is kept by the sanitizer");
	return check_go(
		"import acre, asyncio, gc\n"
		"def resident():\n"
		"    gc.collect()\n"
		"    with open('/proc/self/statm') as f: return int(f.read().split()[1]) "
		"* 4\n"
		"async def some(n):\n"
		"    parent = await acre.parent()\n"
		"    for i in range(n):\n"
		"        await parent.call('ten')\n"
		"        try: await parent.call('none')\n"
		"        except acre.Error: pass\n"
		"        async with parent.open_context('takes') as (ctx, first):\n"
		"            await ctx.send(0)\n"
		"            await ctx.finish()\n"
		"            await ctx.result()\n"
		"        try:\n"
		"            async with asyncio.timeout(0):\n"
		"                await parent.call('sleeps_for_ever')\n"
		"        except TimeoutError: pass\n"
		"async def go():\n"
		"    await some(300)\n" /* 8 asks each */
		"    before = resident()\n"
		"    await some(1250)\n"
		"    more = resident() - before\n"
		"    return 'flat' if more < 1024 else f'{more} KiB more'\n",
		"flat");
}
