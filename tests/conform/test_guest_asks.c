/* SPDX-License-Identifier: MIT */
/* test_guest_asks.c - guests that call other actors: calls, contexts, nurseries, failures. */
#include "conform/guest.h"
#include "conform/sums.h"

ACRE_CONTEXT(twice, acre_any)
{
	struct acre_value at;
	struct acre_part part;

	if (acre_value_get(in->value, "n", &at) <= 0 || acre_value_next(&at, &part) <= 0)
		return acre_fail(EINVAL, "twice() takes an n");
	return acre_return(ctx, acre_int, .value = 2 * part.integer);
}

ACRE_CONTEXT(refuses, acre_nil)
{
	(void)in;
	return acre_fail(ENOENT, "there is no such thing");
}

TEST_PYTHON(a_guest_calls_its_parent)
{
	return check_go("import acre\n"
			"async def go():\n"
			"    parent = await acre.parent()\n"
			"    return str(await parent.call('twice', n=21))\n",
			"42");
}

TEST_PYTHON(a_plain_function_calls_by_standing_still)
{
	return check_go("import acre\n"
			"def go():\n"
			"    parent = acre.block(acre.parent())\n"
			"    return str(acre.block(parent.call('twice', n=4)))\n",
			"8");
}

TEST_PYTHON(a_failure_of_c_is_an_exception_of_its_class)
{
	return check_go("import acre\n"
			"async def go():\n"
			"    parent = await acre.parent()\n"
			"    try:\n"
			"        await parent.call('refuses')\n"
			"    except FileNotFoundError as e:\n"
			"        return f'{e.cls} {isinstance(e, acre.Error)} {e}'\n",
			"ENOENT True there is no such thing");
}

TEST_PYTHON(a_guest_has_a_stream_with_an_actor_in_c)
{
	return check_go("import acre\n"
			"async def go():\n"
			"    parent = await acre.parent()\n"
			"    got = []\n"
			"    async with parent.open_context('sums') as (ctx, first):\n"
			"        for i in range(1, 5):\n"
			"            await ctx.send(i)\n"
			"            got.append(await ctx.receive())\n"
			"        await ctx.finish()\n"
			"        async for item in ctx:\n"
			"            got.append(item)\n"
			"        got.append(await ctx.result())\n"
			"    return f'{first} {got}'\n",
			"ready [1, 3, 6, 10, 10]");
}

TEST_PYTHON(a_guest_starts_guests_and_calls_them)
{
	return check_go("import acre, os\n"
			"async def square(n):\n"
			"    return n * n, os.getpid() != os.getppid()\n"
			"async def go():\n"
			"    async with acre.open_nursery() as nursery:\n"
			"        worker = await nursery.start_actor('worker')\n"
			"        n, other = await worker.call('square', n=7)\n"
			"        same = worker.pid == os.getpid()\n"
			"    return f'{n} {same} {worker.name}'\n",
			"49 False worker");
}

TEST_PYTHON(an_exception_is_raised_again_by_its_type)
{
	return check_go("import acre\n"
			"async def fails():\n"
			"    raise ValueError('bad value')\n"
			"async def go():\n"
			"    async with acre.open_nursery() as nursery:\n"
			"        worker = await nursery.start_actor('worker')\n"
			"        try:\n"
			"            await worker.call(fails)\n"
			"        except ValueError as e:\n"
			"            return f'{e} {e.name} {\"fails\" in e.trace}'\n",
			"bad value ValueError True");
}

TEST_PYTHON(two_guests_stream_both_ways)
{
	return check_go("import acre\n"
			"@acre.context\n"
			"async def echo(ctx, greeting):\n"
			"    await ctx.started(greeting)\n"
			"    n = 0\n"
			"    async for item in ctx:\n"
			"        n += 1\n"
			"        await ctx.send(item)\n"
			"    return n\n"
			"async def go():\n"
			"    async with acre.open_nursery() as nursery:\n"
			"        worker = await nursery.start_actor('worker')\n"
			"        async with worker.open_context(echo, greeting='hi') as "
			"(ctx, hi):\n"
			"            for i in range(300):\n"
			"                await ctx.send(i)\n"
			"                assert await ctx.receive() == i\n"
			"            await ctx.finish()\n"
			"            return f'{hi} {await ctx.result()}'\n",
			"hi 300");
}

TEST_PYTHON(a_failed_actor_cancels_the_block_of_its_nursery)
{
	return check_go(
		"import acre, asyncio, os, signal\n"
		"async def go():\n"
		"    try:\n"
		"        async with acre.open_nursery() as nursery:\n"
		"            worker = await nursery.start_actor('worker')\n"
		"            os.kill(worker.pid, signal.SIGKILL)\n"
		"            await asyncio.sleep(3600)\n"
		"    except acre.Error as e:\n"
		"        return f'{e.cls} {asyncio.current_task().cancelling()}'\n",
		"ACRE_EDIED 0");
}

