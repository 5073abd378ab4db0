/* SPDX-License-Identifier: MIT */
/* schema.h - structs of ACRE_MSG as msgpack values, and back, checked. */
#pragma once

#include <stddef.h>

#include <acre/coded.h>
#include <acre/msg.h>

#include "base/arena.h"
#include "wire/pack.h"

/* A bit each in the set of fields that came; more is a message of messages. */
#define SCHEMA_FIELDS_MAX 64
/* What is read of lists may be larger than their packed form: a list of structs of 100 bytes
 * in which all is missing has one byte for each. So it has a bound of its own, in bytes,
 * four times that of the message. */
#define SCHEMA_READ_MAX (64u * 1024 * 1024)

/* Appends a struct as one value: a map of its fields, or the bare value. The writer's
 * error tells. A text that is NULL is written as "". */
void schema_write(struct pack_writer *w, const struct acre_msg_kind *kind,
		  const void *value);

/* The argument of an endpoint: always a map, also of a bare kind. acre_any is that map as
 * it is; nil is written as an empty one, and what is no map with texts as keys is a failure
 * of the writer, -EINVAL. */
void schema_write_argument(struct pack_writer *w, const struct acre_msg_kind *kind,
			   const void *value);

/* The failure of a value that was not written; r is the writer's or the frame's. It tells
 * the field, and what is wrong with it: EMSGSIZE (beyond a limit), ACRE_ETYPE (a text that
 * is not UTF-8, a type that cannot travel) or ENOMEM. `what` was to be done with it. */
int schema_unwritten(const struct acre_msg_kind *kind, const void *value, int r,
		     const char *what);

/*
 * Reads one packed value into a struct. Every field must be there unless it is optional,
 * of its type and within its range; unknown keys are ignored; of a doubled key the last one
 * wins. Texts and bytes point into the packed value, which is spoilt: a text is moved over
 * its own head, so that there is room for the NUL that C wants. Arrays, and messages that
 * may be NULL, are made in the arena. On failure -ACRE_ETYPE with a report: what was
 * expected, what came, at which field; `where` is the noun of the message ("Return",
 * "argument", ...). ENOMEM, EMSGSIZE (SCHEMA_READ_MAX).
 */
struct schema_packed {
	void *bytes;
	size_t len;
	struct arena *arrays; /* borrowed, as long as what was read is used */
};
int schema_read(const struct acre_msg_kind *kind, const struct schema_packed *packed,
		void *ret, const char *where);

/* The same for the argument of an endpoint: always a map, also of a bare kind but acre_any,
 * and with no key that the endpoint does not take. */
int schema_read_argument(const struct acre_msg_kind *kind,
			 const struct schema_packed *packed, void *ret);

/* What a value that was read borrows, until the next one is held. */
struct schema_held {
	struct buf packed;
	struct arena arrays;
};
void schema_held_init(struct schema_held *h);
void schema_held_fini(struct schema_held *h);
/* Copies packed bytes into it, instead of what was there. -ENOMEM. */
int schema_hold(struct schema_held *h, const void *bytes, size_t len);
/* Reads what is held, once. */
static inline int schema_read_held(const struct acre_msg_kind *kind, struct schema_held *h,
				   void *ret, const char *where)
{
	struct schema_packed packed = { buf_bytes(&h->packed), buf_len(&h->packed),
					&h->arrays };

	return schema_read(kind, &packed, ret, where);
}

/* Whether a value of that kind points into its packed form or the arena. */
bool schema_borrows(const struct acre_msg_kind *kind);
/* Whether it is acre_any: a value of any type, also as an argument. */
bool schema_is_any(const struct acre_msg_kind *kind);
bool schema_is_nil(const void *packed, size_t len);

/* A type of the program's own, as the message that stands for it. */
struct schema_coded {
	_Alignas(max_align_t) uint8_t bytes[ACRE_CODED_MAX];
};
static inline bool schema_is_coded(const struct acre_msg_kind *kind)
{
	return kind->form == ACRE_MSG_CODED;
}
const struct acre_msg_kind *schema_coded_as(const struct acre_msg_kind *kind);
/* By the program's hooks: 0, or < 0 what the hook says. */
int schema_encode(const struct acre_msg_kind *kind, const void *value,
		  struct schema_coded *ret);
int schema_decode(const struct acre_msg_kind *kind, const struct schema_coded *came,
		  void *ret);
/* Why not, for a report; valid as long as the report of `r`. */
const char *schema_hook_says(int r);

/* Where in a value we are: on the stack of who goes into it, innermost first. */
struct schema_step {
	const struct schema_step *up; /* NULL: the message itself */
	const struct acre_field *field;
	size_t index;	 /* of a list */
	const char *key; /* of a map */
};

/* The path as a text: ".stops[3].name". Cut where it does not fit. */
void schema_path(const struct schema_step *step, char *text, size_t size);

/* Whether an optional field is there; all others are. And how many are. */
bool schema_is_there(const struct acre_field *f, const void *message);
uint32_t schema_n_there(const struct acre_msg_kind *kind, const void *message);

/* Of a list or map. */
static inline size_t schema_count(const struct acre_field *f, const void *message)
{
	return *(const size_t *)(const void *)((const uint8_t *)message + f->more);
}

/* Makes a value that was read its owner's: all it points to is copied by malloc(). ENOMEM:
 * nothing of it is left. */
int schema_own(const struct acre_msg_kind *kind, void *value);
void schema_free(const struct acre_msg_kind *kind, void *value);
