/* SPDX-License-Identifier: MIT */
/* test_guest_cancel.c - cancelling what a guest runs, wherever it is, and ending one that does not look. */
#include "conform/guest.h"

#include <sys/stat.h>

#include "actor/peer.h"
#include "core/status.h"

/* Each would go on for ever, or for an hour. */
static const char endless[] =
	"import asyncio, fcntl, os, queue, re, socket, threading, time\n"
	"def spin():\n"
	"    while True: pass\n"
	"def sleep():\n"
	"    time.sleep(3600)\n"
	"def lock():\n"
	"    l = threading.Lock()\n"
	"    l.acquire()\n"
	"    l.acquire()\n"
	"def event():\n"
	"    threading.Event().wait()\n"
	"def take():\n"
	"    queue.Queue().get()\n"
	"def recv():\n"
	"    a, b = socket.socketpair()\n"
	"    a.recv(1)\n"
	"def read():\n"
	"    r, w = os.pipe()\n"
	"    os.read(r, 1)\n"
	"def join():\n"
	"    t = threading.Thread(target=time.sleep, args=(3600,), daemon=True)\n"
	"    t.start()\n"
	"    t.join()\n"
	"def regex():\n"
	"    re.match(r'(a*)*b', 'a' * 64)\n"
	"async def idle():\n"
	"    await asyncio.sleep(3600)\n"
	"async def blocks():\n"
	"    await asyncio.sleep(0)\n"
	"    time.sleep(3600)\n"
	"async def spins():\n"
	"    while True: pass\n"
	"seen = []\n"
	"def cleans():\n"
	"    try:\n"
	"        time.sleep(3600)\n"
	"    finally:\n"
	"        time.sleep(0.05)\n"
	"        seen.append(1)\n"
	"def count():\n"
	"    return len(seen)\n";

/* All but the last two, which are for tests of their own. */
static const char *const ways[] = {
	"spin",  "sleep", "lock", "event", "take", "recv",
	"read",  "join",  "regex", "idle",  "blocks", "spins",
};

TEST_PYTHON(a_cancelled_call_is_interrupted_wherever_its_python_is)
{
	struct acre_actor *a;
	struct acre_value got;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_source(&n, &a, endless);
		assert_ok(r);
		for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
			test_note("%s", ways[i]);
			r = 0;
			ACRE_WITHIN(acre_ms(50), r)
				r = call_guest(a, ways[i], NULL);
			assert_class(r, ETIMEDOUT); /* and not ACRE_ETOOSLOW after 3 s */
			assert_int_equal(call_guest(a, "count", &got), 1);
		}
		r = 0;
	}
	return r;
}

/* One interrupt for one cancel: what a function does to clean up is not interrupted. */
TEST_PYTHON(what_a_cancelled_function_does_at_last_is_left_alone)
{
	struct acre_actor *a;
	struct acre_value got;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_source(&n, &a, endless);
		assert_ok(r);
		for (int i = 1; i <= 3; i++) {
			r = 0;
			ACRE_WITHIN(acre_ms(20), r)
				r = call_guest(a, "cleans", NULL);
			assert_class(r, ETIMEDOUT);
			assert_int_equal(call_guest(a, "count", &got), 1);
			assert_int_equal(integer_of(got), i);
		}
		r = 0;
	}
	return r;
}

ACRE_TASK(sleep_in_guest, struct acre_actor *a)
{
	int r = call_guest(a, "sleep", NULL);

	return r < 0 ? r : 0;
}

/* It never began: what runs there before it is not interrupted for it. */
TEST_PYTHON(a_call_that_waits_for_its_turn_is_withdrawn)
{
	struct acre_actor *a;
	struct acre_value got;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_source(&n, &a, endless);
		assert_ok(r);
		ACRE_NURSERY(inner, r) {
			r = acre_go(&inner, sleep_in_guest, a);
			assert_ok(r);
			assert_ok(acre_sleep(acre_ms(30)));
			ACRE_WITHIN(acre_ms(30), r)
				r = call_guest(a, "count", &got);
			assert_class(r, ETIMEDOUT);
			assert_int_equal(acre_nursery_n(&inner), 1);
			acre_nursery_cancel(&inner);
			r = 0;
		}
		r = call_guest(a, "count", &got);
		assert_int_equal(r, 1);
		r = 0;
	}
	return r;
}

/* What a guest does with its own exception is its affair, until it is to end. */
static const char deaf[] = "import time\n"
			   "def swallows():\n"
			   "    while True:\n"
			   "        try:\n"
			   "            time.sleep(3600)\n"
			   "        except BaseException:\n"
			   "            pass\n"
			   "def computes():\n"
			   "    sum(range(10**12))\n";

