/* SPDX-License-Identifier: MIT */
/* schema_write.c - structs of ACRE_MSG become msgpack values, and what was wrong if not. */
#include "actor/schema.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <acre/error.h>

#include "base/utf8.h"
#include "base/util.h"
#include "core/report.h"

/* NOLINTBEGIN(misc-no-recursion): messages hold messages; a writer refuses what is deeper than DEPTH */

#define PATH_SHOWN_MAX 256 /* bytes of a path in a report */

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

static void write_one(struct pack_writer *w, const struct acre_field *f, const void *at)
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
	case ACRE_FIELD_MESSAGE:
		schema_write(w, f->of(), at);
		return;
	case ACRE_FIELD_UNKNOWN:
		break;
	}
	pack_writer_fail(w, -EINVAL);
}

static const void *value_at(const struct acre_field *f, const void *message)
{
	return (const uint8_t *)message + f->offset;
}

static const void *pointer_at(const struct acre_field *f, const void *message)
{
	return *(const void *const *)value_at(f, message);
}

static const char *const *keys_at(const struct acre_field *f, const void *message)
{
	return *(const char *const *const *)(const void *)((const uint8_t *)message +
							   f->keys);
}

/* A message that may be NULL is where its field points to; a text is that pointer. */
static const void *pointed(const struct acre_field *f, const void *message)
{
	return f->type == ACRE_FIELD_TEXT ? value_at(f, message) : pointer_at(f, message);
}

static bool lacks_array(const struct acre_field *f, const void *message)
{
	return schema_count(f, message) > 0 &&
	       (!pointer_at(f, message) ||
		(f->form == ACRE_FORM_MAP && !keys_at(f, message)));
}

static void write_many(struct pack_writer *w, const struct acre_field *f,
		       const void *message)
{
	const char *const *keys = f->form == ACRE_FORM_MAP ? keys_at(f, message) : NULL;
	const uint8_t *values = pointer_at(f, message);
	size_t n = schema_count(f, message);

	if (lacks_array(f, message)) {
		pack_writer_fail(w, -EINVAL);
		return;
	}
	if (f->form == ACRE_FORM_MAP)
		pack_map(w, n);
	else
		pack_array(w, n);
	for (size_t i = 0; i < n && w->r == 0; i++) {
		if (keys)
			write_text(w, keys[i]);
		write_one(w, f, values + i * f->size);
	}
}

static void write_field(struct pack_writer *w, const struct acre_field *f,
			const void *message)
{
	if (f->form == ACRE_FORM_LIST || f->form == ACRE_FORM_MAP)
		write_many(w, f, message);
	else if (!schema_is_there(f, message))
		pack_nil(w);
	else if (f->form == ACRE_FORM_OR_NULL)
		write_one(w, f, pointed(f, message));
	else
		write_one(w, f, value_at(f, message));
}

static void write_named(struct pack_writer *w, const struct acre_field *f,
			const void *message)
{
	pack_str(w, f->name, f->name_len);
	if (likely(f->form == ACRE_FORM_ONE))
		write_one(w, f, value_at(f, message));
	else
		write_field(w, f, message);
}

static void write_one_of(struct pack_writer *w, const struct acre_msg_kind *kind,
			 const void *value)
{
	if (schema_n_there(kind, value) != 1) {
		pack_writer_fail(w, -EINVAL);
		return;
	}
	pack_map(w, 1);
	for (uint32_t i = 0; i < kind->n_fields; i++)
		if (schema_is_there(&kind->fields[i], value))
			write_named(w, &kind->fields[i], value);
}

static void write_map(struct pack_writer *w, const struct acre_msg_kind *kind,
		      const void *value)
{
	if (kind->n_fields > SCHEMA_FIELDS_MAX) {
		pack_writer_fail(w, -EINVAL);
		return;
	}
	pack_map(w, kind->n_fields);
	for (uint32_t i = 0; i < kind->n_fields && w->r == 0; i++)
		write_named(w, &kind->fields[i], value);
}

