/* SPDX-License-Identifier: MIT */
/* msg.c - what all message kinds share: their names, and writing frames. */
#include "wire/msg.h"

#include <string.h>

#include "base/util.h"

#define LENGTH_SIZE 4 /* bytes of the prefix, little-endian */

struct kind_row {
	const char *name;
	size_t name_len;
	size_t limit; /* offset in struct wire_limits */
	bool before_data;
};

#define KIND_ROW(kind, text, before, which)                            \
	[MSG_##kind] = { .name = text,                                 \
			 .name_len = sizeof text - 1,                  \
			 .limit = offsetof(struct wire_limits, which), \
			 .before_data = before },
static const struct kind_row rows[N_MSG] = { [MSG_NONE] = { .name = "?" },
					     MSG_KINDS(KIND_ROW) };

const char *msg_name(enum msg_kind kind)
{
	return (unsigned int)kind < N_MSG ? rows[kind].name : "?";
}

bool msg_is_before_data(enum msg_kind kind)
{
	return (unsigned int)kind < N_MSG && rows[kind].before_data;
}

enum msg_kind msg_kind_of(struct slice name)
{
	for (enum msg_kind k = MSG_NONE + 1; k < N_MSG; k++)
		if (rows[k].name_len == name.len &&
		    !memcmp(rows[k].name, name.p, name.len))
			return k;
	return MSG_NONE;
}

uint32_t msg_limit(enum msg_kind kind, const struct wire_limits *limits)
{
	uint32_t limit;

	memcpy(&limit, (const char *)limits + rows[kind].limit, sizeof limit);
	return limit;
}

static void put_length(uint8_t *at, size_t len)
{
	for (int i = 0; i < LENGTH_SIZE; i++)
		at[i] = (uint8_t)(len >> (8 * i));
}

static void begin(struct msg_frame *f, struct buf *out, enum msg_kind kind, size_t n_keys)
{
	static const uint8_t no_length[LENGTH_SIZE];
	int r;

	f->out = out;
	f->kind = kind;
	f->mark = buf_len(out);
	r = buf_append(out, no_length, LENGTH_SIZE);
	pack_writer_init(&f->pack, out, &wire_limits_default);
	if (r < 0)
		pack_writer_fail(&f->pack, r);
	pack_map(&f->pack, n_keys);
	pack_cstr(&f->pack, "msg_type");
	pack_str(&f->pack, rows[kind].name, rows[kind].name_len);
}

/* The frame is whole, or the buffer is as it was. */
static int end(struct msg_frame *f)
{
	size_t len = buf_len(f->out) - f->mark;
	int r = pack_writer_result(&f->pack);

	if (r >= 0 && len - LENGTH_SIZE > msg_limit(f->kind, &wire_limits_default))
		r = -EMSGSIZE;
	if (r < 0) {
		f->out->end = f->out->start + f->mark;
		return r;
	}
	put_length(buf_bytes(f->out) + f->mark, len - LENGTH_SIZE);
	return (int)len;
}

static void put_slice(struct pack_writer *w, struct slice text)
{
	if (text.p)
		pack_str(w, text.p, text.len);
	else
		pack_nil(w);
}

static void put_packed(struct pack_writer *w, struct slice packed)
{
	if (packed.p)
		pack_raw(w, packed.p, packed.len);
	else
		pack_nil(w);
}

static void put_uid(struct pack_writer *w, struct uid uid)
{
	if (!uid.name.p) {
		pack_nil(w);
		return;
	}
	pack_array(w, 2);
	put_slice(w, uid.name);
	put_slice(w, uid.uuid);
}

static void put_credit(struct pack_writer *w, struct msg_credit credit)
{
	pack_array(w, 2);
	pack_u64(w, credit.items);
	pack_u64(w, credit.bytes);
}

#define FEATURE_ROW(name, text) [MSG_BIT_##name] = text,
const char *const msg_features[MSG_N_FEATURES] = { MSG_FEATURES(FEATURE_ROW) };

static void put_auth(struct pack_writer *w, const struct msg_auth *auth)
{
	pack_array(w, 3);
	pack_bin(w, auth->nonce.p, auth->nonce.len);
	pack_i64(w, auth->time_us);
	pack_bin(w, auth->proof.p, auth->proof.len);
}

