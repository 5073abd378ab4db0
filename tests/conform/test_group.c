/* SPDX-License-Identifier: MIT */
/* test_group.c - what the failures of several actors become at the root: cases C022 to C024, G9. */
#include "conform/tree.h"

#include <stdio.h>

TEST_TREE(c022_remote_error_fells_the_nursery)
{
	struct acre_actor *a;
	int called = 0, r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "errorer");
		assert_ok(r);
		r = called = acre_call(a, fails_with_assert, &(struct acre_int){ 0 },
				       acre_nil, &nil);
		assert_remote(called, T_ASSERT);
		assert_string_equal(acre_why(called)->actor, "errorer");
	}
	assert_remote(r, T_ASSERT);
	return 0;
}

/*
 * Failures that come at once are all members of the group, since none of them was
 * cancelled: each task holds its own back until all have theirs.
 */

struct errorers {
	struct acre_event all_failed;
	int left;
};

struct errorer {
	struct errorers *all;
	struct acre_actor *actor; /* NULL: one of its own */
	int number;
	int64_t after_ms;
	bool succeeds;
};

static int call_or_make(struct errorer *e)
{
	struct acre_int after = { e->after_ms }, v;
	char name[32];

	if (e->actor)
		return acre_call(e->actor, fails_with_assert, &after, acre_nil, &nil);
	snprintf(name, sizeof name, "errorer_%d", e->number);
	if (e->succeeds)
		return acre_oneshot(ten, &nil, acre_int, &v, .spawn = { .name = name });
	return acre_oneshot(fails_with_assert, &after, acre_nil, &nil,
			    .spawn = { .name = name });
}

ACRE_TASK(fail_with_the_others, struct errorer *e)
{
	int waited, r = call_or_make(e);

	assert_remote(r, T_ASSERT);
	if (--e->all->left == 0)
		acre_event_set(&e->all->all_failed);
	waited = acre_event_wait(&e->all->all_failed);
	assert_ok(waited);
	return r;
}

static int fail_together(struct errorer *errorers, int n_errorers)
{
	struct errorers all = { .left = n_errorers };
	int r = 0;

	acre_event_init(&all.all_failed);
	ACRE_NURSERY(n, r)
		for (int i = 0; i < n_errorers && r >= 0; i++) {
			errorers[i].all = &all;
			errorers[i].number = i;
			r = acre_go(&n, fail_with_the_others, &errorers[i]);
		}
	return r;
}

TEST_TREE(c023_two_errorers_make_a_group)
{
	struct errorer two[2] = { { .after_ms = 0 }, { .after_ms = 0 } };
	int r = 0;

	ACRE_NURSERY(n, r) {
		for (int i = 0; i < 2 && r >= 0; i++)
			r = acre_spawn(&n, &two[i].actor, .name = "errorer");
		assert_ok(r);
		r = fail_together(two, 2);
	}
	assert_int_equal(acre_code(r), ACRE_EGROUP);
	assert_int_equal(acre_count(r), 2);
	assert_remote(r, T_ASSERT);
	return 0;
}

/* The group holds every failure: those that it keeps are all different, the others are counted. */
static void holds_all_errorers(int r, uint32_t n)
{
	const struct acre_report *group = acre_why(r);

	assert_int_equal(acre_code(r), ACRE_EGROUP);
	assert_int_equal(acre_count(r), n);
	assert_int_equal(group->n_members + group->n_more, n);
	assert_true(acre_has(r, T_ASSERT) && acre_has(r, ACRE_EREMOTE));
	for (uint32_t i = 0; i < group->n_members; i++) {
		assert_int_equal(group->members[i]->code, T_ASSERT);
		assert_true(group->members[i]->remote);
		assert_text_has(group->members[i]->actor, "errorer_");
		for (uint32_t k = 0; k < i; k++)
			assert_string_not_equal(group->members[i]->actor,
						group->members[k]->actor);
	}
}

#define MANY 25

TEST_TREE(c024_twenty_five_errorers)
{
	for (int64_t after_ms = 0; after_ms <= 500; after_ms += 500) {
		struct errorer many[MANY] = { { .after_ms = 0 } };
		acre_instant begun = acre_now();
		int r;

		for (int i = 0; i < MANY; i++)
			many[i].after_ms = after_ms;
		r = fail_together(many, MANY);
		holds_all_errorers(r, MANY);
		assert_int_equal(acre_children(NULL, 0), 0);
		assert_true(seconds_since(begun) < 30);
	}
	return 0;
}

ACRE_TASK(fail_alone, struct errorer *e)
{
	int r = call_or_make(e);

	return r < 0 ? r : 0;
}

TEST_TREE(c024_errorers_among_twenty_five_one_shots)
{
	static const int n_errorers[] = { 1, 5, MANY };

	actors_are_killed();
	for (size_t k = 0; k < sizeof n_errorers / sizeof *n_errorers; k++) {
		struct errorer many[MANY];
		int r = 0;

		ACRE_NURSERY(n, r)
			for (int i = 0; i < MANY && r >= 0; i++) {
				many[i] = (struct errorer){ .number = i };
				many[i].succeeds = i >= n_errorers[k];
				r = acre_go(&n, fail_alone, &many[i]);
			}
		/* the others were cancelled, most of them while they were being spawned */
		assert_true(acre_has(r, T_ASSERT));
		assert_in_range(acre_count(r), 1, n_errorers[k]);
		assert_int_equal(acre_children(NULL, 0), 0);
	}
	return 0;
}

/*
 * G9: a group crosses a link with all its members, and with where each was raised.
 */

struct leaf {
	int number;
};

ACRE_TASK(fail_as_leaf, struct leaf *leaf)
{
	return acre_fail(T_VALUE, "leaf %d of %s", leaf->number, acre_self_name());
}

/* Fails with a group of that many local failures, all of them made in one round. */
ACRE_CONTEXT(fail_below, acre_int)
{
	struct leaf leaves[20];
	int r = 0;

	ACRE_NURSERY(n, r)
		for (int i = 0; i < in->value && r >= 0; i++) {
			leaves[i].number = i;
			r = acre_go(&n, fail_as_leaf, &leaves[i]);
		}
	return r;
}

static void holds_all_leaves(int r, const char *actor, uint32_t n)
{
	const struct acre_report *group = acre_why(r);
	char *story = acre_story(r);

	assert_text_has(story, "backtrace:"); /* taken there, by modules; told here */
	free(story);
	assert_int_equal(group->code, ACRE_EGROUP);
	assert_true(group->remote);
	assert_string_equal(group->actor, actor);
	assert_int_equal(group->n_members + group->n_more, n);
	assert_true(group->n_members >= 3);
	for (uint32_t i = 0; i < group->n_members; i++) {
		const struct acre_report *leaf = group->members[i];

		assert_int_equal(leaf->code, T_VALUE);
		assert_text_has(leaf->message, actor);
		assert_text_has(leaf->file, "test_group.c");
		for (uint32_t k = 0; k < i; k++)
			assert_string_not_equal(leaf->message,
						group->members[k]->message);
	}
}

TEST_TREE(g9_the_report_at_the_root_holds_every_failure)
{
	static const int64_t n_leaves[] = { 3, 20 };

	for (size_t i = 0; i < sizeof n_leaves / sizeof *n_leaves; i++) {
		struct acre_int below = { n_leaves[i] };
		int r = acre_oneshot(fail_below, &below, acre_nil, &nil,
				     .spawn = { .name = "branch" });

		assert_int_equal(acre_count(r), n_leaves[i]);
		holds_all_leaves(r, "branch", (uint32_t)n_leaves[i]);
	}
	return 0;
}
