/* SPDX-License-Identifier: MIT */
/* links.h - one end of a link whose other end is a bare socket, for the tests of links. */
#pragma once

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <acre/error.h>

#include "base/sys.h"
#include "core/report.h"
#include "lib/run.h"
#include "wire/link.h"

#define LENGTH_SIZE 4 /* bytes of the prefix of a frame */

/* A link, and all that its callbacks were told. */
struct end {
	struct link link;
	char log[4096]; /* "Yield:7 " for each frame: kind, and what tells it apart */
	size_t n_frames;
	size_t last_len;  /* bytes of the payload of the last one */
	int n_closed;	  /* must become 1 */
	int class;	  /* of its reason */
	char why[256];	  /* the message of it */
	size_t close_at;  /* closes itself in the callback of this frame; 0: never */
	size_t refuse_at; /* the same */
};

static inline void on_end_frame(struct link *l, const struct msg *m)
{
	struct end *e = container_of(l, struct end, link);
	size_t used = strlen(e->log);

	assert_int_equal(e->n_closed, 0);
	e->n_frames++;
	e->last_len = m->pld.len;
	if (used < sizeof e->log - 64)
		snprintf(e->log + used, sizeof e->log - used, "%s:%.*s ",
			 msg_name(m->kind), (int)size_min(m->cid.len, 40), m->cid.p);
	if (e->n_frames == e->close_at)
		link_close(l, acre_fail(ECONNABORTED, "closed by its user"));
	if (e->n_frames == e->refuse_at)
		link_refuse(l, "not this one");
}

static inline void on_end_closed(struct link *l, int r)
{
	struct end *e = container_of(l, struct end, link);
	const char *message = acre_why(r)->message;

	assert_true(r < 0);
	e->n_closed++;
	e->class = acre_code(r);
	snprintf(e->why, sizeof e->why, "%s", message ? message : "");
}

static const struct link_ops end_ops = { on_end_frame, on_end_closed };

static inline void make_pair(int fds[2])
{
	const int type = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;

	assert_int_equal(socketpair(AF_UNIX, type, 0, fds), 0);
}

/* Opens the link; returns the bare socket at its other end. */
static inline int open_end(struct end *e, const struct wire_limits *limits)
{
	int fds[2];

	*e = (struct end){ .n_closed = 0 };
	make_pair(fds);
	assert_ok(link_open(&e->link, fds[0], "peer", &end_ops, limits));
	return fds[1];
}

/* The other end's turn is over too. */
static inline void close_end(struct end *e, int fd)
{
	if (!e->n_closed)
		link_close(&e->link, acre_fail(ECONNABORTED, "the test is over"));
	assert_int_equal(e->n_closed, 1);
	assert_int_equal(e->link.fd, -1);
	link_fini(&e->link);
	if (fd >= 0)
		close(fd);
}

/* Under the virtual clock: until no descriptor has anything to say. */
static inline void run_until_quiet(void)
{
	assert_ok(acre_sleep(acre_ms(1)));
}

/* Appends a frame; a Yield has a payload of so many bytes, its head not counted. */
static inline void put_frame(struct buf *out, enum msg_kind kind, const char *cid,
			     size_t len)
{
	static const uint8_t bytes[1024 * 1024 - 5];
	struct msg m = { .kind = kind, .cid = slice_of(cid) };
	struct msg_frame f;

	if (kind != MSG_YIELD) {
		assert_int_equal(msg_write(out, &m), 0);
		return;
	}
	msg_begin(&f, out, kind, m.cid);
	if (len <= sizeof bytes) {
		pack_bin(&f.pack, bytes, len);
	} else {
		size_t n = (len + sizeof bytes - 1) / sizeof bytes;

		pack_array(&f.pack, n);
		for (size_t i = 0; i < n; i++, len -= size_min(len, sizeof bytes))
			pack_bin(&f.pack, bytes, size_min(len, sizeof bytes));
	}
	assert_true(msg_end(&f) >= 0);
}

/* Queues a frame as users of links do. */
static inline void send_frame(struct end *e, enum msg_kind kind, const char *cid,
			      size_t len)
{
	struct buf *out = link_queue(&e->link, kind);

	assert_non_null(out);
	put_frame(out, kind, cid, len);
	link_written(&e->link);
}

static inline void write_all(int fd, const void *bytes, size_t len)
{
	assert_int_equal(write(fd, bytes, len), len);
}

/* Writes frames to the link. */
static inline void write_frame(int fd, enum msg_kind kind, const char *cid, size_t len)
{
	struct buf out;

	buf_init(&out, 64 * 1024);
	put_frame(&out, kind, cid, len);
	write_all(fd, buf_bytes(&out), buf_len(&out));
	buf_fini(&out);
}

/* Reads what there is; true: the end of the stream came as well. */
static inline bool read_all(int fd, struct buf *in)
{
	ssize_t n;

	do {
		assert_int_equal(buf_reserve(in, 65536), 0);
		n = read(fd, buf_tail(in), 65536);
		if (n > 0)
			buf_grow(in, (size_t)n);
	} while (n > 0);
	return n == 0 || errno == ECONNRESET;
}

static inline size_t length_of(const uint8_t *frame)
{
	return LENGTH_SIZE + ((size_t)frame[0] | (size_t)frame[1] << 8 |
			      (size_t)frame[2] << 16 | (size_t)frame[3] << 24);
}

/* All of these bytes as whole frames: "Yield:7 Stop:8 "; an Error shows its message. */
static inline void tell_frames(char *text, size_t size, const struct buf *in)
{
	const uint8_t *p = buf_bytes(in), *end = p + buf_len(in);
	struct msg_fault fault;
	struct msg m;
	size_t used = 0;

	*text = '\0';
	while (p < end) {
		struct slice shown;

		assert_true(end - p >= LENGTH_SIZE);
		assert_true((size_t)(end - p) >= length_of(p));
		if (msg_read(&m, p + LENGTH_SIZE, length_of(p) - LENGTH_SIZE,
			     &wire_limits_default, &fault) < 0)
			fail_msg("%s", fault.text);
		shown = m.kind == MSG_ERROR ? m.error.message : m.cid;
		if (used < size - 1)
			used += (size_t)snprintf(text + used, size - used, "%s:%.*s ",
						 msg_name(m.kind), (int)shown.len, shown.p);
		p += length_of(p);
	}
}