static int end_deaf(const char *name, uint32_t n_deaf)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_source(&n, &a, deaf);
		assert_ok(r);
		ACRE_WITHIN(acre_ms(50), r)
			r = call_guest(a, name, NULL);
		assert_true(r < 0);
		assert_int_equal(status_get(&a->status->n_deaf), n_deaf);
		assert_class(acre_actor_cancel(a), ACRE_ETOOSLOW);
		acre_ignore_result(acre_actor_wait(a));
		r = 0;
	}
	return r;
}

TEST_PYTHON(a_guest_that_swallows_everything_is_killed)
{
	actors_are_killed();
	return end_deaf("swallows", 0);
}

/* Nor is it given time for what it computes beside others, which takes it to the ceiling of 20 s. */
TEST_PYTHON(a_guest_that_never_lets_go_of_its_lock_is_deaf_and_killed)
{
	actors_are_killed();
	return end_deaf("computes", 1);
}

ACRE_TASK(swallow_in_guest, struct acre_actor *a)
{
	acre_ignore_result(call_guest(a, "swallows", NULL)); /* no answer but its end */
	return 0;
}

/* How long it takes to end so many that do not look. */
static double seconds_to_end(int n_stuck)
{
	struct acre_actor *stuck;
	acre_instant begun = acre_now();
	int r = 0;

	ACRE_NURSERY(calls, r) {
		ACRE_NURSERY(n, r) {
			for (int i = 0; i < n_stuck; i++) {
				assert_ok(spawn_source(&n, &stuck, deaf));
				assert_ok(acre_go(&calls, swallow_in_guest, stuck));
			}
			r = acre_sleep(acre_ms(50)); /* they are at it */
			begun = acre_now();
		}
	}
	assert_class(r, ACRE_ETOOSLOW); /* each was killed, and that is told */
	return seconds_since(begun);
}

/* On one clock: eight take as long as one; on a busy machine not four times as long. */
TEST_PYTHON(s40_stuck_guests_end_at_the_same_time)
{
	double one, eight;

	actors_are_killed();
	one = seconds_to_end(1);
	eight = seconds_to_end(8);
	test_note("%.3f s for one, %.3f s for eight", one, eight);
	assert_true(eight < 4 * one);
	return 0;
}

/* Before it serves there is nobody to say no. */
TEST_PYTHON(c038_a_spawn_is_cancelled_while_its_source_loads)
{
	struct acre_actor *a = NULL;
	int r = 0;

	ACRE_WITHIN(acre_secs(1), r)
		ACRE_NURSERY(n, r) {
			r = spawn_source(&n, &a, "import time\ntime.sleep(3600)\n");
			assert_class(r, ECANCELED);
		}
	assert_class(r, ETIMEDOUT);
	return 0;
}

ACRE_TASK(sleep_until_its_end, struct acre_actor *a)
{
	acre_ignore_result(call_guest(a, "spin", NULL)); /* no answer but that */
	return 0;
}

/* The loop's signals reach it through the guest's thread, whatever that does. */
TEST_PYTHON(s23_sigint_cancels_an_actor_whose_guest_computes)
{
	const struct acre_guest guest = { .source = endless };
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .backend = "subint_forkserver", .guest = &guest,
			       .sigint = ACRE_SIGINT_CANCEL);
		assert_ok(r);
		ACRE_NURSERY(inner, r) {
			r = acre_go(&inner, sleep_until_its_end, a);
			assert_ok(r);
			assert_ok(acre_sleep(acre_ms(50)));
			assert_int_equal(kill(acre_actor_pid(a), SIGINT), 0);
			assert_ok(acre_actor_wait(a)); /* in order */
		}
	}
	return r;
}

/* A mask would be inherited over exec. */
TEST_PYTHON(processes_of_a_guest_get_their_signals)
{
	struct acre_actor *a;
	struct acre_value got;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_source(&n, &a,
				 "import subprocess, signal\n"
				 "def ends(a, b):\n"
				 "    p = subprocess.Popen(['sleep', '3600'])\n"
				 "    p.send_signal(a)\n"
				 "    return p.wait()\n");
		assert_ok(r);
		assert_int_equal(call_pair(a, "ends", SIGINT, 0, &got), 1);
		assert_int_equal(integer_of(got), -SIGINT);
		assert_int_equal(call_pair(a, "ends", SIGTERM, 0, &got), 1);
		assert_int_equal(integer_of(got), -SIGTERM);
		r = 0;
	}
	return r;
}
