/* SPDX-License-Identifier: MIT */
/* test_guest_beside.c - guests that share the process of their parent: rows S19, S20, S40, C038. */
#include "conform/guest.h"

#include <dirent.h>
#include <stdio.h>

#include "actor/guest_beside.h"
#include "conform/dumps.h"
#include "conform/footprint.h"

/* Where a guest is to be stuck its host is a process of its own, which ends with it. */

static int spawn_beside(struct acre_nursery *n, struct acre_actor **ret,
			const char *source)
{
	const struct acre_guest guest = { .source = source };

	return acre_spawn(n, ret, .name = "guest", .backend = "subint", .guest = &guest);
}

/* True: this Python has no interpreters for it, and says so. */
static bool cannot_be(int r)
{
	if (!acre_is(r, EOPNOTSUPP))
		return false;
	assert_text_has(acre_why(r)->message, "from 3.13 on");
	return true;
}

static const char source[] = "import asyncio, time\n"
			     "def hello():\n"
			     "    return 'hello from subint'\n"
			     "async def slow(a, b):\n"
			     "    await asyncio.sleep(0.01)\n"
			     "    return a * b\n"
			     "async def idle():\n"
			     "    await asyncio.sleep(3600)\n"
			     "def spin():\n"
			     "    while True: pass\n"
			     "def sleep():\n"
			     "    time.sleep(3600)\n"
			     "def swallows():\n"
			     "    while True:\n"
			     "        try:\n"
			     "            while True: pass\n"
			     "        except BaseException: pass\n"
			     "def fails():\n"
			     "    raise ValueError('on purpose')\n";

static void assert_hello(struct acre_value value)
{
	struct acre_part part;

	assert_int_equal(acre_value_next(&value, &part), 1);
	assert_int_equal(part.type, ACRE_PART_TEXT);
	assert_memory_equal(part.bytes.data, "hello from subint", part.bytes.len);
}

TEST_PYTHON(s19_a_guest_beside_its_parent_answers_and_ends)
{
	struct acre_actor *a;
	struct acre_value got;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_beside(&n, &a, source);
		if (cannot_be(r))
			return 0;
		assert_ok(r);
		assert_int_equal(acre_actor_pid(a), getpid());
		assert_int_equal(call_guest(a, "hello", &got), 1);
		assert_hello(got);
		assert_int_equal(call_pair(a, "slow", 6, 7, &got), 1);
		assert_int_equal(integer_of(got), 42);
		r = call_guest(a, "fails", NULL);
		assert_remote(r, ACRE_EGUEST);
		r = 0;
	}
	assert_int_equal(guest_beside_n_left(), 0);
	return r;
}

/* What looks between two steps is interrupted, and the guest goes on. */
TEST_PYTHON(a_cancelled_call_of_it_is_interrupted_between_two_steps)
{
	struct acre_actor *a;
	struct acre_value got;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_beside(&n, &a, source);
		if (cannot_be(r))
			return 0;
		assert_ok(r);
		for (int i = 0; i < 4; i++) {
			r = 0;
			ACRE_WITHIN(acre_ms(30), r)
				r = call_guest(a, i % 2 ? "idle" : "spin", NULL);
			assert_class(r, ETIMEDOUT);
			assert_int_equal(call_guest(a, "hello", &got), 1);
		}
		r = 0;
	}
	assert_int_equal(guest_beside_n_left(), 0);
	return r;
}

/* Two of them share nothing of Python: the same names, and not the same objects. */
TEST_PYTHON(two_of_one_process_have_nothing_in_common)
{
	static const char counts[] = "n = 0\n"
				     "def count():\n"
				     "    global n\n"
				     "    n += 1\n"
				     "    return n\n";
	struct acre_actor *a, *b;
	struct acre_value got;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_beside(&n, &a, counts);
		if (cannot_be(r))
			return 0;
		if (r >= 0)
			r = spawn_beside(&n, &b, counts);
		assert_ok(r);
		for (int i = 1; i <= 3; i++) {
			assert_int_equal(call_guest(a, "count", &got), 1);
			assert_int_equal(integer_of(got), i);
		}
		assert_int_equal(call_guest(b, "count", &got), 1);
		assert_int_equal(integer_of(got), 1);
		r = 0;
	}
	return r;
}

TEST_PYTHON(a_source_that_does_not_load_fails_the_spawn_of_it)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_beside(&n, &a, "import no_such_module\n");
		if (cannot_be(r))
			return 0;
		assert_class(r, ACRE_EBOOT);
		r = 0;
	}
	assert_int_equal(guest_beside_n_left(), 0);
	return r;
}

/*
 * In a host of its own.
 */

ACRE_TASK(be_stuck, struct acre_actor *a)
{
	return call_guest(a, acre_actor_name(a), NULL);
}

/* So many guests that are all stuck in a function of the name of the actor, and are ended then. */
static int end_stuck(const char *name, int n_guests)
{
	const struct acre_guest guest = { .source = source };
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		for (int i = 0; r >= 0 && i < n_guests; i++) {
			r = acre_spawn(&n, &a, .name = name, .backend = "subint",
				       .guest = &guest);
			if (r >= 0)
				r = acre_go(&n, be_stuck, a);
		}
		if (r >= 0)
			r = acre_sleep(acre_ms(50)); /* they are in it */
		acre_nursery_cancel(&n);
	}
	return r;
}

ACRE_CONTEXT(ends_one_that_sleeps, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	int r = end_stuck("sleep", 1);

	return r < 0 ? r : acre_return(ctx, acre_int, .value = guest_beside_n_left());
}

