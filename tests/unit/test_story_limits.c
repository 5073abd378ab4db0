/* SPDX-License-Identifier: MIT */
/* test_story_limits.c - stories that are too long, broken, or told without memory. */
#include <string.h>

#include "actor/story.h"
#include "base/mem.h"
#include "base/util.h"
#include "lib/test.h"
#include "unit/carrier.h"

#define ERROR_MAX (16 * 1024)
#define LONG_LEN  6000

/* Begins with "begin" and ends with "end". */
static const char *long_text(void)
{
	static char text[LONG_LEN + 1];

	memset(text, 'x', LONG_LEN);
	memcpy(text, "begin", 5);
	memcpy(text + LONG_LEN - 3, "end", 3);
	return text;
}

static struct report *talkative(int code)
{
	struct report *rep = report_with(code, long_text());

	for (int i = 0; i < 5; i++)
		acre_ignore(report_add_note(rep, "a note", __FILE__, 1, "root/task"));
	set(rep, &report_public(rep)->trace, long_text());
	return rep;
}

static uint32_t count_nodes(const struct acre_report *why)
{
	struct report_walk w;
	uint32_t n = 0;

	report_walk_begin(&w, why);
	while (report_walk_next(&w))
		n++;
	return n;
}

/* The codes of all reports, and on which level each is. */
static uint64_t shape_of(const struct acre_report *why)
{
	struct report_walk w;
	uint64_t shape = 0;

	report_walk_begin(&w, why);
	while ((why = report_walk_next(&w)))
		shape = shape * 1000003 + (uint64_t)why->code * 100 + w.depth;
	return shape;
}

/* 8 groups of 31 in the form 1 + 6 * 5, below a first one: 249 reports. */
static struct report *large_tree(void)
{
	struct report *all = talkative(ACRE_EGROUP), *group, *inner;

	for (int i = 0; i < 8; i++) {
		group = talkative(ACRE_EGROUP);
		for (int k = 0; k < 6; k++) {
			inner = talkative(1 + (i * 6 + k) % 40);
			for (int m = 0; m < 4; m++)
				report_add_member(inner, talkative(ENOENT));
			report_add_member(group, inner);
		}
		report_add_member(all, group);
	}
	return all;
}

TEST(a_long_story_is_cut_to_the_limit_and_keeps_both_ends_of_its_texts)
{
	struct report *rep = talkative(EIO), *came;
	struct msg m;

	be("child", CHILD_UUID);
	for (int has_tree = 0; has_tree < 2; has_tree++) {
		open_peer(has_tree ? ALL_FEATURES : 0);
		m = write_error(rep);
		came = story_read(&m.error, "child");

		assert_in_range(buf_len(&peer.link.data), ERROR_MAX / 4, ERROR_MAX);
		assert_memory_equal(report_public(came)->message, "begin", 5);
		assert_text_has(report_public(came)->message, "xx [...] xx");
		assert_string_equal(
			strchr(report_public(came)->message, ']') + 2 +
				strspn(strchr(report_public(came)->message, ']') + 2,
				       "x"),
			"end");
		report_unref(came);
		close_peer();
	}
	report_unref(rep);
}

TEST(a_large_tree_is_cut_to_the_limit_and_keeps_all_its_classes)
{
	struct report *rep = large_tree(), *came;
	struct msg m;

	be("child", CHILD_UUID);
	open_peer(ALL_FEATURES);
	m = write_error(rep);
	came = story_read(&m.error, "child");

	assert_int_equal(rep->n_nodes, 249);
	assert_in_range(buf_len(&peer.link.data), ERROR_MAX / 2, ERROR_MAX);
	assert_int_equal(count_nodes(report_public(came)), 249);
	assert_int_equal(shape_of(report_public(came)), shape_of(report_public(rep)));
	report_unref(came);
	report_unref(rep);
	close_peer();
}

