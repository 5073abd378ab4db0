/* SPDX-License-Identifier: MIT */
/* msg_read.c - taking the body of a frame apart, driven by one table of fields. */
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "wire/msg.h"

/*
 * Which keys a kind has, of what form, where they go and whether they must be there is
 * the list below and nothing else. Keys may come in any order and unknown ones are
 * ignored; of a doubled key the last one wins; the tag may stand anywhere, but must not
 * be doubled with another value. What does not fit is refused with its key.
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
	UID,
	UID_OR_NIL,
	CREDIT, /* [items, bytes] */
	AID_ACRE,
	ANY /* read over */
};

/* kind, key, form, field, must it be there */
#define FIELDS(F)                                                               \
	F(AID, "name", TEXT, aid.uid.name, true)                                \
	F(AID, "uuid", TEXT, aid.uid.uuid, true)                                \
	F(AID, "pid", INT_OR_NIL, aid.pid, false)                               \
	F(AID, "is_registrar", BOOL_OR_NIL, aid.is_registrar, false)            \
	F(AID, "is_probe", BOOL, aid.is_probe, false)                           \
	F(AID, "acre", AID_ACRE, aid, false)                                    \
	F(SPAWN_SPEC, "_parent_main_data", PACKED, spec.parent_main_data, true) \
	F(SPAWN_SPEC, "_runtime_vars", PACKED, spec.runtime_vars, true)         \
	F(SPAWN_SPEC, "enable_modules", PACKED, spec.enable_modules, true)      \
	F(SPAWN_SPEC, "reg_addrs", PACKED, spec.reg_addrs, true)                \
	F(SPAWN_SPEC, "bind_addrs", PACKED_OR_NIL, spec.bind_addrs, true)       \
	F(SPAWN_SPEC, "acre", PACKED, spec.acre, false)                         \
	F(START, "cid", TEXT, cid, true)                                        \
	F(START, "ns", TEXT, start.ns, true)                                    \
	F(START, "func", TEXT, start.func, true)                                \
	F(START, "kwargs", PACKED, start.kwargs, true)                          \
	F(START, "uid", UID, start.uid, true)                                   \
	F(START, "pld_spec", ANY, cid, false)                                   \
	F(START, "remaining_us", INT_OR_NIL, start.remaining_us, false)         \
	F(START, "credit", CREDIT, start.credit, false)                         \
	F(START, "hops", UINT, start.hops, false)                               \
	F(START_ACK, "cid", TEXT, cid, true)                                    \
	F(START_ACK, "functype", TEXT, start_ack.functype, true)                \
	F(START_ACK, "credit", CREDIT, start_ack.credit, false)                 \
	F(STARTED, "cid", TEXT, cid, true)                                      \
	F(STARTED, "pld", PACKED, pld, true)                                    \
	F(YIELD, "cid", TEXT, cid, true)                                        \
	F(YIELD, "pld", PACKED, pld, true)                                      \
	F(STOP, "cid", TEXT, cid, true)                                         \
	F(STOP, "left", BOOL, stop_left, false)                                 \
	F(RETURN, "cid", TEXT, cid, true)                                       \
	F(RETURN, "pld", PACKED, pld, true)                                     \
	F(CANCEL_ACK, "cid", TEXT, cid, true)                                   \
	F(CANCEL_ACK, "pld", BOOL, cancel_ack.pld, true)                        \
	F(CANCEL_ACK, "req", UINT, cancel_ack.req, false)                       \
	F(ERROR, "src_uid", UID, error.src_uid, true)                           \
	F(ERROR, "src_type_str", TEXT, error.src_type, true)                    \
	F(ERROR, "boxed_type_str", TEXT, error.boxed_type, true)                \
	F(ERROR, "relay_path", PACKED, error.relay_path, true)                  \
	F(ERROR, "message", TEXT_OR_NIL, error.message, false)                  \
	F(ERROR, "tb_str", TEXT, error.tb, false)                               \
	F(ERROR, "canceller", UID_OR_NIL, error.canceller, false)               \
	F(ERROR, "sender", UID_OR_NIL, error.sender, false)                     \
	F(ERROR, "cid", TEXT_OR_NIL, cid, false)                                \
	F(ERROR, "_bad_msg", PACKED_OR_NIL, error.bad_msg, false)               \
	F(ERROR, "_bad_msg_as_dict", PACKED_OR_NIL, error.bad_msg_dict, false)  \
	F(ERROR, "acre", PACKED, error.acre, false)                             \
	F(CANCEL, "cid", TEXT_OR_NIL, cid, true)                                \
	F(CANCEL, "req", UINT, cancel.req, true)                                \
	F(CANCEL, "reason", TEXT, cancel.reason, true)                          \
	F(CANCEL, "canceller", UID, cancel.canceller, true)                     \
	F(CANCEL, "remaining_us", INT_OR_NIL, cancel.remaining_us, false)       \
	F(CANCEL, "text", TEXT_OR_NIL, cancel.text, false)                      \
	F(CREDIT, "cid", TEXT, cid, true)                                       \
	F(CREDIT, "items", UINT, credit.items, true)                            \
	F(CREDIT, "bytes", UINT, credit.bytes, true)

