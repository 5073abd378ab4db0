/* SPDX-License-Identifier: MIT */
/* panic.h - how the program stops at its own mistakes.
 *
 * There are two kinds of wrong. A fault of the world is returned as a value; it never comes
 * here. A mistake of the program itself stops it at once, where it was made:
 *
 *	BUG(...)	the caller broke the contract. It names both places, if there are two.
 *	CHECK(x)	an invariant of ours does not hold. O(1), in release builds too.
 *	CHECK_SLOW(x)	the same, but it may cost O(n): gone with -DNDEBUG.
 *
 * Nothing that a peer, a file or a user sent may lead here.
 */
#pragma once

#include "base/util.h"

#define BUG(...) panic(__FILE__, __LINE__, "BUG", __VA_ARGS__)

#define CHECK(x) (likely(x) ? (void)0 : panic(__FILE__, __LINE__, "CHECK", "%s", #x))

#ifdef NDEBUG
#define CHECK_SLOW(x) ((void)sizeof(x)) /* not evaluated, but still compiled */
#else
#define CHECK_SLOW(x) CHECK(x)
#endif

/* Writes "acre: KIND at FILE:LINE: message" to stderr, calls the hook, aborts. The first
 * thread to come speaks; any other one waits for the end of the process. */
_Noreturn void panic(const char *file, int line, const char *kind, const char *fmt, ...)
	__attribute__((format(printf, 4, 5), cold));

/* `fn` is called once, just before the abort, with an fd to write to: it prints the last
 * trace events. NULL takes it away. A panic inside the hook aborts at once. */
void panic_hook_set(void (*fn)(int fd));
