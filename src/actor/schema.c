/* SPDX-License-Identifier: MIT */
/* schema.c - structs of ACRE_MSG as msgpack values, and back, checked field by field. */
#include "actor/schema.h"

#include <float.h>
#include <string.h>

#include <acre/error.h>

#include "base/utf8.h"
#include "base/util.h"

/* A bit each in the set of fields that came; more is a message of messages. */
#define FIELDS_MAX 64
#define KEY_SHOWN_MAX 64 /* bytes of a foreign key in a report */

static int64_t int_of(const void *at, uint32_t size)
{
	switch (size) {
	case 1:
		return *(const int8_t *)at;
	case 2:
		return *(const int16_t *)at;
	case 4:
		return *(const int32_t *)at;
	default:
		return *(const int64_t *)at;
	}
}

static uint64_t uint_of(const void *at, uint32_t size)
{
	switch (size) {
	case 1:
		return *(const uint8_t *)at;
	case 2:
		return *(const uint16_t *)at;
	case 4:
		return *(const uint32_t *)at;
	default:
		return *(const uint64_t *)at;
	}
}

static void write_text(struct pack_writer *w, const char *text)
{
	pack_str(w, text ? text : "", text ? strlen(text) : 0);
}

static void write_any(struct pack_writer *w, const struct acre_value *v)
{
	if (v->packed)
		pack_raw(w, v->packed, v->len);
	else
		pack_nil(w);
}

static void write_field(struct pack_writer *w, const struct acre_field *f, const void *at)
{
	switch (f->type) {
	case ACRE_FIELD_BOOL:
		pack_bool(w, *(const bool *)at);
		return;
	case ACRE_FIELD_INT:
		pack_i64(w, int_of(at, f->size));
		return;
	case ACRE_FIELD_UINT:
		pack_u64(w, uint_of(at, f->size));
		return;
	case ACRE_FIELD_FLOAT:
		pack_f64(w, f->size == sizeof(float) ? (double)*(const float *)at
						     : *(const double *)at);
		return;
	case ACRE_FIELD_TEXT:
		write_text(w, *(const char *const *)at);
		return;
	case ACRE_FIELD_BYTES: {
		const struct acre_bytes *b = at;

		pack_bin(w, b->data ? b->data : "", b->data ? b->len : 0);
		return;
	}
	case ACRE_FIELD_ANY:
		write_any(w, at);
		return;
	case ACRE_FIELD_UNKNOWN:
		break;
	}
	pack_writer_fail(w, -EINVAL);
}

void schema_write(struct pack_writer *w, const struct acre_msg_kind *kind,
		  const void *value)
{
	if (kind->bare && !kind->n_fields) {
		pack_nil(w);
		return;
	}
	if (kind->n_fields > FIELDS_MAX) {
		pack_writer_fail(w, -EINVAL);
		return;
	}
	if (!kind->bare)
		pack_map(w, kind->n_fields);
	for (uint32_t i = 0; i < kind->n_fields; i++) {
		const struct acre_field *f = &kind->fields[i];

		if (!kind->bare)
			pack_str(w, f->name, f->name_len);
		write_field(w, f, (const uint8_t *)value + f->offset);
	}
}

static bool is_map_of_texts(const struct acre_value *v)
{
	struct pack_reader in;

	pack_reader_init(&in, v->packed, v->len, &wire_limits_default);
	for (size_t n = pack_read_map(&in); n-- && !in.fault;) {
		pack_read_str(&in);
		pack_skip(&in);
	}
	return pack_reader_end(&in) >= 0;
}

static void write_any_argument(struct pack_writer *w, const struct acre_value *v)
{
	if (!v->packed || schema_is_nil(v->packed, v->len))
		pack_map(w, 0);
	else if (is_map_of_texts(v))
		pack_raw(w, v->packed, v->len);
	else
		pack_writer_fail(w, -EINVAL);
}

void schema_write_argument(struct pack_writer *w, const struct acre_msg_kind *kind,
			   const void *value)
{
	struct acre_msg_kind as_map = *kind;

	as_map.bare = false;
	if (schema_is_any(kind))
		write_any_argument(w, &((const struct acre_any *)value)->value);
	else
		schema_write(w, &as_map, value);
}

static int any_unwritten(const struct acre_msg_kind *kind, const struct acre_field *f,
			 const struct acre_value *v, const char *what)
{
	struct pack_reader in;
	char why[128];

	if (!v->packed)
		return 0;
	pack_reader_init(&in, v->packed, v->len, &wire_limits_default);
	pack_skip(&in);
	if (pack_reader_end(&in) >= 0)
		return 0;
	pack_error_text(&in, why, sizeof why);
	return acre_fail(pack_reader_result(&in) == -EMSGSIZE ? EMSGSIZE : ACRE_ETYPE,
			 "%s: %s.%s is not a packed value: %s", what, kind->name, f->name,
			 why);
}

