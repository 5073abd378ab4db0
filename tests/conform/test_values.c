/* SPDX-License-Identifier: MIT */
/* test_values.c - dialogues with an actor by callers and endpoints without a declaration. */
#include "conform/tree.h"

#define SPAN(F) F(uint32_t, lo) F(uint32_t, hi)
ACRE_MSG(span, SPAN)
#define STEP(F) F(uint32_t, at) F(const char *, note) F(struct acre_value, given)
ACRE_MSG(step, STEP)

/* What a generic caller meets: typed, and with a text. */
ACRE_CONTEXT(steps, span)
{
	int r = acre_started(ctx, span, .lo = in->lo, .hi = in->hi);

	for (uint32_t i = in->lo; r >= 0 && i < in->hi; i++)
		r = acre_send(ctx, step, .at = i, .note = "going on");
	return r < 0 ? r : acre_return(ctx, acre_text, .value = "there");
}

/* And a callee that takes whatever comes, and gives it back. */
ACRE_CONTEXT(mirror, acre_any)
{
	struct acre_any item;
	int r = acre_started(ctx, acre_nil);

	while (r >= 0 && (r = acre_recv(ctx, acre_any, &item)) > 0)
		r = acre_send(ctx, acre_any, item.value);
	return r < 0 ? r : acre_return(ctx, acre_any, in->value);
}

static void pack_span(struct acre_packer *p, uint32_t lo, uint32_t hi)
{
	acre_pack_map(p, 2);
	acre_pack_text(p, "hi"); /* in any order */
	acre_pack_int(p, hi);
	acre_pack_text(p, "lo");
	acre_pack_int(p, lo);
}

static struct acre_any packed(struct acre_packer *p)
{
	struct acre_any any = { { NULL, 0 } };

	assert_ok(acre_pack_end(p, &any.value));
	return any;
}

static void assert_has_int(struct acre_value map, const char *key, int64_t value)
{
	struct acre_part part;
	struct acre_value v;

	assert_int_equal(acre_value_get(map, key, &v), 1);
	assert_int_equal(acre_value_next(&v, &part), 1);
	assert_int_equal(part.type, ACRE_PART_INT);
	assert_int_equal(part.integer, value);
}

static void assert_is_text(struct acre_value v, const char *text)
{
	struct acre_part part;

	assert_int_equal(acre_value_next(&v, &part), 1);
	assert_int_equal(part.type, ACRE_PART_TEXT);
	assert_int_equal(part.bytes.len, strlen(text));
	assert_memory_equal(part.bytes.data, text, part.bytes.len);
	assert_int_equal(v.len, 0);
}

static int read_steps(struct acre_context *ctx)
{
	struct acre_any any;
	int64_t at = 3;
	int r;

	assert_int_equal(acre_first(ctx, acre_any, &any), 1);
	assert_has_int(any.value, "lo", 3);
	assert_has_int(any.value, "hi", 10);
	while ((r = acre_recv(ctx, acre_any, &any)) > 0) {
		struct acre_value note;

		assert_has_int(any.value, "at", at++);
		assert_int_equal(acre_value_get(any.value, "note", &note), 1);
		assert_is_text(note, "going on");
	}
	assert_int_equal(at, 10);
	assert_int_equal(acre_result(ctx, acre_any, &any), 1);
	assert_is_text(any.value, "there");
	return r;
}

TEST_ACTOR(a_caller_without_types_talks_to_an_endpoint_with_types)
{
	struct acre_packer *p = acre_pack_new();
	struct acre_context *ctx;
	struct acre_any arg;
	int r;

	pack_span(p, 3, 10);
	arg = packed(p);
	r = acre_open_named(&ctx, a, "main", "steps", ACRE_KIND(acre_any), &arg);
	acre_pack_free(p);
	assert_ok(r);
	return acre_context_close(&ctx, read_steps(ctx));
}

