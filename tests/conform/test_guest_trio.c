/* SPDX-License-Identifier: MIT */
/* test_guest_trio.c - guests whose event loop is trio, and plain functions that run it. */
#include "conform/guest.h"
#include "conform/sums.h"

/* Whether there is one says Python itself: it may be another one than our shell's. */
static void need_trio(void)
{
	struct acre_any has_trio;
	struct acre_value at;
	struct acre_part part;
	int r = acre_run_subint_in_worker(
		"import importlib.util\n"
		"result = bool(importlib.util.find_spec('trio'))\n",
		&has_trio);

	assert_int_equal(r, 1);
	at = has_trio.value;
	assert_int_equal(acre_value_next(&at, &part), 1);
	acre_msg_free(acre_any, &has_trio);
	if (!part.boolean)
		test_skip("this Python has no trio: ./dev setup test");
}

static int spawn_trio(struct acre_nursery *n, struct acre_actor **ret, const char *source)
{
	need_trio();
	return spawn_source(n, ret, source);
}

static int check_trio(const char *source, const char *want)
{
	need_trio();
	return check_go(source, want);
}

ACRE_CONTEXT(answers, acre_nil)
{
	(void)in;
	return acre_return(ctx, acre_int, .value = 7);
}

/* Never answers. */
ACRE_CONTEXT(stays, acre_nil)
{
	(void)ctx;
	(void)in;
	return acre_sleep(acre_secs(3600));
}

TEST_PYTHON(an_async_function_is_a_task_of_trio)
{
	struct acre_actor *a;
	struct acre_value got;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_trio(&n, &a,
			       "import trio\n"
			       "acre_loop = 'trio'\n"
			       "async def slow(a, b):\n"
			       "    await trio.sleep(0.01)\n"
			       "    return a * b\n"
			       "def plain(a, b):\n"
			       "    return a - b\n");
		assert_ok(r);
		assert_int_equal(call_pair(a, "slow", 6, 7, &got), 1);
		assert_int_equal(integer_of(got), 42);
		assert_int_equal(call_pair(a, "plain", 6, 7, &got), 1);
		assert_int_equal(integer_of(got), -1);
		r = 0;
	}
	return r;
}

TEST_PYTHON(a_plain_function_runs_trio)
{
	return check_trio("import acre, trio\n"
			  "async def main():\n"
			  "    parent = await acre.parent()\n"
			  "    got = []\n"
			  "    async with parent.open_context('sums') as (ctx, first):\n"
			  "        async with trio.open_nursery() as nursery:\n"
			  "            nursery.start_soon(trio.sleep, 0.01)\n"
			  "            for i in range(1, 4):\n"
			  "                await ctx.send(i)\n"
			  "                got.append(await ctx.receive())\n"
			  "        await ctx.finish()\n"
			  "        got.append(await ctx.result())\n"
			  "    return f'{first} {got}'\n"
			  "def go():\n"
			  "    return trio.run(main) + '; ' + trio.run(main)\n",
			  "ready [1, 3, 6, 6]; ready [1, 3, 6, 6]");
}

TEST_PYTHON(trio_streams_and_starts_actors)
{
	return check_trio(
		"import acre, trio\n"
		"acre_loop = 'trio'\n"
		"@acre.context\n"
		"async def echo(ctx, greeting):\n"
		"    await ctx.started(greeting)\n"
		"    n = 0\n"
		"    async for item in ctx:\n"
		"        n += 1\n"
		"        await ctx.send(item)\n"
		"    return n\n"
		"def asks():\n"
		"    return acre.block(acre.parent()).name\n"
		"async def go():\n"
		"    async with acre.open_nursery() as nursery:\n"
		"        worker = await nursery.start_actor('worker')\n"
		"        async with worker.open_context(echo, greeting='hi') as (ctx, "
		"hi):\n"
		"            for i in range(100):\n"
		"                await ctx.send(i)\n"
		"                assert await ctx.receive() == i\n"
		"            await ctx.finish()\n"
		"            n = await ctx.result()\n"
		"        name = await worker.call(asks)\n"
		"    return f'{hi} {n} {name} {trio.lowlevel.current_task().name}'\n",
		"hi 100 guest go");
}