struct field {
	enum msg_kind kind;
	enum form form;
	const char *key;
	size_t key_len;
	size_t offset;
	bool required;
};

#define FIELD_ROW(kind, key, form, member, required) \
	{ MSG_##kind, form, key, sizeof key - 1, offsetof(struct msg, member), required },
static const struct field fields[] = { FIELDS(FIELD_ROW) };
#define N_FIELDS (sizeof fields / sizeof *fields)
_Static_assert(N_FIELDS <= 64, "a bit of the set of fields that were seen for each");

struct kind_row {
	const char *name;
	size_t len;
	bool small;
};

#define KIND_ROW(kind, text, before_data, small) \
	[MSG_##kind] = { text, sizeof text - 1, small },
static const struct kind_row kinds[N_MSG] = { [MSG_NONE] = { "", 0, false },
					      MSG_KINDS(KIND_ROW) };

#define FEATURE_ROW(name, text) [MSG_BIT_##name] = text,
static const char *const features[] = { MSG_FEATURES(FEATURE_ROW) };

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

static struct uid read_uid(struct pack_reader *in)
{
	const uint8_t *at = in->p;
	struct uid uid = { { NULL, 0 }, { NULL, 0 } };

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
	for (size_t i = 0; i < ARRAY_N(features); i++)
		if (slice_is(name, features[i]))
			return 1u << i;
	return 0;
}

static void read_aid_acre(struct pack_reader *in, struct msg_aid *aid)
{
	for (size_t n = pack_read_map(in); n--;) {
		struct slice key = read_text(in);

		if (slice_is(key, "v")) {
			aid->acre_version = pack_read_u64(in);
		} else if (slice_is(key, "feat")) {
			for (size_t k = pack_read_array(in); k--;)
				aid->features |= feature_bit(read_text(in));
		} else if (slice_is(key, "credit")) {
			aid->credit = read_credit(in);
		} else if (slice_is(key, "host")) {
			aid->host = read_text(in);
		} else {
			pack_skip(in);
		}
	}
}

static void read_field(struct pack_reader *in, const struct field *f, struct msg *m)
{
	void *to = (uint8_t *)m + f->offset;

	switch (f->form) {
	case TEXT_OR_NIL:
		if (pack_read_if_nil(in)) {
			*(struct slice *)to = (struct slice){ NULL, 0 };
			return;
		}
		*(struct slice *)to = read_text(in);
		return;
	case TEXT:
		*(struct slice *)to = read_text(in);
		return;
	case UINT:
		*(uint64_t *)to = pack_read_u64(in);
		return;
	case INT_OR_NIL:
		*(int64_t *)to = pack_read_if_nil(in)
					 ? -1
					 : pack_read_int(in, 0, INT64_MAX / 2000);
		return;
	case BOOL_OR_NIL: /* there is one: is_registrar */
		m->aid.registrar_was_nil = pack_read_if_nil(in);
		*(bool *)to = m->aid.registrar_was_nil || pack_read_bool(in);
		return;
	case BOOL:
		*(bool *)to = pack_read_bool(in);
		return;
	case PACKED_OR_NIL:
		if (pack_read_if_nil(in)) {
			*(struct slice *)to = (struct slice){ NULL, 0 };
			return;
		}
		*(struct slice *)to = read_packed(in);
		return;
	case PACKED:
		*(struct slice *)to = read_packed(in);
		return;
	case UID_OR_NIL:
		if (!pack_read_if_nil(in))
			*(struct uid *)to = read_uid(in);
		return;
	case UID:
		*(struct uid *)to = read_uid(in);
		return;
	case CREDIT:
		*(struct msg_credit *)to = read_credit(in);
		return;
	case AID_ACRE:
		read_aid_acre(in, to);
		return;
	case ANY:
		pack_skip(in);
		return;
	}
}

static enum msg_kind kind_of(struct slice name)
{
	for (enum msg_kind k = MSG_NONE + 1; k < N_MSG; k++)
		if (kinds[k].len == name.len && !memcmp(kinds[k].name, name.p, name.len))
			return k;
	return MSG_NONE;
}

/* The tag: nearly always the first key, but it may stand anywhere. */
static struct slice find_tag(struct pack_reader in)
{
	struct slice tag = { NULL, 0 };

	for (size_t n = pack_read_map(&in); n-- && !tag.p;) {
		if (pack_peek(&in) != PACK_STR)
			break;
		if (slice_is(read_text(&in), "msg_type"))
			tag = pack_peek(&in) == PACK_STR ? read_text(&in) : tag;
		else
			pack_skip(&in);
	}
	return tag;
}

/* First row of each kind; N_MSG is one behind the last. */
static size_t first_row(enum msg_kind kind)
{
	static uint8_t
		first[N_MSG + 1]; /* filled with the same values by whoever comes first */

	if (!first[N_MSG]) {
		for (size_t i = N_FIELDS; i--;)
			first[fields[i].kind] = (uint8_t)i;
		__atomic_store_n(&first[N_MSG], (uint8_t)N_FIELDS, __ATOMIC_RELEASE);
	}
	return first[kind];
}

static const struct field *field_of(enum msg_kind kind, size_t first, struct slice key)
{
	for (size_t i = first; i < N_FIELDS && fields[i].kind == kind; i++)
		if (fields[i].key_len == key.len &&
		    !memcmp(fields[i].key, key.p, key.len))
			return &fields[i];
	return NULL;
}

static int say(struct msg_fault *fault, int class, const char *what, const char *name,
	       size_t len)
{
	snprintf(fault->text, sizeof fault->text, "%s%.*s", what, (int)size_min(len, 64),
		 name ? name : "");
	return -class;
}

static int check_required(enum msg_kind kind, size_t first, uint64_t seen,
			  struct msg_fault *fault)
{
	for (size_t i = first; i < N_FIELDS && fields[i].kind == kind; i++)
		if (fields[i].required && !(seen & (1ull << i)))
			return snprintf(fault->text, sizeof fault->text,
					"a %s without the key %s", kinds[kind].name,
					fields[i].key),
			       -EPROTO;
	return 0;
}

static void set_defaults(struct msg *m)
{
	switch ((int)m->kind) {
	case MSG_AID:
		m->aid.pid = -1;
		m->aid.registrar_was_nil = true;
		return;
	case MSG_START:
		m->start.remaining_us = -1;
		return;
	case MSG_CANCEL:
		m->cancel.remaining_us = -1;
		return;
	default:
		return;
	}
}

/* What follows from a key having come at all. */
static void derive(struct msg *m, uint64_t seen)
{
	if (m->kind == MSG_CREDIT)
		m->credit.given = true;
	if (m->kind == MSG_CANCEL_ACK)
		m->cancel_ack.has_req =
			(seen >> (first_row(MSG_CANCEL_ACK) + 2)) & 1; /* its third row */
}

static int read_fields(struct pack_reader *in, struct msg *m, struct slice tag,
		       struct msg_fault *fault)
{
	size_t first = first_row(m->kind);
	uint64_t seen = 0;
	int r;

	for (size_t n = pack_read_map(in); n--;) {
		struct slice key = read_text(in);
		const struct field *f = field_of(m->kind, first, key);

		if (f) {
			read_field(in, f, m);
			seen |= 1ull << (f - fields);
		} else if (slice_is(key, "msg_type")) {
			if (!slice_equal(read_text(in), tag))
				return say(fault, EPROTO,
					   "two different kinds in one frame", NULL, 0);
		} else if (slice_is(key, "fds")) {
			return say(fault, EPROTO, "descriptors that did not come", NULL,
				   0);
		} else {
			pack_skip(in);
		}
	}
	r = pack_reader_end(in);
	if (r < 0) {
		size_t used = (size_t)snprintf(fault->text, sizeof fault->text,
					       "a %s: ", kinds[m->kind].name);

		pack_error_text(in, fault->text + used, sizeof fault->text - used);
		return r == -EMSGSIZE ? r : -EPROTO;
	}
	derive(m, seen);
	return check_required(m->kind, first, seen, fault);
}

int msg_read(struct msg *ret, const uint8_t *body, size_t len,
	     const struct wire_limits *limits, struct msg_fault *fault)
{
	struct pack_reader in;
	struct slice tag;

	if (!len)
		return say(fault, EPROTO, "a frame of length 0", NULL, 0);
	pack_reader_init(&in, body, len, limits);
	if (pack_peek(&in) != PACK_MAP)
		return say(fault, EPROTO, "a frame that is no map but ",
			   pack_type_name(pack_peek(&in)), 64);
	tag = find_tag(in);
	if (!tag.p)
		return say(fault, EPROTO,
			   "a frame whose kind cannot be read (no text key msg_type)",
			   NULL, 0);
	memset(ret, 0, sizeof *ret);
	ret->kind = kind_of(tag);
	if (ret->kind == MSG_NONE)
		return say(fault, EPROTO, "a frame of an unknown kind: ", tag.p, tag.len);
	if (kinds[ret->kind].small && len > limits->ctl) {
		snprintf(fault->text, sizeof fault->text,
			 "a %s of %zu bytes: the limit is %u", kinds[ret->kind].name, len,
			 limits->ctl);
		return -EMSGSIZE;
	}
	set_defaults(ret);
	return read_fields(&in, ret, tag, fault);
}