/* The state of a thread of this process that has this name: 'R', 'S' ...; 0: there is none. */
static char state_of_thread(const char *name)
{
	char path[64], found[32], state = 0;
	DIR *dir = opendir("/proc/self/task");
	struct dirent *e;
	FILE *f;

	while (!state && (e = readdir(dir))) {
		snprintf(path, sizeof path, "/proc/self/task/%.16s/stat", e->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fscanf(f, "%*d (%31[^)]) %c", found, &state) != 2 ||
		    strcmp(found, name) != 0)
			state = 0;
		fclose(f);
	}
	closedir(dir);
	return state;
}

/* One that computes never sleeps; in jail it does nothing else. */
static int wait_for_jail(void)
{
	enum { LOOKS = 20 };
	int r = 0;

	for (int n_asleep = 0; r >= 0 && n_asleep < LOOKS;) {
		n_asleep = state_of_thread("acre-guest") == 'S' ? n_asleep + 1 : 0;
		r = acre_sleep(acre_ms(1));
	}
	return r;
}

ACRE_CONTEXT(ends_one_that_swallows, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	int r = end_stuck("swallows", 1);

	if (r >= 0)
		r = wait_for_jail();
	return r < 0 ? r : acre_return(ctx, acre_int, .value = guest_beside_n_left());
}

ACRE_CONTEXT(ends_twenty_five, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	int r = end_stuck("sleep", 25);

	if (r < 0)
		return r;
	r = end_stuck("sleep", 1);
	assert_class(r, EBUSY);
	assert_text_has(acre_why(r)->message, "takes no more");
	return acre_return(ctx, acre_int, .value = guest_beside_n_left());
}

/* So many, one after the other: 12 are three seconds; ACRE_TEST_ROUNDS says otherwise. */
static int64_t rounds(void)
{
	const char *n = getenv("ACRE_TEST_ROUNDS");

	return n ? atoll(n) : 12;
}

/* Python has all that it keeps for its next interpreter after so many. */
#define WARM_ROUNDS(n) ((n) / 3 < 100 ? (n) / 3 : 100)
#define SPARE_KIB(n)   ((n) < 300 ? 4096 : 1024) /* one that stays has 10,000 */
#define SPARE_BLOCKS   16			 /* of caches that fill */

/* What it hears it has until it ends, so each round is a task of its own. */
ACRE_TASK(make_and_end, struct acre_nil *unused)
{
	struct acre_actor *a;
	int r = 0;

	(void)unused;
	ACRE_NURSERY(n, r) {
		r = spawn_beside(&n, &a, source);
		if (r >= 0)
			r = call_guest(a, "hello", NULL);
	}
	return r < 0 ? r : 0;
}

ACRE_CONTEXT(makes_and_ends, acre_int, .kind = ACRE_ENDPOINT_ONESHOT)
{
	struct footprint before = { 0 }, after;
	int r = 0;

	for (int64_t i = 0; r >= 0 && i < in->value; i++) {
		if (i == WARM_ROUNDS(in->value))
			before = footprint_of(acre_context_peer(ctx));
		ACRE_NURSERY(n, r)
			r = acre_go(&n, make_and_end, &nil);
	}
	if (r < 0)
		return r;
	after = footprint_of(acre_context_peer(ctx));
	printf("%lld rounds: %llu -> %llu KiB, %llu -> %llu mappings, %llu -> %llu "
	       "blocks\n",
	       (long long)in->value, (unsigned long long)before.kib,
	       (unsigned long long)after.kib, (unsigned long long)before.mappings,
	       (unsigned long long)after.mappings, (unsigned long long)before.blocks,
	       (unsigned long long)after.blocks);
	assert_int_equal(after.threads, before.threads);
	assert_int_equal(after.fds, before.fds);
	assert_in_range(after.blocks, 0, before.blocks + SPARE_BLOCKS);
	assert_in_range(after.kib, 0, before.kib + SPARE_KIB(in->value));
	return acre_return(ctx, acre_int, .value = guest_beside_n_left());
}

TEST_PYTHON(those_that_were_made_and_ended_leave_nothing)
{
	struct acre_actor *host;
	struct acre_int got = { -1 };
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &host, .name = "host", .backend = "exec");
		assert_ok(r);
		r = acre_call(host, makes_and_ends, &(struct acre_int){ rounds() },
			      acre_int, &got);
		if (cannot_be(r))
			return 0;
		assert_int_equal(r, 1);
		assert_int_equal(got.value, 0);
		r = 0;
	}
	return r;
}

/* It is over within its bound: a hang would be ended by the fixture, and a kill be a failure. */
#define assert_left(endpoint, n_left)                                                    \
	do {                                                                             \
		struct acre_actor *host_;                                                \
		struct acre_int got_ = { -1 };                                           \
		int r_ = 0;                                                              \
		ACRE_NURSERY(n_, r_) {                                                   \
			r_ = acre_spawn(&n_, &host_, .name = "host", .backend = "exec"); \
			assert_ok(r_);                                                   \
			r_ = acre_call(host_, endpoint, &nil, acre_int, &got_);          \
			if (cannot_be(r_))                                               \
				return 0;                                                \
			assert_int_equal(r_, 1);                                         \
			assert_int_equal(got_.value, n_left);                            \
			r_ = 0;                                                          \
		}                                                                        \
		assert_ok(r_);                                                           \
	} while (0)

TEST_PYTHON(s20_one_that_does_not_checkpoint_is_left_in_jail)
{
	assert_left(ends_one_that_sleeps, 1);
	return 0;
}

TEST_PYTHON(s20_one_that_swallows_what_interrupts_it_is_left_in_jail)
{
	assert_left(ends_one_that_swallows, 1);
	return 0;
}

TEST_PYTHON(s40_a_host_of_too_many_that_are_left_takes_no_more)
{
	assert_left(ends_twenty_five, 25);
	return 0;
}
