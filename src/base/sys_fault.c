/* SPDX-License-Identifier: MIT */
/* sys_fault.c - the table that fails where a test says so.
 *
 * Torture runs a test once to count its calls, and then once for each of them, which fails.
 * What is asked of the code under test is the right result, or a failure and a clean house.
 *
 * A fault here is never one that the kernel could not produce, or the code would have to
 * handle what cannot happen: calls that cannot fail do not, a failed close has closed, and
 * only what may be cut short is.
 */
#define _GNU_SOURCE
#include "base/sys.h"

#include <limits.h>
#include <string.h>

#include "base/panic.h"

#define AS_INDEX(kind, type, name, params, args) CALL_##name,
#define AS_NAME(kind, type, name, params, args)	 #name,

enum call { SYS_CALLS(AS_INDEX) N_CALL, ANY_CALL = N_CALL };

enum { SHORT_LEN = 3 };

static _Atomic uint64_t n_calls, fail_nth;
static _Atomic int fail_with;
static _Atomic bool fail_for_ever, is_short;
static _Atomic int only = ANY_CALL;
static int (*_Atomic choose)(const char *name, long first, long second);

static const char *const names[] = { SYS_CALLS(AS_NAME) };

void sys_fault_at(uint64_t nth, int err, bool for_ever)
{
	CHECK(!(for_ever && err == EINTR));
	atomic_store(&fail_nth, 0);
	atomic_store(&n_calls, 0);
	atomic_store(&fail_with, err);
	atomic_store(&fail_for_ever, for_ever);
	atomic_store(&fail_nth, nth);
}

void sys_fault_only(const char *name)
{
	int i = 0;

	while (name && i < N_CALL && strcmp(names[i], name) != 0)
		i++;
	if (i == N_CALL)
		BUG("sys_fault_only(\"%s\"): there is no such call", name);
	atomic_store(&only, name ? i : ANY_CALL);
}

void sys_fault_choose(int (*fn)(const char *name, long first, long second))
{
	atomic_store(&choose, fn);
}

void sys_fault_short(bool on)
{
	atomic_store(&is_short, on);
}

uint64_t sys_fault_calls(void)
{
	return atomic_load(&n_calls);
}

/* The failure of this call, or 0. */
static int fault_of(enum call call, long first, long second)
{
	int (*fn)(const char *name, long first, long second) = atomic_load(&choose);
	int counted = atomic_load(&only);
	uint64_t nth, n;

	if (counted != ANY_CALL && counted != (int)call)
		return 0;
	if (fn)
		return -fn(names[call], first, second);
	n = atomic_fetch_add(&n_calls, 1) + 1;
	nth = atomic_load(&fail_nth);
	if (nth == 0 || n < nth || (n > nth && !atomic_load(&fail_for_ever)))
		return 0;
	return -atomic_load(&fail_with);
}

/* The kernel gives part of the bytes only where they are a stream. */
static bool is_stream(int fd)
{
	struct stat st;
	int type;
	socklen_t len = sizeof type;

	if (sys_real.fstat(fd, &st) < 0)
		return false;
	if (S_ISSOCK(st.st_mode))
		return sys_real.getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
		       type == SOCK_STREAM;
	return S_ISFIFO(st.st_mode) || S_ISREG(st.st_mode);
}

/* A pipe takes up to PIPE_BUF bytes in one piece or not at all. */
static bool takes_whole(int fd, size_t len)
{
	struct stat st;

	return len <= PIPE_BUF && sys_real.fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

static size_t read_len(int fd, size_t len)
{
	return is_short && len > SHORT_LEN && is_stream(fd) ? SHORT_LEN : len;
}

static size_t write_len(int fd, size_t len)
{
	return takes_whole(fd, len) ? len : read_len(fd, len);
}

static size_t iov_len(const struct iovec *iov, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++)
		len += iov[i].iov_len;
	return len;
}

/* The first bytes of an iovec. SHORT_LEN parts hold them, since empty parts are skipped. */
struct cut {
	struct iovec part[SHORT_LEN];
	size_t n;
};

static struct cut cut_iov(const struct iovec *iov, size_t len)
{
	struct cut cut = { .n = 0 };

	for (; len > 0; iov++) {
		if (iov->iov_len == 0)
			continue;
		cut.part[cut.n] = *iov;
		cut.part[cut.n].iov_len = size_min(iov->iov_len, len);
		len -= cut.part[cut.n++].iov_len;
	}
	return cut;
}