static void write_coded(struct pack_writer *w, const struct acre_msg_kind *kind,
			const void *value, bool is_argument)
{
	const struct acre_msg_kind *as = schema_coded_as(kind);
	struct schema_coded coded;
	int r = schema_encode(kind, value, &coded);

	if (r < 0) /* why is told by schema_unwritten() */
		pack_writer_fail(w, report_class(r) == ENOMEM ? -ENOMEM : -EINVAL);
	else if (is_argument)
		schema_write_argument(w, as, coded.bytes);
	else
		schema_write(w, as, coded.bytes);
}

/* Ends for a message that holds itself: it is nested deeper than a writer goes. */
void schema_write(struct pack_writer *w, const struct acre_msg_kind *kind,
		  const void *value)
{
	if (kind->form == ACRE_MSG_MAP)
		write_map(w, kind, value);
	else if (kind->form == ACRE_MSG_ONE_OF)
		write_one_of(w, kind, value);
	else if (schema_is_coded(kind))
		write_coded(w, kind, value, false);
	else if (kind->n_fields)
		write_field(w, &kind->fields[0], value);
	else
		pack_nil(w);
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

	if (kind->form == ACRE_MSG_BARE)
		as_map.form = ACRE_MSG_MAP;
	if (schema_is_any(kind))
		write_any_argument(w, &((const struct acre_any *)value)->value);
	else if (schema_is_coded(kind))
		write_coded(w, kind, value, true);
	else
		schema_write(w, &as_map, value);
}

/*
 * What was wrong: the value is gone over once more, field by field, until one is found that
 * cannot travel alone.
 */

struct blame {
	const char *what; /* was to be done */
	const struct acre_msg_kind *kind;
	unsigned depth; /* containers around the value */
};

static int message_unwritten(const struct blame *b, const struct schema_step *up,
			     const struct acre_msg_kind *kind, const void *value);

__attribute__((format(printf, 4, 5))) static int blame(const struct blame *b,
						       const struct schema_step *step,
						       int class, const char *fmt, ...)
{
	char path[PATH_SHOWN_MAX], why[256];
	va_list args;

	schema_path(step, path, sizeof path);
	va_start(args, fmt);
	vsnprintf(why, sizeof why, fmt, args);
	va_end(args);
	return acre_fail(class, "%s: %s%s %s", b->what, b->kind->name, path, why);
}

static int too_deep(const struct blame *b, const struct schema_step *step)
{
	return blame(b, step, EMSGSIZE, "is in more than %u levels",
		     wire_limits_default.depth);
}

static int any_unwritten(const struct blame *b, const struct schema_step *step,
			 const struct acre_value *v)
{
	struct pack_reader in;
	char why[128];

	if (!v->packed)
		return 0;
	pack_reader_init(&in, v->packed, v->len, &wire_limits_default);
	in.depth = b->depth;
	pack_skip(&in);
	if (pack_reader_end(&in) >= 0)
		return 0;
	pack_error_text(&in, why, sizeof why);
	return blame(b, step,
		     pack_reader_result(&in) == -EMSGSIZE ? EMSGSIZE : ACRE_ETYPE,
		     "is not a packed value: %s", why);
}

static int text_unwritten(const struct blame *b, const struct schema_step *step,
			  const char *text)
{
	const uint32_t max = wire_limits_default.str;
	size_t len = text ? strlen(text) : 0;

	if (len > max)
		return blame(b, step, EMSGSIZE,
			     "has %zu bytes, and %u can travel at once", len, max);
	if (text && !utf8_is_valid(text, len))
		return blame(b, step, ACRE_ETYPE, "is not UTF-8 at byte %zu",
			     utf8_valid_len(text, len));
	return 0;
}

static int one_unwritten(const struct blame *b, const struct schema_step *step,
			 const void *at)
{
	const uint32_t max = wire_limits_default.str;
	const struct acre_field *f = step->field;
	const struct acre_bytes *bytes = at;

	switch (f->type) {
	case ACRE_FIELD_TEXT:
		return text_unwritten(b, step, *(const char *const *)at);
	case ACRE_FIELD_BYTES:
		return bytes->len <= max
			       ? 0
			       : blame(b, step, EMSGSIZE,
				       "has %zu bytes, and %u can travel at once",
				       bytes->len, max);
	case ACRE_FIELD_ANY:
		return any_unwritten(b, step, at);
	case ACRE_FIELD_MESSAGE:
		return message_unwritten(b, step, f->of(), at);
	case ACRE_FIELD_UNKNOWN:
		return blame(b, step, ACRE_ETYPE, "is of a type that cannot travel");
	case ACRE_FIELD_BOOL:
	case ACRE_FIELD_INT:
	case ACRE_FIELD_UINT:
	case ACRE_FIELD_FLOAT:
		break;
	}
	return 0;
}

