/* SPDX-License-Identifier: MIT */
/* golden.h - the golden frames as structs, and comparing messages. */
#pragma once

#include <string.h>

#include "lib/test.h"
#include "unit/golden_list.h"
#include "vectors/vectors.h"
#include "wire/msg.h"

#define LENGTH_SIZE 4 /* bytes of the prefix of a frame */

/* A literal of packed bytes, which may hold NULs. */
#define PACKED(literal) ((struct slice){ literal, sizeof literal - 1 })

static inline struct uid uid(const char *name, const char *uuid)
{
	return (struct uid){ slice_of(name), slice_of(uuid) };
}

static inline void assert_slice(struct slice slice, struct slice expected)
{
	assert_int_equal(slice.p == NULL, expected.p == NULL);
	assert_int_equal(slice.len, expected.len);
	if (slice.p)
		assert_memory_equal(slice.p, expected.p, slice.len);
}

static inline void assert_uid(struct uid u, struct uid expected)
{
	assert_slice(u.name, expected.name);
	assert_slice(u.uuid, expected.uuid);
}

static inline struct slice body_of(const struct vector *v)
{
	return (struct slice){ (const char *)v->frame + LENGTH_SIZE,
			       v->len - LENGTH_SIZE };
}

static inline int read_slice(struct msg *ret, struct slice body, struct msg_fault *fault)
{
	*fault = (struct msg_fault){ "" };
	return msg_read(ret, (const uint8_t *)body.p, body.len, &wire_limits_default,
			fault);
}

static inline struct msg read_ok(struct slice body)
{
	struct msg_fault fault;
	struct msg m;

	if (read_slice(&m, body, &fault) < 0)
		fail_msg("%s", fault.text);
	return m;
}

/* The frames of the protocol as structs: these are written as those bytes, and those
 * bytes are read as these. */

static inline void v01(struct msg *m)
{
	m->kind = MSG_AID;
	m->aid = (struct msg_aid){ .uid = uid("root", root),
				   .pid = 4242,
				   .is_registrar = true };
}

#define TCP(port) "\x92\xa9" "127.0.0.1\xcd" port
static inline void v02(struct msg *m)
{
	m->kind = MSG_SPAWN_SPEC;
	m->spec = (struct msg_spawn_spec){
		.parent_main_data = PACKED("\x80"),
		.runtime_vars = PACKED("\x8a\xa8_is_root\xc2\xad_root_mailbox" TCP("\x06\x50")
				       "\xab_root_addrs\x91" TCP("\x06\x50")
				       "\xac_enable_tpts\x91\xa3tcp"
				       "\xaf_registry_addrs\x91" TCP("\x06\x50")
				       "\xab_debug_mode\xc2\xacrepl_fixture\xc2"
				       "\xaduse_greenback\xc2\xaeuse_stackscope\xc2"
				       "\xb0_is_infected_aio\xc2"),
		.enable_modules = PACKED("\x81\xa4" "demo\xac/srv/demo.py"),
		.reg_addrs = PACKED("\x91" TCP("\x06\x50")),
	};
}

static inline void v03(struct msg *m)
{
	m->kind = MSG_START;
	m->cid = slice_of(second);
	m->start = (struct msg_start){
		.ns = slice_of("self"),
		.func = slice_of("register_actor"),
		.kwargs = PACKED("\x82\xa3uid\x92\xa5" "child\xd9\x24"
				 "c3a9d5e0-1f2b-4c7d-8e9f-a0b1c2d3e4f5"
				 "\xa4" "addr" TCP("\xab\xe1")),
		.uid = uid("child", child),
		.remaining_us = -1,
	};
}

static inline void v04(struct msg *m)
{
	m->kind = MSG_START;
	m->cid = slice_of(cid);
	m->start = (struct msg_start){
		.ns = slice_of("demo"),
		.func = slice_of("primes"),
		.kwargs = PACKED("\x82\xa2lo\x00\xa2hi\xcd\x03\xe8"),
		.uid = uid("root", root),
		.remaining_us = -1,
	};
}

static inline void v05(struct msg *m)
{
	m->kind = MSG_START_ACK;
	m->cid = slice_of(cid);
	m->start_ack.functype = slice_of("context");
}

