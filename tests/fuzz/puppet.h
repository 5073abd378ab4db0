/* SPDX-License-Identifier: MIT */
/* puppet.h - the other end of a link, which says what the input of a fuzz target tells it to. */
#pragma once

#include <acre.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "actor/context.h"
#include "actor/portal.h"
#include "actor/runtime.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/util.h"
#include "core/report.h"

/*
 * Each input is a root of its own, which ends with it, so that an input that was found says all
 * that there is to say. The input is a script: bytes that choose what comes next, so that most of
 * what is said is well-formed and gets far. The puppet lives in the root task; what it waits for
 * is the peer in the same loop, and every wait ends since the puppet has hung up first.
 */

#define PUPPET_UUID "4d1e6f3a-0000-4000-8000-000000000001"

/* More than all rounds of an input take: who hangs is found by libFuzzer's own time limit. */
#define PUPPET_SHIELD acre_secs(600)

/* Of the library's own memory, whatever was said: the largest frame, and what G12 allows beside. */
#define FUZZ_MEMORY_MAX (32 * 1024 * 1024)

struct script {
	const uint8_t *p, *end;
};

static inline uint8_t next(struct script *s)
{
	return s->p < s->end ? *s->p++ : 0;
}

static inline struct slice next_bytes(struct script *s)
{
	size_t len = next(s);

	len = size_min(len, (size_t)(s->end - s->p));
	s->p += len;
	return (struct slice){ (const char *)s->p - len, len };
}

/*
 * The memory of the library: how much it has now, and had at most. One thread.
 */

static size_t memory_now, memory_peak;

#define MEMORY_HEAD 16 /* bytes before each block, for its length; keeps blocks aligned */

static inline void *counted_memory(void *user, void *p, size_t len)
{
	uint8_t *at = p ? (uint8_t *)p - MEMORY_HEAD : NULL;
	size_t before = 0;

	(void)user;
	if (at)
		memcpy(&before, at, sizeof before);
	if (p && !len) {
		free(at);
		at = NULL;
	} else {
		at = realloc(at, MEMORY_HEAD + len);
		if (!at)
			return NULL;
		memcpy(at, &len, sizeof len);
	}
	memory_now += len - before;
	memory_peak = size_max(memory_peak, memory_now);
	return at ? at + MEMORY_HEAD : NULL;
}

/*
 * The puppet.
 */

struct puppet {
	struct script script;
	int fd; /* owned; non-blocking */
	struct acre_actor
		*peer; /* borrowed: who is at the other end, for as long as it is there */
	struct buf in; /* what it said and was not looked at */
	size_t n_heard; /* bytes that it ever said */
	bool ended;	/* it has closed */
	void (*heard)(struct puppet *u, const struct msg *m);
};

/* One end for the peer; returns the other one's for it to take. */
static inline int puppet_connect(struct puppet *u)
{
	int ends[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) ==
	      0);
	u->fd = ends[0];
	buf_init(&u->in, FUZZ_MEMORY_MAX);
	return ends[1];
}

static inline void puppet_cut(struct puppet *u)
{
	struct msg_fault fault;
	uint32_t len;
	struct msg m;

	while (buf_len(&u->in) >= sizeof len) {
		memcpy(&len, buf_bytes(&u->in), sizeof len);
		CHECK(len > 0 && len <= wire_limits_default.frame);
		if (buf_len(&u->in) < sizeof len + len)
			return;
		/* what we say is what we would read */
		CHECK(msg_read(&m, buf_bytes(&u->in) + sizeof len, len,
			       &wire_limits_default, &fault) >= 0);
		if (u->heard)
			u->heard(u, &m);
		buf_consume(&u->in, sizeof len + len);
	}
}

/* All that has come; a half frame at the end of a link that broke is what link.h says. */
static inline void puppet_hear(struct puppet *u)
{
	ssize_t n = 1;

	while (n > 0 && !u->ended) {
		CHECK(buf_reserve(&u->in, 4096) >= 0);
		n = read(u->fd, buf_tail(&u->in), 4096);
		if (n > 0) {
			buf_grow(&u->in, (size_t)n);
			u->n_heard += (size_t)n;
			puppet_cut(u);
		} else if (n == 0 || errno != EAGAIN) {
			u->ended = true;
		}
	}
}

static inline void puppet_yield(void)
{
	acre_ignore(acre_yield());
}

static inline bool puppet_has_peer(const struct puppet *u)
{
	struct acre_actor *a;

	list_for_each(a, &runtime_this->strangers, node)
		if (a == u->peer)
			return true;
	return false;
}

/* Until the peer has read all that was said, and a few turns more for who heard it. */
static inline void puppet_settle(struct puppet *u)
{
	int unread = 1;

	while (unread && puppet_has_peer(u) && !u->peer->link.closed) {
		puppet_yield();
		if (!puppet_has_peer(u) || u->peer->link.closed ||
		    ioctl(u->peer->link.fd, FIONREAD, &unread) < 0)
			break;
	}
	for (int i = 0; i < 3; i++)
		puppet_yield();
	puppet_hear(u);
}

static inline void puppet_say_bytes(struct puppet *u, const void *bytes, size_t len)
{
	if (send(u->fd, bytes, len, MSG_NOSIGNAL) < 0 && errno == EAGAIN)
		puppet_settle(u);
}

/* What cannot be written is not said. */
static inline void puppet_say(struct puppet *u, const struct msg *m)
{
	struct buf out;

	buf_init(&out, FUZZ_MEMORY_MAX);
	if (msg_write(&out, m) >= 0)
		puppet_say_bytes(u, buf_bytes(&out), buf_len(&out));
	buf_fini(&out);
}

/* It has hung up, so the peer does: until nothing of it is left. */
static inline void puppet_hang_up(struct puppet *u)
{
	shutdown(u->fd, SHUT_WR);
	while (!u->ended) {
		puppet_hear(u);
		puppet_yield();
	}
	while (puppet_has_peer(u))
		puppet_yield();
	close(TAKE_FD(u->fd));
	buf_fini(&u->in);
}

/*
 * A root for each input, which leaves nothing.
 */

struct puppet_run {
	void (*play)(struct script s);
	struct script script;
	const struct acre_run_options *options;
	size_t memory; /* returned: bytes of it, at most */
};

static inline int puppet_root(void *arg)
{
	struct puppet_run *run = arg;
	int r = 0;

	ACRE_SHIELD(PUPPET_SHIELD, r)
		run->play(run->script);
	return r;
}

static inline void puppet_run(struct puppet_run *run)
{
	static uint64_t
		live; /* blocks, after the first root: what stays for good is there */
	static bool is_warm;
	int r;

	if (!is_warm)
		CHECK(mem_hook_set(counted_memory, NULL) == 0);
	memory_peak = 0;
	r = acre_run(puppet_root, run, run->options);
	CHECK(r >= 0 || report_class(r) == ECANCELED || acre_is(r, ACRE_ECTXC));
	report_thread_fini();
	if (is_warm && live != mem_live())
		BUG("%lld blocks are left", (long long)(mem_live() - live));
	live = mem_live();
	is_warm = true;
	CHECK(memory_peak <= FUZZ_MEMORY_MAX);
	run->memory = memory_peak;
}
