/* SPDX-License-Identifier: MIT */
/* auth.c - the tree key: proofs, in the Aids of a link, that its ends hold it. */
#include "wire/auth.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <acre/error.h>

#include "base/fault.h"
#include "base/mem.h"
#include "base/sys.h"
#include "base/util.h"
#include "wire/libcrypto.h"

/*
 * A proof is an HMAC over all that is claimed, each text with its length before it, so that no
 * two claims have the same bytes. The keys of callers and of callees differ: what one has said
 * can never be taken for what the other says. Whatever changes here changes the labels.
 */

struct auth_key {
	uint8_t bytes[AUTH_KEY_SIZE];
	uint8_t caller[AUTH_KEY_SIZE];
	uint8_t callee[AUTH_KEY_SIZE];
};

static const char caller_label[] = "acre 1 caller", callee_label[] = "acre 1 callee";

/* A text of a claim: what does not fit its length of one byte is no name and no address. */
#define TEXT_MAX 255
#define CLAIM_MAX \
	(3 * (1 + TEXT_MAX) + 2 * (AUTH_NONCE_SIZE + sizeof(int64_t)) + AUTH_PROOF_SIZE)

#ifdef ACRE_HAVE_LIBCRYPTO

static int hmac(uint8_t ret[AUTH_PROOF_SIZE], const uint8_t key[AUTH_KEY_SIZE],
		const void *bytes, size_t len)
{
	const struct libcrypto *c = libcrypto_load();

	if (!c)
		return -EOPNOTSUPP;
	return c->HMAC(c->EVP_sha256(), key, AUTH_KEY_SIZE, bytes, len, ret, NULL)
		       ? 0
		       : -ENOMEM;
}

/* In a time that does not tell where they differ. */
static bool is_equal(const uint8_t *a, const uint8_t *b)
{
	return libcrypto_load()->CRYPTO_memcmp(a, b, AUTH_PROOF_SIZE) == 0;
}

#else

static int hmac(uint8_t ret[AUTH_PROOF_SIZE], const uint8_t key[AUTH_KEY_SIZE],
		const void *bytes, size_t len)
{
	(void)ret, (void)key, (void)bytes, (void)len;
	return -EOPNOTSUPP;
}

static bool is_equal(const uint8_t *a, const uint8_t *b)
{
	(void)a, (void)b;
	return false;
}

#endif

/*
 * The key.
 */

/* HMAC-SHA-256 of "acre" under 32 bytes 0x61: by another implementation. */
static int self_test(void)
{
	static const uint8_t expected[AUTH_PROOF_SIZE] = {
		0x1f, 0x0c, 0x1b, 0x05, 0xa0, 0xe5, 0x0d, 0xb1, 0xf8, 0x9d, 0xf4,
		0xb5, 0x94, 0x50, 0x62, 0x55, 0x51, 0x69, 0x04, 0x3e, 0x79, 0x58,
		0xd9, 0x2d, 0xc5, 0xe6, 0x35, 0xa6, 0x1b, 0x2b, 0x40, 0xfc,
	};
	uint8_t key[AUTH_KEY_SIZE], proof[AUTH_PROOF_SIZE];
	int r;

	memset(key, 'a', sizeof key);
	r = hmac(proof, key, "acre", 4);
	if (r == -EOPNOTSUPP)
		return acre_fail(
			EOPNOTSUPP,
			"a link over TCP takes OpenSSL's libcrypto, which is not "
			"here");
	if (r >= 0 && !is_equal(proof, expected))
		r = -EIO;
	return r < 0 ? acre_fail(-r, "OpenSSL's libcrypto does not compute SHA-256") : 0;
}