TEST_PYTHON(a_failed_actor_cancels_the_block_of_its_nursery_in_trio)
{
	return check_trio("import acre, os, signal, trio\n"
			  "acre_loop = 'trio'\n"
			  "async def go():\n"
			  "    try:\n"
			  "        async with acre.open_nursery() as nursery:\n"
			  "            worker = await nursery.start_actor('worker')\n"
			  "            os.kill(worker.pid, signal.SIGKILL)\n"
			  "            await trio.sleep(3600)\n"
			  "    except acre.Error as e:\n"
			  "        await trio.sleep(0)\n"
			  "        return e.cls\n",
			  "ACRE_EDIED");
}

/* Its own scope ends an ask, and only that. */
TEST_PYTHON(a_scope_of_trio_cancels_what_it_asks)
{
	return check_trio(
		"import acre, trio\n"
		"acre_loop = 'trio'\n"
		"async def go():\n"
		"    parent = await acre.parent()\n"
		"    with trio.move_on_after(0.02) as scope:\n"
		"        await parent.call('stays')\n"
		"    with trio.move_on_after(0.02) as other:\n"
		"        async with parent.open_context('sums') as (ctx, first):\n"
		"            await ctx.receive()\n"
		"    return f'{scope.cancelled_caught} {other.cancelled_caught} "
		"{first}'\n",
		"True True ready");
}

static const char endless[] =
	"import acre, asyncio, time, trio\n"
	"seen = []\n"
	"def note(f):\n"
	"    async def noted():\n"
	"        try:\n"
	"            await f()\n"
	"        except BaseException as e:\n"
	"            seen.append(acre._error.is_cancelled(e) and "
	"not isinstance(e, asyncio.CancelledError))\n"
	"            raise\n"
	"    return noted\n"
	"@note\n"
	"async def idles():\n"
	"    await trio.sleep(3600)\n"
	"@note\n"
	"async def spins():\n"
	"    await trio.sleep(0)\n"
	"    while True: pass\n"
	"@note\n"
	"async def blocks():\n"
	"    time.sleep(3600)\n"
	"@note\n"
	"async def turns():\n"
	"    while True: await trio.sleep(0)\n"
	"@note\n"
	"async def children():\n"
	"    async with trio.open_nursery() as nursery:\n"
	"        nursery.start_soon(idles)\n"
	"        nursery.start_soon(spins)\n"
	"@note\n"
	"async def asks():\n"
	"    parent = await acre.parent()\n"
	"    await parent.call('stays')\n"
	"@note\n"
	"async def opens():\n"
	"    parent = await acre.parent()\n"
	"    async with parent.open_context('sums') as (ctx, first):\n"
	"        await ctx.receive()\n"
	"@note\n"
	"async def spawns():\n"
	"    async with acre.open_nursery() as nursery:\n"
	"        worker = await nursery.start_actor('worker')\n"
	"        await worker.call('idle')\n"
	"async def idle():\n"
	"    await trio.sleep(3600)\n"
	"def last():\n"
	"    async def main():\n"
	"        await trio.sleep(0)\n"
	"    if not ours: trio.run(main)\n"
	"    return all(seen) and bool(seen) and not seen.clear()\n";

static const char *const ways[] = {
	"idles", "spins", "blocks", "turns", "children", "asks", "opens", "spawns",
};

/* Each is cancelled by its caller, gets trio.Cancelled, and trio runs on. */
static int cancel_each(const char *head, const char *suffix)
{
	char source[8192], name[64];
	struct acre_actor *a;
	struct acre_value got;
	struct acre_part part;
	int r = 0;

	snprintf(source, sizeof source, "%s%s", endless, head);
	ACRE_NURSERY(n, r) {
		assert_ok(spawn_trio(&n, &a, source));
		for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
			snprintf(name, sizeof name, "%s%s", ways[i], suffix);
			test_note("%s", name);
			r = 0;
			ACRE_WITHIN(acre_ms(100), r)
				r = call_guest(a, name, NULL);
			assert_class(r, ETIMEDOUT); /* and not ACRE_ETOOSLOW after 3 s */
			assert_int_equal(call_guest(a, "last", &got), 1);
			assert_int_equal(acre_value_next(&got, &part), 1);
			assert_true(part.boolean);
		}
		r = 0;
	}
	return r;
}

