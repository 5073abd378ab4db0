/* SPDX-License-Identifier: MIT */
/* test_subint_fork.c - actors with a guest, forked of another guest's process: rows S10, S11. */
#include "conform/guest.h"

#include <stdio.h>
#include <unistd.h>

#include "actor/spawner.h"

/* Refused by an actor that could fork one. */
ACRE_CONTEXT(fork_with_preload, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	static const char *const preload[] = { "json", NULL };
	const struct acre_guest guest = { .source = "", .preload = preload };
	struct acre_actor *a;
	int r = 0;

	(void)in;
	ACRE_NURSERY(n, r) {
		assert_class(acre_spawn(&n, &a, .name = "forked",
					.backend = "subint_fork", .guest = &guest),
			     EINVAL);
	}
	return r < 0 ? r : acre_return(ctx, acre_nil);
}

/* Of a child forked of this process, with a guest of that source: what its answer() says. */
static int answer_of(const char *source, int64_t *ret)
{
	const struct acre_guest guest = { .source = source };
	struct acre_actor *a;
	struct acre_value got;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "forked", .backend = "subint_fork",
			       .guest = &guest);
		if (r >= 0)
			r = call_guest(a, "answer", &got);
		if (r >= 0)
			*ret = integer_of(got);
	}
	return r;
}

ACRE_CONTEXT(ask_forked, acre_text, .kind = ACRE_ENDPOINT_ONESHOT)
{
	int64_t answer = 0;
	int r = answer_of(in->value, &answer);

	return r < 0 ? r : acre_return(ctx, acre_int, .value = answer);
}

/* The same, by a child that is itself forked and has nothing to do with Python but that. */
ACRE_CONTEXT(ask_forked_of_forked, acre_text, .kind = ACRE_ENDPOINT_ONESHOT)
{
	const struct acre_guest nothing = { .source = "" };
	struct acre_actor *a;
	struct acre_int answer = { 0 };
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "between", .backend = "subint_fork",
			       .guest = &nothing);
		if (r >= 0)
			r = acre_call(a, ask_forked, in, acre_int, &answer);
	}
	return r < 0 ? r : acre_return(ctx, acre_int, .value = answer.value);
}

/* A guest of the first source, and what a child forked of it says to the second. */
static int ask_beside(const char *first, bool is_twice, const char *second, int64_t *ret)
{
	struct acre_text source = { .value = second };
	struct acre_actor *a;
	struct acre_int answer = { 0 };
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_source(&n, &a, first);
		if (r >= 0 && is_twice)
			r = acre_call(a, ask_forked_of_forked, &source, acre_int,
				      &answer);
		else if (r >= 0)
			r = acre_call(a, ask_forked, &source, acre_int, &answer);
	}
	*ret = answer.value;
	return r;
}

static int64_t answer_beside(const char *first, const char *second)
{
	int64_t answer = 0;
	int r = ask_beside(first, false, second, &answer);

	if (r < 0)
		acre_print(stderr, r);
	assert_ok(r);
	return answer;
}

static const char answers_42[] = "import asyncio\n"
				 "async def answer():\n"
				 "    await asyncio.sleep(.01)\n"
				 "    return 42\n";

TEST_PYTHON(s10_an_actor_is_forked_of_the_process_of_a_guest)
{
	assert_int_equal(answer_beside("", answers_42), 42);
	return 0;
}

/* Its guest has what the other one had, as it was, and is another process. */
TEST_PYTHON(s10_it_has_what_was_imported_there)
{
	assert_int_equal(
		answer_beside("import json, os, sys\n"
			      "sys.acre_test = os.getpid(), json\n",
			      "import os, sys\n"
			      "had_json = 'json' in sys.modules\n"
			      "def answer():\n"
			      "    pid, json = sys.acre_test\n"
			      "    import json as again\n"
			      "    return (had_json and json is again and\n"
			      "            pid == os.getppid() != os.getpid()) + 6\n"),
		7);
	return 0;
}

