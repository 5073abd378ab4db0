/* SPDX-License-Identifier: MIT */
/* test_msg.c - frames as they are written, the golden ones and those of acre's own. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "unit/golden.h"

#define TAG(kind) "\xa8msg_type" kind
#define STOP	  TAG("\xa4Stop")
#define YIELD	  TAG("\xa5Yield")
#define CID_X	  "\xa3\x63id\xa1x" /* cid = "x" */

TEST(golden_frames_are_read_as_what_they_say)
{
	struct vectors v;

	vectors_load(&v);
	for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
		struct msg expected = { 0 };
		struct msg m = read_ok(body_of(vectors_find(&v, golden[i].name)));

		golden[i].make(&expected);
		test_note("%s", golden[i].name);
		assert_same(&m, &expected);
	}
	vectors_free(&v);
}

TEST(golden_frames_are_written_byte_for_byte)
{
	struct vectors v;
	struct buf out;

	vectors_load(&v);
	for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
		const struct vector *frame = vectors_find(&v, golden[i].name);
		struct msg m = { 0 };

		golden[i].make(&m);
		buf_init(&out, 65536);
		assert_int_equal(msg_write(&out, &m), 0);
		test_note("%s", golden[i].name);
		assert_int_equal(buf_len(&out), frame->len);
		assert_memory_equal(buf_bytes(&out), frame->frame, frame->len);
		buf_fini(&out);
	}
	vectors_free(&v);
}

TEST(a_golden_frame_that_was_read_is_written_again_as_it_was)
{
	struct vectors v;
	struct buf out;

	vectors_load(&v);
	for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
		const struct vector *frame = vectors_find(&v, golden[i].name);
		struct msg m = read_ok(body_of(frame));

		buf_init(&out, 65536);
		assert_int_equal(msg_write(&out, &m), 0);
		assert_int_equal(buf_len(&out), frame->len);
		assert_memory_equal(buf_bytes(&out), frame->frame, frame->len);
		buf_fini(&out);
	}
	vectors_free(&v);
}

/*
 * Writing
 */

TEST(what_acre_adds_comes_back)
{
	struct msg all[] = {
		{ .kind = MSG_START,
		  .cid = slice_of("x"),
		  .start = { slice_of("n"), slice_of("f"), PACKED("\x80"), uid("a", "b"),
			     .remaining_us = 0, .credit = { true, 1, 2 }, .hops = 3 } },
		{ .kind = MSG_START_ACK,
		  .cid = slice_of("x"),
		  .start_ack = { slice_of("context"), { true, 64, 1 } } },
		{ .kind = MSG_STOP, .cid = slice_of("x"), .stop_left = true },
		{ .kind = MSG_CANCEL,
		  .cancel = { 9, slice_of("asked"), uid("a", "b"), -1,
			      slice_of("why") } },
		{ .kind = MSG_ERROR,
		  .error = { .src_uid = uid("a", "b"),
			     .src_type = slice_of("T"),
			     .boxed_type = slice_of("T"),
			     .relay_path = PACKED("\x90"),
			     .tb = slice_of(""),
			     .sender = uid("c", "d"),
			     .bad_msg = PACKED("\x80"),
			     .bad_msg_dict = PACKED("\x07"),
			     .acre = PACKED("\x81\xa1x\x01") } },
		{ .kind = MSG_SPAWN_SPEC,
		  .spec = { PACKED("\x80"), PACKED("\x80"), PACKED("\x80"),
			    PACKED("\x90"), PACKED("\x90"), PACKED("\x80") } },
		{ .kind = MSG_AID,
		  .aid = { .uid = uid("a", "b"),
			   .pid = -1,
			   .is_registrar = true,
			   .registrar_was_nil = true,
			   .is_probe = true,
			   .acre_version = 1,
			   .host = slice_of("h") } },
	};
	struct buf out;

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct msg m;

		buf_init(&out, 4096);
		assert_int_equal(msg_write(&out, &all[i]), 0);
		m = read_ok((struct slice){ (const char *)buf_bytes(&out) + LENGTH_SIZE,
					    buf_len(&out) - LENGTH_SIZE });
		assert_same(&m, &all[i]);
		buf_fini(&out);
	}
}

TEST(a_frame_that_fails_leaves_the_queue_as_it_was)
{
	struct msg stop = { .kind = MSG_STOP, .cid = slice_of("x") };
	struct msg bad = { .kind = MSG_RETURN,
			   .cid = slice_of("x"),
			   .pld = PACKED("\xc1") };
	struct buf out;
	size_t len;

	buf_init(&out, 60); /* two Stops, or one and a Return */
	assert_int_equal(msg_write(&out, &stop), 0);
	len = buf_len(&out);

	assert_int_equal(msg_write(&out, &bad), -EINVAL);
	assert_int_equal(buf_len(&out), len);
	bad.pld = PACKED("\x07\x07");
	assert_int_equal(msg_write(&out, &bad), -EINVAL);
	bad.pld = PACKED("\x07");
	bad.cid = PACKED("\xff");
	assert_int_equal(msg_write(&out, &bad), -EILSEQ);
	assert_int_equal(buf_len(&out), len);
	assert_int_equal(msg_write(&out, &stop), 0);
	len = buf_len(&out);
	assert_int_equal(msg_write(&out, &stop), -EMSGSIZE);
	assert_int_equal(buf_len(&out), len);
	buf_fini(&out);
}

