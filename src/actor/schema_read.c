/* SPDX-License-Identifier: MIT */
/* schema_read.c - msgpack values become structs of ACRE_MSG, checked field by field.
 *
 * The packed bytes are doubted here again, whoever checked them before. What is nested is
 * read by recursion, so the depth is counted; each value knows by the steps on the stack
 * where it is, so that a failure can tell.
 */
#include "actor/schema.h"

#include <float.h>
#include <stdio.h>
#include <string.h>

#include <acre/error.h>

#include "base/fault.h"
#include "base/utf8.h"
#include "base/util.h"

/* NOLINTBEGIN(misc-no-recursion): values hold values, at most DEPTH deep: counted */

#define PATH_SHOWN_MAX 256 /* bytes of a path in a report */
#define TEXT_SHOWN_MAX 64  /* bytes of a foreign text in a report */

struct reading {
	struct pack_reader in;
	const uint8_t *end; /* of the bytes: a reader with a fault has forgotten it */
	struct arena *arrays;
	const struct acre_msg_kind *kind; /* of the whole */
	const char *where;
};

static int read_message(struct reading *rd, const struct schema_step *up,
			const struct acre_msg_kind *kind, void *ret);

/*
 * Refusing
 */

/* A scalar as a text; empty for what has parts or is nil. */
static void value_text(struct pack_reader in, char *text, size_t size)
{
	struct pack_str s;
	size_t shown;

	*text = '\0';
	switch (pack_peek(&in)) {
	case PACK_BOOL:
		snprintf(text, size, " %s", pack_read_bool(&in) ? "true" : "false");
		return;
	case PACK_UINT:
		snprintf(text, size, " %ju", (uintmax_t)pack_read_u64(&in));
		return;
	case PACK_INT:
		snprintf(text, size, " %jd", (intmax_t)pack_read_i64(&in));
		return;
	case PACK_FLOAT:
		snprintf(text, size, " %g", pack_read_f64(&in));
		return;
	case PACK_STR:
		s = pack_read_str(&in);
		shown = utf8_valid_len(s.s, size_min(s.len, TEXT_SHOWN_MAX));
		snprintf(text, size, " \"%.*s\"", (int)shown, s.s);
		return;
	case PACK_END:
	case PACK_NIL:
	case PACK_BIN:
	case PACK_ARRAY:
	case PACK_MAP:
	case PACK_EXT:
	case PACK_INVALID:
	case N_PACK_TYPE:
		return;
	}
}

/* The value where the reader refused one for its type. */
static void refused_value(const struct pack_reader *in, const uint8_t *end, char *text,
			  size_t size)
{
	struct pack_reader again;

	*text = '\0';
	if (in->fault != PACK_FAULT_TYPE)
		return;
	pack_reader_init(&again, in->start + in->at, (size_t)(end - in->start) - in->at,
			 in->limits);
	if (in->came == pack_type_name(pack_peek(&again)))
		value_text(again, text, size);
}

static int mismatch(const struct reading *rd, const struct schema_step *step,
		    const char *why, const char *value)
{
	char path[PATH_SHOWN_MAX];

	schema_path(step, path, sizeof path);
	return acre_fail(ACRE_ETYPE,
			 "invalid `%s` msg payload: a value does not match type-spec "
			 "%s%s: %s%s",
			 rd->where, rd->kind->name, path, why, value);
}

/* The reader's fault. */
static int refused(const struct reading *rd, const struct schema_step *step)
{
	char what[128], value[TEXT_SHOWN_MAX + 8];

	pack_error_text(&rd->in, what, sizeof what);
	refused_value(&rd->in, rd->end, value, sizeof value);
	return mismatch(rd, step, what, value);
}

static int no_room(const struct reading *rd, const struct schema_step *step, int class)
{
	char path[PATH_SHOWN_MAX];

	schema_path(step, path, sizeof path);
	return acre_fail(class, "invalid `%s` msg payload: %s for the items of %s%s",
			 rd->where, class == ENOMEM ? "no memory" : "no more than 64 MiB",
			 rd->kind->name, path);
}

/* Into a container: the reader, too, knows how deep it is, for what it goes over itself. */
static int deepen(struct reading *rd, const struct schema_step *step)
{
	if (rd->in.depth >= wire_limits_default.depth)
		return mismatch(rd, step, "nested deeper than the limit", "");
	rd->in.depth++;
	return 0;
}

/*
 * Scalars
 */

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

static void read_scalar(struct pack_reader *in, const struct acre_field *f, void *to)
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
	case ACRE_FIELD_MESSAGE:
	case ACRE_FIELD_UNKNOWN:
		break;
	}
	pack_reader_refuse(in, in->p, "a type that can travel", NULL);
}

/*
 * Fields
 */

static int read_one(struct reading *rd, const struct schema_step *step, void *to)
{
	if (step->field->type == ACRE_FIELD_MESSAGE)
		return read_message(rd, step, step->field->of(), to);
	read_scalar(&rd->in, step->field, to);
	return unlikely(rd->in.fault) ? refused(rd, step) : 0;
}

