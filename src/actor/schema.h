/* SPDX-License-Identifier: MIT */
/* schema.h - structs of ACRE_MSG as msgpack values, and back, checked. */
#pragma once

#include <acre/msg.h>

#include "wire/pack.h"

/* Appends a struct as one value: a map of its fields, or the bare value. The writer's
 * error tells. A text that is NULL is written as "". */
void schema_write(struct pack_writer *w, const struct acre_msg_kind *kind,
		  const void *value);

/* The failure of a value that was not written; r is the writer's or the frame's. It tells
 * the field, and what is wrong with it: EMSGSIZE (beyond a limit), ACRE_ETYPE (a text that
 * is not UTF-8, a type that cannot travel) or ENOMEM. `what` was to be done with it. */
int schema_unwritten(const struct acre_msg_kind *kind, const void *value, int r,
		     const char *what);

/*
 * Reads one packed value into a struct. Every field must be there, of its type and within
 * its range; unknown keys are ignored; of a doubled key the last one wins. Texts and
 * bytes point into the packed value, which is spoilt: a text is moved over its own head,
 * so that there is room for the NUL that C wants. On failure -ACRE_ETYPE with a report:
 * what was expected, what came, at which field; `where` is the noun of the message
 * ("Return", "argument", ...).
 */
int schema_read(const struct acre_msg_kind *kind, void *packed, size_t len, void *ret,
		const char *where);

/* The argument of an endpoint: always a map, also of a bare kind, and with no key that the
 * endpoint does not take. acre_any is that map as it is; nil is written as an empty one,
 * and what is no map with texts as keys is a failure of the writer, -EINVAL. */
void schema_write_argument(struct pack_writer *w, const struct acre_msg_kind *kind,
			   const void *value);
int schema_read_argument(const struct acre_msg_kind *kind, void *packed, size_t len,
			 void *ret);

/* Whether texts or bytes of that kind point into the packed value. */
bool schema_borrows(const struct acre_msg_kind *kind);
/* Whether it is acre_any: a value of any type, also as an argument. */
bool schema_is_any(const struct acre_msg_kind *kind);
bool schema_is_nil(const void *packed, size_t len);
