/* SPDX-License-Identifier: MIT */
/* schema_own.c - a struct that was read becomes its owner's, and is freed again.
 *
 * Each pointer in it is replaced by a copy. After one that failed the others become NULL, so
 * that what there is can be freed as if it were whole.
 */
#include "actor/schema.h"

#include <stdlib.h>
#include <string.h>

#include <acre/error.h>

/* NOLINTBEGIN(misc-no-recursion): messages hold messages; what was read is at most DEPTH deep */

static void own_message(const struct acre_msg_kind *kind, void *value, bool *failed);

static void *copy_of(const void *bytes, size_t len, bool *failed)
{
	void *copy = NULL;

	if (bytes && !*failed)
		copy = calloc(1, len ? len : 1); /* allowed: the user's to free() */
	if (copy)
		memcpy(copy, bytes, len);
	else if (bytes)
		*failed = true;
	return copy;
}

static void own_one(const struct acre_field *f, void *at, bool *failed)
{
	const char **text = at;
	struct acre_bytes *bytes = at;
	struct acre_value *any = at;

	switch (f->type) {
	case ACRE_FIELD_TEXT:
		*text = copy_of(*text, *text ? strlen(*text) + 1 : 0, failed);
		return;
	case ACRE_FIELD_BYTES:
		bytes->data = copy_of(bytes->data, bytes->len, failed);
		return;
	case ACRE_FIELD_ANY:
		any->packed = copy_of(any->packed, any->len, failed);
		return;
	case ACRE_FIELD_MESSAGE:
		own_message(f->of(), at, failed);
		return;
	case ACRE_FIELD_UNKNOWN:
	case ACRE_FIELD_BOOL:
	case ACRE_FIELD_INT:
	case ACRE_FIELD_UINT:
	case ACRE_FIELD_FLOAT:
		return;
	}
}

static void own_array(const struct acre_field *f, uint8_t *message, bool *failed)
{
	size_t *n = (void *)(message + f->more);
	void **values = (void *)(message + f->offset);
	char ***keys = (void *)(message + f->keys);

	*values = copy_of(*values, *n * f->size, failed);
	if (f->form == ACRE_FORM_MAP)
		*keys = copy_of(*keys, *n * sizeof **keys, failed);
	if (*failed && f->form == ACRE_FORM_MAP) {
		free(*keys);
		*keys = NULL;
	}
	if (*failed) {
		free(*values);
		*values = NULL;
		*n = 0;
	}
	for (size_t i = 0; *values && i < *n; i++) {
		own_one(f, (uint8_t *)*values + i * f->size, failed);
		if (f->form == ACRE_FORM_MAP && (*keys)[i])
			(*keys)[i] = copy_of((*keys)[i], strlen((*keys)[i]) + 1, failed);
	}
}

static void own_pointer(const struct acre_field *f, void **at, bool *failed)
{
	if (f->type == ACRE_FIELD_TEXT) {
		own_one(f, at, failed);
		return;
	}
	*at = copy_of(*at, f->size, failed);
	if (*at)
		own_message(f->of(), *at, failed);
}

static void own_message(const struct acre_msg_kind *kind, void *value, bool *failed)
{
	for (uint32_t i = 0; i < kind->n_fields; i++) {
		const struct acre_field *f = &kind->fields[i];
		uint8_t *at = (uint8_t *)value + f->offset;

		if (f->form == ACRE_FORM_LIST || f->form == ACRE_FORM_MAP)
			own_array(f, value, failed);
		else if (f->form == ACRE_FORM_OR_NULL)
			own_pointer(f, (void **)(void *)at, failed);
		else
			own_one(f, at, failed);
	}
}

int schema_own(const struct acre_msg_kind *kind, void *value)
{
	bool failed = false;

	own_message(kind, value, &failed);
	if (!failed)
		return 0;
	schema_free(kind, value);
	return acre_fail(ENOMEM, "no memory for a copy of a %s", kind->name);
}

/* A text, bytes and a value all begin with the pointer that is theirs. */
static void free_one(const struct acre_field *f, void *at)
{
	void **owned = at;

	if (f->type == ACRE_FIELD_MESSAGE)
		schema_free(f->of(), at);
	if (f->type != ACRE_FIELD_TEXT && f->type != ACRE_FIELD_BYTES &&
	    f->type != ACRE_FIELD_ANY)
		return;
	free(*owned);
	*owned = NULL;
}

static void free_array(const struct acre_field *f, uint8_t *message)
{
	size_t *n = (void *)(message + f->more);
	void **values = (void *)(message + f->offset);
	char ***keys = (void *)(message + f->keys);

	for (size_t i = 0; i < *n; i++) {
		free_one(f, (uint8_t *)*values + i * f->size);
		if (f->form == ACRE_FORM_MAP)
			free((*keys)[i]);
	}
	if (f->form == ACRE_FORM_MAP) {
		free(*keys);
		*keys = NULL;
	}
	free(*values);
	*values = NULL;
	*n = 0;
}

static void free_pointer(const struct acre_field *f, void **at)
{
	if (*at && f->type == ACRE_FIELD_MESSAGE)
		schema_free(f->of(), *at);
	free(*at);
	*at = NULL;
}

void schema_free(const struct acre_msg_kind *kind, void *value)
{
	for (uint32_t i = 0; i < kind->n_fields; i++) {
		const struct acre_field *f = &kind->fields[i];
		uint8_t *at = (uint8_t *)value + f->offset;

		if (f->form == ACRE_FORM_LIST || f->form == ACRE_FORM_MAP)
			free_array(f, value);
		else if (f->form == ACRE_FORM_OR_NULL)
			free_pointer(f, (void **)(void *)at);
		else
			free_one(f, at);
	}
}
/* NOLINTEND(misc-no-recursion) */
