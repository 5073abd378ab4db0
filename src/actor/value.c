/* SPDX-License-Identifier: MIT */
/* value.c - values without a declaration: packed from parts, and read part by part.
 *
 * The public face of wire/pack.h, for who has no struct for what travels. A value is its
 * packed bytes and nothing else, so one that was received costs nothing until it is read,
 * and each part of it is a value again.
 *
 * A value may come from the program itself, so reading doubts it like one from a peer,
 * and what is wrong with one that is packed is a failure, not a BUG.
 */
#include <acre/value.h>

#include <string.h>

#include <acre/error.h>

#include "base/mem.h"
#include "wire/pack.h"

/*
 * Reading
 */

/* type of the wire, part, its name */
#define PART_TYPES(P)               \
	P(NIL, NIL, "nil")          \
	P(BOOL, BOOL, "bool")       \
	P(INT, INT, "int")          \
	P(UINT, NATURAL, "natural") \
	P(FLOAT, FLOAT, "float")    \
	P(STR, TEXT, "text")        \
	P(BIN, BYTES, "bytes")      \
	P(EXT, EXT, "extension")    \
	P(ARRAY, LIST, "list")      \
	P(MAP, MAP, "map")

static const char *const part_names[] = {
#define PART_NAME(packed, part, name) [ACRE_PART_##part] = name,
	PART_TYPES(PART_NAME)
#undef PART_NAME
};

const char *acre_part_name(enum acre_part_type type)
{
	bool known = (size_t)type < sizeof part_names / sizeof *part_names;

	return known ? part_names[type] : "<unknown>";
}

static enum acre_part_type part_type(enum pack_type type)
{
	switch ((int)type) {
#define PART_CASE(packed, part, name) \
	case PACK_##packed:           \
		return ACRE_PART_##part;
		PART_TYPES(PART_CASE)
#undef PART_CASE
	default:
		return ACRE_PART_NIL; /* and its reading fails */
	}
}

static void read_natural(struct pack_reader *in, struct acre_part *ret)
{
	ret->natural = pack_read_u64(in);
	if (ret->natural > INT64_MAX)
		return;
	ret->type = ACRE_PART_INT;
	ret->integer = (int64_t)ret->natural;
}

static void read_part(struct pack_reader *in, struct acre_part *ret)
{
	struct pack_bytes b;
	struct pack_str s;

	switch (ret->type) {
	case ACRE_PART_NIL:
		pack_read_nil(in);
		return;
	case ACRE_PART_BOOL:
		ret->boolean = pack_read_bool(in);
		return;
	case ACRE_PART_INT:
		ret->integer = pack_read_i64(in);
		return;
	case ACRE_PART_NATURAL:
		read_natural(in, ret);
		return;
	case ACRE_PART_FLOAT:
		ret->real = pack_read_f64(in);
		return;
	case ACRE_PART_TEXT:
		s = pack_read_str(in);
		ret->bytes = (struct acre_bytes){ s.s, s.len };
		return;
	case ACRE_PART_BYTES:
		b = pack_read_bin(in);
		ret->bytes = (struct acre_bytes){ b.p, b.len };
		return;
	case ACRE_PART_EXT:
		b = pack_read_ext(in, &ret->ext);
		ret->bytes = (struct acre_bytes){ b.p, b.len };
		return;
	case ACRE_PART_LIST:
		ret->count = pack_read_array(in);
		return;
	case ACRE_PART_MAP:
		ret->count = pack_read_map(in);
		return;
	}
}

static struct pack_reader reader_of(const struct acre_value *value)
{
	struct pack_reader in;

	pack_reader_init(&in, value->packed, value->len, &wire_limits_default);
	return in;
}

/* What was read of it is no part of it any more. */
static int moved(struct acre_value *from, const struct pack_reader *in, const char *want)
{
	char what[128];

	if (in->fault) {
		pack_error_text(in, what, sizeof what);
		return acre_fail(ACRE_ETYPE, "not a packed %s: %s", want, what);
	}
	from->packed = in->p;
	from->len = (size_t)(in->end - in->p);
	return 1;
}

int acre_value_next(struct acre_value *from, struct acre_part *ret)
{
	struct acre_part part = { .ext = 0 };
	struct pack_reader in = reader_of(from);
	int r;

	if (from->len == 0)
		return 0;
	part.type = part_type(pack_peek(&in));
	read_part(&in, &part);
	r = moved(from, &in, "value");
	if (r > 0)
		*ret = part;
	return r;
}

int acre_value_skip(struct acre_value *from, struct acre_value *ret)
{
	struct pack_reader in = reader_of(from);
	struct pack_bytes skipped;
	int r;

	if (from->len == 0)
		return 0;
	skipped = pack_read_raw(&in);
	r = moved(from, &in, "value");
	if (r > 0 && ret)
		*ret = (struct acre_value){ skipped.p, skipped.len };
	return r;
}

