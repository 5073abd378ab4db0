/* SPDX-License-Identifier: MIT */
/* field.h - the rows of a message's list: what each becomes in its struct and in its table. */
#ifndef ACRE_FIELD_H
#define ACRE_FIELD_H

/*
 * What a message's list of fields is made of; msg.h says how it is used. A row is
 * F(type, name) or F(type, name, form), and means in the struct:
 *
 *	F(type, name)                        type name;
 *	F(type, name, optional)              type name; bool has_name;
 *	F(const char *, name, or_null)       const char *name;
 *	F(type, name, list)                  const type *name; size_t n_name;
 *	F(type, name, map)                   const type *name; const char *const *name_keys;
 *	                                     size_t n_name;
 *	F(message, name, message)            struct message name;
 *	F(message, name, message_or_null)    const struct message *name;
 *	F(message, name, message_list)       const struct message *name; size_t n_name;
 *	F(message, name, message_map)        const struct message *name;
 *	                                     const char *const *name_keys; size_t n_name;
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
	ACRE_FIELD_ANY,
	ACRE_FIELD_MESSAGE /* a struct of ACRE_MSG */
};

enum acre_field_form {
	ACRE_FORM_ONE,	    /* the value itself */
	ACRE_FORM_OPTIONAL, /* the same, and whether it is there */
	ACRE_FORM_OR_NULL,  /* a pointer, NULL if it is not there */
	ACRE_FORM_LIST,	    /* an array and its length */
	ACRE_FORM_MAP	    /* the same, with an array of keys */
};

struct acre_field {
	const char *name;
	enum acre_field_type type;
	uint32_t offset;
	uint32_t size; /* of one value */
	uint32_t name_len;
	enum acre_field_form form;
	uint32_t more;				 /* offset of has_name or n_name */
	uint32_t keys;				 /* MAP: offset of name_keys */
	const struct acre_msg_kind *(*of)(void); /* MESSAGE: which */
};

/* Members of the struct. The form is pasted, so that no macro of the program's own can be
 * in its place; ONE is none. */
/* A field without a form is `one`; the ~ only fills a place, since ISO C wants one. */
#define ACRE_FIELD_MEMBER_(...)			     ACRE_FIELD_MEMBER_AS_(__VA_ARGS__, one, ~)
#define ACRE_FIELD_MEMBER_AS_(type, name, form, ...) ACRE_MEMBER_##form(type, name)

#define ACRE_MEMBER_one(type, name)		     type name;
#define ACRE_MEMBER_optional(type, name) \
	type name;                       \
	bool has_##name;
#define ACRE_MEMBER_or_null(type, name) type name;
#define ACRE_MEMBER_list(type, name) \
	type const *name;            \
	size_t n_##name;
#define ACRE_MEMBER_map(type, name)     \
	type const *name;               \
	const char *const *name##_keys; \
	size_t n_##name;
#define ACRE_MEMBER_message(type, name)		struct type name;
#define ACRE_MEMBER_message_or_null(type, name) const struct type *name;
#define ACRE_MEMBER_message_list(type, name) \
	const struct type *name;             \
	size_t n_##name;
#define ACRE_MEMBER_message_map(type, name) \
	const struct type *name;            \
	const char *const *name##_keys;     \
	size_t n_##name;

/* Rows of the table. `acre_this_` is the struct. */
#define ACRE_FIELD_ROW_(...)			  ACRE_FIELD_ROW_AS_(__VA_ARGS__, one, ~)
#define ACRE_FIELD_ROW_AS_(type, name, form, ...) ACRE_ROW_##form(type, name)

#define ACRE_AT_(name)				  (uint32_t) offsetof(acre_this_, name)
#define ACRE_ROW_OF_(text, type_, at, size_, ...) \
	{ .name = (text),                         \
	  .type = (type_),                        \
	  .offset = (at),                         \
	  .size = (uint32_t)(size_),              \
	  .name_len = (uint32_t)sizeof(text) - 1, \
	  __VA_ARGS__ },
#define ACRE_ROW_PLAIN_(type, text, at, ...) \
	ACRE_ROW_OF_(text, ACRE_FIELD_TYPE_(type), at, sizeof(type), __VA_ARGS__)
#define ACRE_ROW_NESTED_(message, text, at, ...)                           \
	ACRE_ROW_OF_(text, ACRE_FIELD_MESSAGE, at, sizeof(struct message), \
		     .of = message##_msg_, __VA_ARGS__)

#define ACRE_ROW_one(type, name) \
	ACRE_ROW_PLAIN_(type, #name, ACRE_AT_(name), .form = ACRE_FORM_ONE)
#define ACRE_ROW_optional(type, name)                                            \
	ACRE_ROW_PLAIN_(type, #name, ACRE_AT_(name), .form = ACRE_FORM_OPTIONAL, \
			.more = ACRE_AT_(has_##name))
#define ACRE_ROW_or_null(type, name)                                             \
	ACRE_ROW_OF_(#name, ACRE_TEXT_TYPE_(type), ACRE_AT_(name), sizeof(type), \
		     .form = ACRE_FORM_OR_NULL)
#define ACRE_ROW_list(type, name)                                            \
	ACRE_ROW_PLAIN_(type, #name, ACRE_AT_(name), .form = ACRE_FORM_LIST, \
			.more = ACRE_AT_(n_##name))
#define ACRE_ROW_map(type, name)                                            \
	ACRE_ROW_PLAIN_(type, #name, ACRE_AT_(name), .form = ACRE_FORM_MAP, \
			.more = ACRE_AT_(n_##name), .keys = ACRE_AT_(name##_keys))
#define ACRE_ROW_message(type, name) \
	ACRE_ROW_NESTED_(type, #name, ACRE_AT_(name), .form = ACRE_FORM_ONE)
#define ACRE_ROW_message_or_null(type, name) \
	ACRE_ROW_NESTED_(type, #name, ACRE_AT_(name), .form = ACRE_FORM_OR_NULL)
#define ACRE_ROW_message_list(type, name)                                     \
	ACRE_ROW_NESTED_(type, #name, ACRE_AT_(name), .form = ACRE_FORM_LIST, \
			 .more = ACRE_AT_(n_##name))
#define ACRE_ROW_message_map(type, name)                                     \
	ACRE_ROW_NESTED_(type, #name, ACRE_AT_(name), .form = ACRE_FORM_MAP, \
			 .more = ACRE_AT_(n_##name), .keys = ACRE_AT_(name##_keys))

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
#define ACRE_TEXT_TYPE_(type) \
	_Generic((type){ 0 }, const char * : ACRE_FIELD_TEXT, char * : ACRE_FIELD_TEXT)

ACRE_END_
#endif