/* n values of `size` bytes. NULL if n is 0, or with the failure in *r. */
static void *new_array(struct reading *rd, const struct schema_step *step, size_t n,
		       size_t size, int *r)
{
	void *array;

	if (n == 0)
		return NULL;
	/* n is at most a count of bytes of a frame, and size that of a struct: no overflow */
	if (n * size > SCHEMA_READ_MAX - rd->arrays->used &&
	    !PLANTED(LISTS_WITHOUT_END)) {
		*r = no_room(rd, step, EMSGSIZE);
		return NULL;
	}
	array = arena_alloc(rd->arrays, n * size);
	if (!array)
		*r = no_room(rd, step, ENOMEM);
	return array;
}

static int read_many(struct reading *rd, struct schema_step *step, uint8_t *message)
{
	const struct acre_field *f = step->field;
	bool is_map = f->form == ACRE_FORM_MAP;
	size_t n = is_map ? pack_read_map(&rd->in) : pack_read_array(&rd->in);
	const char **keys = NULL;
	uint8_t *values = NULL;
	int r = rd->in.fault ? refused(rd, step) : deepen(rd, step);

	if (r >= 0)
		values = new_array(rd, step, n, f->size, &r);
	if (is_map && r >= 0)
		keys = new_array(rd, step, n, sizeof *keys, &r);
	for (size_t i = 0; i < n && r >= 0; i++) {
		step->index = i;
		if (is_map) {
			step->key = NULL;
			keys[i] = read_text(&rd->in);
			step->key = keys[i];
		}
		r = unlikely(rd->in.fault) ? refused(rd, step)
					   : read_one(rd, step, values + i * f->size);
	}
	rd->in.depth--;
	*(void **)(void *)(message + f->offset) = values;
	*(size_t *)(void *)(message + f->more) = n;
	if (is_map)
		*(const char ***)(void *)(message + f->keys) = keys;
	return r;
}

static int read_pointed(struct reading *rd, const struct schema_step *step, void *to)
{
	void **pointer = to, *made;
	int r = 0;

	if (step->field->type != ACRE_FIELD_MESSAGE)
		return read_one(rd, step, to);
	made = new_array(rd, step, 1, step->field->size, &r);
	*pointer = made;
	return r < 0 ? r : read_one(rd, step, made);
}

static bool is_optional(const struct acre_field *f)
{
	return f->form == ACRE_FORM_OPTIONAL || f->form == ACRE_FORM_OR_NULL;
}

static void set_absent(const struct acre_field *f, uint8_t *message)
{
	if (f->form == ACRE_FORM_OPTIONAL) {
		*(bool *)(message + f->more) = false;
		memset(message + f->offset, 0, f->size);
	} else {
		*(void **)(void *)(message + f->offset) = NULL;
	}
}

static int read_field(struct reading *rd, struct schema_step *step, uint8_t *message)
{
	const struct acre_field *f = step->field;

	switch (f->form) {
	case ACRE_FORM_LIST:
	case ACRE_FORM_MAP:
		return read_many(rd, step, message);
	case ACRE_FORM_ONE:
		return read_one(rd, step, message + f->offset);
	case ACRE_FORM_OPTIONAL:
	case ACRE_FORM_OR_NULL:
		break;
	}
	if (pack_read_if_nil(&rd->in)) {
		set_absent(f, message);
		return 0;
	}
	if (f->form == ACRE_FORM_OR_NULL)
		return read_pointed(rd, step, message + f->offset);
	*(bool *)(message + f->more) = true;
	return read_one(rd, step, message + f->offset);
}

/*
 * Messages
 */

/* The number of a key's field, nearly always the next one in order; n_fields: it has none. */
static uint32_t field_of(const struct acre_msg_kind *kind, uint32_t next,
			 struct pack_str key)
{
	for (uint32_t i = 0; i < kind->n_fields; i++, next++) {
		const struct acre_field *f;

		if (next >= kind->n_fields)
			next = 0;
		f = &kind->fields[next];
		if (f->name_len == key.len && !memcmp(f->name, key.s, key.len))
			return next;
	}
	return kind->n_fields;
}

static int unexpected(const struct reading *rd, const struct schema_step *up,
		      struct pack_str key)
{
	size_t shown = utf8_valid_len(key.s, size_min(key.len, TEXT_SHOWN_MAX));
	char text[TEXT_SHOWN_MAX + 1];

	memcpy(text, key.s, shown);
	text[shown] = '\0';
	return mismatch(rd, up, "unexpected field ", text);
}

static int check_all_came(const struct reading *rd, const struct schema_step *up,
			  const struct acre_msg_kind *kind, uint64_t seen, uint8_t *ret)
{
	for (uint32_t i = 0; i < kind->n_fields; i++) {
		const struct acre_field *f = &kind->fields[i];

		if (likely(seen & (1ull << i)))
			continue;
		if (!is_optional(f))
			return mismatch(rd, up, "no field ", f->name);
		set_absent(f, ret);
	}
	return 0;
}

