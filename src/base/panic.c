/* SPDX-License-Identifier: MIT */
/* panic.c - how the program stops at its own mistakes.
 *
 * By the time we come here anything may be broken, so nothing is allocated, no lock is taken
 * and the real system calls are used, not the ones a test put in their place.
 */
#include "base/panic.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sys.h"

static _Atomic(void (*)(int fd)) hook;

/* One thread speaks, once. */
static atomic_flag speaking = ATOMIC_FLAG_INIT;
static _Thread_local bool speaks_here;

static void say(const char *text)
{
	acre_ignore(sys_real.write(STDERR_FILENO, text, strlen(text)));
}

static void claim_the_floor(void)
{
	if (!atomic_flag_test_and_set(&speaking)) {
		speaks_here = true;
		return;
	}
	if (speaks_here) {
		say("acre: panic inside the panic hook\n");
		abort();
	}
	for (;;)
		pause();
}

void panic_hook_set(void (*fn)(int fd))
{
	atomic_store(&hook, fn);
}

void panic(const char *file, int line, const char *kind, const char *fmt, ...)
{
	char message[512], text[1024];
	void (*fn)(int fd) = atomic_load(&hook);
	va_list args;

	claim_the_floor();

	va_start(args, fmt);
	vsnprintf(message, sizeof message, fmt, args);
	va_end(args);
	snprintf(text, sizeof text, "acre: %s at %s:%d: %s\n", kind, file, line, message);
	say(text);

	if (fn)
		fn(STDERR_FILENO);
	abort();
}
