/* SPDX-License-Identifier: MIT */
/* json.c - each type that travels, and what it is in JSON. */
#include "cli/json.h"

#include <acre/error.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/base64.h"

/* NOLINTBEGIN(misc-no-recursion): values hold values: at most DEPTH deep from a peer, 2,048 from the parser of JSON */

json_t *json_of_text(const char *text, size_t len, char why[static 256])
{
	json_error_t error;
	json_t *json =
		json_loadb(text, len,
			   JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL,
			   &error);

	if (!json)
		snprintf(why, 256, "at byte %d: %s", error.position, error.text);
	return json;
}

/*
 * Packing.
 */

static int pack_bytes(struct acre_packer *p, const json_t *json)
{
	size_t len = json_string_length(json);
	uint8_t *bytes = json_is_string(json) ? mem_alloc(len / 4 * 3) : NULL;
	ssize_t n = bytes ? base64_read(bytes, json_string_value(json), len) : -EINVAL;

	if (n >= 0)
		acre_pack_bytes(p, bytes, (size_t)n);
	mem_free(bytes);
	return n < 0 ? -EINVAL : 0;
}

static int pack_natural(struct acre_packer *p, const json_t *json)
{
	const char *text = json_is_string(json) ? json_string_value(json) : "";
	char *end;
	unsigned long long value;

	errno = 0; /* allowed: strtoull() tells of an overflow nowhere else */
	value = strtoull(text, &end, 10);
	if (!*text || *end || *text == '-' || errno) /* allowed: the same */
		return -EINVAL;
	acre_pack_natural(p, value);
	return 0;
}

static int pack_float(struct acre_packer *p, const json_t *json)
{
	const char *text = json_is_string(json) ? json_string_value(json) : "";

	if (!strcmp(text, "nan"))
		acre_pack_float(p, NAN);
	else if (!strcmp(text, "inf"))
		acre_pack_float(p, INFINITY);
	else if (!strcmp(text, "-inf"))
		acre_pack_float(p, -INFINITY);
	else
		return -EINVAL;
	return 0;
}

static int pack_pairs(struct acre_packer *p, const json_t *json)
{
	int r = json_is_array(json) ? 0 : -EINVAL;

	if (r >= 0)
		acre_pack_map(p, json_array_size(json));
	for (size_t i = 0; r >= 0 && i < json_array_size(json); i++) {
		const json_t *pair = json_array_get(json, i);

		r = json_array_size(pair) == 2 ? 0 : -EINVAL;
		for (size_t k = 0; r >= 0 && k < 2; k++)
			r = json_pack_into(p, json_array_get(pair, k));
	}
	return r;
}

/* key, how its value is packed */
#define SPECIALS(S)                 \
	S("$bytes", pack_bytes)     \
	S("$natural", pack_natural) \
	S("$float", pack_float)     \
	S("$map", pack_pairs)

static const struct special {
	const char *key;
	int (*pack)(struct acre_packer *p, const json_t *json);
} specials[] = {
#define SPECIAL_ROW(key, pack) { key, pack },
	SPECIALS(SPECIAL_ROW)
#undef SPECIAL_ROW
};

static const struct special *special_of(const json_t *object)
{
	for (size_t i = 0; i < sizeof specials / sizeof *specials; i++)
		if (json_object_size(object) == 1 &&
		    json_object_get(object, specials[i].key))
			return &specials[i];
	return NULL;
}

static int pack_object(struct acre_packer *p, const json_t *object)
{
	const struct special *special = special_of(object);
	int r = 0;

	if (special)
		return special->pack(p, json_object_get(object, special->key));
	acre_pack_map(p, json_object_size(object));
	for (void *i = json_object_iter((json_t *)(uintptr_t)object); r >= 0 && i;
	     i = json_object_iter_next((json_t *)(uintptr_t)object, i)) {
		acre_pack_text_of(p, json_object_iter_key(i),
				  json_object_iter_key_len(i));
		r = json_pack_into(p, json_object_iter_value(i));
	}
	return r;
}