/* Functions of the other guest are not its own. */
TEST_PYTHON(s10_it_serves_what_its_own_source_has)
{
	int64_t answer = 0;
	int r = ask_beside("def answer():\n    return 1\n", false,
			   "def other():\n    return 2\n", &answer);

	assert_class(r, ACRE_ENOENDPOINT);
	assert_int_equal(answer_beside("def answer():\n    return 1\n",
				       "def answer():\n    return 2\n"),
			 2);
	return 0;
}

TEST_PYTHON(s10_an_actor_is_forked_of_one_that_was_forked)
{
	int64_t answer = 0;

	assert_ok(ask_beside("", true, answers_42, &answer));
	assert_int_equal(answer, 42);
	return 0;
}

static const char busy[] = "import asyncio, gc, json, threading, time\n"
			   "def spin():\n"
			   "    while True:\n"
			   "        gc.collect(0)\n"
			   "        json.dumps([str(i) for i in range(100)])\n"
			   "for _ in range(2):\n"
			   "    threading.Thread(target=spin, daemon=True).start()\n"
			   "async def go_on():\n"
			   "    while True:\n"
			   "        await asyncio.sleep(0)\n";

ACRE_TASK(go_on, struct acre_actor *a)
{
	return call_guest(a, "go_on", NULL);
}

/* Two threads that compute, and a loop that goes round. */
TEST_PYTHON(s10_it_is_forked_while_the_guest_and_its_threads_are_busy)
{
	struct acre_text source = { .value = answers_42 };
	struct acre_actor *a;
	struct acre_int answer = { 0 };
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_source(&n, &a, busy);
		assert_ok(r);
		r = acre_go(&n, go_on, a);
		assert_ok(r);
		for (int i = 0; i < 10; i++) {
			assert_ok(acre_call(a, ask_forked, &source, acre_int, &answer));
			assert_int_equal(answer.value, 42);
		}
		acre_nursery_cancel(&n);
		r = 0;
	}
	acre_ignore_result(r);
	return 0;
}

TEST_PYTHON(s10_modules_to_preload_are_not_for_one_that_is_forked)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_source(&n, &a, "");
		assert_ok(r);
		r = acre_call(a, fork_with_preload, NULL, acre_nil, NULL);
		assert_ok(r);
	}
	return r;
}

TEST_PYTHON(s10_a_source_that_fails_is_a_failed_boot_of_it)
{
	int64_t answer = 0;
	int r = ask_beside("", false, "if 1\n", &answer);

	assert_class(r, ACRE_EBOOT);
	r = ask_beside("", false, "import os, signal\nos.kill(os.getpid(), 9)\n",
		       &answer);
	assert_class(r, ACRE_EBOOT);
	return 0;
}

TEST_PYTHON(s10_an_actor_without_a_guest_has_none_to_fork)
{
	struct acre_actor *a;
	struct acre_int answer;
	struct acre_text source = { .value = "" };
	int r = 0;

	ACRE_NURSERY(n, r) {
		assert_class(acre_spawn(&n, &a, .name = "none", .backend = "subint_fork"),
			     EOPNOTSUPP);
		r = acre_spawn(&n, &a, .name = "plain", .backend = "forkserver");
		assert_ok(r);
		r = acre_call(a, ask_forked, &source, acre_int, &answer);
		assert_class(r, EOPNOTSUPP);
		assert_text_has(acre_why(r)->message, "subint_forkserver makes one");
		r = 0;
	}
	return r;
}

/*
 * Asked for in Python.
 */

/* What go() of a guest comes to, a number. */
static int64_t go(const char *source)
{
	struct acre_actor *a;
	struct acre_value got;
	int64_t result = 0;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_source(&n, &a, source);
		if (r >= 0)
			r = call_guest(a, "go", &got);
		if (r >= 0)
			result = integer_of(got);
	}
	if (r < 0)
		acre_print(stderr, r);
	assert_ok(r);
	return result;
}

