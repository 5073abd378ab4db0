/* SPDX-License-Identifier: MIT */
/* test_hash.c - SipHash-1-3, against what CPython says.
 *
 * CPython 3.11 hashes bytes with it. The vectors are hash(bytes(range(len))); the key is all
 * zeros with PYTHONHASHSEED=0, and for other seeds CPython makes it by a linear congruential
 * generator.
 */
#include <errno.h>
#include <string.h>
#include <sys/auxv.h>

#include "base/hash.h"
#include "base/sys.h"
#include "base/util.h"
#include "lib/test.h"

struct vector {
	size_t len;
	uint64_t hash;
};

static const uint64_t key_0[2];
static const struct vector with_key_0[] = {
	{ 1, 0x68a914128e01e473 },  { 2, 0x010bac45c41e3669 },
	{ 3, 0x4d4c9a4a8ef6e0ad },  { 4, 0x7cc43f98813e4dbd },
	{ 5, 0x5abe2169dff36275 },  { 6, 0xe3c25f87624f1cdb },
	{ 7, 0x2f098ab0c751325a },  { 8, 0xead411e67ebe2eea },
	{ 9, 0x75927f9d95124362 },  { 10, 0xaf9f77a65ab51a1d },
	{ 11, 0xfe64ce8b6617fcff }, { 12, 0xa6baf4fb0f9fe1c2 },
	{ 13, 0xa0cf3211850f8e0d }, { 14, 0x7f86049379fbfe67 },
	{ 15, 0xf30eb725bb91c9ea }, { 16, 0x8972188433a5c5b7 },
	{ 17, 0x4883c49a2c009c1d },
};

static const uint64_t key_1[2] = { 0xaed66ce184be2329, 0xebe9bbf1f1499052 };
static const struct vector with_key_1[] = {
	{ 1, 0xecd3e5afcecda4b9 },  { 7, 0xfd15e78052a69ddf },
	{ 8, 0xc0b5739e7e28dd01 },  { 9, 0x208a1a5a0cbbf778 },
	{ 15, 0xfa87985f39e97a53 }, { 16, 0x12e9d283f9f37002 },
	{ 63, 0x542052345bc68274 },
};

static void assert_vectors(const uint64_t key[2], const struct vector *v, size_t n)
{
	uint8_t bytes[64];

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)i;
	for (size_t i = 0; i < n; i++)
		assert_int_equal(hash_sip13(key, bytes, v[i].len), v[i].hash);
}

TEST(a_hash_is_what_cpython_says)
{
	assert_vectors(key_0, with_key_0, ARRAY_N(with_key_0));
	assert_vectors(key_1, with_key_1, ARRAY_N(with_key_1));
}

TEST(a_hash_does_not_depend_on_alignment)
{
	char bytes[32] = "....abcdefghijklm";
	uint64_t hash = hash_sip13(key_1, "abcdefghijklm", 13);

	assert_int_equal(hash_sip13(key_1, bytes + 4, 13), hash);
	memmove(bytes + 1, bytes + 4, 13);
	assert_int_equal(hash_sip13(key_1, bytes + 1, 13), hash);
}

TEST(the_empty_string_has_a_hash_too)
{
	assert_int_equal(hash_sip13(key_1, NULL, 0), hash_sip13(key_1, "", 0));
	assert_int_not_equal(hash_sip13(key_1, "", 0), hash_sip13(key_1, "\0", 1));
}

TEST(the_key_of_a_process_stays_and_is_not_zero)
{
	uint64_t hash = hash_bytes("abc", 3);

	assert_int_equal(hash_bytes("abc", 3), hash);
	assert_int_not_equal(hash_sip13(key_0, "abc", 3), hash);
}

TEST(without_getrandom_the_key_is_that_of_exec)
{
	uint64_t key[2];

	memcpy(key, (const void *)getauxval(AT_RANDOM), sizeof key);
	sys_use(&sys_fault);
	sys_fault_only("getrandom");
	sys_fault_at(1, ENOSYS, true);

	assert_int_equal(hash_bytes("abc", 3), hash_sip13(key, "abc", 3));
	assert_int_equal(sys_fault_calls(), 1);
}