int acre_value_get(struct acre_value map, const char *key, struct acre_value *ret)
{
	struct pack_reader in = reader_of(&map);
	int found = 0, r;

	for (size_t n = pack_read_map(&in); n-- && !in.fault;) {
		bool is_text = pack_peek(&in) == PACK_STR, is_key = false;
		struct pack_bytes value;

		if (is_text)
			is_key = pack_str_is(pack_read_str(&in), key);
		else
			pack_skip(&in);
		value = pack_read_raw(&in);
		if (is_key && !in.fault) {
			*ret = (struct acre_value){ value.p, value.len };
			found = 1;
		}
	}
	r = moved(&map, &in, "map");
	return r < 0 ? r : found;
}

/*
 * Packing
 */

struct acre_packer {
	struct pack_writer w;
	struct buf packed;
	bool is_done; /* the next part begins a value anew */
};

static void begin(struct acre_packer *p)
{
	p->is_done = false;
	buf_consume(&p->packed, buf_len(&p->packed));
	pack_writer_init(&p->w, &p->packed, &wire_limits_default);
}

struct acre_packer *acre_pack_new(void)
{
	struct acre_packer *p = mem_zalloc(sizeof *p);

	if (!p)
		return NULL;
	buf_init(&p->packed, wire_limits_default.frame);
	begin(p);
	return p;
}

struct acre_packer *acre_pack_free(struct acre_packer *p)
{
	if (p)
		buf_fini(&p->packed);
	return mem_free(p);
}

/* The writer of the next part; NULL: there can be none. */
static struct pack_writer *next_part(struct acre_packer *p)
{
	if (!p)
		return NULL;
	if (p->is_done)
		begin(p);
	if (p->w.r == 0 && p->w.left == 0)
		pack_writer_fail(&p->w, -E2BIG);
	return p->w.r < 0 ? NULL : &p->w;
}

void acre_pack_nil(struct acre_packer *p)
{
	struct pack_writer *w = next_part(p);

	if (w)
		pack_nil(w);
}

void acre_pack_bool(struct acre_packer *p, bool value)
{
	struct pack_writer *w = next_part(p);

	if (w)
		pack_bool(w, value);
}

void acre_pack_int(struct acre_packer *p, int64_t value)
{
	struct pack_writer *w = next_part(p);

	if (w)
		pack_i64(w, value);
}

void acre_pack_natural(struct acre_packer *p, uint64_t value)
{
	struct pack_writer *w = next_part(p);

	if (w)
		pack_u64(w, value);
}

void acre_pack_float(struct acre_packer *p, double value)
{
	struct pack_writer *w = next_part(p);

	if (w)
		pack_f64(w, value);
}

void acre_pack_text(struct acre_packer *p, const char *text)
{
	acre_pack_text_of(p, text, strlen(text));
}

void acre_pack_text_of(struct acre_packer *p, const char *text, size_t len)
{
	struct pack_writer *w = next_part(p);

	if (w)
		pack_str(w, text, len);
}

void acre_pack_bytes(struct acre_packer *p, const void *bytes, size_t len)
{
	struct pack_writer *w = next_part(p);

	if (w)
		pack_bin(w, bytes, len);
}

void acre_pack_list(struct acre_packer *p, size_t n)
{
	struct pack_writer *w = next_part(p);

	if (w)
		pack_array(w, n);
}

void acre_pack_map(struct acre_packer *p, size_t n)
{
	struct pack_writer *w = next_part(p);

	if (w)
		pack_map(w, n);
}

void acre_pack_value(struct acre_packer *p, struct acre_value value)
{
	struct pack_writer *w = next_part(p);

	if (w)
		pack_raw(w, value.packed, value.len);
}

static int pack_failure(int r)
{
	switch (r) {
	case -E2BIG:
		return acre_fail(EINVAL, "packing: more parts than one value has");
	case -EILSEQ:
		return acre_fail(ACRE_ETYPE, "packing: a text that is not UTF-8");
	case -EINVAL:
		return acre_fail(ACRE_ETYPE, "packing: a value that is not a packed one");
	case -EMSGSIZE:
		return acre_fail(
			EMSGSIZE,
			"packing: beyond %u bytes of a value or %u of a text, %u "
			"items of a list, or %u levels",
			wire_limits_default.frame, wire_limits_default.str,
			wire_limits_default.items, wire_limits_default.depth);
	default:
		return acre_fail(ENOMEM, "packing: no memory");
	}
}

int acre_pack_end(struct acre_packer *p, struct acre_value *ret)
{
	if (!p)
		return pack_failure(-ENOMEM);
	p->is_done = true;
	if (p->w.r < 0)
		return pack_failure(p->w.r);
	if (p->w.left > 0) {
		pack_writer_fail(&p->w, -EINVAL);
		return acre_fail(EINVAL, "packing: the value is not whole");
	}
	*ret = (struct acre_value){ buf_bytes(&p->packed), buf_len(&p->packed) };
	return 0;
}