TEST_ACTOR(an_endpoint_without_types_gives_back_what_it_gets)
{
	struct acre_any arg = { { "\x82\xa2lo\x01\xa2hi\x02", 9 } };
	struct span range = { 1, 2 };
	struct step sent = { 7, "hey", { "\x92\x01\xc0", 3 } }, got;
	struct span back;
	int r = 0;

	ACRE_OPEN(ctx, r, a, mirror, &arg) {
		for (int i = 0; i < 100 && r >= 0; i++) {
			r = acre_send_(ctx, ACRE_KIND(step), &sent);
			assert_int_equal(acre_recv(ctx, step, &got), 1);
			assert_int_equal(got.at, 7);
			assert_string_equal(got.note, "hey");
			assert_int_equal(got.given.len, 3);
			assert_memory_equal(got.given.packed, "\x92\x01\xc0", 3);
		}
		assert_ok(acre_finish(ctx));
		assert_int_equal(acre_result(ctx, span, &back), 1);
		assert_memory_equal(&back, &range, sizeof back);
	}
	return r;
}

TEST_ACTOR(a_call_by_names)
{
	struct acre_value nothing = { NULL, 0 }, ret = nothing;
	struct acre_packer *p = acre_pack_new();
	struct acre_part part;

	assert_int_equal(acre_call_named(a, "main", "ten", nothing, &ret), 1);
	assert_int_equal(acre_value_next(&ret, &part), 1);
	assert_int_equal(part.integer, 10);
	pack_span(p, 0, 1000);
	assert_int_equal(acre_call_named(a, "main", "steps", packed(p).value, &ret), 1);
	assert_is_text(ret, "there");

	assert_remote(acre_call_named(a, "main", "nobody", nothing, &ret),
		      ACRE_ENOENDPOINT);
	assert_remote(acre_call_named(a, "main", "steps", nothing, &ret), ACRE_ETYPE);
	assert_class(acre_call_named(a, NULL, "ten", nothing, &ret), EINVAL);
	assert_class(acre_call_named(NULL, "main", "ten", nothing, &ret), EINVAL);
	assert_is_text(ret, "there"); /* untouched, and still there */
	acre_pack_free(p);
	return 0;
}

TEST_ACTOR(an_argument_is_a_map_whose_keys_are_texts)
{
	static const struct acre_value bad[] = {
		{ "\x07", 1 },		    /* no map */
		{ "\x81\x07\x07", 3 },	    /* a key that is no text */
		{ "\x81\xa1x\x07\x07", 5 }, /* more than one value */
		{ "\x81", 1 },		    /* less */
	};
	struct acre_value ret;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		int r = acre_call_named(a, "main", "steps", bad[i], &ret);

		assert_class(r, ACRE_ETYPE);
		assert_false(acre_is(r, ACRE_EREMOTE)); /* it never left */
		assert_text_has(acre_why(r)->message, "invalid `Start` msg payload");
	}
	return 0;
}

TEST_ACTOR(bytes_that_are_no_value_are_not_sent)
{
	struct acre_any nothing = { { NULL, 0 } };
	int r = 0;

	ACRE_OPEN(ctx, r, a, mirror, &nothing) {
		struct acre_any got;
		int bad = acre_send(ctx, acre_any, { "\x92\x01", 2 });

		assert_class(bad, ACRE_ETYPE);
		assert_text_has(acre_why(bad)->message,
				"acre_any.value is not a packed value");
		assert_ok(acre_send(ctx, acre_any, { NULL, 0 })); /* nil */
		assert_int_equal(acre_recv(ctx, acre_any, &got), 1);
		assert_int_equal(got.value.len, 1);
		assert_memory_equal(got.value.packed, "\xc0", 1);
		r = acre_finish(ctx);
	}
	return r;
}

TEST_TREE(a_one_shot_value_is_the_callers_own)
{
	struct acre_any any = { { NULL, 0 } };
	struct span range = { 0, 3 };

	assert_int_equal(acre_oneshot(steps, &range, acre_any, &any), 1);
	assert_is_text(any.value, "there");
	free((void *)(uintptr_t)any.value.packed);
	return 0;
}