/* What is wrong with a field of the value: 0 if it can travel alone. */
static int field_unwritten(const struct acre_msg_kind *kind, const struct acre_field *f,
			   const void *at, const char *what)
{
	const uint32_t max = wire_limits_default.str;
	const char *text = f->type == ACRE_FIELD_TEXT ? *(const char *const *)at : NULL;
	size_t len = text ? strlen(text) : 0;

	if (f->type == ACRE_FIELD_BYTES)
		len = ((const struct acre_bytes *)at)->len;
	if (len > max)
		return acre_fail(EMSGSIZE,
				 "%s: %s.%s has %zu bytes, and %u can travel at once",
				 what, kind->name, f->name, len, max);
	if (text && !utf8_is_valid(text, len))
		return acre_fail(ACRE_ETYPE, "%s: %s.%s is not UTF-8 at byte %zu", what,
				 kind->name, f->name, utf8_valid_len(text, len));
	if (f->type == ACRE_FIELD_UNKNOWN)
		return acre_fail(ACRE_ETYPE, "%s: %s.%s is of a type that cannot travel",
				 what, kind->name, f->name);
	return f->type == ACRE_FIELD_ANY ? any_unwritten(kind, f, at, what) : 0;
}

int schema_unwritten(const struct acre_msg_kind *kind, const void *value, int r,
		     const char *what)
{
	int why = 0;

	if (r == -ENOMEM)
		return acre_fail(ENOMEM, "%s: no memory for a %s", what, kind->name);
	if (kind->n_fields > FIELDS_MAX)
		return acre_fail(ACRE_ETYPE, "%s: %s has %u fields, and %d can travel",
				 what, kind->name, kind->n_fields, FIELDS_MAX);
	for (uint32_t i = 0; why >= 0 && i < kind->n_fields; i++)
		why = field_unwritten(kind, &kind->fields[i],
				      (const uint8_t *)value + kind->fields[i].offset,
				      what);
	if (why < 0)
		return why;
	if (r == -EMSGSIZE)
		return acre_fail(EMSGSIZE, "%s: a %s of more than %u bytes", what,
				 kind->name, wire_limits_default.frame);
	if (schema_is_any(kind))
		return acre_fail(ACRE_ETYPE,
				 "%s: an argument is a map whose keys are texts", what);
	return acre_fail(ACRE_ETYPE, "%s: a %s that cannot be encoded", what, kind->name);
}

static void read_int(struct pack_reader *in, uint32_t size, void *to)
{
	int64_t max = size == 8 ? INT64_MAX : ((int64_t)1 << (size * 8 - 1)) - 1;
	int64_t v = pack_read_int(in, -max - 1, max);

	switch (size) {
	case 1:
		*(int8_t *)to = (int8_t)v;
		return;
	case 2:
		*(int16_t *)to = (int16_t)v;
		return;
	case 4:
		*(int32_t *)to = (int32_t)v;
		return;
	default:
		*(int64_t *)to = v;
	}
}

static void read_uint(struct pack_reader *in, uint32_t size, void *to)
{
	uint64_t v = pack_read_uint(in, size == 8 ? UINT64_MAX
						  : ((uint64_t)1 << (size * 8)) - 1);

	switch (size) {
	case 1:
		*(uint8_t *)to = (uint8_t)v;
		return;
	case 2:
		*(uint16_t *)to = (uint16_t)v;
		return;
	case 4:
		*(uint32_t *)to = (uint32_t)v;
		return;
	default:
		*(uint64_t *)to = v;
	}
}

/* The text as a C string: moved one byte to the left, over the last byte of its own
 * head, to make room for the NUL. */
static const char *read_text(struct pack_reader *in)
{
	const uint8_t *at = in->p;
	struct pack_str s = pack_read_str(in);
	char *text = (char *)(uintptr_t)s.s - 1;

	if (in->fault)
		return "";
	if (memchr(s.s, '\0', s.len)) {
		pack_reader_refuse(in, at, "a text without a NUL in it", "one with");
		return "";
	}
	memmove(text, s.s, s.len);
	text[s.len] = '\0';
	return text;
}

/* Infinities and what rounds to a float are floats. */
static float read_single(struct pack_reader *in)
{
	const uint8_t *at = in->p;
	double v = pack_read_f64(in), size = v < 0 ? -v : v;

	if (size > (double)FLT_MAX && size <= DBL_MAX) {
		pack_reader_refuse(in, at, "a float of 32 bits", "a larger one");
		return 0;
	}
	return (float)v;
}

static void read_field(struct pack_reader *in, const struct acre_field *f, void *to)
{
	struct pack_bytes b;

	switch (f->type) {
	case ACRE_FIELD_BOOL:
		*(bool *)to = pack_read_bool(in);
		return;
	case ACRE_FIELD_INT:
		read_int(in, f->size, to);
		return;
	case ACRE_FIELD_UINT:
		read_uint(in, f->size, to);
		return;
	case ACRE_FIELD_FLOAT:
		if (f->size == sizeof(float))
			*(float *)to = read_single(in);
		else
			*(double *)to = pack_read_f64(in);
		return;
	case ACRE_FIELD_TEXT:
		*(const char **)to = read_text(in);
		return;
	case ACRE_FIELD_BYTES:
		b = pack_read_bin(in);
		*(struct acre_bytes *)to = (struct acre_bytes){ b.p, b.len };
		return;
	case ACRE_FIELD_ANY:
		b = pack_read_raw(in);
		*(struct acre_value *)to = (struct acre_value){ b.p, b.len };
		return;
	case ACRE_FIELD_UNKNOWN:
		break;
	}
	pack_reader_refuse(in, in->p, "a type that can travel", NULL);
}

