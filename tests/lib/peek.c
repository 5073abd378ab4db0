/* SPDX-License-Identifier: MIT */
/* peek.c - a look at memory that may not be there, or be nobody's. */
/*
 * The kernel looks for us, as a debugger's would at another process. It answers EFAULT
 * where we would be killed, and checking tools have nothing to say about it: that the
 * memory is dead, or was never written, is what the test wants to see.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/test.h"

/* Emulators lack process_vm_readv, but give a pipe's answer too, and check nothing. */
static ssize_t read_through_pipe(uint8_t *byte, const void *address)
{
	ssize_t n;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	n = write(fds[1], address, 1);
	if (n == 1)
		n = read(fds[0], byte, 1);
	close(fds[0]); /* leaves errno alone: both are open */
	close(fds[1]);
	return n;
}

int test_peek(const void *address)
{
	uint8_t byte = 0;
	struct iovec to = { .iov_base = &byte, .iov_len = 1 };
	struct iovec from = { .iov_base = (void *)(uintptr_t)address, .iov_len = 1 };
	ssize_t n = process_vm_readv(getpid(), &to, 1, &from, 1, 0);

	if (n < 0 && errno == ENOSYS)
		n = read_through_pipe(&byte, address);
	if (n < 0 && errno != EFAULT)
		fail_msg("the kernel cannot look: errno %d", errno);
	return n == 1 ? byte : -1;
}
