/* SPDX-License-Identifier: MIT */
/* test_msg_read.c - frames as they are read: what is refused and why, what is free. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "unit/golden.h"

#define TAG(kind) "\xa8msg_type" kind
#define STOP	  TAG("\xa4Stop")
#define YIELD	  TAG("\xa5Yield")
#define CID_X	  "\xa3\x63id\xa1x" /* cid = "x" */
#define START(kwargs)                                             \
	PACKED("\x86" TAG("\xa5Start") CID_X "\xa2ns\xa1n\xa4"    \
					     "func\xa1"           \
					     "f\xa6kwargs" kwargs \
					     "\xa3uid\x92\xa1n\xa1u")

static void assert_refused_with(struct slice body, int r, const char *why)
{
	struct msg_fault fault;
	struct msg m;

	assert_int_equal(read_slice(&m, body, &fault), r);
	assert_string_equal(fault.text, why);
}

static void assert_refused(struct slice body, const char *why)
{
	assert_refused_with(body, -EPROTO, why);
}

TEST(what_must_be_read_is_read_and_what_must_not_is_refused)
{
	struct msg_fault fault;
	struct vectors v;
	struct msg m;

	vectors_load(&v);
	for (size_t i = 0; i < v.n; i++) {
		const struct vector *frame = &v.all[i];
		int r;

		if (!strcmp(frame->refused_by, "frame"))
			continue; /* by the link, which sees the prefix and the end */
		r = read_slice(&m, body_of(frame), &fault);
		test_note("%s: %d %s", frame->name, r, fault.text);
		if (*frame->refused_by)
			assert_true(r == -EPROTO || r == -EMSGSIZE);
		else
			assert_int_equal(r, 0);
		assert_int_equal(*fault.text != '\0', r < 0);
	}
	vectors_free(&v);
}

TEST(every_cut_of_every_golden_frame_is_refused)
{
	struct msg_fault fault;
	struct vectors v;
	struct msg m;

	vectors_load(&v);
	for (size_t i = 0; i < v.n; i++) {
		struct slice body = body_of(&v.all[i]);

		for (size_t len = 0; *v.all[i].name == 'y' && len < body.len; len++) {
			char *copy = malloc(len ? len : 1);

			assert_non_null(copy);
			memcpy(copy, body.p, len);
			assert_true(read_slice(&m, (struct slice){ copy, len }, &fault) <
				    0);
			free(copy);
		}
	}
	vectors_free(&v);
}

/*
 * Refusals, with their texts
 */

TEST(each_bad_frame_is_refused_with_its_reason)
{
	static const struct {
		const char *name;
		int r;
		const char *why;
	} bad[] = {
		{ "n_array", -EPROTO, "a frame that is no map but array" },
		{ "n_cid_bin", -EPROTO, "a Stop: at byte 19: expected str, got bin" },
		{ "n_cid_missing", -EPROTO, "a Stop without the key cid" },
		{ "n_cid_nil", -EPROTO, "a Stop: at byte 19: expected str, got nil" },
		{ "n_depth_33", -EMSGSIZE, NULL },
		{ "n_depth_41", -EMSGSIZE, NULL },
		{ "n_empty_at_33", -EMSGSIZE, NULL },
		{ "n_float_for_int", -EPROTO, NULL },
		{ "n_items_over", -EMSGSIZE, NULL },
		{ "n_key_no_str", -EPROTO, "a Stop: at byte 15: expected str, got uint" },
		{ "n_negative_for_uint", -EPROTO, NULL },
		{ "n_not_msgpack", -EPROTO, "a frame that is no map but invalid byte" },
		{ "n_str_over", -EMSGSIZE, NULL },
		{ "n_tag_doubled", -EPROTO, "two different kinds in one frame" },
		{ "n_tag_missing", -EPROTO, "a frame without the key msg_type" },
		{ "n_trailing_byte", -EPROTO, NULL },
		{ "n_uid_of_3", -EPROTO, NULL },
		{ "n_unknown_kind", -EPROTO, "a frame of an unknown kind: Hello" },
	};
	struct msg_fault fault;
	struct vectors v;
	struct msg m;

	vectors_load(&v);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct slice body = body_of(vectors_find(&v, bad[i].name));

		assert_int_equal(read_slice(&m, body, &fault), bad[i].r);
		test_note("%s: %s", bad[i].name, fault.text);
		if (bad[i].why)
			assert_string_equal(fault.text, bad[i].why);
		else
			assert_text_has(fault.text, "at byte");
	}
	vectors_free(&v);
}

