/* SPDX-License-Identifier: MIT */
/* test_schema_forms.c - messages with optional fields, lists, maps, messages in them, and unions. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <acre/error.h>
#include <acre/value.h>

#include "actor/schema.h"
#include "base/mem.h"
#include "lib/run.h"

#define POINT(F) F(int32_t, x) F(int32_t, y)
ACRE_MSG(point, POINT)

#define MAYBE(F)                       \
	F(uint8_t, n, optional)        \
	F(const char *, text, or_null) \
	F(point, at, message_or_null)
ACRE_MSG(maybe, MAYBE)

#define ROUTE(F)                      \
	F(const char *, name)         \
	F(point, from, message)       \
	F(uint16_t, hops, list)       \
	F(const char *, tags, list)   \
	F(point, stops, message_list) \
	F(double, costs, map)         \
	F(point, places, message_map)
ACRE_MSG(route, ROUTE)

/* A message that holds itself. */
#define NODE(F) \
	F(uint32_t, id) F(node, below, message_list) F(node, next, message_or_null)
ACRE_MSG(node, NODE)

#define CIRCLE(F) F(uint32_t, radius)
ACRE_MSG(circle, CIRCLE)
#define SHAPE(F)                           \
	F(circle, circle, message_or_null) \
	F(point, point, message_or_null)   \
	F(const char *, word, or_null)     \
	F(uint8_t, sides, optional)
ACRE_ONE_OF(shape, SHAPE)
#define DRAWING(F) F(shape, shapes, message_list)
ACRE_MSG(drawing, DRAWING)

static struct schema_held held;

static int pack_into(const struct acre_msg_kind *kind, const void *value, struct buf *out)
{
	struct pack_writer w;

	buf_init(out, wire_limits_default.frame);
	pack_writer_init(&w, out, &wire_limits_default);
	schema_write(&w, kind, value);
	return pack_writer_result(&w);
}

/* There and back: what is read lies in `held`. */
static void travel(const struct acre_msg_kind *kind, const void *value, void *ret)
{
	struct buf out;

	assert_int_equal(pack_into(kind, value, &out), 0);
	schema_held_fini(&held);
	schema_held_init(&held);
	assert_ok(schema_hold(&held, buf_bytes(&out), buf_len(&out)));
	memset(ret, 0xa5, kind->size);
	assert_ok(schema_read_held(kind, &held, ret, "item"));
	buf_fini(&out);
}

static int read_bytes(const struct acre_msg_kind *kind, const void *bytes, size_t len,
		      void *ret)
{
	schema_held_fini(&held);
	schema_held_init(&held);
	assert_ok(schema_hold(&held, bytes, len));
	memset(ret, 0xa5, kind->size);
	return schema_read_held(kind, &held, ret, "item");
}
#define READ(kind, literal, ret) read_bytes((kind), (literal), sizeof(literal) - 1, (ret))

#define assert_refused(r, why)                                                  \
	do {                                                                    \
		int refused_ = (r);                                             \
		assert_class(refused_, ACRE_ETYPE);                             \
		assert_text_has(acre_why(refused_)->message,                    \
				"invalid `item` msg payload: a value does not " \
				"match type-spec " why);                        \
	} while (0)

/* Refused by the writer, and told by schema_unwritten(). */
static void assert_unwritten(const struct acre_msg_kind *kind, const void *value,
			     int class, const char *why)
{
	struct buf out;
	int r = pack_into(kind, value, &out);

	assert_true(r < 0);
	r = schema_unwritten(kind, value, r, "sending");
	assert_class(r, class);
	assert_text_has(acre_why(r)->message, why);
	buf_fini(&out);
}

/*
 * Optional fields
 */

TEST_TASK(an_optional_field_comes_back_if_it_is_there)
{
	struct point at = { 1, -2 };
	struct maybe in = { .n = 7, .has_n = true, .text = "hey", .at = &at }, out;

	travel(maybe_msg_(), &in, &out);
	assert_true(out.has_n);
	assert_int_equal(out.n, 7);
	assert_string_equal(out.text, "hey");
	assert_int_equal(out.at->y, -2);
	in = (struct maybe){ 0 };
	travel(maybe_msg_(), &in, &out);
	assert_false(out.has_n);
	assert_int_equal(out.n, 0);
	assert_null(out.text);
	assert_null(out.at);
	schema_held_fini(&held);
	return 0;
}

