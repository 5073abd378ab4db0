/* SPDX-License-Identifier: MIT */
/* msg_read.c - taking the body of a frame apart, driven by one table of fields. */
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "base/util.h"
#include "wire/msg.h"

/*
 * Which keys a kind has, of what form, where they go and whether they must be there is
 * the lists below and nothing else. Keys may come in any order and unknown ones are
 * ignored; of a doubled key the last one wins; the tag may stand anywhere, but must not
 * be doubled with another value. What does not fit is refused with its key.
 *
 * An item of a stream is nearly always written the way that we and the reference write
 * it; that way is read without looking up keys. Whatever else comes for a Yield, good or
 * bad, goes through the lists like all others.
 */

enum form {
	TEXT, /* str */
	TEXT_OR_NIL,
	UINT,
	INT_OR_NIL, /* nil: -1 */
	BOOL,
	BOOL_OR_NIL,
	PACKED,	       /* any value, kept packed */
	PACKED_OR_NIL, /* nil: p NULL */
	MAP,	       /* the same, but a map whose keys are str */
	ARRAY,
	ARRAY_OR_NIL,
	UID,
	UID_OR_NIL,
	CREDIT, /* [items, bytes] */
	REQ,	/* of a CancelAck */
	AID_ACRE,
	ANY /* read over */
};

/* key, form, field, must it be there */
#define FIELDS_AID(F)                              \
	F("name", TEXT, aid.uid.name, true)        \
	F("uuid", TEXT, aid.uid.uuid, true)        \
	F("pid", INT_OR_NIL, aid.pid, false)       \
	F("is_registrar", BOOL_OR_NIL, aid, false) \
	F("is_probe", BOOL, aid.is_probe, false)   \
	F("acre", AID_ACRE, aid, false)
#define FIELDS_SPAWN_SPEC(F)                                     \
	F("_parent_main_data", MAP, spec.parent_main_data, true) \
	F("_runtime_vars", MAP, spec.runtime_vars, true)         \
	F("enable_modules", MAP, spec.enable_modules, true)      \
	F("reg_addrs", ARRAY, spec.reg_addrs, true)              \
	F("bind_addrs", ARRAY_OR_NIL, spec.bind_addrs, true)     \
	F("acre", MAP, spec.acre, false)
#define FIELDS_START(F)                                          \
	F("cid", TEXT, cid, true)                                \
	F("ns", TEXT, start.ns, true)                            \
	F("func", TEXT, start.func, true)                        \
	F("kwargs", MAP, start.kwargs, true)                     \
	F("uid", UID, start.uid, true)                           \
	F("pld_spec", ANY, kind, false)                          \
	F("remaining_us", INT_OR_NIL, start.remaining_us, false) \
	F("credit", CREDIT, start.credit, false)                 \
	F("hops", UINT, start.hops, false)
#define FIELDS_START_ACK(F)                           \
	F("cid", TEXT, cid, true)                     \
	F("functype", TEXT, start_ack.functype, true) \
	F("credit", CREDIT, start_ack.credit, false)
#define FIELDS_STARTED(F)         \
	F("cid", TEXT, cid, true) \
	F("pld", PACKED, pld, true)
#define FIELDS_YIELD(F) FIELDS_STARTED(F)
#define FIELDS_STOP(F)            \
	F("cid", TEXT, cid, true) \
	F("left", BOOL, stop_left, false)
#define FIELDS_RETURN(F) FIELDS_STARTED(F)
#define FIELDS_CANCEL_ACK(F)                 \
	F("cid", TEXT, cid, true)            \
	F("pld", BOOL, cancel_ack.pld, true) \
	F("req", REQ, cancel_ack, false)
#define FIELDS_ERROR(F)                                                 \
	F("src_uid", UID, error.src_uid, true)                          \
	F("src_type_str", TEXT, error.src_type, true)                   \
	F("boxed_type_str", TEXT, error.boxed_type, true)               \
	F("relay_path", ARRAY, error.relay_path, true)                  \
	F("message", TEXT_OR_NIL, error.message, false)                 \
	F("tb_str", TEXT, error.tb, false)                              \
	F("canceller", UID_OR_NIL, error.canceller, false)              \
	F("sender", UID_OR_NIL, error.sender, false)                    \
	F("cid", TEXT_OR_NIL, cid, false)                               \
	F("_bad_msg", PACKED_OR_NIL, error.bad_msg, false)              \
	F("_bad_msg_as_dict", PACKED_OR_NIL, error.bad_msg_dict, false) \
	F("acre", MAP, error.acre, false)
