/* SPDX-License-Identifier: MIT */
/* test_schema.c - structs as packed maps and back: every type, every bound, every refusal. */
#include <errno.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <acre/error.h>

#include "actor/schema.h"
#include "lib/run.h"

#define ALL(F)                \
	F(bool, flag)         \
	F(int8_t, i8)         \
	F(int16_t, i16)       \
	F(int32_t, i32)       \
	F(int64_t, i64)       \
	F(uint8_t, u8)        \
	F(uint16_t, u16)      \
	F(uint32_t, u32)      \
	F(uint64_t, u64)      \
	F(float, single)      \
	F(double, real)       \
	F(const char *, text) \
	F(struct acre_bytes, bytes)
ACRE_MSG(all, ALL)

#define POINT(F) F(uint8_t, x) F(int16_t, y)
ACRE_MSG(point, POINT)

#define NAMED(F) F(const char *, name) F(uint32_t, n)
ACRE_MSG(named, NAMED)

#define REALS(F) F(float, single) F(double, real)
ACRE_MSG(reals, REALS)

#define DOUBLES(F) F(double, single) F(double, real)
ACRE_MSG(doubles, DOUBLES)

/* A packed value that reading may spoil. */
struct packed {
	uint8_t bytes[512];
	size_t len;
};

static struct packed pack(const struct acre_msg_kind *kind, const void *value)
{
	struct packed p = { .len = 0 };
	struct pack_writer w;
	struct buf out;

	buf_init(&out, sizeof p.bytes);
	pack_writer_init(&w, &out, &wire_limits_default);
	schema_write(&w, kind, value);
	assert_int_equal(pack_writer_result(&w), 0);
	p.len = buf_len(&out);
	memcpy(p.bytes, buf_bytes(&out), p.len);
	buf_fini(&out);
	return p;
}

/* A literal of packed bytes. */
#define PACKED(literal) packed_of(literal, sizeof literal - 1)

static struct packed packed_of(const char *bytes, size_t len)
{
	struct packed p = { .len = len };

	assert_true(len <= sizeof p.bytes);
	memcpy(p.bytes, bytes, len);
	return p;
}

static int read_from(const struct acre_msg_kind *kind, void *bytes, size_t len, void *ret)
{
	struct arena none = { 0 };
	int r = schema_read(kind, &(struct schema_packed){ bytes, len, &none }, ret,
			    "item");

	assert_null(none.blocks);
	return r;
}

/* Reads from memory of exactly that length, so that ASan sees the end. */
static int read_packed(const struct acre_msg_kind *kind, struct packed p, void *ret)
{
	uint8_t *exact = malloc(p.len ? p.len : 1);
	int r;

	assert_non_null(exact);
	memcpy(exact, p.bytes, p.len);
	r = read_from(kind, exact, p.len, ret);
	free(exact);
	return r;
}

static void assert_refused(const struct acre_msg_kind *kind, struct packed p,
			   const char *why)
{
	static const char begin[] =
		"invalid `item` msg payload: a value does not match type-spec ";
	uint64_t value[32];
	int r = read_packed(kind, p, value);

	assert_class(r, ACRE_ETYPE);
	assert_text_has(acre_why(r)->message, begin);
	assert_string_equal(acre_why(r)->message + sizeof begin - 1, why);
}

static struct all make_all(void)
{
	return (struct all){
		.flag = true,
		.i8 = INT8_MIN,
		.i16 = INT16_MIN,
		.i32 = INT32_MIN,
		.i64 = INT64_MIN,
		.u8 = UINT8_MAX,
		.u16 = UINT16_MAX,
		.u32 = UINT32_MAX,
		.u64 = UINT64_MAX,
		.single = 0.1f,
		.real = 0.1,
		.text = "a text",
		.bytes = { "\0\1\2", 3 },
	};
}