TEST(an_empty_frame_is_refused)
{
	assert_refused(PACKED(""), "a frame of length 0");
}

TEST(a_kind_that_is_no_text_is_refused)
{
	assert_refused(PACKED("\x81" TAG("\x07")),
		       "a frame: at byte 10: expected str, got uint");
}

TEST(an_unknown_kind_is_shown_cut_at_a_character)
{
	struct msg_fault fault;
	char body[128] = "\x81" TAG("\xd9\x60");
	struct msg m;

	/* 63 bytes of ASCII, then characters of two: the 64th byte is the half of one */
	memset(body + 12, 'k', 63);
	for (int i = 63; i < 0x5f; i += 2)
		memcpy(body + 12 + i, "\xc3\xa4", 2);
	body[12 + 0x5f] = 'k';

	assert_int_equal(read_slice(&m, (struct slice){ body, 12 + 0x60 }, &fault),
			 -EPROTO);
	assert_true(utf8_is_valid(fault.text, strlen(fault.text)));
	assert_int_equal(strlen(fault.text), strlen("a frame of an unknown kind: ") + 63);
}

TEST(a_fault_before_the_tag_is_told_where_it_is)
{
	assert_refused(PACKED("\x82\xa1x\xc1" STOP),
		       "a frame: at byte 3: 0xc1, which is not msgpack");
}

TEST(arguments_must_be_a_map_of_texts)
{
	struct msg m = read_ok(START("\x81\xa1"
				     "a\x90"));

	assert_slice(m.start.kwargs, PACKED("\x81\xa1"
					    "a\x90"));
	assert_refused(START("\x91\x01"), "a Start: at byte 41: expected map, got array");
	assert_refused(START("\xc0"), "a Start: at byte 41: expected map, got nil");
	assert_refused(START("\x81\x01\x02"),
		       "a Start: at byte 42: expected str, got uint");
}

TEST(the_path_of_an_error_must_be_an_array)
{
	assert_refused(PACKED("\x85" TAG("\xa5"
					 "Error") "\xa7src_uid\x92\xa1n\xa1u"
						  "\xacsrc_type_str\xa1T\xae"
						  "boxed_type_str\xa1T"
						  "\xaarelay_path\x80"),
		       "a Error: at byte 72: expected array, got map");
}

TEST(descriptors_nobody_sent_are_refused)
{
	assert_refused(PACKED("\x83" STOP CID_X "\xa3"
			      "fds\x01"),
		       "descriptors that did not come");
}

TEST(credits_beyond_any_window_are_refused)
{
	struct msg m = read_ok(PACKED("\x84" TAG("\xa8StartAck") CID_X
				      "\xa8"
				      "functype\xa7"
				      "context"
				      "\xa6"
				      "credit\x92\xce\x7f\xff\xff\xff\x01"));
	struct msg_fault fault;

	assert_int_equal(m.start_ack.credit.items, INT32_MAX);
	assert_int_equal(read_slice(&m,
				    PACKED("\x84" TAG("\xa8StartAck") CID_X
					   "\xa8"
					   "functype\xa7"
					   "context"
					   "\xa6"
					   "credit\x92\xce\x80\x00\x00\x00\x01"),
				    &fault),
			 -EPROTO);
	assert_text_has(fault.text, "a StartAck: at byte");
}

TEST(a_control_frame_may_be_as_long_as_its_limit)
{
	struct wire_limits limits = wire_limits_default;
	struct slice body = PACKED("\x82" STOP CID_X);
	struct msg_fault fault;
	struct msg m;

	limits.ctl = (uint32_t)body.len;
	assert_int_equal(msg_read(&m, (const uint8_t *)body.p, body.len, &limits, &fault),
			 0);

	limits.ctl--;
	assert_int_equal(msg_read(&m, (const uint8_t *)body.p, body.len, &limits, &fault),
			 -EMSGSIZE);
	assert_string_equal(fault.text, "a Stop of 21 bytes: the limit is 20");
}

TEST(an_introduction_is_held_to_its_own_limit)
{
	struct wire_limits limits = wire_limits_default;
	struct msg_fault fault;
	struct vectors v;
	struct slice body;
	struct msg m;

	vectors_load(&v);
	body = body_of(vectors_find(&v, "y_v14_aid_acre"));
	limits.hello = (uint32_t)body.len;
	assert_int_equal(msg_read(&m, (const uint8_t *)body.p, body.len, &limits, &fault),
			 0);

	limits.hello--;
	assert_int_equal(msg_read(&m, (const uint8_t *)body.p, body.len, &limits, &fault),
			 -EMSGSIZE);
	assert_string_equal(fault.text, "a Aid of 160 bytes: the limit is 159");
	vectors_free(&v);
}

