/* SPDX-License-Identifier: MIT */
/* test_torture_topic.c - topics while things fail in the subscriber, and in the publisher. */
#include "torture/torture.h"

#include <string.h>

#include <acre/topic.h>

#define NOTE(F) F(const char *, topic) F(int64_t, value)
ACRE_MSG(note, NOTE)

static const int topic_may[] = { ACRE_EBOOT, ACRE_EDIED, ACRE_ECLOSED, ACRE_ECTXC, 0 };

static int sing(struct acre_publisher *p);
static const struct acre_publication singing = { .run = sing };

static int sing(struct acre_publisher *p)
{
	char names[2][ACRE_TOPIC_SIZE];
	int r = 0;

	if (!acre_topic_is_wanted(p, "high") ||
	    acre_topic_list(&singing, NULL, names, 2) != 1)
		return acre_fail(EDOM, "nobody wants to hear it");
	for (int64_t i = 0; i < 6 && r >= 0; i++)
		r = acre_publish(p, note, .topic = i % 2 ? "high" : "low", .value = i);
	return r;
}

ACRE_CONTEXT(sings, acre_subscription)
{
	return acre_topic_serve(ctx, in, &singing);
}

static int hear(struct acre_actor *a)
{
	struct acre_subscription in = { "high", "" };
	struct note item;
	int n = 0, r = 0;

	ACRE_OPEN(ctx, r, a, sings, &in) {
		while ((r = acre_recv(ctx, note, &item)) > 0)
			n += item.value % 2 == 1;
		assert_true(r < 0 || n == 3);
	}
	return r;
}

TORTURE(topics_of_an_actor, .may = topic_may)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "singer");
		if (r >= 0)
			r = hear(a);
	}
	return r;
}

TORTURE(topics_of_an_actor_that_fails, .may = topic_may, .in_actors = true)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "singer");
		if (r >= 0)
			r = hear(a);
	}
	return r;
}
