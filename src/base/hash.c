/* SPDX-License-Identifier: MIT */
/* hash.c - SipHash-1-3.
 *
 * Aumasson and Bernstein's SipHash with one round per word and three at the end: the variant
 * that hash tables use (CPython and Rust do). Words are read as little endian.
 */
#include "base/hash.h"

#include <endian.h>
#include <pthread.h>
#include <string.h>
#include <sys/auxv.h>

#include "base/sys.h"

struct state {
	uint64_t a, b, c, d;
};

static uint64_t process_key[2];

static inline uint64_t rotate(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static inline void mix(struct state *s)
{
	s->a += s->b;
	s->b = rotate(s->b, 13) ^ s->a;
	s->a = rotate(s->a, 32);
	s->c += s->d;
	s->d = rotate(s->d, 16) ^ s->c;
	s->a += s->d;
	s->d = rotate(s->d, 21) ^ s->a;
	s->c += s->b;
	s->b = rotate(s->b, 17) ^ s->c;
	s->c = rotate(s->c, 32);
}

static inline void absorb(struct state *s, uint64_t word)
{
	s->d ^= word;
	mix(s);
	s->a ^= word;
}

uint64_t hash_sip13(const uint64_t key[2], const void *data, size_t len)
{
	/* "somepseudorandomlygeneratedbytes" */
	struct state s = {
		.a = key[0] ^ 0x736f6d6570736575,
		.b = key[1] ^ 0x646f72616e646f6d,
		.c = key[0] ^ 0x6c7967656e657261,
		.d = key[1] ^ 0x7465646279746573,
	};
	const uint8_t *byte = data;
	uint64_t word, last = (uint64_t)len << 56;

	for (size_t left = len; left >= 8; left -= 8, byte += 8) {
		memcpy(&word, byte, 8);
		absorb(&s, le64toh(word));
	}
	for (size_t i = 0; i < len % 8; i++)
		last |= (uint64_t)byte[i] << (8 * i);
	absorb(&s, last);

	s.c ^= 0xff;
	mix(&s);
	mix(&s);
	mix(&s);
	return s.a ^ s.b ^ s.c ^ s.d;
}

/* Where getrandom is denied, the 16 random bytes that every program gets at exec do. */
static void draw_key(void)
{
	const void *at_exec = (const void *)getauxval(AT_RANDOM);
	ssize_t n = sys_getrandom(process_key, sizeof process_key, 0);

	if (n != sizeof process_key && at_exec)
		memcpy(process_key, at_exec, sizeof process_key);
}

uint64_t hash_bytes(const void *data, size_t len)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, draw_key);
	return hash_sip13(process_key, data, len);
}