/*
 * Freedoms of the reader
 */

/* Finds where the value at p ends. */
static const char *after(const char *p, const char *end)
{
	struct pack_reader r;

	pack_reader_init(&r, p, (size_t)(end - p), &wire_limits_default);
	pack_skip(&r);
	assert_int_equal(r.fault, PACK_FAULT_NONE);
	return (const char *)r.p;
}

/* The same map, its pairs turned round by `by`. */
static void rotate(char *to, struct slice body, size_t n, size_t by)
{
	const char *pair[17], *p = body.p + 1, *end = body.p + body.len;

	for (size_t i = 0; i < n; i++) {
		pair[i] = p;
		p = after(after(p, end), end);
	}
	pair[n] = p;
	*to++ = *body.p;
	for (size_t i = 0; i < n; i++) {
		size_t k = (i + by) % n, len = (size_t)(pair[k + 1] - pair[k]);

		memcpy(to, pair[k], len);
		to += len;
	}
}

TEST(keys_come_in_any_order_and_the_tag_anywhere)
{
	struct vectors v;
	char body[512];

	vectors_load(&v);
	for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
		struct slice plain = body_of(vectors_find(&v, golden[i].name));
		size_t n = (uint8_t)*plain.p & 0x0f;
		struct msg expected = { 0 };

		golden[i].make(&expected);
		for (size_t by = 0; by < n; by++) {
			struct msg m;

			rotate(body, plain, n, by);
			m = read_ok((struct slice){ body, plain.len });
			assert_same(&m, &expected);
		}
	}
	vectors_free(&v);
}

TEST(every_required_key_is_missed_by_its_name)
{
	struct msg_fault fault;
	struct vectors v;
	char body[512];
	size_t n_missed = 0;
	struct msg m;

	vectors_load(&v);
	for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
		struct slice plain = body_of(vectors_find(&v, golden[i].name));
		size_t n = (uint8_t)*plain.p & 0x0f;
		const char *begin = plain.p + 1, *end = plain.p + plain.len;

		for (size_t by = 0; by < n; by++) {
			size_t gone;
			int r;

			rotate(body, plain, n, by); /* and its first pair is left out */
			gone = (size_t)(after(after(body + 1, body + plain.len),
					      body + plain.len) -
					(body + 1));
			body[gone] = (char)(0x80 | (n - 1));
			r = read_slice(&m,
				       (struct slice){ body + gone, plain.len - gone },
				       &fault);
			if (r < 0) {
				n_missed++;
				assert_int_equal(r, -EPROTO);
				assert_text_has(fault.text, "without the key");
			}
		}
		assert_ptr_equal(after(plain.p, end), end);
		assert_ptr_not_equal(begin, end);
	}
	/* the tag of each; and name uuid, 5 of a SpawnSpec, 3 x 5 of Start, 2 of StartAck,
	 * 2 x 3 of what has a payload, 1 of Stop, 2 x 2 of CancelAck, 2 x 4 of Error, 2 of an
	 * Aid, 3 of Credit, 4 of Cancel */
	assert_int_equal(n_missed, 17 + 2 + 5 + 15 + 2 + 6 + 1 + 4 + 8 + 2 + 3 + 4);
	vectors_free(&v);
}

TEST(of_a_doubled_key_the_last_one_wins)
{
	struct msg m = read_ok(PACKED("\x83" STOP CID_X "\xa3"
				      "cid\xa1y"));

	assert_slice(m.cid, slice_of("y"));

	m = read_ok(PACKED("\x87" TAG("\xa5"
				      "Error") "\xa7src_uid\x92\xa1n\xa1u"
					       "\xacsrc_type_str\xa1T\xae"
					       "boxed_type_str\xa1T"
					       "\xaarelay_path\x90"
					       "\xa9"
					       "canceller\x92\xa1n\xa1u\xa9"
					       "canceller\xc0"));
	assert_null(m.error.canceller.name.p);

	m = read_ok(PACKED("\x85" TAG("\xa3"
				      "Aid") "\xa4name\xa1n\xa4uuid\xa1u"
					     "\xa4"
					     "acre\x82\xa1v\x01\xa4"
					     "feat\x91\xa6"
					     "cancel"
					     "\xa4"
					     "acre\x82\xa1v\x01\xa4"
					     "feat\x91\xa6"
					     "credit"));
	assert_int_equal(m.aid.features, MSG_FEATURE(CREDIT));
}