static int key_page(struct auth_key **ret)
{
	void *page = NULL;
	int r = sys_mmap(&page, sizeof(struct auth_key), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (r < 0)
		return acre_fail(-r, "no memory for the tree's key");
	r = sys_madvise(page, sizeof(struct auth_key), MADV_DONTDUMP);
	if (r >= 0)
		r = sys_madvise(page, sizeof(struct auth_key), MADV_WIPEONFORK);
	if (r < 0) {
		sys_munmap(page, sizeof(struct auth_key));
		return acre_fail(-r, "keeping the tree's key out of cores and forks");
	}
	*ret = page;
	return 0;
}

static int derive(struct auth_key *key)
{
	int r = hmac(key->caller, key->bytes, caller_label, sizeof caller_label - 1);

	return r < 0 ? r
		     : hmac(key->callee, key->bytes, callee_label,
			    sizeof callee_label - 1);
}

int auth_key_new(struct auth_key **ret, const uint8_t bytes[AUTH_KEY_SIZE])
{
	struct auth_key *key = NULL;
	ssize_t n = AUTH_KEY_SIZE;
	int r = self_test();

	*ret = NULL;
	if (r >= 0)
		r = key_page(&key);
	if (!key)
		return r;
	if (bytes)
		memcpy(key->bytes, bytes, AUTH_KEY_SIZE);
	else
		n = sys_getrandom(key->bytes, AUTH_KEY_SIZE, 0);
	r = n < 0 ? (int)n : derive(key);
	if (r < 0) {
		auth_key_free(key);
		return acre_fail(-r, "making the tree's key");
	}
	*ret = key;
	return 0;
}

struct auth_key *auth_key_free(struct auth_key *key)
{
	if (!key)
		return NULL;
	explicit_bzero(key, sizeof *key);
	sys_munmap(key, sizeof *key);
	return NULL;
}

const uint8_t *auth_key_bytes(const struct auth_key *key)
{
	return key->bytes;
}

/*
 * Proofs.
 */

struct claim_text {
	uint8_t bytes[CLAIM_MAX];
	size_t len;
};

static void put(struct claim_text *to, const void *bytes, size_t len)
{
	memcpy(to->bytes + to->len, bytes, len);
	to->len += len;
}

static void put_text(struct claim_text *to, const char *text, size_t len)
{
	put(to, &(uint8_t){ (uint8_t)len }, 1);
	put(to, text, len);
}

static void put_time(struct claim_text *to, int64_t time_us)
{
	for (int i = 0; i < 8; i++)
		put(to, &(uint8_t){ (uint8_t)((uint64_t)time_us >> 8 * i) }, 1);
}

static int prove(const struct auth_key *key, const struct auth_claim *claim,
		 const struct auth_hello *hello, uint8_t ret[AUTH_PROOF_SIZE])
{
	struct claim_text c = { .len = 0 };
	char at[ADDRESS_TEXT_SIZE];

	if (claim->who.name.len > TEXT_MAX || claim->who.uuid.len > TEXT_MAX)
		return -EACCES;
	address_text(claim->at, at);
	put_text(&c, claim->who.name.p, claim->who.name.len);
	put_text(&c, claim->who.uuid.p, claim->who.uuid.len);
	put_text(&c, at, strlen(at));
	put(&c, hello->nonce, AUTH_NONCE_SIZE);
	put_time(&c, hello->time_us);
	if (claim->answers) {
		put(&c, claim->answers->nonce, AUTH_NONCE_SIZE);
		put_time(&c, claim->answers->time_us);
		put(&c, claim->answers->proof, AUTH_PROOF_SIZE);
	}
	return hmac(ret, claim->answers ? key->callee : key->caller, c.bytes, c.len);
}

int auth_prove(const struct auth_key *key, const struct auth_claim *claim, int64_t now_us,
	       struct auth_hello *ret)
{
	ssize_t n = sys_getrandom(ret->nonce, AUTH_NONCE_SIZE, 0);
	int r;

	ret->time_us = now_us;
	r = n < 0 ? (int)n : prove(key, claim, ret, ret->proof);
	return r < 0 ? acre_fail(-r, "proving that we hold the tree's key") : 0;
}

struct msg_auth auth_say(const struct auth_hello *hello)
{
	return (struct msg_auth){
		.given = true,
		.nonce = { (const char *)hello->nonce, AUTH_NONCE_SIZE },
		.time_us = hello->time_us,
		.proof = { (const char *)hello->proof, AUTH_PROOF_SIZE },
	};
}

int auth_check(const struct auth_key *key, const struct auth_claim *claim,
	       const struct msg_auth *said, struct auth_hello *ret)
{
	uint8_t expected[AUTH_PROOF_SIZE];
	int r;

	if (!said->given || said->nonce.len != AUTH_NONCE_SIZE ||
	    said->proof.len != AUTH_PROOF_SIZE)
		return -EACCES;
	memcpy(ret->nonce, said->nonce.p, AUTH_NONCE_SIZE);
	memcpy(ret->proof, said->proof.p, AUTH_PROOF_SIZE);
	ret->time_us = said->time_us;
	r = prove(key, claim, ret, expected);
	if (r >= 0 && !is_equal(expected, ret->proof) && !PLANTED(KEY_UNCHECKED))
		r = -EACCES;
	explicit_bzero(expected, sizeof expected); /* it would be right */
	return r;
}

/*
 * What was heard.
 */

struct auth_heard_nonce {
	uint8_t nonce[AUTH_NONCE_SIZE];
	int64_t until_us; /* then it is too old by its time */
};

/* Their order says nothing, so the last one takes the place of one that is too old. */
static bool was_heard(struct auth_heard *heard, const uint8_t nonce[AUTH_NONCE_SIZE],
		      int64_t now_us)
{
	bool found = false;

	for (size_t i = 0; i < heard->n;) {
		found = found || !memcmp(heard->nonces[i].nonce, nonce, AUTH_NONCE_SIZE);
		if (heard->nonces[i].until_us < now_us)
			heard->nonces[i] = heard->nonces[--heard->n];
		else
			i++;
	}
	return found;
}

static int make_room(struct auth_heard *heard)
{
	size_t cap = size_min(size_max(2 * heard->cap, 16), AUTH_HEARD_MAX);
	struct auth_heard_nonce *nonces;

	if (heard->n < heard->cap)
		return 0;
	if (heard->n == AUTH_HEARD_MAX)
		return -ENOSPC;
	nonces = mem_realloc(heard->nonces, cap * sizeof *nonces);
	if (!nonces)
		return -ENOMEM;
	heard->nonces = nonces;
	heard->cap = cap;
	return 0;
}

int auth_hear(struct auth_heard *heard, const struct auth_hello *hello, int64_t since_us,
	      int64_t now_us)
{
	struct auth_heard_nonce *new;
	int64_t time_us = hello->time_us;
	int r;

	if (time_us < now_us - AUTH_WINDOW_US || time_us > now_us + AUTH_WINDOW_US)
		return -ESTALE;
	if (now_us >= since_us && time_us < since_us) /* else our clock was set back */
		return -ESTALE;
	if (was_heard(heard, hello->nonce, now_us) && !PLANTED(REPLAY_ADMITTED))
		return -EALREADY;
	r = make_room(heard);
	if (r < 0)
		return r;
	new = &heard->nonces[heard->n++];
	memcpy(new->nonce, hello->nonce, AUTH_NONCE_SIZE);
	new->until_us = time_us + AUTH_WINDOW_US;
	return 0;
}

void auth_heard_fini(struct auth_heard *heard)
{
	mem_free(heard->nonces);
	*heard = (struct auth_heard){ .n = 0 };
}