TEST_TASK(what_is_missing_travels_as_nil_and_may_be_no_key_at_all)
{
	struct maybe in = { 0 }, out;
	struct buf packed;

	assert_int_equal(pack_into(maybe_msg_(), &in, &packed), 0);
	assert_int_equal(buf_len(&packed), 14);
	assert_memory_equal(buf_bytes(&packed),
			    "\x83\xa1n\xc0\xa4text\xc0\xa2"
			    "at\xc0",
			    14);
	buf_fini(&packed);
	assert_ok(READ(maybe_msg_(), "\x80", &out));
	assert_false(out.has_n);
	assert_null(out.text);
	assert_null(out.at);
	assert_ok(READ(maybe_msg_(), "\x82\xa1n\x07\xa1n\xc0", &out)); /* the last one */
	assert_false(out.has_n);
	schema_held_fini(&held);
	return 0;
}

TEST_TASK(an_optional_field_is_checked_if_it_is_there)
{
	struct maybe out;

	assert_refused(READ(maybe_msg_(), "\x81\xa1n\xcd\x01\x00", &out),
		       "maybe.n: at byte 3: expected uint of 0 to 255, got 256");
	assert_refused(READ(maybe_msg_(), "\x81\xa4text\x07", &out),
		       "maybe.text: at byte 6: expected str, got uint 7");
	assert_refused(READ(maybe_msg_(),
			    "\x81\xa2"
			    "at\x81\xa1x\xc3",
			    &out),
		       "maybe.at.x: at byte 7: expected int, got bool true");
	assert_refused(READ(maybe_msg_(),
			    "\x81\xa2"
			    "at\x81\xa1x\x01",
			    &out),
		       "maybe.at: no field y");
	schema_held_fini(&held);
	return 0;
}

/*
 * Lists, maps, messages
 */

static const uint16_t hops[] = { 1, 2, 65535 };
static const char *const tags[] = { "",
				    "a text of more than 31 bytes has a wider head",
				    "z" };
static const struct point stops[] = { { 1, 2 }, { -3, -4 } };
static const double costs[] = { 0.5, -1 };
static const char *const costs_keys[] = { "in", "out" };
static const struct route whole = {
	.name = "there",
	.from = { 7, 8 },
	.hops = hops,
	.n_hops = 3,
	.tags = tags,
	.n_tags = 3,
	.stops = stops,
	.n_stops = 2,
	.costs = costs,
	.costs_keys = costs_keys,
	.n_costs = 2,
	.places = stops,
	.places_keys = costs_keys,
	.n_places = 2,
};

static void assert_whole(const struct route *r)
{
	assert_string_equal(r->name, "there");
	assert_int_equal(r->from.y, 8);
	assert_int_equal(r->n_hops, 3);
	assert_memory_equal(r->hops, hops, sizeof hops);
	assert_int_equal(r->n_tags, 3);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(r->tags[i], tags[i]);
	assert_int_equal(r->n_stops, 2);
	assert_memory_equal(r->stops, stops, sizeof stops);
	assert_int_equal(r->n_costs, 2);
	assert_true(r->costs[0] == 0.5 && r->costs[1] == -1);
	assert_string_equal(r->costs_keys[1], "out");
	assert_int_equal(r->n_places, 2);
	assert_int_equal(r->places[1].x, -3);
	assert_string_equal(r->places_keys[0], "in");
}

TEST_TASK(lists_and_maps_come_back_as_they_were)
{
	struct route out;

	travel(route_msg_(), &whole, &out);
	assert_whole(&out);
	schema_held_fini(&held);
	return 0;
}

TEST_TASK(empty_lists_and_maps_come_back_empty)
{
	struct route in = { .name = "" }, out;

	travel(route_msg_(), &in, &out);
	assert_int_equal(out.n_hops + out.n_tags + out.n_stops + out.n_costs +
				 out.n_places,
			 0);
	schema_held_fini(&held);
	return 0;
}

