/* SPDX-License-Identifier: MIT */
/* libcrypto.c - the calls of OpenSSL's libcrypto, where it is installed. */
#include "wire/libcrypto.h"

#ifdef ACRE_HAVE_LIBCRYPTO

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The one whose headers we were compiled with: it keeps its calls as they are. */
#define NAME_OF(number)	 NAME_OF_(number)
#define NAME_OF_(number) "libcrypto.so." #number
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
#define LIBCRYPTO_NAME NAME_OF(OPENSSL_SHLIB_VERSION)
#else
#define LIBCRYPTO_NAME "libcrypto.so.1.1"
#endif

#define AS_LOOKUP(name)                                                 \
	crypto.name = (typeof(name) *)(uintptr_t)dlsym(library, #name); \
	is_there = is_there && crypto.name;

static struct libcrypto crypto;
static bool is_there;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void)
{
	void *library = dlopen(LIBCRYPTO_NAME, RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return;
	is_there = true;
	LIBCRYPTO_CALLS(AS_LOOKUP)
}

const struct libcrypto *libcrypto_load(void)
{
	pthread_once(&once, load);
	return is_there ? &crypto : NULL;
}

#endif
