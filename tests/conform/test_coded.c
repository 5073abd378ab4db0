/* SPDX-License-Identifier: MIT */
/* test_coded.c - types of the program's own cross by their hooks: case C098. */
#include "conform/tree.h"

/*
 * A reference to a function: it travels as "mod:func", and is found again at the other side.
 */

struct func_ref {
	int64_t (*fn)(int64_t);
};

/* The same, of a program that lacks one hook or the other. */
struct func_unsendable {
	int64_t (*fn)(int64_t);
};

struct func_unreadable {
	int64_t (*fn)(int64_t);
};

static int64_t twice(int64_t i)
{
	return 2 * i;
}

static int64_t next(int64_t i)
{
	return i + 1;
}

static int64_t nameless(int64_t i)
{
	return i;
}

static const struct {
	const char *name;
	int64_t (*fn)(int64_t);
} known[] = { { "test_coded:twice", twice }, { "test_coded:next", next } };

static int name_of(int64_t (*fn)(int64_t), struct acre_text *ret)
{
	for (size_t i = 0; i < 2; i++)
		if (known[i].fn == fn) {
			ret->value = known[i].name;
			return 0;
		}
	return acre_fail(T_NAME, "a function without a name");
}

static int encode_ref(const struct func_ref *ref, struct acre_text *ret)
{
	return name_of(ref->fn, ret);
}

static int encode_unreadable(const struct func_unreadable *ref, struct acre_text *ret)
{
	return name_of(ref->fn, ret);
}

static int function_of(const char *name, int64_t (**ret)(int64_t))
{
	for (size_t i = 0; i < 2; i++)
		if (!strcmp(known[i].name, name)) {
			*ret = known[i].fn;
			return 0;
		}
	return acre_fail(T_NAME, "no function %s here", name);
}

static int decode_ref(const struct acre_text *came, struct func_ref *ret)
{
	return function_of(came->value, &ret->fn);
}

static int decode_unsendable(const struct acre_text *came, struct func_unsendable *ret)
{
	return function_of(came->value, &ret->fn);
}

ACRE_CODED(func_ref, acre_text, encode_ref, decode_ref)
ACRE_CODED(func_unsendable, acre_text, NULL, decode_unsendable)
ACRE_CODED(func_unreadable, acre_text, encode_unreadable, NULL)

#define STEPS(F) \
	F(int64_t, from) F(func_ref, first, message) F(func_ref, more, message_list)
ACRE_MSG(steps, STEPS)

ACRE_CONTEXT(apply, func_ref, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return acre_return(ctx, acre_int, .value = in->fn(21));
}

ACRE_CONTEXT(apply_all, steps, .kind = ACRE_ENDPOINT_ONESHOT)
{
	int64_t value = in->first.fn(in->from);

	for (size_t i = 0; i < in->n_more; i++)
		value = in->more[i].fn(value);
	return acre_return(ctx, acre_int, .value = value);
}

/* Gives back the references that it gets; its result is the last one. */
ACRE_CONTEXT(echo_refs, acre_nil, .sends = ACRE_PAYLOAD(func_ref))
{
	struct func_ref ref = { twice };
	int r = acre_started(ctx, func_ref, .fn = twice);

	while (r >= 0 && (r = acre_recv(ctx, func_ref, &ref)) > 0)
		r = acre_send(ctx, func_ref, .fn = ref.fn);
	return r < 0 ? r : acre_return(ctx, func_ref, .fn = ref.fn);
}

TEST_ACTOR(c098_extension_types)
{
	struct func_ref got = { NULL };
	struct acre_int v;
	int r = 0;

	assert_int_equal(acre_call(a, apply, (&(struct func_ref){ twice }), acre_int, &v),
			 1);
	assert_int_equal(v.value, 42);
	ACRE_OPEN(ctx, r, a, echo_refs, &nil) {
		assert_int_equal(acre_first(ctx, func_ref, &got), 1);
		assert_int_equal(got.fn(4), 8);
		for (int i = 0; i < 100; i++) {
			assert_ok(acre_send(ctx, func_ref, .fn = i % 2 ? twice : next));
			assert_int_equal(acre_recv(ctx, func_ref, &got), 1);
			assert_int_equal(got.fn(4), i % 2 ? 8 : 5);
		}
		assert_ok(acre_finish(ctx));
		assert_int_equal(acre_result(ctx, func_ref, &got), 1);
		assert_int_equal(got.fn(4), 8);
	}
	return r;
}

TEST_ACTOR(c098_extension_types_inside_of_messages)
{
	const struct func_ref more[] = { { next }, { twice }, { next } };
	const struct steps steps = {
		.from = 3, .first = { twice }, .more = more, .n_more = 3
	};
	struct acre_int v;

	assert_int_equal(acre_call(a, apply_all, &steps, acre_int, &v), 1);
	assert_int_equal(v.value, 15);
	return 0;
}

TEST_TREE(c098_a_result_of_such_a_type_outlives_its_actor)
{
	struct func_ref got = { NULL };

	assert_int_equal(acre_oneshot(echo_refs, &nil, func_ref, &got), 1);
	assert_int_equal(got.fn(4), 8);
	acre_msg_free(func_ref, &got);
	return 0;
}

/* Without the hook it fails where the hook would be needed; and the dialogue goes on. */
TEST_ACTOR(c098_without_hooks_it_fails_at_the_proper_side)
{
	struct func_unreadable unreadable;
	struct func_unsendable got;
	struct func_ref ref;
	int failed, r = 0;

	ACRE_OPEN(ctx, r, a, echo_refs, &nil) {
		failed = acre_send(ctx, func_unsendable, .fn = twice);
		assert_class(failed, ACRE_ETYPE);
		assert_false(acre_is(failed, ACRE_EREMOTE));
		assert_text_has(acre_why(failed)->message, "cannot be encoded");
		assert_ok(acre_send(ctx, func_unreadable, .fn = next));
		failed = acre_recv(ctx, func_unreadable, &unreadable);
		assert_class(failed, ACRE_ETYPE);
		assert_text_has(acre_why(failed)->message,
				"invalid `item` msg payload: a value does not match "
				"type-spec func_unreadable: cannot be decoded");
		assert_ok(acre_send(ctx, func_ref, .fn = next));
		assert_int_equal(acre_recv(ctx, func_unsendable, &got), 1);
		assert_int_equal(got.fn(4), 5);
		assert_ok(acre_send(ctx, func_ref, .fn = twice));
		assert_int_equal(acre_recv(ctx, func_ref, &ref), 1);
	}
	return r;
}

/* A hook that fails says why. */
TEST_ACTOR(c098_a_hook_that_fails_is_a_value_of_the_wrong_type)
{
	struct acre_value ret, unknown = { "\x81\xa5value\xa3x:y", 11 };
	struct acre_int v;
	int r = acre_call(a, apply, (&(struct func_ref){ nameless }), acre_int, &v);

	assert_class(r, ACRE_ETYPE);
	assert_false(acre_is(r, ACRE_EREMOTE));
	assert_text_has(acre_why(r)->message, "a function without a name");
	r = acre_call_named(a, "main", "apply", unknown, &ret);
	assert_remote(r, ACRE_ETYPE);
	assert_text_has(acre_why(r)->message, "no function x:y here");
	return 0;
}