TEST_TASK(every_type_comes_back_as_it_was)
{
	struct all in = make_all(), out;
	struct packed p = pack(all_msg_(), &in);

	assert_ok(read_from(all_msg_(), p.bytes, p.len, &out));
	assert_true(out.flag);
	assert_int_equal(out.i8, in.i8);
	assert_int_equal(out.i16, in.i16);
	assert_int_equal(out.i32, in.i32);
	assert_int_equal(out.i64, in.i64);
	assert_int_equal(out.u8, in.u8);
	assert_int_equal(out.u16, in.u16);
	assert_int_equal(out.u32, in.u32);
	assert_int_equal(out.u64, in.u64);
	assert_true(out.single == in.single);
	assert_true(out.real == in.real);
	assert_string_equal(out.text, "a text");
	assert_int_equal(out.bytes.len, 3);
	assert_memory_equal(out.bytes.data, "\0\1\2", 3);
	return 0;
}

TEST_TASK(a_struct_of_zeros_comes_back_with_texts_that_are_empty)
{
	struct all in = { .flag = false }, out;
	struct packed p = pack(all_msg_(), &in);

	memset(&out, 0xff, sizeof out);
	assert_ok(read_from(all_msg_(), p.bytes, p.len, &out));
	assert_false(out.flag);
	assert_int_equal(out.i64, 0);
	assert_int_equal(out.u64, 0);
	assert_true(out.real == 0);
	assert_string_equal(out.text, "");
	assert_int_equal(out.bytes.len, 0);
	return 0;
}

TEST_TASK(a_struct_is_a_map_of_its_fields_in_order)
{
	struct point in = { .x = 7, .y = -1 };
	struct packed p = pack(point_msg_(), &in);

	assert_int_equal(p.len, 7);
	assert_memory_equal(p.bytes, "\x82\xa1x\x07\xa1y\xff", 7);
	return 0;
}

/*
 * Bounds
 */

struct bound {
	struct packed packed;
	int64_t x, y;
	const char *why; /* NULL: it fits */
};

TEST_TASK(numbers_must_fit_their_fields)
{
	const struct bound bounds[] = {
		{ PACKED("\x82\xa1x\xcc\xff\xa1y\xcd\x7f\xff"), 255, 32767, NULL },
		{ PACKED("\x82\xa1x\x00\xa1y\xd1\x80\x00"), 0, -32768, NULL },
		{ PACKED("\x82\xa1x\xcf\0\0\0\0\0\0\0\x07\xa1y\xd3\xff\xff\xff\xff\xff"
			 "\xff"
			 "\xff\xfe"),
		  7, -2, NULL }, /* the widest forms of small numbers */
		{ PACKED("\x82\xa1x\xcd\x01\x00\xa1y\x00"), 0, 0,
		  "point.x: at byte 3: expected uint of 0 to 255, got 256" },
		{ PACKED("\x82\xa1x\xff\xa1y\x00"), 0, 0,
		  "point.x: at byte 3: expected uint of 0 to 255, got -1" },
		{ PACKED("\x82\xa1x\x00\xa1y\xcd\x80\x00"), 0, 0,
		  "point.y: at byte 6: expected int of -32768 to 32767, got 32768" },
		{ PACKED("\x82\xa1x\x00\xa1y\xd2\xff\xff\x7f\xff"), 0, 0,
		  "point.y: at byte 6: expected int of -32768 to 32767, got -32769" },
	};

	for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
		const struct bound *b = &bounds[i];
		struct point out;
		int r = read_packed(point_msg_(), b->packed, &out);

		if (b->why) {
			assert_class(r, ACRE_ETYPE);
			test_note("%s", acre_why(r)->message);
			assert_text_has(acre_why(r)->message, b->why);
		} else {
			assert_ok(r);
			assert_int_equal(out.x, b->x);
			assert_int_equal(out.y, b->y);
		}
	}
	return 0;
}

/* The same reals, both of 64 bits where they are sent from. */
static struct packed reals_of(double single, double real)
{
	return pack(doubles_msg_(), &(struct doubles){ single, real });
}

TEST_TASK(reals_must_fit_their_fields)
{
	struct reals out;

	assert_ok(read_packed(reals_msg_(), reals_of(FLT_MAX, DBL_MAX), &out));
	assert_true(out.single == FLT_MAX);
	assert_true(out.real == DBL_MAX);
	assert_ok(read_packed(reals_msg_(), reals_of(-HUGE_VAL, HUGE_VAL), &out));
	assert_true(isinf(out.single) && out.single < 0);
	assert_ok(read_packed(reals_msg_(), reals_of(NAN, NAN), &out));
	assert_true(isnan(out.single) && isnan(out.real));
	assert_ok(read_packed(reals_msg_(), reals_of(1e-300, 1e-300), &out));
	assert_true(out.single == 0); /* rounded, as in any assignment */

	assert_refused(
		reals_msg_(), reals_of(1e39, 0),
		"reals.single: at byte 8: expected a float of 32 bits, got a larger "
		"one");
	assert_class(read_packed(reals_msg_(), reals_of(-1e39, 0), &out), ACRE_ETYPE);
	return 0;
}

