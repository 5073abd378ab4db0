/* SPDX-License-Identifier: MIT */
/* peek.c - bytes of a process at an address, read so that a wrong address is an answer. */
#include "core/peek.h"

#include <string.h>

#include "base/sys.h"
#include "base/util.h"

#define PAGE	  ((size_t)4096) /* the smallest there is: a read ends in front of an edge */
#define TEXT_STEP ((size_t)32)

/* The kernel copies whole parts only: where a part ends in a hole, it is read page by page. */
static ssize_t read_process(const struct peek *p, uintptr_t at, void *ret, size_t len)
{
	size_t done = 0, n;
	ssize_t r = 0;

	while (done < len) {
		struct iovec to = { (uint8_t *)ret + done, len - done };
		struct iovec from = { (void *)(at + done), len - done };

		r = sys_process_vm_readv(p->pid, &to, 1, &from, 1);
		if (r <= 0) {
			n = size_min(len - done, PAGE - (at + done) % PAGE);
			to.iov_len = from.iov_len = n;
			r = sys_process_vm_readv(p->pid, &to, 1, &from, 1);
		}
		if (r <= 0)
			break;
		done += (size_t)r;
	}
	return done > 0 ? (ssize_t)done : r;
}

struct peek peek_process(pid_t pid)
{
	return (struct peek){ .read = read_process, .pid = pid };
}

bool peek_all(const struct peek *p, uintptr_t at, void *ret, size_t len)
{
	return p->read(p, at, ret, len) == (ssize_t)len;
}

void peek_text(const struct peek *p, uintptr_t at, char *ret, size_t size)
{
	size_t len = 0, n;
	ssize_t r;

	ret[0] = '\0';
	while (at && len + 1 < size) {
		n = size_min(size - 1 - len, TEXT_STEP - (at + len) % TEXT_STEP);
		r = p->read(p, at + len, ret + len, n);
		if (r <= 0)
			break;
		if (memchr(ret + len, '\0', (size_t)r))
			return;
		len += (size_t)r;
	}
	ret[len] = '\0';
}
