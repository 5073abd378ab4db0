/* SPDX-License-Identifier: MIT */
/* compare.h - what an acre actor has said, held against what an actor of the reference was recorded to say. */
#pragma once

#include "conform/dialogue.h"

/*
 * Field by field; apart are only who it is, ids, and texts for people.
 */

struct us {
	const char *name, *uuid;
	int pid;
};

static struct us us; /* who speaks for acre */

static inline void assert_slices_equal(struct slice a, struct slice b)
{
	assert_int_equal(!a.p, !b.p);
	assert_int_equal(a.len, b.len);
	if (a.p)
		assert_memory_equal(a.p, b.p, a.len);
}

static inline void assert_is_us(struct uid uid)
{
	assert_true(slice_is(uid.name, us.name));
	assert_true(slice_is(uid.uuid, us.uuid));
}

/* An acre Aid has one key more, at its end. */
static inline void compare_aid(const struct frame *expected, const struct frame *came)
{
	char keys[2][512] = { "", "" };

	keys_of(keys[0], sizeof keys[0], bytes_of(expected));
	keys_of(keys[1], sizeof keys[1], bytes_of(came));
	assert_memory_equal(keys[0], keys[1], strlen(keys[0]));
	assert_string_equal(keys[1] + strlen(keys[0]), "acre ");
	assert_is_us(came->m.aid.uid);
	assert_int_equal(came->m.aid.pid, us.pid);
	assert_int_equal(came->m.aid.is_registrar, expected->m.aid.is_registrar);
	assert_int_equal(came->m.aid.registrar_was_nil,
			 expected->m.aid.registrar_was_nil);
	assert_int_equal(came->m.aid.is_probe, expected->m.aid.is_probe);
}

/* The only type that has no class here is KeyError: it stands for one of the program. */
static inline struct slice our_type(struct slice recorded_type)
{
	return slice_is(recorded_type, "KeyError") ? slice_of("T_VALUE") : recorded_type;
}

static inline void compare_error(const struct msg_error *expected,
				 const struct msg_error *came)
{
	struct pack_reader in;
	struct uid hop;

	assert_is_us(came->src_uid);
	assert_slices_equal(our_type(expected->src_type), came->src_type);
	assert_slices_equal(our_type(expected->boxed_type), came->boxed_type);
	pack_reader_init(&in, came->relay_path.p, came->relay_path.len,
			 &wire_limits_default);
	assert_int_equal(pack_read_array(&in), 1);
	assert_int_equal(pack_read_array(&in), 2);
	for (int i = 0; i < 2; i++) {
		struct pack_str s = pack_read_str(&in);

		*(i ? &hop.uuid : &hop.name) = (struct slice){ s.s, s.len };
	}
	assert_is_us(hop);
	assert_slices_equal(expected->canceller.name, came->canceller.name);
	assert_slices_equal(expected->canceller.uuid, came->canceller.uuid);
	assert_slices_equal(expected->sender.name, came->sender.name);
	assert_slices_equal(expected->bad_msg, came->bad_msg);
	assert_slices_equal(expected->bad_msg_dict, came->bad_msg_dict);
	if (!expected->message
		     .len) /* for people, but where there is none there is none */
		assert_int_equal(came->message.len, 0);
}

/* `compare_payload`: of what is a value of the program. */
static inline void compare(const struct frame *expected, const struct frame *came,
			   void (*compare_payload)(struct slice expected,
						   struct slice came))
{
	assert_non_null(came);
	assert_string_equal(msg_name(came->m.kind), msg_name(expected->m.kind));
	if (expected->m.kind == MSG_AID) {
		compare_aid(expected, came);
		return;
	}
	assert_keys_equal(expected, came);
	switch ((int)expected->m.kind) {
	case MSG_START_ACK:
		assert_slices_equal(expected->m.start_ack.functype,
				    came->m.start_ack.functype);
		break;
	case MSG_START:
		assert_slices_equal(expected->m.start.ns, came->m.start.ns);
		assert_slices_equal(expected->m.start.func, came->m.start.func);
		assert_slices_equal(expected->m.start.kwargs, came->m.start.kwargs);
		assert_is_us(came->m.start.uid);
		break;
	case MSG_ERROR:
		compare_error(&expected->m.error, &came->m.error);
		break;
	case MSG_CANCEL_ACK:
		assert_int_equal(expected->m.cancel_ack.pld, came->m.cancel_ack.pld);
		break;
	default:
		compare_payload(expected->m.pld, came->m.pld);
		break;
	}
}