/* In the turn in which the answer was taken, and before the task has it; and in those around. */
TEST_PYTHON(a_call_is_cancelled_when_its_answer_is_there)
{
	return check_go("import _acre, acre, asyncio, select\n"
			"async def five():\n"
			"    return 5\n"
			"async def go():\n"
			"    async with acre.open_nursery() as nursery:\n"
			"        worker = await nursery.start_actor('worker')\n"
			"        for turns in range(6):\n"
			"            call = asyncio.create_task(worker.call(five))\n"
			"            await asyncio.sleep(0)\n"
			"            select.select([_acre.answers_fd()], [], [])\n"
			"            for _ in range(turns):\n"
			"                await asyncio.sleep(0)\n"
			"            call.cancel()\n"
			"            await asyncio.wait([call])\n"
			"        return str(await worker.call(five))\n",
			"5");
}

/*
 * What a failure is after its way over two guests.
 */

#define TWO_GUESTS                                                                     \
	"import acre, asyncio\n"                                                       \
	"async def relay(name):\n"                                                     \
	"    async with acre.open_nursery() as nursery:\n"                             \
	"        inner = await nursery.start_actor('inner')\n"                         \
	"        await inner.call(name)\n"                                             \
	"async def c_fails():\n"                                                       \
	"    await (await acre.parent()).call('nothing of that name', space='main')\n" \
	"async def raises():\n"                                                        \
	"    raise LookupError('deep down')\n"                                         \
	"async def raises_from():\n"                                                   \
	"    try: await raises()\n"                                                    \
	"    except LookupError as e: raise ValueError('higher') from e\n"             \
	"async def wait(n):\n"                                                         \
	"    await asyncio.sleep(0)\n"                                                 \
	"    raise [KeyError, ValueError, OSError][n % 3](f'number {n}')\n"            \
	"async def group(n=2):\n"                                                      \
	"    async with asyncio.TaskGroup() as g:\n"                                   \
	"        for i in range(n): g.create_task(wait(i))\n"                          \
	"async def many():\n"                                                          \
	"    await group(25)\n"

/* The failure of a call of relay(name) in a guest, which is that of name() in a guest of its. */
static int relayed(struct acre_actor *a, const char *name)
{
	struct acre_packer *p = acre_pack_new();
	struct acre_value arg, unused;
	int r;

	acre_pack_map(p, 1);
	acre_pack_text(p, "name");
	acre_pack_text(p, name);
	r = acre_pack_end(p, &arg);
	if (r >= 0)
		r = acre_call_named(a, "main", "relay", arg, &unused);
	acre_pack_free(p);
	return r;
}

TEST_PYTHON(a_failure_keeps_its_story_over_two_guests)
{
	struct acre_actor *a;
	const struct acre_report *why;
	int r = 0;

	ACRE_NURSERY(n, r) {
		assert_ok(spawn_source(&n, &a, TWO_GUESTS));
		r = relayed(a, "raises");
		assert_remote(r, ACRE_EGUEST);
		why = acre_why(r);
		assert_string_equal(why->name, "LookupError");
		assert_string_equal(why->message, "deep down");
		assert_non_null(strstr(why->trace, "in raises"));
		assert_string_equal(why->actor, "inner");
		assert_string_equal(why->hops[0], "inner");
		assert_string_equal(why->hops[1], "guest");
		r = relayed(a, "raises_from");
		assert_string_equal(acre_why(r)->name, "ValueError");
		assert_non_null(strstr(acre_why(r)->trace, "deep down"));
		r = relayed(a, "c_fails");
		assert_remote(r, ACRE_ENOENDPOINT);
		assert_string_equal(acre_why(r)->actor, "guest");
		r = 0;
	}
	return r;
}

TEST_PYTHON(a_group_of_exceptions_is_a_group_of_failures)
{
	struct acre_actor *a;
	const struct acre_report *why;
	int r = 0;

	ACRE_NURSERY(n, r) {
		assert_ok(spawn_source(&n, &a, TWO_GUESTS));
		r = relayed(a, "group");
		assert_class(r, ACRE_EGROUP);
		why = acre_why(r);
		assert_int_equal(why->n_members, 2);
		assert_string_equal(why->message, "unhandled errors in a TaskGroup");
		assert_string_equal(why->members[0]->name, "KeyError");
		assert_string_equal(why->members[1]->name, "ValueError");
		assert_non_null(strstr(why->members[1]->trace, "in wait"));
		r = relayed(a, "many");
		assert_int_equal(acre_count(r), 25);
		r = 0;
	}
	return r;
}

TEST_PYTHON(a_group_is_caught_by_what_its_members_are)
{
	return check_go(
		"import acre, asyncio\n"
		"async def one(n):\n"
		"    raise [KeyError, FileNotFoundError][n](f'number {n}')\n"
		"async def fails():\n"
		"    await asyncio.gather(one(0))\n"
		"async def group():\n"
		"    async with asyncio.TaskGroup() as g:\n"
		"        for i in range(2): g.create_task(one(i))\n"
		"async def go():\n"
		"    said = []\n"
		"    async with acre.open_nursery() as nursery:\n"
		"        worker = await nursery.start_actor('worker')\n"
		"        try: await worker.call(group)\n"
		"        except* KeyError as e: said.append(str(e.exceptions[0]))\n"
		"        except* OSError as e: "
		"said.append(type(e.exceptions[0]).__name__)\n"
		"    return ' '.join(said)\n",
		"'number 0' FileNotFoundError");
}