TEST_TASK(an_integer_is_taken_for_a_real_if_it_is_exact)
{
	struct reals out;

	assert_ok(read_packed(
		reals_msg_(),
		PACKED("\x82\xa6single\x07\xa4real\xd3\xff\xff\xff\xff\xff\xff\xff"
		       "\xfe"),
		&out));
	assert_true(out.single == 7);
	assert_true(out.real == -2);
	assert_class(
		read_packed(
			reals_msg_(),
			PACKED("\x82\xa6single\x07\xa4real\xcf\x7f\xff\xff\xff\xff\xff"
			       "\xff\xff"),
			&out),
		ACRE_ETYPE);
	return 0;
}

/*
 * Refusals: what was expected, what came, where
 */

TEST_TASK(a_value_of_another_type_is_refused_with_its_field)
{
	assert_refused(point_msg_(), PACKED("\x82\xa1x\xcb\x3f\xf0\0\0\0\0\0\0\xa1y\0"),
		       "point.x: at byte 3: expected uint, got float 1");
	assert_refused(point_msg_(),
		       PACKED("\x82\xa1x\x07\xa1y\xa1"
			      "1"),
		       "point.y: at byte 6: expected int, got str \"1\"");
	assert_refused(named_msg_(), PACKED("\x82\xa4name\xc4\x01n\xa1n\x00"),
		       "named.name: at byte 6: expected str, got bin");
	assert_refused(named_msg_(), PACKED("\x82\xa4name\xc0\xa1n\x00"),
		       "named.name: at byte 6: expected str, got nil");
	return 0;
}

TEST_TASK(every_field_refuses_every_other_type)
{
	static const char *const values[] = {
		"\xc0",
		"\xc3",
		"\x07",
		"\xff",
		"\xcb\x3f\xf8\0\0\0\0\0\0",
		"\xa1x",
		"\xc4\x01x",
		"\x91\x07",
		"\x81\xa1x\x07",
		"\xd4\x05x",
	};
	static const size_t lens[] = { 1, 1, 1, 1, 9, 2, 3, 2, 4, 3 };
	struct all out;
	const struct acre_msg_kind *kind = all_msg_();

	for (uint32_t i = 0; i < kind->n_fields; i++) {
		/* a kind of this one field */
		const struct acre_msg_kind one = { "one", &kind->fields[i], 1, kind->size,
						   ACRE_MSG_MAP };
		const struct acre_field *f = &kind->fields[i];
		size_t n_taken = 0;

		for (size_t k = 0; k < sizeof lens / sizeof *lens; k++) {
			struct packed p = { .len = 0 };
			int r;

			p.bytes[p.len++] = 0x81;
			p.bytes[p.len++] = (uint8_t)(0xa0 | f->name_len);
			memcpy(p.bytes + p.len, f->name, f->name_len);
			p.len += f->name_len;
			memcpy(p.bytes + p.len, values[k], lens[k]);
			p.len += lens[k];
			r = read_packed(&one, p, &out);
			n_taken += r >= 0;
			if (r < 0)
				assert_class(r, ACRE_ETYPE);
		}
		/* signed: both integers; real: these and the float; all others: one */
		assert_int_equal(n_taken, f->type == ACRE_FIELD_INT	? 2
					  : f->type == ACRE_FIELD_FLOAT ? 3
									: 1);
	}
	return 0;
}

TEST_TASK(a_payload_that_is_no_map_is_refused)
{
	assert_refused(point_msg_(), PACKED("\x92\x07\x07"),
		       "point: at byte 0: expected map, got array");
	assert_refused(point_msg_(), PACKED("\xc0"),
		       "point: at byte 0: expected map, got nil");
	assert_class(read_packed(point_msg_(), PACKED(""), &(struct point){ 0 }),
		     ACRE_ETYPE);
	return 0;
}

