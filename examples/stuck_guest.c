/* SPDX-License-Identifier: MIT */
/* stuck_guest.c - Python that does not stop is stopped on time: a call by its deadline, a guest by its block. */
#include <acre.h>
#include <acre/python.h>
#include <acre/value.h>

/*
 * The loop of a guest's actor is in C, on a thread of its own. So a deadline is seen whatever
 * Python does: first the function is interrupted, where it is. One that catches even that
 * is ended with its process, by the ladder that every actor has.
 */

static const struct acre_guest guest = { .source = "import time\n"
						   "def computes():\n"
						   "    while True: pass\n"
						   "def sleeps():\n"
						   "    time.sleep(3600)\n"
						   "def refuses():\n"
						   "    while True:\n"
						   "        try:\n"
						   "            time.sleep(3600)\n"
						   "        except BaseException:\n"
						   "            pass\n"
						   "def answers():\n"
						   "    return 42\n" };

static const struct acre_value nothing = { NULL, 0 };

static int call(struct acre_actor *a, const char *name)
{
	struct acre_value got;
	int r = 0;

	ACRE_WITHIN(acre_ms(200), r)
		r = acre_call_named(a, "main", name, nothing, &got);
	return r;
}

/* It stops, and the guest is of use again. */
static int stop_by_deadline(struct acre_actor *a, const char *name)
{
	int r = call(a, name);

	if (!acre_is(r, ETIMEDOUT))
		return r < 0 ? r : acre_fail(EPROTO, "%s has ended by itself", name);
	r = call(a, "answers");
	if (r > 0)
		printf("%s: stopped by its deadline, and its guest answers again\n", name);
	return r;
}

ACRE_TASK(call_for_ever, struct acre_actor *a)
{
	struct acre_value got;
	int r = acre_call_named(a, "main", "refuses", nothing, &got);

	return acre_is(r, ACRE_ECLOSED) ? 0 : r; /* its end is told by the nursery of the actor */
}

/* The block ends all the same, in a bounded time, and says what that took. */
static int end_with_block(void)
{
	acre_instant begun = acre_now();
	int r = 0;

	ACRE_NURSERY(callers, r)
		ACRE_NURSERY(n, r) {
			struct acre_actor *a;

			r = acre_spawn(&n, &a, .name = "deaf", .backend = "subint_forkserver",
				       .guest = &guest);
			if (r >= 0)
				r = acre_go(&callers, call_for_ever, a);
			if (r >= 0)
				r = acre_sleep(acre_ms(100));
			begun = acre_now();
		}
	if (!acre_is(r, ACRE_ETOOSLOW))
		return r < 0 ? r : acre_fail(EPROTO, "it has ended by itself");
	printf("refuses: ended with its block, %s\n",
	       acre_between(begun, acre_now()).ns < acre_secs(10).ns ? "on time" : "late");
	return 0;
}

ACRE_MAIN()
{
	int r = 0;

	ACRE_NURSERY(n, r) {
		struct acre_actor *a;

		r = acre_spawn(&n, &a, .name = "guest", .backend = "subint_forkserver",
			       .guest = &guest);
		if (r >= 0)
			r = stop_by_deadline(a, "computes");
		if (r >= 0)
			r = stop_by_deadline(a, "sleeps");
	}
	return r < 0 ? r : end_with_block();
}