/* The worst there can be: every name as long as it may be, and the most reports. */
TEST(the_largest_tree_over_the_longest_way_is_cut_to_the_limit)
{
	struct report *rep = large_tree(), *came;
	char name[ACTOR_NAME_MAX];
	struct msg m;

	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	for (int i = 0; i < 7; i++)
		report_add_member(rep, talkative(EPIPE)); /* counted: it has eight */
	for (int i = 0; i < REPORT_HOPS_MAX; i++)
		assert_ok(report_add_hop(rep, name, CHILD_UUID));
	set(rep, &report_public(rep)->actor, name);
	set(rep, &report_public(rep)->canceller, name);
	set(rep, &report_public(rep)->canceller_uuid, ROOT_UUID);
	be(name, CHILD_UUID);
	open_peer(ALL_FEATURES);
	m = write_error(rep);
	came = story_read(&m.error, "child");

	assert_true(buf_len(&peer.link.data) <= ERROR_MAX);
	assert_int_equal(shape_of(report_public(came)), shape_of(report_public(rep)));
	assert_int_equal(report_count(report_public(came)),
			 report_count(report_public(rep)));
	assert_string_equal(report_public(came)->hops[REPORT_HOPS_MAX - 1], name);
	assert_null(report_public(came)->hops[REPORT_HOPS_MAX]);
	report_unref(came);
	report_unref(rep);
	close_peer();
}

TEST(a_chain_of_causes_keeps_its_depth)
{
	struct report *rep = report_with(ENOENT, "the last cause"), *outer;
	const struct acre_report *why;

	for (int i = 1; i < REPORT_DEPTH_MAX; i++) {
		outer = report_with(ACRE_EREMOTE, "one more");
		report_add_member(outer, rep);
		rep = outer;
	}
	be("child", CHILD_UUID);
	open_peer(ALL_FEATURES);
	rep = carry(rep);

	why = report_public(rep);
	for (int i = 1; i < REPORT_DEPTH_MAX; i++)
		why = why->members[0];
	assert_string_equal(why->message, "the last cause");
	report_unref(rep);
	close_peer();
}

TEST(bytes_that_are_no_text_become_question_marks)
{
	struct report *rep = report_new(EINVAL), *came;

	report_public(rep)->message = "caf\xe9 \xc3\xa9 \xff";
	report_public(rep)->task = "\xc3";
	be("child", CHILD_UUID);
	open_peer(ALL_FEATURES);
	came = carry(report_ref(rep));

	assert_string_equal(report_public(came)->message, "caf? \xc3\xa9 ?");
	came = carry_plainly(came);
	assert_string_equal(report_public(came)->message, "caf? \xc3\xa9 ?");
	report_unref(came);
	report_unref(rep);
	close_peer();
}

TEST(a_text_is_not_cut_within_a_character)
{
	static char text[REPORT_TEXT_MAX];
	struct buf b;
	struct slice s;

	for (size_t i = 0; i + 2 < sizeof text; i += 2)
		memcpy(text + i, "\xc3\xa9", 2);
	for (size_t max = 16; max < 40; max++) {
		buf_init(&b, 1024);
		s = story_append_text(&b, text, max);
		assert_true(s.len <= max);
		assert_null(memchr(s.p, '?', s.len));
		buf_fini(&b);
	}
}

/*
 * Without memory.
 */

TEST(a_failure_without_a_report_arrives_as_one_of_memory)
{
	struct report *rep;

	be("child", CHILD_UUID);
	open_peer(ALL_FEATURES);
	rep = carry(NULL);

	assert_int_equal(report_public(rep)->code, ENOMEM);
	assert_string_equal(report_public(rep)->actor, "child");
	assert_string_equal(report_public(rep)->hops[0], "child");
	report_unref(rep);
	close_peer();
}

static struct report *group_of_two(void)
{
	struct report *rep = report_with(ACRE_EGROUP, "2 failures");

	report_add_member(rep, report_with(EIO, "a disk"));
	report_add_member(rep, report_take(acre_fail(ACRE_ETOOSLOW, "a door")));
	return rep;
}

TEST(whatever_allocation_fails_the_class_arrives)
{
	struct report *rep = group_of_two(), *came;
	uint64_t before, n_calls;
	struct msg m;

	be("child", CHILD_UUID);
	open_peer(ALL_FEATURES);
	assert_ok(buf_reserve(&peer.link.data, 2 * ERROR_MAX));
	before = mem_calls();
	write_error(rep);
	n_calls = mem_calls() - before;
	assert_true(n_calls > 3);
	for (uint64_t nth = 1; nth <= n_calls; nth++)
		for (int for_ever = 0; for_ever < 2; for_ever++) {
			mem_fail_at(nth, for_ever);
			m = write_error(rep);
			mem_fail_at(0, false);
			came = story_read(&m.error, "child");
			assert_int_equal(report_public(came)->code, ACRE_EGROUP);
			assert_string_equal(report_public(came)->actor, "child");
			report_unref(came);
		}
	assert_int_equal(closed_with, 0);
	report_unref(rep);
	close_peer();
	report_thread_fini();
}