TEST_TASK(a_key_that_is_no_text_is_refused)
{
	assert_refused(point_msg_(), PACKED("\x82\x01\x07\xa1y\x00"),
		       "point: at byte 1: expected str, got uint 1");
	return 0;
}

TEST_TASK(a_missing_field_is_named)
{
	assert_refused(point_msg_(), PACKED("\x81\xa1x\x07"), "point: no field y");
	assert_refused(point_msg_(), PACKED("\x80"), "point: no field x");
	return 0;
}

TEST_TASK(bytes_behind_the_value_are_refused)
{
	int r = read_packed(point_msg_(), PACKED("\x82\xa1x\x07\xa1y\x00\x00"),
			    &(struct point){ 0 });

	assert_class(r, ACRE_ETYPE);
	assert_text_has(acre_why(r)->message, "at byte 7: 1 bytes behind the value");
	return 0;
}

TEST_TASK(every_cut_is_refused)
{
	struct all in = make_all(), out;
	struct packed p = pack(all_msg_(), &in);

	for (size_t whole = p.len; p.len > 0;) {
		p.len--;
		assert_class(read_packed(all_msg_(), p, &out), ACRE_ETYPE);
		assert_true(p.len < whole);
	}
	return 0;
}

/*
 * Freedoms
 */

TEST_TASK(keys_come_in_any_order_and_unknown_ones_are_ignored)
{
	struct point out;

	assert_ok(read_packed(
		point_msg_(),
		PACKED("\x84\xa1y\x01\xa3new\x81\x07\x92\xc0\xc0\xa1x\x02\xa0\xc0"),
		&out));
	assert_int_equal(out.x, 2);
	assert_int_equal(out.y, 1);
	return 0;
}

TEST_TASK(of_a_doubled_key_the_last_one_wins)
{
	struct packed p = PACKED("\x83\xa4name\xa3old\xa4name\xa5newer\xa1n\x01");
	struct named out;

	assert_ok(read_from(named_msg_(), p.bytes, p.len, &out));
	assert_string_equal(out.name, "newer");
	return 0;
}

/*
 * Texts
 */

/* A text of that length with a head of any width, and what follows it. */
static void check_text(size_t len, unsigned head)
{
	static const uint8_t first[] = { 0, 0xd9, 0xda, 0, 0xdb };
	uint8_t *p = malloc(len + 32), *at = p;
	struct named out;

	assert_non_null(p);
	memcpy(at, "\x82\xa4name", 6);
	at += 6;
	*at++ = head ? first[head] : (uint8_t)(0xa0 | len);
	for (unsigned i = head; i-- > 0;)
		*at++ = (uint8_t)(len >> (8 * i));
	memset(at, 't', len);
	at += len;
	memcpy(at, "\xa1n\x07", 3);
	at += 3;

	assert_ok(read_from(named_msg_(), p, (size_t)(at - p), &out));
	assert_int_equal(strlen(out.name), len);
	assert_int_equal(strspn(out.name, "t"), len);
	assert_int_equal(out.n, 7);
	free(p);
}

TEST_TASK(texts_of_every_head_get_their_nul_and_spoil_nothing)
{
	check_text(0, 0);
	check_text(31, 0);
	check_text(0, 1);
	check_text(31, 1);
	check_text(255, 1);
	check_text(0, 2);
	check_text(65535, 2);
	check_text(0, 4);
	check_text(1024 * 1024, 4);
	return 0;
}

TEST_TASK(a_text_with_a_nul_is_refused)
{
	assert_refused(
		named_msg_(),
		PACKED("\x82\xa4name\xa3"
		       "a\0b\xa1n\x00"),
		"named.name: at byte 6: expected a text without a NUL in it, got one "
		"with");
	return 0;
}

TEST_TASK(bytes_that_are_no_text_are_neither_sent_nor_taken)
{
	struct named in = { .name = "\xff" };
	struct pack_writer w;
	struct buf out;

	buf_init(&out, 4096);
	pack_writer_init(&w, &out, &wire_limits_default);
	schema_write(&w, named_msg_(), &in);
	assert_int_equal(pack_writer_result(&w), -EILSEQ);
	buf_fini(&out);

	assert_class(read_packed(named_msg_(), PACKED("\x82\xa4name\xa1\xff\xa1n\x00"),
				 &(struct named){ 0 }),
		     ACRE_ETYPE);
	return 0;
}