TEST_PYTHON(a_cancelled_call_is_cancelled_by_trio)
{
	return cancel_each(
		"acre_loop = 'trio'\n"
		"ours = True\n"
		"for f in idles, spins, blocks, turns, children, asks, opens, spawns:\n"
		"    pass\n"
		"__all__ = ['idles', 'spins', 'blocks', 'turns', 'children', 'asks',\n"
		"           'opens', 'spawns', 'idle', 'last']\n",
		"");
}

TEST_PYTHON(a_cancelled_function_that_runs_trio_is_cancelled_by_trio)
{
	return cancel_each(
		"ours = False\n"
		"names = ['idles', 'spins', 'blocks', 'turns', 'children', 'asks',\n"
		"         'opens', 'spawns']\n"
		"for name in names:\n"
		"    exec(f'def {name}_plain(): trio.run({name})\\n')\n"
		"__all__ = [name + '_plain' for name in names] + ['last', 'idle']\n"
		"def idle(): time.sleep(3600)\n",
		"_plain");
}

TEST_PYTHON(a_guest_in_trio_ends_with_what_it_runs)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		assert_ok(spawn_trio(
			&n, &a,
			"import trio\n"
			"acre_loop = 'trio'\n"
			"async def fails(): raise ExceptionGroup('two', [KeyError(), "
			"ValueError('why')])\n"
			"async def gives_up():\n"
			"    with trio.CancelScope() as scope:\n"
			"        scope.cancel()\n"
			"        try:\n"
			"            await trio.sleep(1)\n"
			"        except trio.Cancelled as e:\n"
			"            mine = e\n"
			"    raise mine\n"));
		assert_remote(call_guest(a, "fails", NULL), ACRE_EGUEST);
		assert_remote(call_guest(a, "gives_up", NULL), ACRE_EGUESTCANCEL);
		r = 0;
	}
	return r;
}

ACRE_TASK(call_until_its_end, struct acre_actor *a)
{
	acre_ignore_result(call_guest(a, "spins", NULL)); /* no answer but that */
	return 0;
}

TEST_PYTHON(sigint_cancels_an_actor_whose_trio_computes)
{
	const struct acre_guest guest = { .source = "import trio\n"
						    "acre_loop = 'trio'\n"
						    "async def spins():\n"
						    "    while True: pass\n" };
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		assert_ok(spawn_trio(&n, &a, guest.source)); /* or skips */
		r = acre_spawn(&n, &a, .backend = "subint_forkserver", .guest = &guest,
			       .sigint = ACRE_SIGINT_CANCEL);
		assert_ok(r);
		ACRE_NURSERY(inner, r) {
			assert_ok(acre_go(&inner, call_until_its_end, a));
			assert_ok(acre_sleep(acre_ms(50)));
			assert_int_equal(kill(acre_actor_pid(a), SIGINT), 0);
			assert_ok(acre_actor_wait(a)); /* in order */
			r = 0;
		}
	}
	return r;
}

/* An answer that comes with the cancel of who waits for it is freed once, and no other is. */
TEST_PYTHON(an_answer_and_a_cancel_come_together)
{
	return check_trio("import acre, trio\n"
			  "acre_loop = 'trio'\n"
			  "async def go():\n"
			  "    parent = await acre.parent()\n"
			  "    ended = 0\n"
			  "    for i in range(400):\n"
			  "        with trio.move_on_after(i * 2e-6):\n"
			  "            await parent.call('answers')\n"
			  "        ended += 1\n"
			  "    return f'{ended} {await parent.call(\"answers\")}'\n",
			  "400 7");
}

TEST_PYTHON(a_loop_that_there_is_none_of_fails_the_spawn)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_source(&n, &a, "acre_loop = 'twisted'\n");
		assert_class(r, ACRE_EBOOT);
		assert_text_has(acre_why(r)->members[0]->message,
				"acre_loop is 'asyncio' or 'trio'");
		r = 0;
	}
	return r;
}