static void put_aid_acre(struct pack_writer *w, const struct msg_aid *aid)
{
	pack_map(w, (size_t)(2 + aid->credit.given + (aid->host.p != NULL) +
			     aid->auth.given));
	pack_cstr(w, "v");
	pack_u64(w, aid->acre_version);
	pack_cstr(w, "feat");
	pack_array(w, (size_t)__builtin_popcount(aid->features));
	for (size_t i = 0; i < MSG_N_FEATURES; i++)
		if (aid->features & (1u << i))
			pack_str(w, msg_features[i], strlen(msg_features[i]));
	if (aid->credit.given) {
		pack_cstr(w, "credit");
		put_credit(w, aid->credit);
	}
	if (aid->host.p) {
		pack_cstr(w, "host");
		put_slice(w, aid->host);
	}
	if (aid->auth.given) {
		pack_cstr(w, "auth");
		put_auth(w, &aid->auth);
	}
}

static void write_aid(struct msg_frame *f, struct buf *out, const struct msg_aid *aid)
{
	struct pack_writer *w = &f->pack;

	begin(f, out, MSG_AID, aid->acre_version ? 7 : 6);
	pack_cstr(w, "name");
	put_slice(w, aid->uid.name);
	pack_cstr(w, "uuid");
	put_slice(w, aid->uid.uuid);
	pack_cstr(w, "pid");
	if (aid->pid < 0)
		pack_nil(w);
	else
		pack_i64(w, aid->pid);
	pack_cstr(w, "is_registrar");
	if (aid->registrar_was_nil)
		pack_nil(w);
	else
		pack_bool(w, aid->is_registrar);
	pack_cstr(w, "is_probe");
	pack_bool(w, aid->is_probe);
	if (aid->acre_version) {
		pack_cstr(w, "acre");
		put_aid_acre(w, aid);
	}
}

static void write_spec(struct msg_frame *f, struct buf *out,
		       const struct msg_spawn_spec *spec)
{
	struct pack_writer *w = &f->pack;

	begin(f, out, MSG_SPAWN_SPEC, spec->acre.p ? 7 : 6);
	pack_cstr(w, "_parent_main_data");
	if (spec->parent_main_data.p)
		put_packed(w, spec->parent_main_data);
	else
		pack_map(w, 0);
	pack_cstr(w, "_runtime_vars");
	put_packed(w, spec->runtime_vars);
	pack_cstr(w, "enable_modules");
	put_packed(w, spec->enable_modules);
	pack_cstr(w, "reg_addrs");
	put_packed(w, spec->reg_addrs);
	pack_cstr(w, "bind_addrs");
	put_packed(w, spec->bind_addrs);
	if (spec->acre.p) {
		pack_cstr(w, "acre");
		put_packed(w, spec->acre);
	}
}

static void write_start(struct msg_frame *f, struct buf *out, const struct msg *m)
{
	const struct msg_start *s = &m->start;
	struct pack_writer *w = &f->pack;

	begin(f, out, MSG_START,
	      (size_t)(7 + (s->remaining_us >= 0) + s->credit.given + (s->hops > 0)));
	pack_cstr(w, "cid");
	put_slice(w, m->cid);
	pack_cstr(w, "ns");
	put_slice(w, s->ns);
	pack_cstr(w, "func");
	put_slice(w, s->func);
	pack_cstr(w, "kwargs");
	put_packed(w, s->kwargs);
	pack_cstr(w, "uid");
	put_uid(w, s->uid);
	pack_cstr(w, "pld_spec");
	pack_cstr(w, "typing.Any"); /* the reference sends it and never reads it */
	if (s->remaining_us >= 0) {
		pack_cstr(w, "remaining_us");
		pack_i64(w, s->remaining_us);
	}
	if (s->credit.given) {
		pack_cstr(w, "credit");
		put_credit(w, s->credit);
	}
	if (s->hops) {
		pack_cstr(w, "hops");
		pack_u64(w, s->hops);
	}
}

static void write_error(struct msg_frame *f, struct buf *out, const struct msg *m)
{
	const struct msg_error *e = &m->error;
	struct pack_writer *w = &f->pack;

	begin(f, out, MSG_ERROR, e->acre.p ? 13 : 12);
	pack_cstr(w, "src_uid");
	put_uid(w, e->src_uid);
	pack_cstr(w, "src_type_str");
	put_slice(w, e->src_type);
	pack_cstr(w, "boxed_type_str");
	put_slice(w, e->boxed_type);
	pack_cstr(w, "relay_path");
	put_packed(w, e->relay_path);
	pack_cstr(w, "message");
	put_slice(w, e->message);
	pack_cstr(w, "tb_str");
	put_slice(w, e->tb.p ? e->tb : slice_of(""));
	pack_cstr(w, "canceller");
	put_uid(w, e->canceller);
	pack_cstr(w, "sender");
	put_uid(w, e->sender);
	pack_cstr(w, "cid");
	put_slice(w, m->cid);
	pack_cstr(w, "_bad_msg");
	put_packed(w, e->bad_msg);
	pack_cstr(w, "_bad_msg_as_dict");
	put_packed(w, e->bad_msg_dict);
	if (e->acre.p) {
		pack_cstr(w, "acre");
		put_packed(w, e->acre);
	}
}