/*
 * Bare kinds
 */

TEST_TASK(a_bare_kind_travels_as_its_value)
{
	struct acre_int in = { .value = -7 }, out = { 0 };
	struct acre_text text = { .value = "hey" };
	struct packed p = pack(acre_int_msg_(), &in);

	assert_int_equal(p.len, 1);
	assert_int_equal(p.bytes[0], 0xf9);
	assert_ok(read_packed(acre_int_msg_(), p, &out));
	assert_int_equal(out.value, -7);

	p = pack(acre_text_msg_(), &text);
	assert_int_equal(p.len, 4);
	text.value = NULL;
	assert_ok(read_from(acre_text_msg_(), p.bytes, p.len, &text));
	assert_string_equal(text.value, "hey");
	return 0;
}

TEST_TASK(a_bare_kind_without_a_value_is_nil)
{
	struct packed p = pack(acre_nil_msg_(), NULL);
	struct acre_nil out;

	assert_int_equal(p.len, 1);
	assert_int_equal(p.bytes[0], 0xc0);
	assert_ok(read_packed(acre_nil_msg_(), p, &out));
	assert_refused(acre_nil_msg_(), PACKED("\x07"),
		       "acre_nil: at byte 0: expected nil, got uint 7");
	return 0;
}

TEST_TASK(a_bare_value_of_another_type_is_refused)
{
	assert_refused(acre_int_msg_(), PACKED("\x81\xa5value\x07"),
		       "acre_int: at byte 0: expected int, got map");
	assert_class(read_packed(acre_int_msg_(), PACKED("\x07\x07"),
				 &(struct acre_int){ 0 }),
		     ACRE_ETYPE);
	return 0;
}

/*
 * The rest
 */

TEST_TASK(only_texts_and_bytes_are_borrowed)
{
	assert_true(schema_borrows(all_msg_()));
	assert_true(schema_borrows(named_msg_()));
	assert_true(schema_borrows(acre_text_msg_()));
	assert_false(schema_borrows(point_msg_()));
	assert_false(schema_borrows(acre_int_msg_()));
	assert_false(schema_borrows(acre_nil_msg_()));
	return 0;
}

TEST_TASK(a_nil_is_recognised)
{
	assert_true(schema_is_nil("\xc0", 1));
	assert_false(schema_is_nil("\xc0\xc0", 2));
	assert_false(schema_is_nil("\x00", 1));
	assert_false(schema_is_nil("", 0));
	return 0;
}

enum { MOST = 64 }; /* fields that can travel */

TEST_TASK(a_kind_has_a_limit_of_fields_on_both_sides)
{
	static char names[MOST + 1][4];
	static struct acre_field fields[MOST + 1];
	uint8_t values[MOST + 1] = { 0 }, back[MOST + 1] = { 0 };
	struct acre_msg_kind kind = { "wide", fields, MOST, sizeof values, ACRE_MSG_MAP };
	struct pack_writer w;
	struct buf out;

	for (uint32_t i = 0; i < MOST + 1; i++) {
		snprintf(names[i], sizeof names[i], "f%u", i);
		fields[i] = (struct acre_field){ .name = names[i],
						 .type = ACRE_FIELD_UINT,
						 .offset = i,
						 .size = 1,
						 .name_len = (uint32_t)strlen(names[i]) };
		values[i] = (uint8_t)i;
	}
	buf_init(&out, 4096);
	pack_writer_init(&w, &out, &wire_limits_default);
	schema_write(&w, &kind, values);
	assert_int_equal(pack_writer_result(&w), 0);
	assert_ok(read_from(&kind, buf_bytes(&out), buf_len(&out), back));
	assert_memory_equal(back, values, MOST);

	kind.n_fields++;
	buf_consume(&out, buf_len(&out));
	pack_writer_init(&w, &out, &wire_limits_default);
	schema_write(&w, &kind, values);
	assert_int_equal(pack_writer_result(&w), -EINVAL);
	assert_class(read_from(&kind, values, 0, back), ACRE_ETYPE);
	buf_fini(&out);
	return 0;
}