TEST(a_control_frame_beyond_its_limit_is_not_written)
{
	const size_t overhead = strlen("\x82" STOP "\xa3"
				       "cid\xda..");
	char *text = calloc(1, wire_limits_default.ctl);
	struct msg m = { .kind = MSG_STOP };
	struct buf out;

	assert_non_null(text);
	memset(text, 'x', wire_limits_default.ctl);
	buf_init(&out, 1024 * 1024);
	m.cid = (struct slice){ text, wire_limits_default.ctl - overhead };
	assert_int_equal(msg_write(&out, &m), 0);
	assert_int_equal(buf_len(&out), LENGTH_SIZE + wire_limits_default.ctl);

	m.cid.len++;
	assert_int_equal(msg_write(&out, &m), -EMSGSIZE);
	buf_fini(&out);
	free(text);
}

TEST(a_frame_may_be_as_long_as_its_limit)
{
	const size_t overhead = strlen("\x83" YIELD CID_X "\xa3pld\x91");
	const size_t piece = 1024 * 1024 - 5; /* with its head a part of 1 MiB */
	char *bytes = calloc(1, piece);

	assert_non_null(bytes);
	for (size_t over = 0; over < 2; over++) {
		size_t left = wire_limits_default.frame - overhead + over;
		struct msg_frame f;
		struct buf out;
		int r;

		buf_init(&out, 32 * 1024 * 1024);
		msg_begin(&f, &out, MSG_YIELD, slice_of("x"));
		pack_array(&f.pack, 16 + 1); /* takes two bytes more than a short one */
		left -= 2;
		for (int i = 0; i < 15; i++, left -= piece + 5)
			pack_bin(&f.pack, bytes, piece);
		pack_bin(&f.pack, bytes, left - 5 - 5 - 100000);
		pack_bin(&f.pack, bytes, 100000);
		r = msg_end(&f);
		if (over) {
			assert_int_equal(r, -EMSGSIZE);
			assert_int_equal(buf_len(&out), 0);
		} else {
			assert_int_equal(buf_len(&out),
					 LENGTH_SIZE + wire_limits_default.frame);
			assert_int_equal(r, wire_limits_default.frame - overhead + 1);
		}
		buf_fini(&out);
	}
	free(bytes);
}

TEST(a_payload_made_in_place_is_the_frame_that_a_message_makes)
{
	struct msg m = { .kind = MSG_YIELD,
			 .cid = slice_of("x"),
			 .pld = PACKED("\x91\x07") };
	struct buf in_place, whole;
	struct msg_frame f;

	buf_init(&in_place, 4096);
	buf_init(&whole, 4096);
	msg_begin(&f, &in_place, MSG_YIELD, m.cid);
	pack_array(&f.pack, 1);
	pack_u64(&f.pack, 7);
	assert_int_equal(msg_end(&f), 2);
	assert_int_equal(msg_write(&whole, &m), 0);

	assert_int_equal(buf_len(&in_place), buf_len(&whole));
	assert_memory_equal(buf_bytes(&in_place), buf_bytes(&whole), buf_len(&whole));
	buf_fini(&in_place);
	buf_fini(&whole);
}

TEST(a_frame_made_in_place_without_memory_is_not_there)
{
	struct msg_frame f;
	struct buf out;

	buf_init(&out, 16);
	msg_begin(&f, &out, MSG_YIELD, slice_of("x"));
	pack_nil(&f.pack);
	assert_int_equal(msg_end(&f), -EMSGSIZE);
	assert_int_equal(buf_len(&out), 0);
	buf_fini(&out);
}

TEST(every_kind_has_a_name_and_is_found_by_it)
{
	for (enum msg_kind k = MSG_NONE + 1; k < N_MSG; k++)
		assert_int_equal(msg_kind_of(slice_of(msg_name(k))), k);
	assert_int_equal(msg_kind_of(slice_of("?")), MSG_NONE);
	assert_int_equal(msg_kind_of(slice_of("")), MSG_NONE);
	assert_string_equal(msg_name(MSG_NONE), "?");
	assert_string_equal(msg_name(N_MSG), "?");
}

TEST(only_what_belongs_to_a_stream_waits_behind_data)
{
	for (enum msg_kind k = MSG_NONE + 1; k < N_MSG; k++)
		assert_int_equal(!msg_is_before_data(k),
				 k == MSG_STARTED || k == MSG_YIELD || k == MSG_STOP ||
					 k == MSG_RETURN || k == MSG_ERROR);
}
