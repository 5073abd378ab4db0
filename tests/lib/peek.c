/* SPDX-License-Identifier: MIT */
/* peek.c - a look at memory that may not be there, or be nobody's. */
/*
 * The kernel looks for us, as a debugger's would at another process. It answers EFAULT
 * where we would be killed, and checking tools have nothing to say about it: that the
 * memory is dead, or was never written, is what the test wants to see.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/test.h"

int test_peek(const void *address)
{
	uint8_t byte = 0;
	struct iovec to = { .iov_base = &byte, .iov_len = 1 };
	struct iovec from = { .iov_base = (void *)(uintptr_t)address, .iov_len = 1 };
	ssize_t n = process_vm_readv(getpid(), &to, 1, &from, 1, 0);

	if (n < 0 && errno != EFAULT)
		fail_msg("process_vm_readv: errno %d", errno);
	return n == 1 ? byte : -1;
}
