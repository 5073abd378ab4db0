/* SPDX-License-Identifier: MIT */
/* auth.h - the tree key: proofs, in the Aids of a link, that its ends hold it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "wire/address.h"
#include "wire/msg.h"

/*
 * Where the transport does not tell whose process is at the other end, the caller's Aid has a
 * proof, and if that is right, so has the callee's (doc/rfc/002-tree-key.md). Nothing here sends,
 * waits, or knows what time it is.
 */

#define AUTH_KEY_SIZE	32 /* bytes; as long as the hash */
#define AUTH_NONCE_SIZE 16 /* bytes: two never have the same */
#define AUTH_PROOF_SIZE 32 /* bytes of SHA-256 */
/* How far the clocks of both ends may be apart, the time on the way included. */
#define AUTH_WINDOW_US (60 * INT64_C(1000000))
/* Callers in that time, twice: of more than 130 a second the rest is refused. 384 KiB. */
#define AUTH_HEARD_MAX 16384

struct auth_key; /* a page that is in no core and in no forked process */

/* From these bytes, or fresh ones (NULL). EOPNOTSUPP: there is no libcrypto; ENOMEM ... Not on the
 * stack of a task. */
int auth_key_new(struct auth_key **ret, const uint8_t bytes[AUTH_KEY_SIZE]);
/* The key of that file, which is a regular one, ours, and closed to others; made if it is
 * missing. EPERM: it is not so; EINVAL: it holds something else; others as the kernel's. Bound:
 * another root that is just writing its 32 bytes. */
int auth_key_of_file(struct auth_key **ret, const char *path);
/* Wipes it. NULL is allowed; returns NULL. */
struct auth_key *auth_key_free(struct auth_key *key);
/* For the SpawnSpec of a child, and for the file. */
const uint8_t *auth_key_bytes(const struct auth_key *key);

/* What one end has said. */
struct auth_hello {
	uint8_t nonce[AUTH_NONCE_SIZE];
	int64_t time_us;
	uint8_t proof[AUTH_PROOF_SIZE];
};

/* What a proof is about. */
struct auth_claim {
	struct uid who;		    /* who makes it */
	const struct address *at;   /* where the caller has dialled */
	/* the callee's: the hello that it answers; NULL: it is the caller's own */
	const struct auth_hello *answers;
};

/* A hello with a fresh nonce. */
int auth_prove(const struct auth_key *key, const struct auth_claim *claim, int64_t now_us,
	       struct auth_hello *ret);
/* As the Aid has it; borrowed from *hello. */
struct msg_auth auth_say(const struct auth_hello *hello);
/* Whether what came with the other's Aid proves that claim; *ret is then what it says.
 * -EACCES: it does not. */
int auth_check(const struct auth_key *key, const struct auth_claim *claim,
	       const struct msg_auth *said, struct auth_hello *ret);

/* The nonces that a callee has heard; all zero at first. */
struct auth_heard {
	struct auth_heard_nonce *nonces; /* owned */
	size_t n, cap;
};

/* Once for each hello whose proof is right. `since_us`: when the callee began to listen. -ESTALE:
 * it is too old, too new, or older than we; -EALREADY: it was heard before; -ENOSPC: too many
 * were heard; -ENOMEM. */
int auth_hear(struct auth_heard *heard, const struct auth_hello *hello, int64_t since_us,
	      int64_t now_us);
void auth_heard_fini(struct auth_heard *heard);
