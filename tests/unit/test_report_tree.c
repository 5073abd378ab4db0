/* SPDX-License-Identifier: MIT */
/* test_report_tree.c - groups and causes, their limits, and walking them. */
#include "core/report.h"

#include <string.h>

#include "base/mem.h"
#include "lib/test.h"

static struct report *report_with(int code, struct report *a, struct report *b)
{
	struct report *rep = report_new(code);

	assert_non_null(rep);
	if (a)
		report_add_member(rep, a);
	if (b)
		report_add_member(rep, b);
	return rep;
}

static struct report *leaf(int code)
{
	return report_with(code, NULL, NULL);
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

/* The codes of all reports in the order of the walk, with the depth of each. */
static const char *walked(const struct acre_report *why)
{
	static char text[256];
	struct report_walk w;
	size_t len = 0;

	report_walk_begin(&w, why);
	while ((why = report_walk_next(&w)))
		len += (size_t)snprintf(text + len, sizeof text - len, "%u:%s ", w.depth,
					why->name);
	return text;
}

TEST(a_walk_visits_parents_first)
{
	struct report *inner = report_with(ACRE_EGROUP, leaf(EIO), leaf(EPIPE));
	struct report *rep = report_with(ACRE_EGROUP, inner, leaf(ENOENT));

	assert_string_equal(walked(report_public(rep)),
			    "0:ACRE_EGROUP 1:ACRE_EGROUP 2:EIO 2:EPIPE 1:ENOENT ");
	report_unref(rep);
}

TEST(a_walk_can_leave_out_members)
{
	struct report *inner = report_with(ACRE_EGROUP, leaf(EIO), leaf(EPIPE));
	struct report *rep = report_with(ACRE_EGROUP, inner, leaf(ENOENT));
	struct report_walk w;

	report_walk_begin(&w, report_public(rep));
	report_walk_next(&w);
	assert_ptr_equal(report_walk_next(&w), report_public(inner));
	report_walk_skip(&w);

	assert_int_equal(report_walk_next(&w)->code, ENOENT);
	assert_null(report_walk_next(&w));
	report_unref(rep);
}

TEST(the_cause_of_a_failure_is_not_its_class)
{
	struct report *rep = report_with(ACRE_EBOOT, leaf(ENOENT), NULL);

	assert_true(report_is(report_public(rep), ACRE_EBOOT));
	assert_false(report_is(report_public(rep), ENOENT));
	assert_true(report_has(report_public(rep), ENOENT));
	assert_int_equal(report_count(report_public(rep)), 1);
	report_unref(rep);
}

TEST(what_only_says_remote_is_what_it_wraps)
{
	struct report *rep = report_with(ACRE_EREMOTE, leaf(ENOENT), NULL);

	assert_true(report_is(report_public(rep), ENOENT));
	assert_true(report_is(report_public(rep), ACRE_EREMOTE));
	assert_false(report_is(report_public(rep), EIO));
	assert_int_equal(report_count(report_public(rep)), 1);
	report_unref(rep);
}

TEST(a_group_without_members_may_hold_anything)
{
	struct report *rep = report_with(ACRE_EGROUP, leaf(ACRE_EGROUP), leaf(ENOENT));

	assert_false(report_is(report_public(rep), ENOENT));
	assert_int_equal(report_count(report_public(rep)), 2);
	report_unref(rep);
}

TEST(lost_members_of_an_inner_group_count)
{
	struct report *inner = leaf(ACRE_EGROUP), *rep;

	report_public(inner)->n_more = 4;
	report_add_member(inner, leaf(ENOENT));
	rep = report_with(ACRE_EGROUP, inner, leaf(ENOENT));

	assert_false(report_is(report_public(rep), ENOENT));
	assert_int_equal(report_count(report_public(rep)), 6);
	report_unref(rep);
}

TEST(a_count_does_not_overflow)
{
	struct report *inner = leaf(ACRE_EGROUP), *rep;

	report_public(inner)->n_more = UINT32_MAX;
	rep = report_with(ACRE_EGROUP, inner, leaf(ENOENT));

	assert_int_equal(report_count(report_public(rep)), UINT32_MAX);
	report_unref(rep);
}

TEST(a_ninth_member_is_counted)
{
	struct report *rep = leaf(ACRE_EGROUP);

	for (int i = 0; i < REPORT_MEMBERS_MAX; i++)
		report_add_member(rep, leaf(ENOENT));
	assert_int_equal(report_public(rep)->n_more, 0);
	report_add_member(rep, report_with(ACRE_EGROUP, leaf(EIO), leaf(EIO)));

	assert_int_equal(report_public(rep)->n_members, REPORT_MEMBERS_MAX);
	assert_int_equal(report_public(rep)->n_more, 2);
	report_unref(rep);
}

TEST(sixteen_levels_are_kept_and_more_are_counted)
{
	struct report *rep = leaf(ENOENT);
	uint64_t before = mem_live() - 1;

	for (int i = 1; i < REPORT_DEPTH_MAX; i++)
		rep = report_with(ACRE_EGROUP, rep, leaf(ENOENT));
	assert_int_equal(count_nodes(report_public(rep)), 2 * REPORT_DEPTH_MAX - 1);
	assert_int_equal(report_count(report_public(rep)), REPORT_DEPTH_MAX);
	assert_true(report_is(report_public(rep), ENOENT));
	rep = report_with(ACRE_EGROUP, rep, leaf(ENOENT));

	assert_int_equal(count_nodes(report_public(rep)), 2);
	assert_int_equal(report_count(report_public(rep)), REPORT_DEPTH_MAX + 1);
	assert_false(report_is(report_public(rep), ENOENT));
	report_unref(rep);
	assert_int_equal(mem_live(), before);
}

/* 1 + 8 + 8 x 8 = 73 reports */
static struct report *bush(void)
{
	struct report *rep = leaf(ACRE_EGROUP), *branch;

