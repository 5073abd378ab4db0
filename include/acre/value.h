/* SPDX-License-Identifier: MIT */
/* value.h - values without a declaration: packed from parts, and read part by part. */
#ifndef ACRE_VALUE_H
#define ACRE_VALUE_H

/*
 * Who knows what travels declares it (ACRE_MSG in msg.h). This is for who does not: a
 * command line, a proxy, a recorder. A struct acre_value is one packed value of any type;
 * the message acre_any travels as just that, so each call of a context takes it:
 *
 *	struct acre_packer *p = acre_pack_new();
 *	struct acre_value arg, result;
 *	int r;
 *
 *	acre_pack_map(p, 2);
 *	acre_pack_text(p, "lo");
 *	acre_pack_int(p, 1);
 *	acre_pack_text(p, "hi");
 *	acre_pack_int(p, 100);
 *	r = acre_pack_end(p, &arg);
 *	if (r >= 0)
 *		r = acre_call_named(actor, "main", "add", arg, &result);
 *	acre_pack_free(p);
 *
 * To open a context: acre_open_named(&ctx, actor, "main", "count", ACRE_KIND(acre_any),
 * &(struct acre_any){ arg }), and acre_recv(ctx, acre_any, &item).
 *
 * As the argument of an endpoint a value is a map with texts as keys, one for each field that
 * the endpoint takes, or nil for none. What was received is a whole value within the
 * limits of msg.h, and its texts are UTF-8.
 *
 * THREADS: any, a packer one at a time. FORK: harmless.
 */

#include <acre/msg.h>

ACRE_BEGIN_

/*
 * Reading: a struct acre_value is also what is still to be read of it. A list is followed
 * by its items, a map by its keys and values in turn:
 *
 *	static int show(struct acre_value *from)
 *	{
 *		struct acre_part part;
 *		int r = acre_value_next(from, &part);
 *
 *		if (r > 0 && part.type == ACRE_PART_LIST)
 *			for (size_t i = 0; i < part.count && r >= 0; i++)
 *				r = show(from);
 *		...
 *	}
 */
enum acre_part_type {
	ACRE_PART_NIL,
	ACRE_PART_BOOL,
	ACRE_PART_INT,	   /* -2^63 to 2^63-1 */
	ACRE_PART_NATURAL, /* 2^63 to 2^64-1 */
	ACRE_PART_FLOAT,
	ACRE_PART_TEXT, /* UTF-8 */
	ACRE_PART_BYTES,
	ACRE_PART_EXT, /* bytes with a number, whose meaning is the sender's */
	ACRE_PART_LIST,
	ACRE_PART_MAP
};

struct acre_part {
	enum acre_part_type type;
	int ext; /* EXT: its number, -128 to 127 */
	union {
		bool boolean;
		int64_t integer;
		uint64_t natural;
		double real;
		struct acre_bytes bytes; /* TEXT, BYTES, EXT: within the value; no NUL */
		size_t count;		 /* LIST: items, MAP: pairs */
	};
};

/* The next part: 1, or 0 behind the last one. ACRE_ETYPE: not a packed value. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_value_next(struct acre_value *from,
						struct acre_part *ret);

/* Goes over the next value, with all that is in it, and gives it if `ret` is not NULL. The
 * same returns. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_value_skip(struct acre_value *from,
						struct acre_value *ret);

/* The value of a map under a text: 1, or 0 if there is none; of a doubled key the last one.
 * ACRE_ETYPE: not a map. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_value_get(struct acre_value map, const char *key,
					       struct acre_value *ret);

/* In words: "nil", "bool", "int", "natural", "float", "text", ... Static storage. */
ACRE_PUBLIC_ const char *acre_part_name(enum acre_part_type type);

/*
 * Packing: one value, its parts in order. What goes wrong is said once, at the end.
 */
struct acre_packer; /* opaque */

/* NULL without memory, which all calls take; acre_pack_end() then says ENOMEM. */
ACRE_PUBLIC_ struct acre_packer *acre_pack_new(void);
/* Takes NULL, returns NULL. */
ACRE_PUBLIC_ struct acre_packer *acre_pack_free(struct acre_packer *p);

ACRE_PUBLIC_ void acre_pack_nil(struct acre_packer *p);
ACRE_PUBLIC_ void acre_pack_bool(struct acre_packer *p, bool value);
ACRE_PUBLIC_ void acre_pack_int(struct acre_packer *p, int64_t value);
ACRE_PUBLIC_ void acre_pack_natural(struct acre_packer *p, uint64_t value);
ACRE_PUBLIC_ void acre_pack_float(struct acre_packer *p, double value);
ACRE_PUBLIC_ void acre_pack_text(struct acre_packer *p, const char *text);
ACRE_PUBLIC_ void acre_pack_text_of(struct acre_packer *p, const char *text, size_t len);
ACRE_PUBLIC_ void acre_pack_bytes(struct acre_packer *p, const void *bytes, size_t len);
/* The next n values are its items, or the next 2 * n its keys and values in turn. */
ACRE_PUBLIC_ void acre_pack_list(struct acre_packer *p, size_t n);
ACRE_PUBLIC_ void acre_pack_map(struct acre_packer *p, size_t n);
/* One that is packed already. */
ACRE_PUBLIC_ void acre_pack_value(struct acre_packer *p, struct acre_value value);

/*
 * The value, which is the packer's: until it is freed, or filled again by the next part.
 * EINVAL: it lacks parts, or there are more than it has room for; ACRE_ETYPE: a text that
 * is not UTF-8, or a value that is not one; EMSGSIZE: beyond a limit; ENOMEM.
 */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_pack_end(struct acre_packer *p,
					      struct acre_value *ret);

ACRE_END_
#endif