/* By code in a running loop, which goes on; and again by the child. */
TEST_PYTHON(s10_a_guest_asks_for_an_actor_forked_of_its_process)
{
	assert_int_equal(
		go("import acre, asyncio, os\n"
		   "async def pid():\n"
		   "    return os.getpid(), os.getppid()\n"
		   "async def below(n):\n"
		   "    if n == 0:\n"
		   "        return 1\n"
		   "    async with acre.open_nursery() as nursery:\n"
		   "        a = await nursery.start_actor('a', backend='subint_fork')\n"
		   "        mine, parent = await a.call('pid')\n"
		   "        assert parent == os.getpid() != mine\n"
		   "        return 1 + await a.call('below', n=n - 1)\n"
		   "async def tick():\n"
		   "    while True:\n"
		   "        await asyncio.sleep(0)\n"
		   "async def go():\n"
		   "    ticking = asyncio.create_task(tick())\n"
		   "    n = await below(n=3)\n"
		   "    ticking.cancel()\n"
		   "    return n\n"),
		4);
	return 0;
}

/* What its parent had asked for and waits for is not the child's. */
TEST_PYTHON(s10_a_forked_guest_has_none_of_the_asks_of_its_parent)
{
	assert_int_equal(
		go("import acre, asyncio\n"
		   "async def sleep():\n"
		   "    await asyncio.sleep(3600)\n"
		   "async def eleven():\n"
		   "    return 11\n"
		   "async def ask_eleven():\n"
		   "    async with acre.open_nursery() as nursery:\n"
		   "        a = await nursery.start_actor('b', backend='subint_fork')\n"
		   "        return await a.call('eleven')\n"
		   "async def go():\n"
		   "    async with acre.open_nursery() as nursery:\n"
		   "        a = await nursery.start_actor('a', backend='subint_fork')\n"
		   "        asleep = [asyncio.create_task(a.call('sleep'))\n"
		   "                  for _ in range(5)]\n"
		   "        await asyncio.sleep(0)\n"
		   "        b = await nursery.start_actor('b', backend='subint_fork')\n"
		   "        eleven = await b.call('ask_eleven')\n"
		   "        for task in asleep:\n"
		   "            task.cancel()\n"
		   "    return eleven\n"),
		11);
	return 0;
}

/* Without an actor: the child is waited for by who forked it, and has no acre of the guest's. */
TEST_PYTHON(s10_a_guest_forks_a_process_that_is_no_actor)
{
	assert_int_equal(
		go("import acre, os\n"
		   "source = '''\n"
		   "import _acre, sys\n"
		   "try:\n"
		   "    _acre.next()\n"
		   "except RuntimeError as e:\n"
		   "    sys.exit(7 if 'forked' in str(e) else 8)\n"
		   "'''\n"
		   "async def go():\n"
		   "    pid = acre.fork(source)\n"
		   "    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])\n"),
		7);
	return 0;
}

/* They look at nothing: each is killed, all at the same time. */
TEST_PYTHON(s10_forked_guests_that_are_stuck_end_with_their_block)
{
	assert_int_equal(
		go("import acre, asyncio, time\n"
		   "def spin():\n"
		   "    while True:\n"
		   "        try:\n"
		   "            time.sleep(3600)\n"
		   "        except BaseException:\n"
		   "            pass\n"
		   "async def go():\n"
		   "    async with acre.open_nursery() as nursery:\n"
		   "        calls = []\n"
		   "        for i in range(5):\n"
		   "            a = await nursery.start_actor('a', "
		   "backend='subint_fork')\n"
		   "            calls.append(asyncio.create_task(a.call('spin')))\n"
		   "        await asyncio.sleep(0)\n"
		   "        await nursery.cancel()\n"
		   "    await asyncio.gather(*calls, return_exceptions=True)\n"
		   "    return 1\n"),
		1);
	return 0;
}

/* A guest in a sub-interpreter of this process, beside nothing or others; what its go() says. */
ACRE_CONTEXT(go_beside, acre_text, .kind = ACRE_ENDPOINT_ONESHOT)
{
	const struct acre_guest guest = { .source = in->value };
	struct acre_actor *a, *other;
	struct acre_value got;
	int64_t result = 0;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "beside", .backend = "subint",
			       .guest = &guest);
		if (r >= 0)
			r = acre_spawn(&n, &other, .name = "other", .backend = "subint",
				       .guest = &guest);
		if (r >= 0)
			r = call_guest(a, "go", &got);
		if (r >= 0)
			result = integer_of(got);
	}
	return r < 0 ? r : acre_return(ctx, acre_int, .value = result);
}

