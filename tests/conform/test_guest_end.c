/* SPDX-License-Identifier: MIT */
/* test_guest_end.c - tasks of a guest that no call waits for, and the end of its actor. */
#include "conform/guest.h"

static const char background[] =
	"import acre, asyncio, threading\n"
	"log, tasks = [], []\n"
	"async def block(of):\n"
	"    parent = await acre.parent()\n"
	"    try:\n"
	"        async with acre.open_nursery() as nursery:\n"
	"            worker = await nursery.start_actor('worker')\n"
	"            async with parent.open_context('sleeps_for_ever') as (ctx, first):\n"
	"                log.append('open')\n"
	"                await ctx.receive()\n"
	"    except BaseException as e:\n"
	"        log.append(f'{of} {getattr(e, \"cls\", type(e).__name__)}')\n"
	"        raise\n"
	"async def leaves_open():\n"
	"    tasks.append(asyncio.create_task(block('of a call')))\n"
	"    while 'open' not in log: await asyncio.sleep(0.001)\n"
	"    log.clear()\n"
	"async def seen():\n"
	"    await asyncio.wait(tasks)\n"
	"    return ', '.join(log)\n"
	"async def begin():\n"
	"    await block('of none')\n"
	"async def starts_one_of_none():\n"
	"    import contextvars\n"
	"    tasks.append(contextvars.Context().run(asyncio.create_task, block('of "
	"none')))\n"
	"    while 'open' not in log: await asyncio.sleep(0.001)\n"
	"async def busy():\n"
	"    tasks.append(asyncio.create_task(block('of it')))\n"
	"    await block('itself')\n"
	"async def elsewhere():\n"
	"    said = []\n"
	"    parent = await acre.parent()\n"
	"    def run(what):\n"
	"        try: what()\n"
	"        except RuntimeError as e: said.append(type(e).__name__)\n"
	"    await asyncio.to_thread(run, lambda: acre.block(parent.call('ten')))\n"
	"    await asyncio.to_thread(run, lambda: asyncio.run(parent.call('ten')))\n"
	"    t = threading.Thread(target=run, args=(lambda: "
	"acre.block(acre.parent()),))\n"
	"    t.start()\n"
	"    t.join()\n"
	"    run(lambda: acre.block(parent.call('ten')))\n"
	"    said.append(str(await parent.call('ten')))\n"
	"    return ' '.join(said)\n";

/* What it has opened ends with the call, since that is whose it is. */
TEST_PYTHON(a_block_that_a_call_leaves_open_ends_with_it)
{
	struct acre_actor *a;
	struct acre_value got;
	int r = 0;

	ACRE_NURSERY(n, r) {
		assert_ok(spawn_source(&n, &a, background));
		assert_ok(call_guest(a, "leaves_open", NULL));
		assert_int_equal(call_guest(a, "seen", &got), 1);
		assert_text(got, "of a call CancelledError");
		r = 0;
	}
	return r;
}

/* Its blocks, and the actor in them, end in order, as those of a call do. */
TEST_PYTHON(a_task_of_no_call_ends_with_its_actor)
{
	struct acre_actor *a;
	acre_instant begun;
	int r = 0;

	ACRE_NURSERY(n, r) {
		assert_ok(spawn_source(&n, &a, background));
		assert_ok(call_guest(a, "starts_one_of_none", NULL));
		begun = acre_now();
		assert_ok(acre_actor_cancel(a));
		assert_ok(acre_actor_wait(a));
		test_note("%.3f s", seconds_since(begun));
	}
	return r;
}

ACRE_TASK(call_until_its_end, struct acre_actor *a)
{
	acre_ignore_result(call_guest(a, "busy", NULL)); /* its end is what comes */
	return 0;
}

static int end_amid_asks(bool is_killed)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(calls, r) {
		ACRE_NURSERY(n, r) {
			assert_ok(spawn_source(&n, &a, background));
			for (int i = 0; i < 3; i++)
				assert_ok(acre_go(&calls, call_until_its_end, a));
			assert_ok(acre_sleep(acre_ms(300)));
			if (is_killed)
				kill(acre_actor_pid(a), SIGKILL);
			else
				r = acre_actor_cancel(a);
			acre_ignore_result(acre_actor_wait(a));
		}
	}
	return r;
}

TEST_PYTHON(an_actor_is_cancelled_amid_its_guests_asks)
{
	actors_are_killed(); /* those that boot */
	assert_ok(end_amid_asks(false));
	return 0;
}

TEST_PYTHON(an_actor_is_killed_amid_its_guests_asks)
{
	actors_are_killed();
	assert_class(end_amid_asks(true), ACRE_EDIED);
	return 0;
}

TEST_PYTHON(acre_is_for_the_thread_of_the_guest)
{
	struct acre_actor *a;
	struct acre_value got;
	int r = 0;

	ACRE_NURSERY(n, r) {
		assert_ok(spawn_source(&n, &a, background));
		assert_int_equal(call_guest(a, "elsewhere", &got), 1);
		assert_text(got,
			    "RuntimeError RuntimeError RuntimeError RuntimeError 10");
		r = 0;
	}
	return r;
}