/* What Python reads: plain maps and arrays. */
TEST_TASK(the_wire_is_maps_and_arrays)
{
	static const char wire[] = "\x87\xa4name\xa1r\xa4"
				   "from\x82\xa1x\x01\xa1y\x02"
				   "\xa4hops\x92\x01\x02\xa4tags\x91\xa1t"
				   "\xa5stops\x91\x82\xa1x\x03\xa1y\x04"
				   "\xa5"
				   "costs\x81\xa1k\xcb\x3f\xf0\0\0\0\0\0\0"
				   "\xa6places\x80";
	static const char *const one_key[] = { "k" }, *const one_tag[] = { "t" };
	struct route in = { .name = "r",
			    .from = { 1, 2 },
			    .hops = hops,
			    .n_hops = 2,
			    .tags = one_tag,
			    .n_tags = 1,
			    .stops = &(const struct point){ 3, 4 },
			    .n_stops = 1,
			    .costs = &(const double){ 1 },
			    .costs_keys = one_key,
			    .n_costs = 1 };
	struct buf packed;

	assert_int_equal(pack_into(route_msg_(), &in, &packed), 0);
	assert_int_equal(buf_len(&packed), sizeof wire - 1);
	assert_memory_equal(buf_bytes(&packed), wire, sizeof wire - 1);
	buf_fini(&packed);
	return 0;
}

TEST_TASK(every_cut_is_refused)
{
	struct buf packed;
	struct route out;

	assert_int_equal(pack_into(route_msg_(), &whole, &packed), 0);
	for (size_t len = 0; len < buf_len(&packed); len++)
		assert_class(read_bytes(route_msg_(), buf_bytes(&packed), len, &out),
			     ACRE_ETYPE);
	assert_ok(read_bytes(route_msg_(), buf_bytes(&packed), buf_len(&packed), &out));
	assert_whole(&out);
	buf_fini(&packed);
	schema_held_fini(&held);
	return 0;
}

#define STOPS(F) F(point, stops, message_list) F(uint8_t, sizes, map)
ACRE_MSG(journey, STOPS)

TEST_TASK(a_refusal_tells_the_path)
{
	struct journey out;
	struct route route;

	assert_refused(
		READ(journey_msg_(),
		     "\x82\xa5stops\x92\x82\xa1x\x01\xa1y\x02\x82\xa1x\x01\xa1y\xa1"
		     "4\xa5sizes\x80",
		     &out),
		"journey.stops[1].y: at byte 21: expected int, got str \"4\"");
	assert_refused(READ(journey_msg_(), "\x82\xa5stops\x91\x81\xa1x\x01\xa5sizes\x80",
			    &out),
		       "journey.stops[0]: no field y");
	assert_refused(
		READ(journey_msg_(),
		     "\x81\xa5sizes\x81\xa3"
		     "big\xcd\x01\x00",
		     &out),
		"journey.sizes[\"big\"]: at byte 12: expected uint of 0 to 255, got "
		"256");
	assert_refused(READ(journey_msg_(), "\x81\xa5sizes\x81\x07\x07", &out),
		       "journey.sizes[\"\"]: at byte 8: expected str, got uint 7");
	assert_refused(READ(journey_msg_(), "\x81\xa5stops\x81\xa1x\x01", &out),
		       "journey.stops");
	assert_refused(READ(journey_msg_(), "\x81\xa5stops\xc0", &out),
		       "journey.stops[0]: at byte 7: expected array, got nil");
	assert_refused(READ(route_msg_(),
			    "\x81\xa4"
			    "from\x90",
			    &route),
		       "route.from: at byte 6: expected map, got array");
	schema_held_fini(&held);
	return 0;
}

TEST_TASK(a_list_must_come_but_a_key_in_a_nested_map_may_be_unknown)
{
	struct journey out;

	assert_refused(READ(journey_msg_(), "\x81\xa5stops\x90", &out),
		       "journey: no field sizes");
	assert_ok(READ(journey_msg_(),
		       "\x82\xa5stops\x91\x83\xa1x\x01\xa1z\x92\x01\x02\xa1y\x02\xa5sizes"
		       "\x80",
		       &out));
	assert_int_equal(out.stops[0].y, 2);
	schema_held_fini(&held);
	return 0;
}

