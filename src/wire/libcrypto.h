/* SPDX-License-Identifier: MIT */
/* libcrypto.h - the calls of OpenSSL's libcrypto, where it is installed. */
#pragma once

/*
 * It is loaded when a tree first uses TCP, and stays loaded: a program that does not has nothing
 * of it. ACRE_HAVE_LIBCRYPTO says that its headers were there when we were compiled.
 */
#ifdef ACRE_HAVE_LIBCRYPTO

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define LIBCRYPTO_CALLS(C) \
	C(EVP_sha256)      \
	C(HMAC)            \
	C(CRYPTO_memcmp)

#define LIBCRYPTO_AS_POINTER(name) typeof(name) *name;

struct libcrypto {
	LIBCRYPTO_CALLS(LIBCRYPTO_AS_POINTER)
};

/* NULL: it is not there. Any thread; takes the dynamic linker's lock, and may use more stack
 * than a task has. */
const struct libcrypto *libcrypto_load(void);

#endif