/* What CPython cannot do, asked for where it cannot. The main interpreter there is empty. */
TEST_PYTHON(s10_a_guest_in_a_sub_interpreter_forks_an_actor_and_a_process)
{
	struct acre_text source = {
		.value = "import acre, asyncio, os\n"
			 "async def ppid():\n"
			 "    return os.getppid()\n"
			 "async def go():\n"
			 "    async with acre.open_nursery() as nursery:\n"
			 "        a = await nursery.start_actor('a', "
			 "backend='subint_fork')\n"
			 "        assert await a.call('ppid') == os.getpid()\n"
			 "    pid = acre.fork('import asyncio, sys\\n'\n"
			 "                    'asyncio.run(asyncio.sleep(.01))\\n'\n"
			 "                    'sys.exit(3)')\n"
			 "    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])\n"
	};
	struct acre_actor *a;
	struct acre_int got = { 0 };
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "host", .backend = "forkserver");
		assert_ok(r);
		r = acre_call(a, go_beside, &source, acre_int, &got);
		if (r < 0 && acre_is(r, EOPNOTSUPP)) /* Python is older than 3.13 */
			test_note("%s", acre_why(r)->message);
		else if (r < 0)
			acre_print(stderr, r);
		assert_true(r >= 0 || acre_is(r, EOPNOTSUPP));
		assert_int_equal(got.value, r < 0 ? 0 : 3);
		r = 0;
	}
	return r;
}

/* Nothing in Python gives the GIL back there. */
static const char hog[] = "def hog(path):\n"
			  "    open(path, 'w').close()\n"
			  "    sum(range(10**12))\n";

ACRE_TASK(hogged, struct acre_actor *a)
{
	char path[4096];
	struct acre_packer *p = acre_pack_new();
	struct acre_value arg, unused;
	int r;

	snprintf(path, sizeof path, "%s/hogged", test_dir());
	acre_pack_map(p, 1);
	acre_pack_text(p, "path");
	acre_pack_text_of(p, path, strlen(path));
	r = acre_pack_end(p, &arg);
	if (r >= 0)
		r = acre_call_named(a, "main", "hog", arg, &unused);
	acre_pack_free(p);
	return r;
}

ACRE_TASK(tick, int *n)
{
	int r = 0;

	while (r >= 0) {
		++*n;
		r = acre_sleep(acre_ms(1));
	}
	return r;
}

/* How often the loop has gone round while a fork waited in vain. */
ACRE_CONTEXT(fork_while_hogged, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	int64_t unused;
	int r = 0, ticks = 0, failed = 0;
	char path[4096];

	snprintf(path, sizeof path, "%s/hogged", test_dir());
	while (r >= 0 && access(path, F_OK) < 0) /* the loop is to go on */
		r = acre_sleep(acre_ms(1));
	assert_ok(r);
	spawner_fork_ns = 300000000;
	ACRE_NURSERY(n, r) {
		r = acre_go(&n, tick, &ticks);
		ticks = 0;
		failed = answer_of(answers_42, &unused);
		acre_nursery_cancel(&n);
	}
	assert_class(failed, ACRE_EBOOT);
	assert_text_has(acre_why(failed)->message, "waiting for the guest's GIL hangs");
	return acre_return(ctx, acre_int, .value = ticks);
}

/* Whoever waits for the GIL, the loop does not. */
TEST_PYTHON(s10_a_guest_that_keeps_the_gil_delays_the_fork_and_nothing_else)
{
	struct acre_actor *a;
	struct acre_int ticks = { 0 };
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_source(&n, &a, hog);
		assert_ok(r);
		r = acre_go(&n, hogged, a);
		assert_ok(r);
		assert_ok(acre_call(a, fork_while_hogged, NULL, acre_int, &ticks));
		assert_true(ticks.value > 0);
		acre_nursery_cancel(&n);
	}
	acre_ignore_result(r);
	return 0;
}
