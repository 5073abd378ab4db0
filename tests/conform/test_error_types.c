/* SPDX-License-Identifier: MIT */
/* test_error_types.c - classes of failures cross links by their names: cases C067 to C069. */
#include "conform/tree.h"

/* C070 is for one actor: tests/unit/test_class.c. */

#define FIRST_CLASS   3000
#define CHILD_ONLY    3001

static const struct acre_class_row known_to_all[] = {
	{ FIRST_CLASS, 0, "CustomAppError", "the application's own" },
};
static const struct acre_class_row known_to_child[] = {
	{ CHILD_ONLY, 0, "UnregisteredAppError", "known to who raises it" },
};

__attribute__((constructor)) static void register_everywhere(void)
{
	acre_class_register_(known_to_all, 1);
}

/* `via` more actors lie between the root and the one that fails. */
#define FAILING(F) F(int32_t, class) F(uint32_t, via)
ACRE_MSG(failing, FAILING)

static int fail_further_down(const struct failing *how);

ACRE_CONTEXT(fail_with, failing)
{
	if (in->via)
		return fail_further_down(&(struct failing){ in->class, in->via - 1 });
	if (in->class == CHILD_ONLY)
		acre_class_register_(known_to_child, 1);
	return acre_fail(in->class, "the message of class %d", in->class);
}

static int fail_further_down(const struct failing *how)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = how->via ? "relaying" : "failing");
		if (r >= 0)
			r = acre_call(a, fail_with, how, acre_nil, &nil);
	}
	return r;
}

/* Its name, its words and its place arrive, however many actors pass it on. */
static void check_story(int r, const char *name, uint32_t via)
{
	const struct acre_report *why = acre_why(r);
	char *story = acre_story(r);
	uint32_t i = 0;

	assert_string_equal(why->name, name);
	assert_text_has(why->message, "the message of class");
	assert_string_equal(why->actor, "failing");
	assert_text_has(why->file, "test_error_types.c");
	assert_text_has(story, name);
	assert_text_has(story, "the message of class");
	assert_text_has(story, "backtrace:");
	for (; why->hops[i]; i++)
		assert_string_equal(why->hops[i], i ? "relaying" : "failing");
	assert_int_equal(i, via + 1);
	free(story);
}

static void crosses_as_itself(int class)
{
	for (uint32_t via = 0; via < 3; via += 2) {
		int r = fail_further_down(&(struct failing){ class, via });

		assert_remote(r, class);
		assert_int_equal(acre_code(r), class);
		check_story(r, acre_class_name(class), via);
	}
}

ACRE_CONTEXT(return_bare, acre_int, .kind = ACRE_ENDPOINT_ONESHOT)
{
	(void)ctx;
	return (int)in->value;
}

/* Nobody knows it, so it can only be read; and is, however far it goes. */
TEST_TREE(the_number_of_an_unknown_class_arrives_in_words)
{
	int r;

	for (uint32_t via = 0; via < 3; via += 2) {
		r = fail_further_down(&(struct failing){ ACRE_CLASS_MAX, via });
		assert_remote(r, ACRE_ENAMED);
		check_story(r, "<unknown class 4095>", via);
	}
	return 0;
}

TEST_TREE(a_bare_number_that_is_no_failure_of_ours_arrives_in_words)
{
	static const struct {
		int r;
		const char *name, *number;
	} rows[] = {
		{ INT32_MIN, "<unknown class 0>", "-2147483648" },
		{ -2000000000, "<unknown class 1024>", "-2000000000" },
	};
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "failing");
		assert_ok(r);
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
			struct acre_int number = { rows[i].r };

			r = acre_call(a, return_bare, &number, acre_nil, &nil);
			assert_true(acre_is(r, ACRE_EREMOTE));
			assert_string_equal(acre_why(r)->name, rows[i].name);
			assert_text_has(acre_why(r)->message, rows[i].number);
		}
		r = 0;
	}
	return r;
}

TEST_TREE(c067_registered_class)
{
	crosses_as_itself(FIRST_CLASS);
	return 0;
}

TEST_TREE(c068_second_registered_class)
{
	crosses_as_itself(T_NAME);
	return 0;
}

/* A thread's classes are those of its process. */
TEST_TREE(c069_unregistered_class)
{
	int expected = backend_makes_threads() ? CHILD_ONLY : ACRE_ENAMED;

	for (uint32_t via = 0; via < 3; via += 2) {
		int r = fail_further_down(&(struct failing){ CHILD_ONLY, via });

		assert_remote(r, expected);
		check_story(r, "UnregisteredAppError", via);
	}
	return 0;
}