static int many_unwritten(const struct blame *b, struct schema_step *step,
			  const void *message)
{
	const struct acre_field *f = step->field;
	const struct schema_step field_alone = { step->up,
						 &(struct acre_field){ .name = f->name },
						 0, NULL };
	size_t n = schema_count(f, message);
	const uint8_t *values = pointer_at(f, message);
	struct blame deeper = { b->what, b->kind, b->depth + 1 };
	int why = 0;

	if (b->depth >= wire_limits_default.depth)
		return too_deep(b, &field_alone);
	if (lacks_array(f, message))
		return blame(b, &field_alone, ACRE_ETYPE, "has %zu items, and is NULL",
			     n);
	if (n > wire_limits_default.items)
		return blame(b, &field_alone, EMSGSIZE,
			     "has %zu items, and %u can travel at once", n,
			     wire_limits_default.items);
	for (size_t i = 0; i < n && why >= 0; i++) {
		step->index = i;
		if (f->form == ACRE_FORM_MAP) {
			step->key = NULL;
			why = text_unwritten(b, step, keys_at(f, message)[i]);
			step->key = keys_at(f, message)[i];
		}
		if (why >= 0)
			why = one_unwritten(&deeper, step, values + i * f->size);
	}
	return why;
}

static int coded_unwritten(const struct blame *b, const struct schema_step *up,
			   const struct acre_msg_kind *kind, const void *value)
{
	struct schema_coded coded;
	int r = schema_encode(kind, value, &coded);

	if (r < 0)
		return blame(b, up, ACRE_ETYPE, "cannot be encoded: %s",
			     schema_hook_says(r));
	return message_unwritten(b, up, schema_coded_as(kind), coded.bytes);
}

static int message_unwritten(const struct blame *b, const struct schema_step *up,
			     const struct acre_msg_kind *kind, const void *value)
{
	struct blame deeper = { b->what, b->kind, b->depth + 1 };
	int why = 0;

	if (b->depth >= wire_limits_default.depth)
		return too_deep(b, up);
	if (schema_is_coded(kind))
		return coded_unwritten(b, up, kind, value);
	if (kind->n_fields > SCHEMA_FIELDS_MAX)
		return blame(b, up, ACRE_ETYPE, "has %u fields, and %d can travel",
			     kind->n_fields, SCHEMA_FIELDS_MAX);
	if (kind->form == ACRE_MSG_ONE_OF && schema_n_there(kind, value) != 1)
		return blame(b, up, ACRE_ETYPE, "is one of %u, and %u of them are there",
			     kind->n_fields, schema_n_there(kind, value));
	for (uint32_t i = 0; why >= 0 && i < kind->n_fields; i++) {
		const struct acre_field *f = &kind->fields[i];
		struct schema_step step = { up, f, 0, NULL };

		if (f->form == ACRE_FORM_LIST || f->form == ACRE_FORM_MAP)
			why = many_unwritten(&deeper, &step, value);
		else if (schema_is_there(f, value))
			why = one_unwritten(&deeper, &step,
					    f->form == ACRE_FORM_OR_NULL
						    ? pointed(f, value)
						    : value_at(f, value));
	}
	return why;
}

int schema_unwritten(const struct acre_msg_kind *kind, const void *value, int r,
		     const char *what)
{
	struct blame b = { what, kind, 0 };
	int why;

	if (r == -ENOMEM)
		return acre_fail(ENOMEM, "%s: no memory for a %s", what, kind->name);
	why = message_unwritten(&b, NULL, kind, value);
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
/* NOLINTEND(misc-no-recursion) */
