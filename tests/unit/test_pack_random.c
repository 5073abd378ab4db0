/* SPDX-License-Identifier: MIT */
/* test_pack_random.c - values at random: what is written is what is read. */
#include <stdlib.h>
#include <string.h>

#include "lib/test.h"
#include "wire/pack.h"

static uint64_t state;

/* xorshift64* */
static uint64_t random_u64(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * UINT64_C(2685821657736338717);
}

/* Numbers of all sizes, and their ends, are equally likely. */
static uint64_t random_number(void)
{
	uint64_t bits = random_u64() >> random_u64() % 64;

	return random_u64() % 4 ? bits : UINT64_MAX >> random_u64() % 64;
}

static size_t random_text(char *text, size_t max)
{
	static const char *const characters[] = {
		"a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9d\x84\x9e", "", "bcdefgh"
	};
	size_t n = random_u64() % (random_u64() % 64 ? 40 : max), len = 0;

	while (len + 8 < n) {
		const char *c = characters[random_u64() % ARRAY_N(characters)];

		memcpy(text + len, c, strlen(c));
		len += strlen(c);
	}
	return len;
}

/* A value and, read back, the same one: the seed decides which it is. */
struct trial {
	struct pack_writer w;
	struct pack_reader r;
	bool is_reading;
	char text[70000];
};

static void try_integer(struct trial *t)
{
	uint64_t number = random_number();
	bool is_signed = random_u64() % 2;

	if (!t->is_reading && is_signed)
		pack_i64(&t->w, (int64_t)number);
	else if (!t->is_reading)
		pack_u64(&t->w, number);
	else if (is_signed)
		assert_true(pack_read_i64(&t->r) == (int64_t)number);
	else
		assert_true(pack_read_u64(&t->r) == number);
}

static void try_float(struct trial *t)
{
	uint64_t bits = random_u64();
	double written, read;

	memcpy(&written, &bits, sizeof bits);
	if (!t->is_reading) {
		pack_f64(&t->w, written);
		return;
	}
	read = pack_read_f64(&t->r);
	assert_memory_equal(&read, &written, sizeof read);
}

static void try_text(struct trial *t)
{
	size_t len = random_text(t->text, sizeof t->text);
	struct pack_str str;

	if (!t->is_reading) {
		pack_str(&t->w, t->text, len);
		return;
	}
	str = pack_read_str(&t->r);
	assert_int_equal(str.len, len);
	assert_memory_equal(str.s, t->text, len);
}

static void try_bytes(struct trial *t)
{
	size_t len = random_u64() % (random_u64() % 64 ? 40 : sizeof t->text);
	struct pack_bytes bytes;

	for (size_t i = 0; i < len; i++)
		t->text[i] = (char)random_u64();
	if (!t->is_reading) {
		pack_bin(&t->w, t->text, len);
		return;
	}
	bytes = pack_read_bin(&t->r);
	assert_int_equal(bytes.len, len);
	assert_memory_equal(bytes.p, t->text, len);
}

static void try_small(struct trial *t)
{
	unsigned which = random_u64() % 4;
	uint8_t byte = (uint8_t)random_u64();

	if (!t->is_reading) {
		if (which < 2)
			pack_bool(&t->w, which);
		else if (which == 2)
			pack_nil(&t->w);
		else
			pack_ext1(&t->w, (int8_t)byte, byte);
	} else if (which < 2) {
		assert_int_equal(pack_read_bool(&t->r), which);
	} else if (which == 2) {
		assert_true(pack_read_if_nil(&t->r));
	} else {
		assert_int_equal(pack_read_ext1(&t->r, (int8_t)byte), byte);
	}
}

/* Returns how many values it announces. */
static size_t try_container(struct trial *t)
{
	size_t n = random_u64() % (random_u64() % 8 ? 4 : 40);

	if (random_u64() % 2) {
		if (!t->is_reading)
			pack_array(&t->w, n);
		else
			assert_int_equal(pack_read_array(&t->r), n);
		return n;
	}
	if (!t->is_reading)
		pack_map(&t->w, n);
	else
		assert_int_equal(pack_read_map(&t->r), n);
	return 2 * n;
}

/* The deeper, the fewer containers, so that it ends. */
static void try_value(struct trial *t, unsigned depth)
{
	size_t n = 0;

	switch (random_u64() % 8) {
	case 0:
		try_float(t);
		break;
	case 1:
		try_text(t);
		break;
	case 2:
		try_bytes(t);
		break;
	case 3:
		try_small(t);
		break;
	case 4:
		try_integer(t);
		break;
	default:
		if (random_u64() % (depth + 1) == 0)
			n = try_container(t);
		else
			try_integer(t);
		break;
	}
	while (n-- > 0)
		try_value(t, depth + 1);
}

TEST(what_is_written_is_what_is_read)
{
	uint64_t seed = test_seed();
	struct trial *t = malloc(sizeof *t);
	struct buf buf;

	assert_non_null(t);
	for (uint64_t i = 1; i <= 3000; i++) {
		buf_init(&buf, 64 * 1024 * 1024);
		pack_writer_init(&t->w, &buf, &wire_limits_default);
		t->is_reading = false;
		state = seed ^ i * UINT64_C(0x9e3779b97f4a7c15);
		try_value(t, 0);
		assert_ok(pack_writer_result(&t->w));

		pack_reader_init(&t->r, buf_bytes(&buf), buf_len(&buf),
				 &wire_limits_default);
		t->is_reading = true;
		state = seed ^ i * UINT64_C(0x9e3779b97f4a7c15);
		try_value(t, 0);
		assert_ok(pack_reader_end(&t->r));
		buf_fini(&buf);
	}
	free(t);
}