static ssize_t fault_read(int fd, void *bytes, size_t len)
{
	int r = fault_of(CALL_read, fd, (long)len);

	return r < 0 ? r : sys_real.read(fd, bytes, read_len(fd, len));
}

static ssize_t fault_write(int fd, const void *bytes, size_t len)
{
	int r = fault_of(CALL_write, fd, (long)len);

	return r < 0 ? r : sys_real.write(fd, bytes, write_len(fd, len));
}

static ssize_t fault_readv(int fd, const struct iovec *iov, int n)
{
	size_t all = iov_len(iov, (size_t)n), len = read_len(fd, all);
	struct cut cut;
	int r = fault_of(CALL_readv, fd, n);

	if (r < 0)
		return r;
	if (len == all)
		return sys_real.readv(fd, iov, n);
	cut = cut_iov(iov, len);
	return sys_real.readv(fd, cut.part, (int)cut.n);
}

static ssize_t fault_writev(int fd, const struct iovec *iov, int n)
{
	size_t all = iov_len(iov, (size_t)n), len = write_len(fd, all);
	struct cut cut;
	int r = fault_of(CALL_writev, fd, n);

	if (r < 0)
		return r;
	if (len == all)
		return sys_real.writev(fd, iov, n);
	cut = cut_iov(iov, len);
	return sys_real.writev(fd, cut.part, (int)cut.n);
}

static ssize_t fault_recvmsg(int fd, struct msghdr *msg, int flags)
{
	size_t all = iov_len(msg->msg_iov, msg->msg_iovlen), len = read_len(fd, all);
	struct msghdr whole = *msg;
	struct cut cut;
	ssize_t n;
	int r = fault_of(CALL_recvmsg, fd, flags);

	if (r < 0)
		return r;
	if (len == all)
		return sys_real.recvmsg(fd, msg, flags);
	cut = cut_iov(msg->msg_iov, len);
	msg->msg_iov = cut.part;
	msg->msg_iovlen = cut.n;
	n = sys_real.recvmsg(fd, msg, flags);
	msg->msg_iov = whole.msg_iov;
	msg->msg_iovlen = whole.msg_iovlen;
	return n;
}

static ssize_t fault_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	size_t all = iov_len(msg->msg_iov, msg->msg_iovlen), len = write_len(fd, all);
	struct msghdr part = *msg;
	struct cut cut;
	int r = fault_of(CALL_sendmsg, fd, flags);

	if (r < 0)
		return r;
	if (len == all)
		return sys_real.sendmsg(fd, msg, flags);
	cut = cut_iov(msg->msg_iov, len);
	part.msg_iov = cut.part;
	part.msg_iovlen = cut.n;
	return sys_real.sendmsg(fd, &part, flags);
}

/* The descriptor is gone whatever a close returns. */
static int fault_close(int fd)
{
	int r = fd < 0 ? 0 : fault_of(CALL_close, fd, 0);
	int real = sys_real.close(fd);

	return r < 0 ? r : real;
}

/* The first two of a call's arguments, pointers too, as numbers. */
#define FIRST(...)		FIRST_(__VA_ARGS__ __VA_OPT__(,) 0, 0)
#define FIRST_(a, ...)		(long)(a)
#define SECOND(...)		SECOND_(__VA_ARGS__ __VA_OPT__(,) 0, 0)
#define SECOND_(a, b, ...)	(long)(b)

/* All other calls of the list. */
#define AS_FAULT(kind, type, name, params, args) FAIL_##kind(type, name, params, args)
#define FAIL_CALL(type, name, params, args)                             \
	static type fault_##name params                                 \
	{                                                               \
		int r = fault_of(CALL_##name, FIRST args, SECOND args); \
                                                                        \
		return r < 0 ? r : sys_real.name args;                  \
	}
#define FAIL_WAIT(type, name, params, args) FAIL_CALL(type, name, params, args)
#define FAIL_SURE(type, name, params, args) \
	static type fault_##name params     \
	{                                   \
		return sys_real.name args;  \
	}
#define FAIL_DATA(type, name, params, args) /* above */
#define FAIL_LAST(type, name, params, args) /* above */

SYS_CALLS(AS_FAULT)

#define AS_ENTRY(kind, type, name, params, args) .name = fault_##name,

const struct sys_table sys_fault = { SYS_CALLS(AS_ENTRY) };