static void write_cancel(struct msg_frame *f, struct buf *out, const struct msg *m)
{
	const struct msg_cancel *c = &m->cancel;
	struct pack_writer *w = &f->pack;

	begin(f, out, MSG_CANCEL, c->text.p ? 7 : 6);
	pack_cstr(w, "cid");
	put_slice(w, m->cid);
	pack_cstr(w, "req");
	pack_u64(w, c->req);
	pack_cstr(w, "reason");
	put_slice(w, c->reason);
	pack_cstr(w, "canceller");
	put_uid(w, c->canceller);
	pack_cstr(w, "remaining_us");
	if (c->remaining_us < 0)
		pack_nil(w);
	else
		pack_i64(w, c->remaining_us);
	if (c->text.p) {
		pack_cstr(w, "text");
		put_slice(w, c->text);
	}
}

/* The kinds of which every frame names a context and little else. */
static void write_small(struct msg_frame *f, struct buf *out, const struct msg *m)
{
	struct pack_writer *w = &f->pack;
	size_t more = m->kind == MSG_STOP ? 0 : m->kind == MSG_CREDIT ? 2 : 1;

	more += m->kind == MSG_START_ACK && m->start_ack.credit.given;
	more += m->kind == MSG_CANCEL_ACK && m->cancel_ack.has_req;
	more += m->kind == MSG_STOP && m->stop_left;
	begin(f, out, m->kind, 2 + more);
	pack_cstr(w, "cid");
	put_slice(w, m->cid);
	if (m->kind == MSG_START_ACK) {
		pack_cstr(w, "functype");
		put_slice(w, m->start_ack.functype);
		if (m->start_ack.credit.given) {
			pack_cstr(w, "credit");
			put_credit(w, m->start_ack.credit);
		}
	} else if (m->kind == MSG_CANCEL_ACK) {
		pack_cstr(w, "pld");
		pack_bool(w, m->cancel_ack.pld);
		if (m->cancel_ack.has_req) {
			pack_cstr(w, "req");
			pack_u64(w, m->cancel_ack.req);
		}
	} else if (m->kind == MSG_CREDIT) {
		pack_cstr(w, "items");
		pack_u64(w, m->credit.items);
		pack_cstr(w, "bytes");
		pack_u64(w, m->credit.bytes);
	} else if (m->kind == MSG_STOP) {
		if (m->stop_left) {
			pack_cstr(w, "left");
			pack_bool(w, true);
		}
	} else {
		pack_cstr(w, "pld");
		put_packed(w, m->pld);
	}
}

int msg_write(struct buf *out, const struct msg *m)
{
	struct msg_frame f;
	int r;

	switch (m->kind) {
	case MSG_AID:
		write_aid(&f, out, &m->aid);
		break;
	case MSG_SPAWN_SPEC:
		write_spec(&f, out, &m->spec);
		break;
	case MSG_START:
		write_start(&f, out, m);
		break;
	case MSG_ERROR:
		write_error(&f, out, m);
		break;
	case MSG_CANCEL:
		write_cancel(&f, out, m);
		break;
	case MSG_START_ACK:
	case MSG_STARTED:
	case MSG_YIELD:
	case MSG_STOP:
	case MSG_RETURN:
	case MSG_CANCEL_ACK:
	case MSG_CREDIT:
		write_small(&f, out, m);
		break;
	case MSG_NONE:
	case N_MSG:
		return -EINVAL;
	}
	r = end(&f);
	return r < 0 ? r : 0;
}

void msg_begin(struct msg_frame *f, struct buf *out, enum msg_kind kind, struct slice cid)
{
	begin(f, out, kind, 3);
	pack_cstr(&f->pack, "cid");
	pack_str(&f->pack, cid.p, cid.len);
	pack_cstr(&f->pack, "pld");
	f->head = f->pack.p ? (size_t)(f->pack.p - (buf_bytes(out) + f->mark)) : 0;
}

int msg_end(struct msg_frame *f)
{
	int r = end(f);

	return r < 0 ? r : r - (int)f->head;
}