static int pack_array(struct acre_packer *p, const json_t *array)
{
	int r = 0;

	acre_pack_list(p, json_array_size(array));
	for (size_t i = 0; r >= 0 && i < json_array_size(array); i++)
		r = json_pack_into(p, json_array_get(array, i));
	return r;
}

int json_pack_into(struct acre_packer *p, const json_t *json)
{
	switch (json_typeof(json)) {
	case JSON_OBJECT:
		return pack_object(p, json);
	case JSON_ARRAY:
		return pack_array(p, json);
	case JSON_STRING:
		acre_pack_text_of(p, json_string_value(json), json_string_length(json));
		return 0;
	case JSON_INTEGER:
		acre_pack_int(p, json_integer_value(json));
		return 0;
	case JSON_REAL:
		acre_pack_float(p, json_real_value(json));
		return 0;
	case JSON_TRUE:
	case JSON_FALSE:
		acre_pack_bool(p, json_is_true(json));
		return 0;
	case JSON_NULL:
	default:
		acre_pack_nil(p);
		return 0;
	}
}

/*
 * Reading.
 */

static json_t *special(const char *key, json_t *take)
{
	return take ? json_pack("{s:o}", key, take) : NULL;
}

static json_t *bytes_text(const struct acre_bytes *bytes)
{
	char *text = mem_alloc(BASE64_SIZE(bytes->len));
	json_t *json;

	if (!text)
		return NULL;
	base64_write(text, bytes->data, bytes->len);
	json = json_string(text);
	mem_free(text);
	return json;
}

static json_t *of_float(double value)
{
	if (isfinite(value))
		return json_real(value);
	return special("$float", json_string(isnan(value) ? "nan"
					     : value < 0  ? "-inf"
							  : "inf"));
}

static json_t *of_natural(uint64_t value)
{
	char text[32];

	snprintf(text, sizeof text, "%llu", (unsigned long long)value);
	return special("$natural", json_string(text));
}

static json_t *of_list(struct acre_value *from, size_t n)
{
	json_t *list = json_array();

	while (n--)
		if (json_array_append_new(list, json_of_value(from)) < 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

/* As pairs, whatever the keys are. */
static json_t *of_pairs(struct acre_value *from, size_t n)
{
	json_t *list = json_array();

	while (n--)
		if (json_array_append_new(list, of_list(from, 2)) < 0) {
			json_decref(list);
			return NULL;
		}
	return special("$map", list);
}

static json_t *of_map(struct acre_value *from, size_t n)
{
	struct acre_value again = *from;
	json_t *object = json_object();
	struct acre_part key;

	for (size_t i = 0; object && i < n; i++) {
		int r = acre_value_next(from, &key);

		if (r > 0 && key.type != ACRE_PART_TEXT) {
			json_decref(object);
			*from = again;
			return of_pairs(from, n);
		}
		if (r <= 0 ||
		    json_object_setn_new_nocheck(object, key.bytes.data, key.bytes.len,
						 json_of_value(from)) < 0) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

json_t *json_of_value(struct acre_value *from)
{
	struct acre_part part;

	if (acre_value_next(from, &part) <= 0)
		return NULL;
	switch (part.type) {
	case ACRE_PART_BOOL:
		return json_boolean(part.boolean);
	case ACRE_PART_INT:
		return json_integer(part.integer);
	case ACRE_PART_NATURAL:
		return of_natural(part.natural);
	case ACRE_PART_FLOAT:
		return of_float(part.real);
	case ACRE_PART_TEXT:
		return json_stringn_nocheck(part.bytes.data, part.bytes.len);
	case ACRE_PART_BYTES:
		return special("$bytes", bytes_text(&part.bytes));
	case ACRE_PART_EXT:
		return special("$ext",
			       json_pack("[i, o]", part.ext, bytes_text(&part.bytes)));
	case ACRE_PART_LIST:
		return of_list(from, part.count);
	case ACRE_PART_MAP:
		return of_map(from, part.count);
	case ACRE_PART_NIL:
	default:
		return json_null();
	}
}
/* NOLINTEND(misc-no-recursion) */
