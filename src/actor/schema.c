/* SPDX-License-Identifier: MIT */
/* schema.c - what reading, writing and owning structs of ACRE_MSG share. */
#include "actor/schema.h"

#include <stdio.h>
#include <string.h>

#include <acre/error.h>

#include "base/util.h"

/* NOLINTBEGIN(misc-no-recursion): messages hold messages; as deep as the program's own structs */

static bool field_borrows(const struct acre_field *f)
{
	switch (f->type) {
	case ACRE_FIELD_TEXT:
	case ACRE_FIELD_BYTES:
	case ACRE_FIELD_ANY:
		return true;
	case ACRE_FIELD_MESSAGE: /* one that holds itself does so by a pointer */
		return f->form != ACRE_FORM_ONE || schema_borrows(f->of());
	case ACRE_FIELD_UNKNOWN:
	case ACRE_FIELD_BOOL:
	case ACRE_FIELD_INT:
	case ACRE_FIELD_UINT:
	case ACRE_FIELD_FLOAT:
		break;
	}
	return f->form == ACRE_FORM_LIST || f->form == ACRE_FORM_MAP;
}

bool schema_borrows(const struct acre_msg_kind *kind)
{
	for (uint32_t i = 0; i < kind->n_fields; i++)
		if (field_borrows(&kind->fields[i]))
			return true;
	return false;
}

bool schema_is_any(const struct acre_msg_kind *kind)
{
	return kind->form == ACRE_MSG_BARE && kind->n_fields &&
	       kind->fields[0].type == ACRE_FIELD_ANY;
}

static const struct acre_coded_kind *coded(const struct acre_msg_kind *kind)
{
	return container_of(kind, struct acre_coded_kind, kind);
}

const struct acre_msg_kind *schema_coded_as(const struct acre_msg_kind *kind)
{
	return coded(kind)->as();
}

int schema_encode(const struct acre_msg_kind *kind, const void *value,
		  struct schema_coded *ret)
{
	memset(ret->bytes, 0, schema_coded_as(kind)->size);
	return coded(kind)->encode(value, ret->bytes);
}

int schema_decode(const struct acre_msg_kind *kind, const struct schema_coded *came,
		  void *ret)
{
	memset(ret, 0, kind->size);
	return coded(kind)->decode(came->bytes, ret);
}

const char *schema_hook_says(int r)
{
	return r == ACRE_NO_HOOK_ ? "this program has no hook for that"
				  : acre_why(r)->message;
}

bool schema_is_nil(const void *packed, size_t len)
{
	return len == 1 && *(const uint8_t *)packed == 0xc0;
}

void schema_held_init(struct schema_held *h)
{
	buf_init(&h->packed, wire_limits_default.frame);
	h->arrays = (struct arena){ 0 };
}

void schema_held_fini(struct schema_held *h)
{
	buf_fini(&h->packed);
	arena_fini(&h->arrays);
}

int schema_hold(struct schema_held *h, const void *bytes, size_t len)
{
	buf_consume(&h->packed, buf_len(&h->packed));
	arena_fini(&h->arrays);
	return buf_append(&h->packed, bytes, len);
}

void schema_path(const struct schema_step *step, char *text, size_t size)
{
	size_t len;

	*text = '\0';
	if (!step)
		return;
	schema_path(step->up, text, size);
	len = strlen(text);
	if (step->field->form == ACRE_FORM_LIST)
		snprintf(text + len, size - len, ".%s[%zu]", step->field->name,
			 step->index);
	else if (step->field->form == ACRE_FORM_MAP)
		snprintf(text + len, size - len, ".%s[\"%.32s\"]", step->field->name,
			 step->key ? step->key : "");
	else
		snprintf(text + len, size - len, ".%s", step->field->name);
}

bool schema_is_there(const struct acre_field *f, const void *message)
{
	const uint8_t *m = message;

	if (f->form == ACRE_FORM_OPTIONAL)
		return *(const bool *)(m + f->more);
	return f->form != ACRE_FORM_OR_NULL ||
	       *(const void *const *)(const void *)(m + f->offset);
}

uint32_t schema_n_there(const struct acre_msg_kind *kind, const void *message)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < kind->n_fields; i++)
		n += schema_is_there(&kind->fields[i], message);
	return n;
}
/* NOLINTEND(misc-no-recursion) */
