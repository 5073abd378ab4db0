/* SPDX-License-Identifier: MIT */
/* json.h - packed values as JSON, and back. */
#pragma once

#include <acre/value.h>

#include <jansson.h>

/*
 * JSON lacks some of what travels. It is written, and read, as an object of one key:
 *
 *	{"$bytes": "aGk="}		bytes, in base64
 *	{"$natural": "9223372036854775808"}	an integer from 2^63 on
 *	{"$float": "nan"}		nan, inf, -inf
 *	{"$map": [[1, "one"], ...]}	a map whose keys are not all texts
 *	{"$ext": [5, "aGk="]}		an extension type; written only
 */

/* A text of JSON, any value; NULL, and what is wrong with it in one line. */
json_t *json_of_text(const char *text, size_t len, char why[static 256]);

/* Adds the value to what is packed. What cannot be packed shows at acre_pack_end(). 0, or -EINVAL
 * for one of the above that is none. */
int json_pack_into(struct acre_packer *p, const json_t *json);

/* The next value; NULL: no memory. */
json_t *json_of_value(struct acre_value *from);