#define FIELDS_CANCEL(F)                                          \
	F("cid", TEXT_OR_NIL, cid, true)                          \
	F("req", UINT, cancel.req, true)                          \
	F("reason", TEXT, cancel.reason, true)                    \
	F("canceller", UID, cancel.canceller, true)               \
	F("remaining_us", INT_OR_NIL, cancel.remaining_us, false) \
	F("text", TEXT_OR_NIL, cancel.text, false)
#define FIELDS_CREDIT(F)                     \
	F("cid", TEXT, cid, true)            \
	F("items", UINT, credit.items, true) \
	F("bytes", UINT, credit.bytes, true)

struct field {
	const char *key;
	size_t key_len;
	enum form form;
	size_t offset;
	bool required;
};

#define FIELD_ROW(key, form, member, required) \
	{ key, sizeof key - 1, form, offsetof(struct msg, member), required },
#define FIELD_TABLE(kind, text, before_data, limit) \
	static const struct field fields_##kind[] = { FIELDS_##kind(FIELD_ROW) };
MSG_KINDS(FIELD_TABLE)

struct field_list {
	const struct field *field;
	size_t n;
};

#define FIELD_LIST(kind, text, before_data, limit) \
	[MSG_##kind] = { fields_##kind, ARRAY_N(fields_##kind) },
static const struct field_list fields_of[N_MSG] = { MSG_KINDS(FIELD_LIST) };

static const struct slice nil;

/*
 * Forms
 */

static struct slice read_text(struct pack_reader *in)
{
	struct pack_str s = pack_read_str(in);

	return (struct slice){ s.s, s.len };
}

static struct slice read_packed(struct pack_reader *in)
{
	struct pack_bytes b = pack_read_raw(in);

	return (struct slice){ (const char *)b.p, b.len };
}

static struct slice read_map(struct pack_reader *in)
{
	const uint8_t *at = in->p;
	size_t n = pack_read_map(in);

	in->depth++;
	while (n-- && !in->fault) {
		pack_read_str(in);
		pack_skip(in);
	}
	in->depth--;
	return (struct slice){ (const char *)at, (size_t)(in->p - at) };
}

static struct slice read_array(struct pack_reader *in)
{
	if (pack_peek(in) != PACK_ARRAY)
		pack_reader_refuse(in, in->p, "array", NULL);
	return read_packed(in);
}

static struct uid read_uid(struct pack_reader *in)
{
	const uint8_t *at = in->p;
	struct uid uid = { nil, nil };

	if (pack_read_array(in) != 2) {
		pack_reader_refuse(in, at, "a pair of texts", NULL);
		return uid;
	}
	uid.name = read_text(in);
	uid.uuid = read_text(in);
	return uid;
}

static struct msg_credit read_credit(struct pack_reader *in)
{
	const uint8_t *at = in->p;
	struct msg_credit credit = { .given = true };

	if (pack_read_array(in) != 2)
		pack_reader_refuse(in, at, "a pair of items and bytes", NULL);
	credit.items = pack_read_uint(in, INT32_MAX);
	credit.bytes = pack_read_uint(in, INT64_MAX / 4);
	return credit;
}

static uint32_t feature_bit(struct slice name)
{
	for (size_t i = 0; i < MSG_N_FEATURES; i++)
		if (slice_is(name, msg_features[i]))
			return 1u << i;
	return 0;
}

static uint32_t read_features(struct pack_reader *in)
{
	uint32_t bits = 0;

	for (size_t n = pack_read_array(in); n-- && !in->fault;)
		bits |= feature_bit(read_text(in));
	return bits;
}

static struct slice read_bytes(struct pack_reader *in)
{
	struct pack_bytes bytes = pack_read_bin(in);

	return (struct slice){ (const char *)bytes.p, bytes.len };
}

static struct msg_auth read_auth(struct pack_reader *in)
{
	const uint8_t *at = in->p;
	struct msg_auth auth = { .given = true };

	if (pack_read_array(in) != 3)
		pack_reader_refuse(in, at, "a nonce, a time and a proof", NULL);
	auth.nonce = read_bytes(in);
	auth.time_us = pack_read_int(in, 0, INT64_MAX / 2);
	auth.proof = read_bytes(in);
	return auth;
}

static void read_aid_acre(struct pack_reader *in, struct msg_aid *aid)
{
	size_t n = pack_read_map(in);

	in->depth++;
	while (n-- && !in->fault) {
		struct slice key = read_text(in);

		if (slice_is(key, "v"))
			aid->acre_version = pack_read_u64(in);
		else if (slice_is(key, "feat"))
			aid->features = read_features(in);
		else if (slice_is(key, "credit"))
			aid->credit = read_credit(in);
		else if (slice_is(key, "host"))
			aid->host = read_text(in);
		else if (slice_is(key, "auth"))
			aid->auth = read_auth(in);
		else
			pack_skip(in);
	}
	in->depth--;
}

/* A value of a form that may be nil, and is: what stands for it. */
static bool read_nil(struct pack_reader *in, enum form form, void *to)
{
	bool may_be = form == TEXT_OR_NIL || form == PACKED_OR_NIL ||
		      form == ARRAY_OR_NIL || form == UID_OR_NIL || form == INT_OR_NIL;

	if (!may_be || !pack_read_if_nil(in))
		return false;
	if (form == INT_OR_NIL)
		*(int64_t *)to = -1;
	else if (form == UID_OR_NIL)
		*(struct uid *)to = (struct uid){ nil, nil };
	else
		*(struct slice *)to = nil;
	return true;
}

static void read_registrar(struct pack_reader *in, struct msg_aid *aid)
{
	aid->registrar_was_nil = pack_read_if_nil(in);
	aid->is_registrar = aid->registrar_was_nil || pack_read_bool(in);
}

static void read_form(struct pack_reader *in, enum form form, struct msg *m, void *to)
{
	if (read_nil(in, form, to))
		return;
	switch (form) {
	case TEXT_OR_NIL:
	case TEXT:
		*(struct slice *)to = read_text(in);
		return;
	case UINT:
		*(uint64_t *)to = pack_read_u64(in);
		return;
	case INT_OR_NIL:
		*(int64_t *)to = pack_read_int(in, 0, INT64_MAX / 2000);
		return;
	case BOOL_OR_NIL: /* there is one: is_registrar */
		read_registrar(in, to);
		return;
	case BOOL:
		*(bool *)to = pack_read_bool(in);
		return;
	case PACKED_OR_NIL:
	case PACKED:
		*(struct slice *)to = read_packed(in);
		return;
	case MAP:
		*(struct slice *)to = read_map(in);
		return;
	case ARRAY_OR_NIL:
	case ARRAY:
		*(struct slice *)to = read_array(in);
		return;
	case UID_OR_NIL:
	case UID:
		*(struct uid *)to = read_uid(in);
		return;
	case CREDIT:
		*(struct msg_credit *)to = read_credit(in);
		return;
	case REQ:
		m->cancel_ack.has_req = true;
		m->cancel_ack.req = pack_read_u64(in);
		return;
	case AID_ACRE:
		read_aid_acre(in, to);
		return;
	case ANY:
		pack_skip(in);
		return;
	}
}

/*
 * Refusals
 */

/* Text of the peer is shown cut, at a character. */
static int say(struct msg_fault *fault, int class, const char *what, struct slice name)
{
	size_t len = size_min(name.len, 64);

	if (len < name.len)
		len = utf8_valid_len(name.p, len);
	snprintf(fault->text, sizeof fault->text, "%s%.*s", what, (int)len,
		 name.p ? name.p : "");
	return -class;
}

static int say_fault(struct msg_fault *fault, const char *noun,
		     const struct pack_reader *in)
{
	int used = snprintf(fault->text, sizeof fault->text, "a %s: ", noun);

	pack_error_text(in, fault->text + used, sizeof fault->text - (size_t)used);
	return pack_reader_result(in) == -EMSGSIZE ? -EMSGSIZE : -EPROTO;
}

/* The tag: nearly always the first key, but it may stand anywhere. */
static int find_tag(struct slice *ret, struct pack_reader in, struct msg_fault *fault)
{
	struct slice tag = nil;
	size_t n = pack_read_map(&in);

	in.depth++;
	while (n-- && !tag.p && !in.fault) {
		if (slice_is(read_text(&in), "msg_type"))
			tag = read_text(&in);
		else
			pack_skip(&in);
	}
	if (in.fault)
		return say_fault(fault, "frame", &in);
	if (!tag.p)
		return say(fault, EPROTO, "a frame without the key msg_type", nil);
	*ret = tag;
	return 0;
}

static const struct field *field_of(enum msg_kind kind, struct slice key)
{
	const struct field_list *list = &fields_of[kind];

	for (size_t i = 0; i < list->n; i++)
		if (list->field[i].key_len == key.len &&
		    !memcmp(list->field[i].key, key.p, key.len))
			return &list->field[i];
	return NULL;
}

static int check_required(enum msg_kind kind, uint32_t seen, struct msg_fault *fault)
{
	const struct field_list *list = &fields_of[kind];

	for (size_t i = 0; i < list->n; i++)
		if (list->field[i].required && !(seen & (1u << i))) {
			snprintf(fault->text, sizeof fault->text,
				 "a %s without the key %s", msg_name(kind),
				 list->field[i].key);
			return -EPROTO;
		}
	return 0;
}

static void set_defaults(struct msg *m)
{
	switch ((int)m->kind) {
	case MSG_AID:
		m->aid.pid = -1;
		m->aid.registrar_was_nil = true;
		m->aid.is_registrar = true;
		return;
	case MSG_START:
		m->start.remaining_us = -1;
		return;
	case MSG_CANCEL:
		m->cancel.remaining_us = -1;
		return;
	case MSG_CREDIT:
		m->credit.given = true;
		return;
	default:
		return;
	}
}

static int read_fields(struct pack_reader *in, struct msg *m, struct slice tag,
		       struct msg_fault *fault)
{
	size_t n = pack_read_map(in);
	uint32_t seen = 0;

	in->depth++;
	while (n-- && !in->fault) {
		struct slice key = read_text(in);
		const struct field *f = field_of(m->kind, key);

		if (f) {
			read_form(in, f->form, m, (uint8_t *)m + f->offset);
			seen |= 1u << (f - fields_of[m->kind].field);
		} else if (slice_is(key, "msg_type")) {
			if (!slice_equal(read_text(in), tag))
				return say(fault, EPROTO,
					   "two different kinds in one frame", nil);
		} else if (slice_is(key, "fds")) {
			return say(fault, EPROTO, "descriptors that did not come", nil);
		} else {
			pack_skip(in);
		}
	}
	if (pack_reader_end(in) < 0)
		return say_fault(fault, msg_name(m->kind), in);
	return check_required(m->kind, seen, fault);
}

static int read_any(struct msg *ret, struct pack_reader *in, size_t len,
		    struct msg_fault *fault)
{
	struct slice tag;
	enum msg_kind kind;
	int r;

	if (pack_peek(in) != PACK_MAP)
		return say(fault, EPROTO, "a frame that is no map but ",
			   slice_of(pack_type_name(pack_peek(in))));
	r = find_tag(&tag, *in, fault);
	if (r < 0)
		return r;
	kind = msg_kind_of(tag);
	if (kind == MSG_NONE)
		return say(fault, EPROTO, "a frame of an unknown kind: ", tag);
	if (len > msg_limit(kind, in->limits)) {
		snprintf(fault->text, sizeof fault->text,
			 "a %s of %zu bytes: the limit is %u", msg_name(kind), len,
			 msg_limit(kind, in->limits));
		return -EMSGSIZE;
	}
	memset(ret, 0, sizeof *ret);
	ret->kind = kind;
	set_defaults(ret);
	return read_fields(in, ret, tag, fault);
}

/* Goes over these bytes if they come. */
static bool comes(struct pack_reader *in, const char *bytes, size_t len)
{
	if ((size_t)(in->end - in->p) < len || memcmp(in->p, bytes, len) != 0)
		return false;
	in->p += len;
	return true;
}

/* A Yield of three keys in the usual order; anything else is left to the lists. It has a
 * reader of its own: to copy one that was just written costs as much as all the rest. */
static bool read_plain_yield(struct msg *ret, const uint8_t *body, size_t len,
			     const struct wire_limits *limits)
{
	static const char head[] = "\x83\xa8msg_type\xa5Yield\xa3"
				   "cid";
	static const char pld[] = "\xa3pld";
	struct pack_reader in;

	pack_reader_init(&in, body, len, limits);
	if (!comes(&in, head, sizeof head - 1))
		return false;
	ret->cid = read_text(&in);
	if (!comes(&in, pld, sizeof pld - 1))
		return false;
	in.depth = 1;
	ret->kind = MSG_YIELD;
	ret->fds = 0;
	ret->pld = read_packed(&in);
	return pack_reader_end(&in) >= 0;
}

int msg_read(struct msg *ret, const uint8_t *body, size_t len,
	     const struct wire_limits *limits, struct msg_fault *fault)
{
	struct pack_reader in;

	if (!len)
		return say(fault, EPROTO, "a frame of length 0", nil);
	if (read_plain_yield(ret, body, len, limits))
		return 0;
	pack_reader_init(&in, body, len, limits);
	return read_any(ret, &in, len, fault);
}
