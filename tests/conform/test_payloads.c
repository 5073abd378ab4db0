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

/*
 * C097: an endpoint declares what travels.
 */

#define SPEC(F) F(const char *, field)
ACRE_MSG(spec, SPEC)

#define VARIANT(F) F(bool, bad_started) F(bool, bad_return)
ACRE_MSG(variant, VARIANT)

/* A failure of acre_started() and acre_return() is raised here, so it has no story of
 * another actor. */
static int behave(struct acre_context *ctx, const struct variant *in)
{
	int r = in->bad_started ? acre_started(ctx, acre_int, 10)
				: acre_started(ctx, spec, .field = "yo");

	if (r >= 0 && in->bad_return)
		r = acre_return(ctx, acre_text, "yo");
	if (r < 0 && (!acre_is(r, ACRE_ETYPE) || acre_is(r, ACRE_EREMOTE)))
		return acre_fail(T_ASSERT, "%s was raised instead",
				 acre_class_name(acre_code(r)));
	return r;
}

ACRE_CONTEXT(checked, variant, .started = ACRE_PAYLOAD(spec),
	     .returns = ACRE_PAYLOAD(spec))
{
	return behave(ctx, in);
}

ACRE_CONTEXT(unchecked, variant, .started = ACRE_PAYLOAD(spec),
	     .returns = ACRE_PAYLOAD(spec), .sends_unchecked = true)
{
	return behave(ctx, in);
}

static int dialogue(struct acre_actor *a, struct variant v, bool check)
{
	struct spec first;
	int r = 0;

	if (check)
		ACRE_OPEN(ctx, r, a, checked, &v)
			r = acre_first(ctx, spec, &first);
	else
		ACRE_OPEN(ctx, r, a, unchecked, &v)
			r = acre_first(ctx, spec, &first);
	return r;
}

static int spec_matrix(struct acre_actor *a, struct variant v, bool check)
{
	acre_instant begun = acre_now();
	int r = dialogue(a, v, check);

	assert_true(seconds_since(begun) < 3);
	if (!v.bad_started && !v.bad_return) {
		assert_int_equal(r, 1);
		return 0;
	}
	assert_class(r, ACRE_ETYPE);
	assert_int_equal(acre_is(r, ACRE_EREMOTE), check);
	assert_text_has(
		acre_why(r)->message,
		v.bad_started
			? "invalid `Started` msg payload: a value does not match "
			  "type-spec spec: at byte 0: expected map, got uint 10"
			: "invalid `Return` msg payload: a value does not match "
			  "type-spec spec: at byte 0: expected map, got str \"yo\"");
	return 0;
}

#define SPEC_MATRIX(name, check, ...)                                          \
	TEST_ACTOR(c097_##name)                                                \
	{                                                                      \
		return spec_matrix(a, (struct variant){ __VA_ARGS__ }, check); \
	}

SPEC_MATRIX(all_well_checked, true, false, false)
SPEC_MATRIX(all_well_unchecked, false, false, false)
SPEC_MATRIX(bad_started_checked, true, true, false)
SPEC_MATRIX(bad_started_unchecked, false, true, false)
SPEC_MATRIX(bad_return_checked, true, false, true)
SPEC_MATRIX(bad_return_unchecked, false, false, true)
SPEC_MATRIX(both_bad_checked, true, true, true)
SPEC_MATRIX(both_bad_unchecked, false, true, true)

/* Items, both ways; what is wrong is consumed or never sent, and the dialogue goes on. */
ACRE_CONTEXT(items, acre_nil, .sends = ACRE_PAYLOAD(spec),
	     .receives = ACRE_PAYLOAD(acre_int))
{
	struct acre_any any;
	int r = acre_send(ctx, acre_text, "no spec");

	if (!acre_is(r, ACRE_ETYPE))
		return acre_fail(T_ASSERT, "sent what it must not");
	r = acre_recv(ctx, acre_any, &any); /* by who has no declaration */
	if (!acre_is(r, ACRE_ETYPE))
		return acre_fail(T_ASSERT, "took what it must not");
	r = acre_recv(ctx, acre_any, &any);
	return r < 0 ? r : acre_send(ctx, spec, "well");
}

TEST_ACTOR(c097_items_are_checked_both_ways)
{
	struct acre_context *ctx;
	struct spec got;
	int r = 0;

	ACRE_OPEN(typed, r, a, items, &nil) {
		int bad = acre_send(typed, acre_text, "seven");

		assert_class(bad, ACRE_ETYPE);
		assert_text_has(acre_why(bad)->message,
				"invalid `Yield` msg payload: a value does not match "
				"type-spec acre_int: at byte 0: expected int, got str "
				"\"seven\"");
	}
	assert_class(r, T_ASSERT); /* nothing came, which is no ACRE_ETYPE */

	/* one that opens by names has nothing to check by */
	assert_ok(acre_open_named(&ctx, a, "main", "items", ACRE_KIND(acre_nil), &nil));
	assert_ok(acre_send(ctx, acre_text, "seven"));
	assert_ok(acre_send(ctx, acre_int, 7));
	assert_int_equal(acre_recv(ctx, spec, &got), 1);
	assert_string_equal(got.field, "well");
	return acre_context_close(&ctx, 0);
}