TEST(an_answer_that_cannot_be_queued_closes_the_link)
{
	struct report *rep = report_with(EIO, "a disk");

	be("child", CHILD_UUID);
	open_peer(ALL_FEATURES);
	mem_fail_at(1, true);
	assert_class(story_write(&peer, slice_of("cid"), rep), ENOMEM);
	mem_fail_at(0, false);

	assert_true(peer.link.closed);
	assert_class(closed_with, ENOMEM);
	report_unref(rep);
	close_peer();
	report_thread_fini();
}

TEST(a_link_that_is_being_finished_is_not_cut)
{
	struct report *rep = report_with(EIO, "a disk");

	be("child", CHILD_UUID);
	open_peer(ALL_FEATURES);
	peer.link.finishing = true;

	assert_class(story_write(&peer, slice_of("cid"), rep), ACRE_ECLOSED);
	assert_false(peer.link.closed);
	report_unref(rep);
	close_peer();
	report_thread_fini();
}

TEST(whatever_allocation_fails_what_is_read_is_whole_or_nothing)
{
	struct report *rep = group_of_two(), *came;
	uint64_t before, n_calls;
	struct msg m;

	be("child", CHILD_UUID);
	open_peer(ALL_FEATURES);
	m = write_error(rep);
	before = mem_calls();
	report_unref(story_read(&m.error, "child"));
	n_calls = mem_calls() - before;
	assert_true(n_calls >= 3);
	for (uint64_t nth = 1; nth <= n_calls; nth++)
		for (int for_ever = 0; for_ever < 2; for_ever++) {
			mem_fail_at(nth, for_ever);
			came = story_read(&m.error, "child");
			mem_fail_at(0, false);
			assert_true(!came || report_public(came)->code == ACRE_EGROUP);
			report_unref(came);
		}
	report_unref(rep);
	close_peer();
	report_thread_fini();
}

/*
 * Maps that a peer should not have sent.
 */

/* Reads an Error of class EPIPE in its plain fields and of this map. */
static struct report *read_map(const struct buf *map, size_t len)
{
	struct msg_error e = {
		.src_uid = { slice_of("child"), slice_of(CHILD_UUID) },
		.src_type = slice_of("BrokenPipeError"),
		.boxed_type = slice_of("BrokenPipeError"),
		.relay_path = { "\x90", 1 },
		.message = slice_of("plain"),
		.acre = { (const char *)buf_bytes(map), len },
	};
	struct report *rep = story_read(&e, "child");

	assert_non_null(rep);
	return rep;
}

TEST(a_broken_map_gives_way_to_the_plain_fields)
{
	struct report *rep = group_of_two();
	uint8_t *bytes, kept;
	struct buf map;

	be("child", CHILD_UUID);
	buf_init(&map, ERROR_MAX);
	assert_ok(story_tree_write(&map, rep, ERROR_MAX));
	report_unref(rep);
	for (size_t len = 0; len < buf_len(&map); len++) {
		rep = read_map(&map, len);
		assert_int_equal(report_public(rep)->code, EPIPE);
		report_unref(rep);
	}
	bytes = buf_bytes(&map);
	for (size_t i = 0; i < buf_len(&map); i++) {
		kept = bytes[i];
		bytes[i] = 0xc1; /* no byte of msgpack; within a text no UTF-8 */
		rep = read_map(&map, buf_len(&map));
		assert_true(report_public(rep)->code == EPIPE ||
			    report_public(rep)->code == ACRE_EGROUP);
		report_unref(rep);
		bytes[i] = kept;
	}
	buf_fini(&map);
	report_thread_fini();
}

TEST(a_failure_that_names_nobody_is_of_the_peer_that_sent_it)
{
	static const char *const paths[] = { "\x90", "\xa1x", "\x91\x91\xa1x" };
	struct msg_error e = {
		.src_uid = { slice_of(""), slice_of("") },
		.src_type = slice_of("TransportClosed"),
		.boxed_type = slice_of("TransportClosed"),
		.message = slice_of("a second Aid"),
	};
	struct report *rep;

	for (size_t i = 0; i < ARRAY_N(paths); i++) {
		e.relay_path = slice_of(paths[i]);
		rep = story_read(&e, "child");

		assert_int_equal(report_public(rep)->code, ACRE_ECLOSED);
		assert_string_equal(report_public(rep)->actor, "child");
		assert_string_equal(report_public(rep)->hops[0], "child");
		assert_null(report_public(rep)->hops[1]);
		report_unref(rep);
	}
}