static inline void v06(struct msg *m)
{
	m->kind = MSG_STARTED;
	m->cid = slice_of(cid);
	m->pld = PACKED("\xc0");
}

static inline void v07(struct msg *m)
{
	m->kind = MSG_YIELD;
	m->cid = slice_of(cid);
	m->pld = PACKED("\x81\xa5value\xcd\x03\xe5");
}

static inline void v08(struct msg *m)
{
	m->kind = MSG_STOP;
	m->cid = slice_of(cid);
}

static inline void v09(struct msg *m)
{
	m->kind = MSG_RETURN;
	m->cid = slice_of(cid);
	m->pld = PACKED("\xcc\xa8");
}

static inline void v10(struct msg *m)
{
	m->kind = MSG_START;
	m->cid = slice_of(second);
	m->start = (struct msg_start){
		.ns = slice_of("self"),
		.func = slice_of("_cancel_task"),
		.kwargs = PACKED("\x81\xa3" "cid\xd9\x24"
				 "5f1d7a34-6c0e-4d82-b3f9-8a1b2c3d4e5f"),
		.uid = uid("root", root),
		.remaining_us = -1,
	};
}

#define CHILD_PACKED "\x92\xa5" "child\xd9\x24" "c3a9d5e0-1f2b-4c7d-8e9f-a0b1c2d3e4f5"
#define LEAF_PACKED  "\x92\xa4leaf\xd9\x24" "9e8d7c6b-5a49-4838-a726-150403020100"

static inline void v11(struct msg *m)
{
	m->kind = MSG_ERROR;
	m->cid = slice_of(cid);
	m->error = (struct msg_error){
		.src_uid = uid("child", child),
		.src_type = slice_of("ContextCancelled"),
		.boxed_type = slice_of("ContextCancelled"),
		.relay_path = PACKED("\x91" CHILD_PACKED),
		.message = slice_of("asked by root"),
		.tb = slice_of(""),
		.canceller = uid("root", root),
	};
}

static inline void v12(struct msg *m)
{
	m->kind = MSG_CANCEL_ACK;
	m->cid = slice_of(second);
	m->cancel_ack.pld = true;
}

static inline void v13(struct msg *m)
{
	m->kind = MSG_ERROR;
	m->cid = slice_of(cid);
	m->error = (struct msg_error){
		.src_uid = uid("leaf", second),
		.src_type = slice_of("ValueError"),
		.boxed_type = slice_of("RemoteActorError"),
		.relay_path = PACKED("\x92" LEAF_PACKED CHILD_PACKED),
		.message = slice_of(""),
		.tb = slice_of("boxed text\n"),
	};
}

static inline void v14(struct msg *m)
{
	v01(m);
	m->aid.acre_version = 1;
	m->aid.features = MSG_FEATURE(CANCEL) | MSG_FEATURE(CREDIT) |
			  MSG_FEATURE(REMAINING) | MSG_FEATURE(FDS) | MSG_FEATURE(TREE);
	m->aid.credit = (struct msg_credit){ true, 64, 1048576 };
}

static inline void v15(struct msg *m)
{
	m->kind = MSG_CREDIT;
	m->cid = slice_of(cid);
	m->credit = (struct msg_credit){ true, 32, 524288 };
}

static inline void v16(struct msg *m)
{
	m->kind = MSG_CANCEL;
	m->cid = slice_of(cid);
	m->cancel = (struct msg_cancel){
		.req = 7,
		.reason = slice_of("deadline"),
		.canceller = uid("root", root),
		.remaining_us = 1600000,
	};
}

static inline void v17(struct msg *m)
{
	m->kind = MSG_CANCEL_ACK;
	m->cid = slice_of(cid);
	m->cancel_ack.pld = true;
	m->cancel_ack.has_req = true;
	m->cancel_ack.req = 7;
}

#define AS_GOLDEN(name, make) { "y_" #name, make },
static const struct golden {
	const char *name;
	void (*make)(struct msg *m);
} golden[] = { GOLDEN_FRAMES(AS_GOLDEN) };

static inline void assert_same_credit(struct msg_credit c, struct msg_credit expected)
{
	assert_int_equal(c.given, expected.given);
	assert_int_equal(c.items, expected.items);
	assert_int_equal(c.bytes, expected.bytes);
}

