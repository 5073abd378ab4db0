/* SPDX-License-Identifier: MIT */
/* test_payloads.c - messages that hold lists, maps and messages, between actors. */
#include "conform/tree.h"

#define STOP(F) F(const char *, name) F(uint32_t, wait, optional)
ACRE_MSG(stop, STOP)
#define TRIP(F)                      \
	F(const char *, title)       \
	F(stop, home, message)       \
	F(stop, stops, message_list) \
	F(const char *, tags, list)  \
	F(double, costs, map)        \
	F(const char *, note, or_null)
ACRE_MSG(trip, TRIP)

/* Says back what it gets, as first value, as an item for each item, and as result. */
ACRE_CONTEXT(travel, trip)
{
	struct trip item;
	int r = acre_started_(ctx, ACRE_KIND(trip), in);

	while (r >= 0 && (r = acre_recv(ctx, trip, &item)) > 0)
		r = acre_send_(ctx, ACRE_KIND(trip), &item);
	return r < 0 ? r : acre_return_(ctx, ACRE_KIND(trip), in);
}

ACRE_CONTEXT(plan, trip, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return acre_return_(ctx, ACRE_KIND(trip), in);
}

static const struct stop stops[] = { { .name = "a", .wait = 7, .has_wait = true },
				     { .name = "b" } };
static const char *const tags[] = { "x", "yy", "" };
static const char *const costs_keys[] = { "in", "out" };
static const double costs[] = { 1.5, -2 };
static const struct trip trip = { .title = "round",
				  .home = { .name = "here" },
				  .stops = stops,
				  .n_stops = 2,
				  .tags = tags,
				  .n_tags = 3,
				  .costs = costs,
				  .costs_keys = costs_keys,
				  .n_costs = 2 };

static void assert_trip(const struct trip *t)
{
	assert_string_equal(t->title, "round");
	assert_string_equal(t->home.name, "here");
	assert_false(t->home.has_wait);
	assert_int_equal(t->n_stops, 2);
	assert_int_equal(t->stops[0].wait, 7);
	assert_string_equal(t->stops[1].name, "b");
	assert_int_equal(t->n_tags, 3);
	assert_string_equal(t->tags[1], "yy");
	assert_int_equal(t->n_costs, 2);
	assert_string_equal(t->costs_keys[1], "out");
	assert_true(t->costs[1] == -2);
	assert_null(t->note);
}

TEST_ACTOR(lists_and_messages_travel_both_ways)
{
	struct trip got;
	int r = 0;

	ACRE_OPEN(ctx, r, a, travel, &trip) {
		assert_int_equal(acre_first(ctx, trip, &got), 1);
		assert_trip(&got);
		for (int i = 0; i < 200; i++) {
			assert_ok(acre_send_(ctx, ACRE_KIND(trip), &trip));
			assert_int_equal(acre_recv(ctx, trip, &got), 1);
			assert_trip(&got);
		}
		assert_ok(acre_finish(ctx));
		assert_int_equal(acre_result(ctx, trip, &got), 1);
		assert_trip(&got);
		r = 0;
	}
	return r;
}

TEST_ACTOR(what_a_call_gave_is_kept_until_the_next_call)
{
	struct trip got;

	assert_int_equal(acre_call(a, plan, &trip, trip, &got), 1);
	assert_trip(&got);
	assert_int_equal(acre_call(a, plan, &trip, trip, &got), 1);
	assert_trip(&got);
	return 0;
}

TEST_TREE(what_a_one_shot_gave_is_the_callers_own)
{
	struct trip got;

	assert_int_equal(acre_oneshot(plan, &trip, trip, &got), 1);
	assert_trip(&got);
	acre_msg_free(trip, &got);
	assert_null(got.stops);
	return 0;
}

TEST_ACTOR(an_argument_is_refused_with_the_path_to_what_is_wrong)
{
	static const char bad[] = "\x81\xa5stops\x92\x81\xa4name\xa1"
				  "a\x82\xa4name\xa1"
				  "b\xa4wait\xa1z";
	struct acre_value ret;
	int r = acre_call_named(a, "main", "plan",
				(struct acre_value){ bad, sizeof bad - 1 }, &ret);

	assert_remote(r, ACRE_ETYPE);
	assert_text_has(
		acre_why(r)->message,
		"invalid `argument` msg payload: a value does not match type-spec "
		"trip.stops[1].wait: at byte 29: expected uint, got str \"z\"");
	return 0;
}
