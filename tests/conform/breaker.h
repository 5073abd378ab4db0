/* SPDX-License-Identifier: MIT */
/* breaker.h - breaks a link in mid-flight: closed, half closed, filled with garbage, stalled, or one byte at a time. */
#pragma once

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

#include "base/sys.h"
#include "base/util.h"
#include "lib/test.h"

/*
 * It stands between this process and the kernel, so it breaks any link over any transport, at
 * the byte that is wanted. One descriptor at a time, of the thread that broke it; others of the
 * process go on.
 *
 *	breaker_begin();
 *	breaker_break(a->link.fd, BROKEN_GARBAGE_OUT, 5);	after 5 bytes more
 *	...
 *	breaker_end();
 */

/* name, what it does once its bytes are through */
#define BREAKS(B)                                                              \
	B(NOT, "nothing")                                                      \
	B(CLOSED, "both ends see that the link has ended")                     \
	B(CLOSED_IN, "we see it; the other side does when we close")           \
	B(CLOSED_OUT, "the other side sees it; what we write is lost")         \
	B(GARBAGE_IN, "what comes is bytes that are no frame")                 \
	B(GARBAGE_OUT, "what goes is bytes that are no frame")                 \
	B(STALLED, "nothing comes, what we write is lost, and nobody is told") \
	B(BY_BYTES, "all comes and goes, one byte at a time")

#define BREAK_ENUM(name, text) BROKEN_##name,
enum broken { BREAKS(BREAK_ENUM) N_BROKEN };
#undef BREAK_ENUM

#define GARBAGE	    0xff /* no msgpack map, no length that may be */
#define BROKEN_ROOM 256	 /* bytes that go at a time until it breaks */

static struct {
	_Atomic int fd; /* -1: none */
	enum broken how;
	size_t left; /* bytes until it breaks */
	bool has_broken;
	const struct sys_table *before;
	struct sys_table table;
} breaker = { .fd = -1 };

/* What comes and goes past the break. */
static inline void break_now(int fd)
{
	if (breaker.has_broken)
		return;
	breaker.has_broken = true;
	if (breaker.how == BROKEN_CLOSED)
		shutdown(fd, SHUT_RDWR);
	if (breaker.how == BROKEN_CLOSED_IN)
		shutdown(fd, SHUT_RD);
	if (breaker.how == BROKEN_CLOSED_OUT)
		shutdown(fd, SHUT_WR);
}

/* The first bytes of what is to go, at most `max`. */
static inline size_t gather(uint8_t *to, size_t max, const struct msghdr *msg)
{
	size_t n = 0;

	for (size_t i = 0; i < msg->msg_iovlen && n < max; i++) {
		size_t part = size_min(msg->msg_iov[i].iov_len, max - n);

		if (part)
			memcpy(to + n, msg->msg_iov[i].iov_base, part);
		n += part;
	}
	return n;
}

static inline size_t length_of(const struct msghdr *msg)
{
	size_t n = 0;

	for (size_t i = 0; i < msg->msg_iovlen; i++)
		n += msg->msg_iov[i].iov_len;
	return n;
}

static inline ssize_t send_bytes_of(int fd, const struct msghdr *msg, size_t max)
{
	uint8_t bytes[BROKEN_ROOM];
	struct iovec iov = { bytes, gather(bytes, size_min(max, sizeof bytes), msg) };

	return sys_real.sendmsg(fd, &(struct msghdr){ .msg_iov = &iov, .msg_iovlen = 1 },
				MSG_NOSIGNAL);
}

static inline ssize_t send_garbage(int fd)
{
	uint8_t bytes[BROKEN_ROOM];
	struct iovec iov = { bytes, sizeof bytes };

	memset(bytes, GARBAGE, sizeof bytes);
	return sys_real.sendmsg(fd, &(struct msghdr){ .msg_iov = &iov, .msg_iovlen = 1 },
				MSG_NOSIGNAL);
}

static inline ssize_t broken_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	ssize_t n;

	if (fd != atomic_load(&breaker.fd) || breaker.how == BROKEN_GARBAGE_IN)
		return sys_real.sendmsg(fd, msg, flags);
	if (breaker.how == BROKEN_BY_BYTES)
		return send_bytes_of(fd, msg, 1);
	if (breaker.left) {
		n = send_bytes_of(fd, msg, breaker.left);
		breaker.left -= n > 0 ? (size_t)n : 0;
		return n;
	}
	break_now(fd);
	if (breaker.how == BROKEN_CLOSED || breaker.how == BROKEN_CLOSED_IN)
		return sys_real.sendmsg(fd, msg, flags);
	if (breaker.how == BROKEN_GARBAGE_OUT) {
		n = send_garbage(fd);
		if (n < 0)
			return n;
	}
	return (ssize_t)length_of(msg);
}

/* Nothing comes of what has been sent here; the end does not, either. */
static inline ssize_t read_nothing(int fd)
{
	uint8_t bytes[4096];

	while (sys_real.read(fd, bytes, sizeof bytes) > 0)
		;
	return -EAGAIN;
}

static inline ssize_t broken_read(int fd, void *bytes, size_t len)
{
	ssize_t n;

	if (fd != atomic_load(&breaker.fd))
		return sys_real.read(fd, bytes, len);
	if (breaker.how == BROKEN_STALLED && breaker.has_broken)
		return read_nothing(fd);
	n = sys_real.read(fd, bytes,
			  breaker.how == BROKEN_BY_BYTES ? size_min(len, 1) : len);
	if (n > 0 && breaker.how == BROKEN_GARBAGE_IN) {
		size_t whole = size_min(breaker.left, (size_t)n);

		breaker.left -= whole;
		memset((uint8_t *)bytes + whole, GARBAGE, (size_t)n - whole);
	}
	return n;
}

/* Its number may be another's next. */
static inline int broken_close(int fd)
{
	int is_it = fd;

	atomic_compare_exchange_strong(&breaker.fd, &is_it, -1);
	return sys_real.close(fd);
}

static inline void breaker_begin(void)
{
	breaker.before = sys_used();
	breaker.table = *breaker.before;
	breaker.table.sendmsg = broken_sendmsg;
	breaker.table.read = broken_read;
	breaker.table.close = broken_close;
	sys_use(&breaker.table);
}

/* After so many bytes more in the direction that it is about, that descriptor is broken. */
static inline void breaker_break(int fd, enum broken how, size_t after)
{
	breaker.how = how;
	breaker.left = after;
	breaker.has_broken = false;
	atomic_store(&breaker.fd, fd);
}

static inline void breaker_end(void)
{
	atomic_store(&breaker.fd, -1);
	sys_use(breaker.before);
}
