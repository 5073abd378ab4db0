/* SPDX-License-Identifier: MIT */
/* msg.h - messages: C structs that travel as msgpack maps. */
#ifndef ACRE_MSG_H
#define ACRE_MSG_H

/*
 * A message is a struct made from one list of fields; the list is also how it travels and
 * how it is checked, so the two cannot differ.
 *
 *	#define RANGE(F) F(uint32_t, lo) F(uint32_t, hi)
 *	ACRE_MSG(range, RANGE) // struct range, and how it travels
 *
 * On the wire it is a map of field names to values, which every language reads. The
 * receiver checks that each field is there, of its type and in its range; keys it does
 * not know are ignored, so fields can be added, but for the argument of an endpoint,
 * where they are refused. What does not fit is ACRE_ETYPE, with what was expected, what
 * came, and where.
 *
 * Field types: bool, the intN_t and uintN_t, int and its kin, float, double, const char *
 * (UTF-8, never NULL on arrival), struct acre_bytes, struct acre_value (any value, packed:
 * value.h). A string or bytes that was received
 * is borrowed: it is valid until the next receive on the same context, or until the
 * context ends. A text or bytes has at most 1 MiB, a message 16 MiB and 64 fields; what is
 * larger is EMSGSIZE where it is sent: send it as items of a stream.
 *
 * THREADS: any. FORK: harmless.
 */

#include <acre/define.h>

ACRE_BEGIN_

struct acre_bytes {
	const void *data;
	size_t len;
};

/* A packed value of any type (value.h). { NULL, 0 } travels as nil. */
struct acre_value {
	const void *packed;
	size_t len;
};

enum acre_field_type {
	ACRE_FIELD_UNKNOWN,
	ACRE_FIELD_BOOL,
	ACRE_FIELD_INT,	  /* signed, of the field's size */
	ACRE_FIELD_UINT,  /* unsigned, of the field's size */
	ACRE_FIELD_FLOAT, /* float or double by size */
	ACRE_FIELD_TEXT,
	ACRE_FIELD_BYTES,
	ACRE_FIELD_ANY
};

struct acre_field {
	const char *name;
	enum acre_field_type type;
	uint32_t offset;
	uint32_t size;
	uint32_t name_len;
};

struct acre_msg_kind {
	const char *name;
	const struct acre_field *fields;
	uint32_t n_fields;
	uint32_t size;
	bool bare; /* travels as the value of its only field, not as a map */
};

/*
 * ACRE_MSG(name, FIELDS) defines struct name with those members, and
 *
 *	static const struct acre_msg_kind *name_msg_(void)       its table of fields
 *	static struct name *name_ret_(struct name *)             nothing, but the compiler
 *	static const struct name *name_in_(const struct name *)  checks the pointer
 */
#define ACRE_MSG(name, FIELDS) ACRE_MSG_AS_(name, FIELDS, false)
#define ACRE_MSG_AS_(name, FIELDS, is_bare)                                            \
	struct name {                                                                  \
		FIELDS(ACRE_FIELD_MEMBER_)                                             \
	};                                                                             \
	__attribute__((unused)) static const struct acre_msg_kind *name##_msg_(void)   \
	{                                                                              \
		typedef struct name acre_this_;                                        \
		static const struct acre_field fields[] = { FIELDS(ACRE_FIELD_ROW_) }; \
		static const struct acre_msg_kind kind = {                             \
			#name, fields, sizeof fields / sizeof *fields,                 \
			sizeof(acre_this_), is_bare                                    \
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

#define ACRE_FIELD_MEMBER_(type, name) type name;
#define ACRE_FIELD_ROW_(type, name)                                            \
	{ #name, ACRE_FIELD_TYPE_(type), (uint32_t)offsetof(acre_this_, name), \
	  (uint32_t)sizeof(type), (uint32_t)sizeof(#name) - 1 },

#define ACRE_FIELD_TYPE_(type) \
	_Generic((type){ 0 },                                                                   \
		bool: ACRE_FIELD_BOOL,                                                          \
		char: ACRE_FIELD_INT,                                                           \
		signed char: ACRE_FIELD_INT,                                                    \
		short: ACRE_FIELD_INT,                                                          \
		int: ACRE_FIELD_INT,                                                            \
		long: ACRE_FIELD_INT,                                                           \
		long long: ACRE_FIELD_INT,                                                      \
		unsigned char: ACRE_FIELD_UINT,                                                 \
		unsigned short: ACRE_FIELD_UINT,                                                \
		unsigned int: ACRE_FIELD_UINT,                                                  \
		unsigned long: ACRE_FIELD_UINT,                                                 \
		unsigned long long: ACRE_FIELD_UINT,                                            \
		float: ACRE_FIELD_FLOAT,                                                        \
		double: ACRE_FIELD_FLOAT,                                                       \
		const char *: ACRE_FIELD_TEXT,                                                  \
		char *: ACRE_FIELD_TEXT,                                                        \
		struct acre_bytes: ACRE_FIELD_BYTES,                                            \
		struct acre_value: ACRE_FIELD_ANY)

#ifndef __cplusplus
/* Four kinds that travel as a bare value instead of a map: an integer, a text, a value of
 * any type, nothing. */
#define ACRE_INT_FIELDS_(F)  F(int64_t, value)
#define ACRE_TEXT_FIELDS_(F) F(const char *, value)
#define ACRE_ANY_FIELDS_(F)  F(struct acre_value, value)
ACRE_MSG_AS_(acre_int, ACRE_INT_FIELDS_, true)
ACRE_MSG_AS_(acre_text, ACRE_TEXT_FIELDS_, true)
ACRE_MSG_AS_(acre_any, ACRE_ANY_FIELDS_, true)

struct acre_nil {
	char unused_;
};

__attribute__((unused)) static const struct acre_msg_kind *acre_nil_msg_(void)
{
	static const struct acre_msg_kind kind = { "acre_nil", NULL, 0,
						   sizeof(struct acre_nil), true };

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