TEST(an_item_with_more_keys_or_in_another_order_is_read_too)
{
	static const char *const cases[] = {
		"\x83" YIELD CID_X "\xa3pld\x07",
		"\x83" YIELD "\xa3pld\x07" CID_X,
		"\x84" YIELD CID_X "\xa3pld\x07\xa3new\xc0",
		"\x83" CID_X YIELD "\xa3pld\x07",
		"\x83" YIELD CID_X "\xd9\x03pld\x07",
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct msg m = read_ok(slice_of(cases[i]));

		assert_int_equal(m.kind, MSG_YIELD);
		assert_slice(m.cid, slice_of("x"));
		assert_slice(m.pld, slice_of("\x07"));
		assert_int_equal(m.fds, 0);
	}
}

TEST(a_bad_item_is_refused_like_any_other_frame)
{
	assert_refused(PACKED("\x83" YIELD "\xa3"
			      "cid\x07\xa3pld\x07"),
		       "a Yield: at byte 20: expected str, got uint");
	assert_refused(PACKED("\x83" YIELD CID_X "\xa3pld\xc1"),
		       "a Yield: at byte 26: 0xc1, which is not msgpack");
	assert_refused(PACKED("\x83" YIELD CID_X "\xa3pld\x07\x07"),
		       "a Yield: at byte 27: 1 bytes behind the value");
	assert_refused(PACKED("\x82" YIELD CID_X), "a Yield without the key pld");
}

/* A frame with a payload of so many arrays within each other. */
static struct slice nested(char *body, size_t levels, bool usual)
{
	static const char head[] = "\x83" YIELD CID_X "\xa3pld";
	static const char other[] = "\x83" TAG("\xa6Return") CID_X "\xa3pld";
	size_t len = usual ? sizeof head - 1 : sizeof other - 1;

	memcpy(body, usual ? head : other, len);
	memset(body + len, 0x91, levels);
	body[len + levels] = 0x07;
	return (struct slice){ body, len + levels + 1 };
}

TEST(a_payload_is_one_level_below_its_frame)
{
	char body[128];

	for (int usual = 0; usual < 2; usual++) {
		struct msg_fault fault;
		struct msg m;

		read_ok(nested(body, 31, usual));
		assert_int_equal(read_slice(&m, nested(body, 32, usual), &fault),
				 -EMSGSIZE);
		assert_text_has(fault.text, "level 33, the limit is 32");
	}
}

TEST(what_is_read_at_the_deepest_level_can_be_written)
{
	struct msg m = { .kind = MSG_RETURN, .cid = slice_of("x") };
	char body[128];
	struct buf out;

	m.pld = read_ok(nested(body, 31, true)).pld;
	buf_init(&out, 4096);
	assert_int_equal(msg_write(&out, &m), 0);
	buf_fini(&out);
}

TEST(what_is_absent_has_its_default)
{
	struct msg m = read_ok(PACKED("\x83" TAG("\xa3"
						 "Aid") "\xa4name\xa1n\xa4uuid\xa1u"));

	assert_int_equal(m.aid.pid, -1);
	assert_true(m.aid.is_registrar); /* as for a nil: see A3 */
	assert_true(m.aid.registrar_was_nil);
	assert_false(m.aid.is_probe);
	assert_int_equal(m.aid.acre_version, 0);
	assert_false(m.aid.credit.given);

	m = read_ok(START("\x80"));
	assert_int_equal(m.start.remaining_us, -1);
	assert_false(m.start.credit.given);
	assert_int_equal(m.start.hops, 0);

	m = read_ok(PACKED("\x82" STOP CID_X));
	assert_false(m.stop_left);
}

TEST(features_nobody_knows_are_ignored)
{
	struct msg m = read_ok(PACKED("\x84" TAG("\xa3"
						 "Aid") "\xa4name\xa1n\xa4uuid\xa1u"
							"\xa4"
							"acre\x83\xa1v\x02\xa3new\x91\x80"
							"\xa4"
							"feat\x92\xa7warp-10\xa4tree"));

	assert_int_equal(m.aid.acre_version, 2);
	assert_int_equal(m.aid.features, MSG_FEATURE(TREE));
}
