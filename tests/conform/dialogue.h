/* SPDX-License-Identifier: MIT */
/* dialogue.h - bare ends of links, and the recorded dialogues that are played over them. */
#pragma once

#include "conform/found.h"
#include "conform/unix_at.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/util.h"
#include "vectors/vectors.h"
#include "wire/msg.h"

#ifndef VECTORS_DIR
#define VECTORS_DIR "tests/vectors"
#endif

/*
 * A bare end is a socket and the frames that came over it. What it is asked for is looked up
 * among those, by cid: of one cid the order is checked, between cids it is free. It waits as
 * a task where there is a runtime, and in read() in a process without one.
 */

#define FRAME_ROOM 8192 /* bytes; no recorded frame has as many */
#define FRAMES_MAX 256

struct frame {
	uint8_t *body; /* owned */
	size_t len;
	struct msg m; /* borrows from it */
	bool taken;
};

struct bare {
	int fd; /* owned; -1: closed */
	uint8_t in[FRAME_ROOM];
	size_t n_in;
	struct frame frames[FRAMES_MAX];
	size_t n_frames;
	bool has_ended;
};

static inline struct slice bytes_of(const struct frame *f)
{
	return (struct slice){ (const char *)f->body, f->len };
}

static inline void frame_fill(struct frame *f, const uint8_t *body, size_t len)
{
	struct msg_fault fault;

	*f = (struct frame){ .body = malloc(len), .len = len };
	assert_non_null(f->body);
	memcpy(f->body, body, len);
	if (msg_read(&f->m, f->body, len, &wire_limits_default, &fault) < 0)
		fail_msg("a frame that cannot be read: %s", fault.text);
}

/* Too large for the stack of a task: it is static. */
static inline void bare_init(struct bare *b, int fd)
{
	memset(b, 0, sizeof *b);
	b->fd = fd;
}

static inline void bare_dial(struct bare *b, const char *path)
{
	struct sockaddr_un to;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	to = unix_at(path);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	bare_init(b, fd);
}

static inline void bare_close(struct bare *b)
{
	for (size_t i = 0; i < b->n_frames; i++)
		free(b->frames[i].body);
	close(b->fd);
	bare_init(b, -1);
}

static inline void bare_send_bytes(struct bare *b, const uint8_t *bytes, size_t len)
{
	assert_int_equal(send(b->fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

static inline void bare_send(struct bare *b, const struct msg *m)
{
	struct buf out;

	buf_init(&out, FRAME_ROOM);
	assert_int_equal(msg_write(&out, m), 0);
	bare_send_bytes(b, buf_bytes(&out), buf_len(&out));
	buf_fini(&out);
}

static inline void bare_cut(struct bare *b)
{
	uint32_t len;

	while (b->n_in >= 4) {
		memcpy(&len, b->in, 4);
		assert_in_range(len, 1, FRAME_ROOM - 4);
		if (b->n_in < 4 + len)
			return;
		assert_true(b->n_frames < FRAMES_MAX);
		frame_fill(&b->frames[b->n_frames++], b->in + 4, len);
		b->n_in -= 4 + len;
		memmove(b->in, b->in + 4 + len, b->n_in);
	}
}

/* More of what the other side says; false when that has ended. Bound: it answers, or ends. */
static inline bool bare_read(struct bare *b)
{
	ssize_t n;

	while (!b->has_ended) {
		n = read(b->fd, b->in + b->n_in, sizeof b->in - b->n_in);
		if (n > 0) {
			b->n_in += (size_t)n;
			bare_cut(b);
			return true;
		}
		if (n < 0 && errno == EAGAIN)
			assert_true(acre_wait_fd(b->fd, POLLIN) > 0);
		else
			b->has_ended = true;
	}
	return false;
}

/* The first frame of that cid that was not taken yet, of any for cid.p NULL; NULL: the other side
 * has ended without one. */
static inline struct frame *bare_next(struct bare *b, struct slice cid)
{
	size_t i = 0;

	do {
		for (; i < b->n_frames; i++) {
			struct frame *f = &b->frames[i];

			if (f->taken || (cid.p && !slice_equal(f->m.cid, cid)))
				continue;
			f->taken = true;
			return f;
		}
	} while (bare_read(b));
	return NULL;
}

static inline struct frame *bare_expect(struct bare *b, enum msg_kind kind)
{
	struct frame *f = bare_next(b, (struct slice){ NULL, 0 });

	assert_non_null(f);
	assert_string_equal(msg_name(f->m.kind), msg_name(kind));
	return f;
}

/* Its keys, in their order. */
static inline void keys_of(char *ret, size_t size, struct slice packed_map)
{
	struct pack_reader in;
	size_t used = 0;

	pack_reader_init(&in, packed_map.p, packed_map.len, &wire_limits_default);
	for (size_t n = pack_read_map(&in); n > 0; n--) {
		struct pack_str key = pack_read_str(&in);

		used += (size_t)snprintf(ret + used, size - used, "%.*s ", (int)key.len,
					 key.s);
		assert_true(used < size);
		pack_skip(&in);
	}
	assert_int_equal(pack_reader_end(&in), 0);
}

static inline void assert_keys_equal(const struct frame *a, const struct frame *b)
{
	char keys_a[512] = "", keys_b[512] = "";

	keys_of(keys_a, sizeof keys_a, bytes_of(a));
	keys_of(keys_b, sizeof keys_b, bytes_of(b));
	assert_string_equal(keys_a, keys_b);
}

/*
 * Recordings.
 */

#define LINES_MAX 128

struct line {
	int connection;
	bool is_first; /* by the role that the recording is of: client, child */
	bool is_end;
	uint8_t bytes[1024]; /* the frame, with its length */
	size_t len;
	struct frame frame;
};

struct dialogue {
	struct line lines[LINES_MAX];
	size_t n;
};

static inline void dialogue_load(struct dialogue *d, const char *name, const char *first)
{
	char path[256], who[16], hex[2200], text[2300];
	FILE *f;

	snprintf(path, sizeof path, VECTORS_DIR "/%s.dialogue", name);
	f = fopen(path, "re");
	assert_non_null(f);
	for (d->n = 0; fgets(text, sizeof text, f);) {
		struct line *l = &d->lines[d->n];

		if (*text == '#')
			continue;
		assert_true(d->n < LINES_MAX);
		*l = (struct line){ 0 };
		assert_int_equal(sscanf(text, "%d %15s %2199s", &l->connection, who, hex),
				 3);
		l->is_first = !strcmp(who, first);
		l->is_end = !strcmp(hex, "end");
		if (!l->is_end) {
			l->len = hex_decode(l->bytes, sizeof l->bytes, hex);
			frame_fill(&l->frame, l->bytes + 4, l->len - 4);
		}
		d->n++;
	}
	fclose(f);
	assert_true(d->n > 10);
}

static inline void dialogue_free(struct dialogue *d)
{
	for (size_t i = 0; i < d->n; i++)
		free(d->lines[i].frame.body);
}