/*
 * Messages that hold themselves, and depth
 */

TEST_TASK(a_tree_comes_back_as_it_was)
{
	const struct node leaves[] = { { .id = 2 }, { .id = 3 } };
	const struct node mid = { .id = 4, .below = leaves, .n_below = 2 };
	const struct node top = {
		.id = 1, .below = &mid, .n_below = 1, .next = &leaves[1]
	};
	struct node out;

	travel(node_msg_(), &top, &out);
	assert_int_equal(out.n_below, 1);
	assert_int_equal(out.below[0].id, 4);
	assert_int_equal(out.below[0].below[1].id, 3);
	assert_int_equal(out.next->id, 3);
	assert_null(out.next->next);
	schema_held_fini(&held);
	return 0;
}

enum { MANY = 40 };

/* A chain of n nodes. */
static const struct node *chain(struct node *nodes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		nodes[i] = (struct node){ .id = (uint32_t)i,
					  .next = i + 1 < n ? &nodes[i + 1] : NULL };
	return nodes;
}

TEST_TASK(what_is_nested_has_a_limit_of_levels_on_both_sides)
{
	const size_t most = wire_limits_default.depth - 1; /* and the list `below` */
	struct node nodes[MANY], out;
	uint8_t deep[MANY * 32], *p = deep;

	travel(node_msg_(), chain(nodes, most), &out);
	for (const struct node *n = &out; n; n = n->next)
		assert_int_equal(n->id, nodes[n->id].id);
	assert_unwritten(node_msg_(), chain(nodes, most + 1), EMSGSIZE,
			 ".below is in more than 32 levels");
	chain(nodes, most + 1); /* without an end */
	nodes[most].next = nodes;
	assert_unwritten(node_msg_(), nodes, EMSGSIZE, "is in more than 32 levels");

	for (int i = 0; i < MANY; i++) {
		memcpy(p,
		       "\x83\xa2id\x01\xa5"
		       "below\x90\xa4next",
		       17);
		p += 17;
	}
	*p++ = 0xc0;
	assert_refused(read_bytes(node_msg_(), deep, (size_t)(p - deep), &out),
		       "node.next.next");
	schema_held_fini(&held);
	return 0;
}

/*
 * Unions
 */

TEST_TASK(one_of_several_comes_back_as_it_was)
{
	struct circle circle = { 3 };
	struct shape in = { .circle = &circle }, out;
	struct buf packed;

	travel(shape_msg_(), &in, &out);
	assert_int_equal(out.circle->radius, 3);
	assert_true(!out.point && !out.word && !out.has_sides);
	in = (struct shape){ .word = "oval" };
	travel(shape_msg_(), &in, &out);
	assert_string_equal(out.word, "oval");
	assert_null(out.circle);
	in = (struct shape){ .sides = 0, .has_sides = true };
	travel(shape_msg_(), &in, &out);
	assert_true(out.has_sides && out.sides == 0 && !out.word);
	in = (struct shape){ .circle = &circle };
	assert_int_equal(pack_into(shape_msg_(), &in, &packed), 0);
	assert_int_equal(buf_len(&packed), 17);
	assert_memory_equal(buf_bytes(&packed),
			    "\x81\xa6"
			    "circle\x81\xa6radius\x03",
			    17);
	buf_fini(&packed);
	schema_held_fini(&held);
	return 0;
}

TEST_TASK(just_one_of_several_is_sent_and_taken)
{
	struct circle circle = { 3 };
	struct shape in = { 0 }, out;
	struct drawing drawing = { &in, 1 };

	assert_unwritten(shape_msg_(), &in, ACRE_ETYPE,
			 "sending: shape is one of 4, and 0 of them are there");
	in = (struct shape){ .circle = &circle, .word = "round" };
	assert_unwritten(
		drawing_msg_(), &drawing, ACRE_ETYPE,
		"sending: drawing.shapes[0] is one of 4, and 2 of them are there");
	assert_refused(READ(shape_msg_(), "\x80", &out), "shape: none of its fields");
	assert_refused(READ(shape_msg_(), "\x81\xa3new\x07", &out),
		       "shape: none of its fields");
	assert_refused(READ(shape_msg_(), "\x81\xa4word\xc0", &out),
		       "shape: none of its fields");
	assert_refused(READ(shape_msg_(), "\x82\xa4word\xa1w\xa5sides\x03", &out),
		       "shape: more than one of its fields");
	assert_refused(
		READ(shape_msg_(),
		     "\x81\xa6"
		     "circle\x81\xa6radius\xff",
		     &out),
		"shape.circle.radius: at byte 16: expected uint of 0 to 4294967295, "
		"got -1");
	schema_held_fini(&held);
	return 0;
}