static inline void assert_same_aid(const struct msg_aid *a, const struct msg_aid *expected)
{
	assert_uid(a->uid, expected->uid);
	assert_int_equal(a->pid, expected->pid);
	assert_int_equal(a->is_registrar, expected->is_registrar);
	assert_int_equal(a->registrar_was_nil, expected->registrar_was_nil);
	assert_int_equal(a->is_probe, expected->is_probe);
	assert_int_equal(a->acre_version, expected->acre_version);
	assert_int_equal(a->features, expected->features);
	assert_same_credit(a->credit, expected->credit);
	assert_slice(a->host, expected->host);
}

static inline void assert_same_spec(const struct msg_spawn_spec *s,
			     const struct msg_spawn_spec *expected)
{
	assert_slice(s->parent_main_data, expected->parent_main_data);
	assert_slice(s->runtime_vars, expected->runtime_vars);
	assert_slice(s->enable_modules, expected->enable_modules);
	assert_slice(s->reg_addrs, expected->reg_addrs);
	assert_slice(s->bind_addrs, expected->bind_addrs);
	assert_slice(s->acre, expected->acre);
}

static inline void assert_same_start(const struct msg_start *s, const struct msg_start *expected)
{
	assert_slice(s->ns, expected->ns);
	assert_slice(s->func, expected->func);
	assert_slice(s->kwargs, expected->kwargs);
	assert_uid(s->uid, expected->uid);
	assert_int_equal(s->remaining_us, expected->remaining_us);
	assert_same_credit(s->credit, expected->credit);
	assert_int_equal(s->hops, expected->hops);
}

static inline void assert_same_error(const struct msg_error *e, const struct msg_error *expected)
{
	assert_uid(e->src_uid, expected->src_uid);
	assert_slice(e->src_type, expected->src_type);
	assert_slice(e->boxed_type, expected->boxed_type);
	assert_slice(e->relay_path, expected->relay_path);
	assert_slice(e->message, expected->message);
	assert_slice(e->tb, expected->tb);
	assert_uid(e->canceller, expected->canceller);
	assert_uid(e->sender, expected->sender);
	assert_slice(e->bad_msg, expected->bad_msg);
	assert_slice(e->bad_msg_dict, expected->bad_msg_dict);
	assert_slice(e->acre, expected->acre);
}

static inline void assert_same_cancel(const struct msg_cancel *c,
			       const struct msg_cancel *expected)
{
	assert_int_equal(c->req, expected->req);
	assert_slice(c->reason, expected->reason);
	assert_uid(c->canceller, expected->canceller);
	assert_int_equal(c->remaining_us, expected->remaining_us);
	assert_slice(c->text, expected->text);
}

static inline void assert_same(const struct msg *m, const struct msg *expected)
{
	assert_int_equal(m->kind, expected->kind);
	assert_slice(m->cid, expected->cid);
	assert_slice(m->pld, expected->pld);
	switch (m->kind) {
	case MSG_AID:
		assert_same_aid(&m->aid, &expected->aid);
		return;
	case MSG_SPAWN_SPEC:
		assert_same_spec(&m->spec, &expected->spec);
		return;
	case MSG_START:
		assert_same_start(&m->start, &expected->start);
		return;
	case MSG_START_ACK:
		assert_slice(m->start_ack.functype, expected->start_ack.functype);
		assert_same_credit(m->start_ack.credit, expected->start_ack.credit);
		return;
	case MSG_STOP:
		assert_int_equal(m->stop_left, expected->stop_left);
		return;
	case MSG_CANCEL_ACK:
		assert_int_equal(m->cancel_ack.pld, expected->cancel_ack.pld);
		assert_int_equal(m->cancel_ack.has_req, expected->cancel_ack.has_req);
		assert_int_equal(m->cancel_ack.req, expected->cancel_ack.req);
		return;
	case MSG_ERROR:
		assert_same_error(&m->error, &expected->error);
		return;
	case MSG_CANCEL:
		assert_same_cancel(&m->cancel, &expected->cancel);
		return;
	case MSG_CREDIT:
		assert_same_credit(m->credit, expected->credit);
		return;
	case MSG_STARTED:
	case MSG_YIELD:
	case MSG_RETURN:
	case MSG_NONE:
	case N_MSG:
		return;
	}
}