/* The field of a key: nearly always the next one in order. */
static const struct acre_field *field_of(const struct acre_msg_kind *kind, uint32_t next,
					 struct pack_str key)
{
	for (uint32_t i = 0; i < kind->n_fields; i++, next++) {
		const struct acre_field *f;

		if (next >= kind->n_fields)
			next = 0;
		f = &kind->fields[next];
		if (f->name_len == key.len && !memcmp(f->name, key.s, key.len))
			return f;
	}
	return NULL;
}

static int refused(const struct acre_msg_kind *kind, const struct pack_reader *in,
		   const char *where, const struct acre_field *field)
{
	char what[128];

	pack_error_text(in, what, sizeof what);
	return acre_fail(
		ACRE_ETYPE,
		"invalid `%s` msg payload: a value does not match type-spec %s%s%s: %s",
		where, kind->name, field ? "." : "", field ? field->name : "", what);
}

static int read_bare(const struct acre_msg_kind *kind, struct pack_reader *in, void *ret,
		     const char *where)
{
	if (kind->n_fields)
		read_field(in, &kind->fields[0], (uint8_t *)ret + kind->fields[0].offset);
	else
		pack_read_nil(in);
	return pack_reader_end(in) < 0 ? refused(kind, in, where, NULL) : 0;
}

static int unexpected(const struct acre_msg_kind *kind, const char *where,
		      struct pack_str key)
{
	size_t shown = utf8_valid_len(key.s, size_min(key.len, KEY_SHOWN_MAX));

	return acre_fail(ACRE_ETYPE,
			 "invalid `%s` msg payload: a value does not match type-spec %s: "
			 "unexpected field %.*s",
			 where, kind->name, (int)shown, key.s);
}

static int check_all_came(const struct acre_msg_kind *kind, uint64_t seen,
			  const char *where)
{
	for (uint32_t i = 0; i < kind->n_fields; i++)
		if (!(seen & (1ull << i)))
			return acre_fail(ACRE_ETYPE,
					 "invalid `%s` msg payload: a value does not "
					 "match type-spec %s: no field %s",
					 where, kind->name, kind->fields[i].name);
	return 0;
}

/* A map of fields. `strict`: there is no key that the kind has no field for. */
static int read_map(const struct acre_msg_kind *kind, struct pack_reader *in, void *ret,
		    const char *where, bool strict)
{
	uint64_t seen = 0;
	uint32_t next = 0;

	if (kind->n_fields > FIELDS_MAX)
		return acre_fail(ACRE_ETYPE, "%s has %u fields: at most %d can travel",
				 kind->name, kind->n_fields, FIELDS_MAX);
	for (size_t n = pack_read_map(in); n--;) {
		struct pack_str key = pack_read_str(in);
		const struct acre_field *f = field_of(kind, next, key);

		if (in->fault)
			break;
		if (!f && strict)
			return unexpected(kind, where, key);
		if (!f) {
			pack_skip(in);
			continue;
		}
		read_field(in, f, (uint8_t *)ret + f->offset);
		if (in->fault)
			return refused(kind, in, where, f);
		next = (uint32_t)(f - kind->fields) + 1;
		seen |= 1ull << (next - 1);
	}
	if (pack_reader_end(in) < 0)
		return refused(kind, in, where, NULL);
	return check_all_came(kind, seen, where);
}

int schema_read(const struct acre_msg_kind *kind, void *packed, size_t len, void *ret,
		const char *where)
{
	struct pack_reader in;

	pack_reader_init(&in, packed, len, &wire_limits_default);
	return kind->bare ? read_bare(kind, &in, ret, where)
			  : read_map(kind, &in, ret, where, false);
}

int schema_read_argument(const struct acre_msg_kind *kind, void *packed, size_t len,
			 void *ret)
{
	struct pack_reader in;

	pack_reader_init(&in, packed, len, &wire_limits_default);
	return schema_is_any(kind) ? read_bare(kind, &in, ret, "argument")
				   : read_map(kind, &in, ret, "argument", true);
}

bool schema_borrows(const struct acre_msg_kind *kind)
{
	for (uint32_t i = 0; i < kind->n_fields; i++)
		if (kind->fields[i].type == ACRE_FIELD_TEXT ||
		    kind->fields[i].type == ACRE_FIELD_BYTES ||
		    kind->fields[i].type == ACRE_FIELD_ANY)
			return true;
	return false;
}

bool schema_is_any(const struct acre_msg_kind *kind)
{
	return kind->bare && kind->n_fields && kind->fields[0].type == ACRE_FIELD_ANY;
}

bool schema_is_nil(const void *packed, size_t len)
{
	return len == 1 && *(const uint8_t *)packed == 0xc0;
}