/*
 * What cannot travel
 */

TEST_TASK(what_cannot_travel_is_told_with_its_path)
{
	static char wide[1024 * 1024 + 2];
	const char *texts[] = { "fine", "\xff" }, *keys[] = { "k", "\xfe" };
	struct route in = { .name = "", .tags = texts, .n_tags = 2 };
	struct journey many = { .n_stops = 65537, .stops = stops };

	assert_unwritten(route_msg_(), &in, ACRE_ETYPE,
			 "sending: route.tags[1] is not UTF-8 at byte 0");
	memset(wide, 'w', sizeof wide - 1);
	texts[1] = wide;
	assert_unwritten(
		route_msg_(), &in, EMSGSIZE,
		"sending: route.tags[1] has 1048577 bytes, and 1048576 can travel "
		"at once");
	in = (struct route){
		.name = "", .costs = costs, .costs_keys = keys, .n_costs = 2
	};
	assert_unwritten(route_msg_(), &in, ACRE_ETYPE, "sending: route.costs");
	in = (struct route){ .name = "", .costs = costs, .n_costs = 2 };
	assert_unwritten(route_msg_(), &in, ACRE_ETYPE,
			 "sending: route.costs has 2 items, and is NULL");
	in = (struct route){ .name = "", .n_stops = 1 };
	assert_unwritten(route_msg_(), &in, ACRE_ETYPE,
			 "sending: route.stops has 1 items, and is NULL");
	assert_unwritten(
		journey_msg_(), &many, EMSGSIZE,
		"sending: journey.stops has 65537 items, and 65536 can travel at "
		"once");
	return 0;
}

/*
 * Memory
 */

TEST_TASK(without_memory_nothing_is_read)
{
	struct buf packed;
	struct route out;
	uint64_t live;

	assert_int_equal(pack_into(route_msg_(), &whole, &packed), 0);
	schema_held_fini(&held);
	schema_held_init(&held);
	live = mem_live();
	assert_ok(schema_hold(&held, buf_bytes(&packed), buf_len(&packed)));
	mem_fail_at(1, true);
	assert_class(schema_read_held(route_msg_(), &held, &out, "item"),
		     ENOMEM);
	mem_fail_at(0, false);
	schema_held_fini(&held);
	assert_int_equal(mem_live(), live);
	buf_fini(&packed);
	return 0;
}

/*
 * A copy that is one's own
 */

TEST_TASK(a_value_that_is_owned_outlives_its_packed_form)
{
	const struct node leaf = { .id = 2 };
	const struct node top = { .id = 1, .below = &leaf, .n_below = 1, .next = &leaf };
	struct route out;
	struct node tree;

	travel(route_msg_(), &whole, &out);
	assert_ok(schema_own(route_msg_(), &out));
	travel(node_msg_(), &top, &tree);
	assert_ok(schema_own(node_msg_(), &tree));
	schema_held_fini(&held);
	assert_whole(&out);
	assert_int_equal(tree.below[0].id, 2);
	assert_int_equal(tree.next->id, 2);
	schema_free(route_msg_(), &out);
	assert_null(out.name);
	assert_int_equal(out.n_tags, 0);
	schema_free(route_msg_(), &out); /* again, of nothing */
	schema_free(node_msg_(), &tree);
	return 0;
}

TEST_TASK(only_what_points_elsewhere_is_borrowed)
{
	assert_false(schema_borrows(point_msg_()));
	assert_true(schema_borrows(maybe_msg_()));
	assert_true(schema_borrows(journey_msg_()));
	assert_true(schema_borrows(node_msg_()));
	assert_true(schema_borrows(shape_msg_()));
	return 0;
}