/* A map of fields. `strict`: there is no key that the kind has no field for. */
static int read_map(struct reading *rd, const struct schema_step *up,
		    const struct acre_msg_kind *kind, uint8_t *ret, bool strict)
{
	struct schema_step step = { .up = up };
	uint64_t seen = 0;
	uint32_t i, next = 0;
	int r = deepen(rd, up);

	if (r >= 0 && kind->n_fields > SCHEMA_FIELDS_MAX)
		return acre_fail(ACRE_ETYPE, "%s has %u fields: at most %d can travel",
				 kind->name, kind->n_fields, SCHEMA_FIELDS_MAX);
	if (r < 0)
		return r;
	for (size_t n = pack_read_map(&rd->in); n-- && r >= 0;) {
		struct pack_str key = pack_read_str(&rd->in);

		if (rd->in.fault)
			break;
		i = field_of(kind, next, key);
		if (i == kind->n_fields && strict)
			return unexpected(rd, up, key);
		if (i == kind->n_fields) {
			pack_skip(&rd->in);
			continue;
		}
		step.field = &kind->fields[i];
		r = read_field(rd, &step, ret);
		seen |= 1ull << i;
		next = i + 1;
	}
	rd->in.depth--;
	if (r < 0)
		return r;
	return rd->in.fault ? refused(rd, up) : check_all_came(rd, up, kind, seen, ret);
}

/* Just one is there. */
static int check_one(const struct reading *rd, const struct schema_step *up,
		     const struct acre_msg_kind *kind, const uint8_t *ret)
{
	uint32_t n = schema_n_there(kind, ret);

	if (n == 0)
		return mismatch(rd, up, "none of its fields", "");
	return n == 1 ? 0 : mismatch(rd, up, "more than one of its fields", "");
}

static int read_bare(struct reading *rd, const struct schema_step *up,
		     const struct acre_msg_kind *kind, uint8_t *ret)
{
	const struct acre_field *f = kind->n_fields ? &kind->fields[0] : NULL;

	if (!f)
		pack_read_nil(&rd->in);
	else
		read_scalar(&rd->in, f, ret + f->offset);
	return rd->in.fault ? refused(rd, up) : 0;
}

/* What the message borrows, and its lists, are for the hook alone. */
static int decode(struct reading *rd, const struct schema_step *up,
		  const struct acre_msg_kind *kind, struct schema_coded *came, void *ret)
{
	int r = schema_decode(kind, came, ret);

	return r < 0 ? mismatch(rd, up, "cannot be decoded: ", schema_hook_says(r)) : 0;
}

static int read_coded(struct reading *rd, const struct schema_step *up,
		      const struct acre_msg_kind *kind, void *ret)
{
	struct arena own = { 0 }, *around = rd->arrays;
	struct schema_coded came;
	int r;

	rd->arrays = &own;
	r = read_message(rd, up, schema_coded_as(kind), came.bytes);
	if (r >= 0)
		r = decode(rd, up, kind, &came, ret);
	rd->arrays = around;
	arena_fini(&own);
	return r;
}

static int read_message(struct reading *rd, const struct schema_step *up,
			const struct acre_msg_kind *kind, void *ret)
{
	int r;

	if (schema_is_coded(kind))
		return read_coded(rd, up, kind, ret);
	if (kind->form == ACRE_MSG_BARE)
		r = read_bare(rd, up, kind, ret);
	else
		r = read_map(rd, up, kind, ret, false);
	if (r >= 0 && kind->form == ACRE_MSG_ONE_OF)
		r = check_one(rd, up, kind, ret);
	return r;
}

static struct reading reading_of(const struct acre_msg_kind *kind,
				 const struct schema_packed *packed, const char *where)
{
	struct reading rd = { .kind = kind, .arrays = packed->arrays, .where = where };

	pack_reader_init(&rd.in, packed->bytes, packed->len, &wire_limits_default);
	rd.end = rd.in.end;
	return rd;
}

static int read_end(struct reading *rd, int r)
{
	if (r >= 0 && pack_reader_end(&rd->in) < 0)
		r = refused(rd, NULL);
	return r;
}

int schema_read(const struct acre_msg_kind *kind, const struct schema_packed *packed,
		void *ret, const char *where)
{
	struct reading rd = reading_of(kind, packed, where);

	if (!ret && kind->n_fields)
		return acre_fail(EINVAL,
				 "the %s cannot be read into NULL: it is a struct %s",
				 where, kind->name);
	return read_end(&rd, read_message(&rd, NULL, kind, ret));
}

static int read_argument(struct reading *rd, const struct acre_msg_kind *kind, void *ret)
{
	struct schema_coded came;
	int r;

	if (schema_is_any(kind) || kind->form == ACRE_MSG_ONE_OF)
		return read_message(rd, NULL, kind, ret);
	if (!schema_is_coded(kind))
		return read_map(rd, NULL, kind, ret, true);
	r = read_argument(rd, schema_coded_as(kind), came.bytes);
	return r < 0 ? r : decode(rd, NULL, kind, &came, ret);
}

int schema_read_argument(const struct acre_msg_kind *kind,
			 const struct schema_packed *packed, void *ret)
{
	struct reading rd = reading_of(kind, packed, "argument");

	return read_end(&rd, read_argument(&rd, kind, ret));
}
/* NOLINTEND(misc-no-recursion) */
