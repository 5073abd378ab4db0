/* SPDX-License-Identifier: MIT */
/* msg.h - messages: C structs that travel as msgpack maps. */
#ifndef ACRE_MSG_H
#define ACRE_MSG_H

/*
 * A message is a struct made from one list of fields; the list is also how it travels and
 * how it is checked, so the two cannot differ.
 *
 *	#define RANGE(F) F(uint32_t, lo) F(uint32_t, hi)
 *	ACRE_MSG(range, RANGE)          // struct range, and how it travels
 *
 *	#define ROUTE(F)                     \
 *		F(const char *, name)        \
 *		F(uint32_t, limit, optional) \
 *		F(const char *, tags, list)  \
 *		F(range, stops, message_list)
 *	ACRE_MSG(route, ROUTE)          // has bool has_limit, size_t n_tags, n_stops, too
 *
 * On the wire it is a map of field names to values, which every language reads. The
 * receiver checks that each field is there, of its type and in its range; keys it does
 * not know are ignored, so fields can be added, but for the argument of an endpoint,
 * where they are refused. What does not fit is ACRE_ETYPE, with what was expected, what
 * came, and where.
 *
 * Field types: bool, the intN_t and uintN_t, int and its kin, float, double, const char *
 * (UTF-8, never NULL on arrival), struct acre_bytes, struct acre_value (any value, packed:
 * value.h), and, by a form that begins with `message`, other messages, which may hold the
 * same one again. A form says that a value may be missing, or that there are many:
 *
 *	optional          has_name says if it is there; on the wire nil, or no such key
 *	or_null           a text that is NULL if it is not there
 *	list              n_name values; on the wire an array
 *	map               n_name values and their keys, in two arrays; on the wire a map whose
 *	                  keys are texts
 *	message, message_or_null, message_list, message_map
 *
 * Of the fields of ACRE_ONE_OF (all of them optional or null) just one is there, and it
 * travels as a map of that one: a union whose tag is the name of the field.
 *
 *	#define SHAPE(F) F(circle, circle, message_or_null) F(square, square, message_or_null)
 *	ACRE_ONE_OF(shape, SHAPE)
 *	acre_send(ctx, shape, .circle = &(struct circle){ .radius = 3 });
 *	if (shape.circle) ...
 *
 * A struct that is none of this, say one with pointers, travels by two hooks (coded.h).
 *
 * What was received and is not in the struct itself (texts, bytes, lists, maps, messages
 * that may be NULL) is borrowed: it is valid until the next receive on the same context, or
 * until the context ends. A text or bytes has at most 1 MiB, a list or map 65,536 items, a
 * message 16 MiB, 64 fields and 32 levels, and what is received of lists and maps takes at
 * most 64 MiB; what is larger is EMSGSIZE where it is sent: send it as items of a stream.
 *
 * THREADS: any. FORK: harmless.
 */

#include <acre/field.h>

ACRE_BEGIN_

enum acre_msg_form {
	ACRE_MSG_MAP,	/* of its fields */
	ACRE_MSG_BARE,	/* the value of its only field; without one, nil */
	ACRE_MSG_ONE_OF, /* a map of the one field that is there */
	ACRE_MSG_CODED	 /* another message, by hooks: coded.h */
};

struct acre_msg_kind {
	const char *name;
	const struct acre_field *fields;
	uint32_t n_fields;
	uint32_t size;
	enum acre_msg_form form;
};

/*
 * ACRE_MSG(name, FIELDS) defines struct name with those members, and
 *
 *	static const struct acre_msg_kind *name_msg_(void)       its table of fields
 *	static struct name *name_ret_(struct name *)             nothing, but the compiler
 *	static const struct name *name_in_(const struct name *)  checks the pointer
 */
#define ACRE_MSG(name, FIELDS) ACRE_MSG_AS_(name, FIELDS, ACRE_MSG_MAP)
#define ACRE_ONE_OF(name, FIELDS) ACRE_MSG_AS_(name, FIELDS, ACRE_MSG_ONE_OF)
#define ACRE_MSG_AS_(name, FIELDS, form_)                                            \
	struct name {                                                                  \
		FIELDS(ACRE_FIELD_MEMBER_)                                             \
	};                                                                             \
	__attribute__((unused)) static const struct acre_msg_kind *name##_msg_(void)   \
	{                                                                              \
		typedef struct name acre_this_;                                        \
		static const struct acre_field fields[] = { FIELDS(ACRE_FIELD_ROW_) }; \
		static const struct acre_msg_kind kind = {                             \
			#name, fields, sizeof fields / sizeof *fields,                 \
			sizeof(acre_this_), form_                                    \
		};                                                                     \
		return &kind;                                                          \
	}                                                                              \
	__attribute__((unused)) static inline struct name *name##_ret_(struct name *p) \
	{                                                                              \
		return p;                                                              \
	}                                                                              \
	__attribute__((unused)) static inline const struct name *name##_in_(           \
		const struct name *p)                                                  \
	{                                                                              \
		return p;                                                              \
	}

/* How a message travels, for the calls that take it apart from the value. */
#define ACRE_KIND(message) message##_msg_()

/* Calls fn(ctx, kind, value): how all macros give a value of fields. */
#define ACRE_GIVE_(fn, ctx, message, ...) \
	fn((ctx), message##_msg_(), ACRE_VALUE_(message, __VA_ARGS__))

#ifndef __cplusplus
/* Four kinds that travel as a bare value instead of a map: an integer, a text, a value of
 * any type, nothing. Where a pointer to nothing is wanted, to send it or to receive it, NULL will
 * do: acre_call(actor, hello, NULL, acre_nil, NULL). */
#define ACRE_INT_FIELDS_(F)  F(int64_t, value)
#define ACRE_TEXT_FIELDS_(F) F(const char *, value)
#define ACRE_ANY_FIELDS_(F)  F(struct acre_value, value)
ACRE_MSG_AS_(acre_int, ACRE_INT_FIELDS_, ACRE_MSG_BARE)
ACRE_MSG_AS_(acre_text, ACRE_TEXT_FIELDS_, ACRE_MSG_BARE)
ACRE_MSG_AS_(acre_any, ACRE_ANY_FIELDS_, ACRE_MSG_BARE)

struct acre_nil {
	char unused_;
};

__attribute__((unused)) static const struct acre_msg_kind *acre_nil_msg_(void)
{
	static const struct acre_msg_kind kind = { "acre_nil", NULL, 0,
						   sizeof(struct acre_nil),
						   ACRE_MSG_BARE };

	return &kind;
}

__attribute__((unused)) static inline struct acre_nil *acre_nil_ret_(struct acre_nil *p)
{
	return p;
}

__attribute__((unused)) static inline const struct acre_nil *
acre_nil_in_(const struct acre_nil *p)
{
	return p;
}
#endif

ACRE_END_
#endif
