/* SPDX-License-Identifier: MIT */
/* peek.h - bytes of a process at an address, read so that a wrong address is an answer. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * What is read may change meanwhile, or be broken: that is why somebody looks. So nothing is
 * ever dereferenced, not even in our own process: the kernel copies, and says if it cannot.
 * All calls are async-signal-safe and use no memory but the caller's.
 */
struct peek {
	/* How many bytes could be read from there on, at most len; or -errno if none. */
	ssize_t (*read)(const struct peek *p, uintptr_t at, void *ret, size_t len);
	pid_t pid;
};

/* Of a process, which may be the caller's own. */
struct peek peek_process(pid_t pid);

/* All of it, or false. */
bool peek_all(const struct peek *p, uintptr_t at, void *ret, size_t len);

/* A text, cut to size - 1 bytes, always terminated; "" if there is none. */
void peek_text(const struct peek *p, uintptr_t at, char *ret, size_t size);