static void begin_map(struct pack_writer *w, struct buf *map, size_t n)
{
	buf_init(map, ERROR_MAX);
	pack_writer_init(w, map, &wire_limits_default);
	pack_map(w, n);
	pack_cstr(w, "class");
	pack_u64(w, ACRE_EGROUP);
}

static struct report *end_map(struct pack_writer *w, struct buf *map)
{
	struct report *rep;

	assert_int_equal(pack_writer_result(w), 0);
	rep = read_map(map, buf_len(map));
	buf_fini(map);
	return rep;
}

static void pack_node(struct pack_writer *w, uint32_t up)
{
	pack_map(w, 2);
	pack_cstr(w, "class");
	pack_u64(w, EIO);
	pack_cstr(w, "up");
	pack_u64(w, up);
}

TEST(reports_beyond_the_limits_are_counted)
{
	struct pack_writer w;
	struct report *rep;
	struct buf map;

	begin_map(&w, &map, 2);
	pack_cstr(&w, "nodes");
	pack_array(&w, 300);
	for (uint32_t i = 0; i < 300; i++)
		pack_node(&w, 0);
	rep = end_map(&w, &map);

	assert_int_equal(report_public(rep)->n_members, REPORT_MEMBERS_MAX);
	assert_int_equal(report_count(report_public(rep)), 300);
	report_unref(rep);
}

TEST(a_report_above_its_parent_hangs_from_the_first_one)
{
	struct pack_writer w;
	struct report *rep;
	struct buf map;

	begin_map(&w, &map, 2);
	pack_cstr(&w, "nodes");
	pack_array(&w, 3);
	pack_node(&w, 3);
	pack_node(&w, 2);
	pack_node(&w, 4000000000);
	rep = end_map(&w, &map);

	assert_int_equal(report_public(rep)->n_members, 3);
	report_unref(rep);
}

TEST(unknown_keys_are_skipped)
{
	struct pack_writer w;
	struct report *rep;
	struct buf map;

	begin_map(&w, &map, 3);
	pack_cstr(&w, "colour");
	pack_array(&w, 1);
	pack_nil(&w);
	pack_cstr(&w, "msg");
	pack_cstr(&w, "known");
	rep = end_map(&w, &map);

	assert_int_equal(report_public(rep)->code, ACRE_EGROUP);
	assert_string_equal(report_public(rep)->message, "known");
	report_unref(rep);
}

TEST(a_number_that_is_no_class_here_gives_way_to_the_name)
{
	static const uint32_t numbers[] = { 0, 700, 1500, 4000, 70000, UINT32_MAX };
	struct pack_writer w;
	struct report *rep;
	struct buf map;

	for (size_t i = 0; i < ARRAY_N(numbers); i++) {
		buf_init(&map, ERROR_MAX);
		pack_writer_init(&w, &map, &wire_limits_default);
		pack_map(&w, 2);
		pack_cstr(&w, "class");
		pack_u64(&w, numbers[i]);
		pack_cstr(&w, "name");
		pack_cstr(&w, "E_OF_THE_FUTURE");
		rep = end_map(&w, &map);

		assert_int_equal(report_public(rep)->code, ACRE_ENAMED);
		assert_string_equal(report_public(rep)->name, "E_OF_THE_FUTURE");
		report_unref(rep);
	}
}

TEST(a_backtrace_that_points_outside_its_modules_breaks_the_map)
{
	struct pack_writer w;
	struct report *rep;
	struct buf map;

	begin_map(&w, &map, 3);
	pack_cstr(&w, "bt");
	pack_array(&w, 1);
	pack_array(&w, 2);
	pack_u64(&w, 1);
	pack_u64(&w, 0x1000);
	pack_cstr(&w, "mods");
	pack_array(&w, 1);
	pack_array(&w, 2);
	pack_cstr(&w, "/bin/true");
	pack_bin(&w, "id", 2);
	rep = end_map(&w, &map);

	assert_int_equal(report_public(rep)->code, EPIPE);
	report_unref(rep);
}