	for (int i = 0; i < REPORT_MEMBERS_MAX; i++) {
		branch = leaf(ACRE_EGROUP);
		for (int k = 0; k < REPORT_MEMBERS_MAX; k++)
			report_add_member(branch, leaf(ENOENT));
		report_add_member(rep, branch);
	}
	return rep;
}

TEST(a_tree_has_at_most_256_reports)
{
	struct report *rep = leaf(ACRE_EGROUP);

	for (int i = 0; i < 5; i++)
		report_add_member(rep, bush());

	assert_int_equal(count_nodes(report_public(rep)), 1 + 3 * 73);
	assert_int_equal(report_count(report_public(rep)), 5 * 64);
	report_unref(rep);
}

TEST(a_tree_is_made_of_a_flat_list)
{
	struct report *nodes[] = { leaf(ACRE_EGROUP), leaf(ACRE_EGROUP), leaf(EIO),
				   leaf(EPIPE), leaf(ENOENT) };
	uint32_t up[] = { 0, 0, 1, 0, 1 };
	struct report *rep = report_tree(nodes, up, 5);

	assert_string_equal(walked(report_public(rep)),
			    "0:ACRE_EGROUP 1:ACRE_EGROUP 2:EIO 2:ENOENT 1:EPIPE ");
	report_unref(rep);
}

TEST(a_node_whose_parent_makes_no_sense_hangs_from_the_root)
{
	struct report *nodes[] = { leaf(ACRE_EGROUP), leaf(EIO), leaf(EPIPE), leaf(ENOENT) };
	uint32_t up[] = { 7, 2, 1, UINT32_MAX };
	struct report *rep = report_tree(nodes, up, 4);

	assert_string_equal(walked(report_public(rep)),
			    "0:ACRE_EGROUP 1:EIO 2:EPIPE 1:ENOENT ");
	report_unref(rep);
}

TEST(a_chain_longer_than_the_limit_loses_no_failure)
{
	struct report *nodes[100];
	uint32_t up[100];

	for (uint32_t i = 0; i < 100; i++) {
		nodes[i] = leaf(ACRE_EGROUP);
		report_public(nodes[i])->n_more = 1;
		up[i] = i ? i - 1 : 0;
	}
	nodes[0] = report_tree(nodes, up, 100);

	assert_int_equal(report_count(report_public(nodes[0])), 100);
	report_unref(nodes[0]);
}

TEST(a_member_outlives_one_of_two_trees)
{
	struct report *shared = leaf(ENOENT);
	struct report *a = report_with(ACRE_EGROUP, report_ref(shared), leaf(EIO));
	struct report *b = report_with(ACRE_EGROUP, shared, leaf(EIO));

	report_unref(a);

	assert_int_equal(report_public(b)->members[0]->code, ENOENT);
	report_unref(b);
}

TEST_FAILS(a_member_that_gets_a_member_is_a_bug, "after it has become one itself")
{
	struct report *member = leaf(ACRE_EGROUP);

	report_with(ACRE_EGROUP, member, NULL);
	report_add_member(member, leaf(EIO));
}
