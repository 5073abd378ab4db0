/* SPDX-License-Identifier: MIT */
/* fuzz_frame.c - any bytes at all as the body of a frame, and what was read written again.
 *
 * The first byte of the input chooses the limits. A body is refused with a text that may be
 * sent to the peer, or it is a message, which is then written, read and written once more:
 * both frames are the same bytes, whatever freedoms the input has used.
 *
 * The bytes lie in memory of exactly their size, so that AddressSanitizer sees their end.
 * The corpus are the bodies of tests/vectors behind a 00.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/panic.h"
#include "base/utf8.h"
#include "wire/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LENGTH_SIZE = 4, BUF_MAX = 64 * 1024 * 1024 };

static bool read_body(struct msg *ret, const uint8_t *body, size_t len,
		      const struct wire_limits *limits)
{
	struct msg_fault fault = { "" };
	size_t said;
	int r = msg_read(ret, body, len, limits, &fault);

	if (r >= 0) {
		CHECK(ret->kind > MSG_NONE && ret->kind < N_MSG);
		CHECK(len <= msg_limit(ret->kind, limits));
		return true;
	}
	said = strnlen(fault.text, sizeof fault.text);
	CHECK(r == -EPROTO || r == -EMSGSIZE);
	CHECK(said > 0 && said < sizeof fault.text);
	CHECK(utf8_is_valid(fault.text, said));
	return false;
}

/* False: what was a short form, or left out, makes the frame longer than its limit. */
static bool write_frame(struct buf *out, const struct msg *m)
{
	int r;

	buf_init(out, BUF_MAX);
	r = msg_write(out, m);
	CHECK(r == 0 || r == -EMSGSIZE);
	return r == 0;
}

static void write_twice(const struct msg *m)
{
	struct buf first, second;
	struct msg again;

	if (write_frame(&first, m)) {
		CHECK(read_body(&again, buf_bytes(&first) + LENGTH_SIZE,
				buf_len(&first) - LENGTH_SIZE, &wire_limits_default));
		CHECK(again.kind == m->kind);
		CHECK(write_frame(&second, &again));
		CHECK(buf_len(&second) == buf_len(&first));
		CHECK(!memcmp(buf_bytes(&second), buf_bytes(&first), buf_len(&first)));
		buf_fini(&second);
	}
	buf_fini(&first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_limits limits = wire_limits_default;
	struct msg m;
	uint8_t *body;

	if (size < 1)
		return 0;
	if (data[0] & 1)
		limits.depth = data[0] >> 4;
	if (data[0] & 2)
		limits.items = data[0] >> 3;
	if (data[0] & 4)
		limits.ctl = limits.hello = data[0] >> 2;
	body = malloc(size > 1 ? size - 1 : 1);
	if (!body)
		return 0;
	memcpy(body, data + 1, size - 1);
	if (read_body(&m, body, size - 1, &limits))
		write_twice(&m);
	free(body);
	return 0;
}
