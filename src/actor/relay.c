/* SPDX-License-Identifier: MIT */
/* relay.c - what a command writes, written again to our own stdout or stderr. */
#include "actor/relay.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/quiet.h"
#include "base/sys.h"
#include "base/util.h"

/*
 * Our stdout is shared with others: it stays blocking, and is written to only if it takes a
 * page at once (base/quiet.h). A copy of it has a place of its own in the loop's epoll set,
 * beside those of tasks that wait for 1 or 2, and beside other commands'. A file is always
 * ready and is in no such set; its write then does what every write to a file does.
 *
 * Where there is a label, a piece that is written ends with a line, if one ends in it: so the
 * lines of several commands, which one loop relays, do not get into each other.
 */

/* One read with a label before each of its bytes, and a line that is still to be ended */
#define QUEUE_MAX (RELAY_MOST + RELAY_LINE_MOST + 1024 * 1024)

int relay_open(struct relay *r, int fd, const char *label,
	       void (*went_on)(struct relay *r))
{
	int copy = sys_fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

	if (copy < 0 && copy != -EBADF)
		return copy;
	r->fd = copy < 0 ? -1 : copy;
	r->label = label;
	r->stream = fd == STDOUT_FILENO ? "out" : "err";
	r->went_on = went_on;
	buf_init(&r->queue, QUEUE_MAX);
	return 0;
}

static int begin_line(struct relay *r)
{
	int res = buf_append(&r->queue, "[", 1);

	if (res >= 0)
		res = buf_append(&r->queue, r->label, strlen(r->label));
	if (res >= 0)
		res = buf_append(&r->queue, ":", 1);
	if (res >= 0)
		res = buf_append(&r->queue, r->stream, strlen(r->stream));
	return res < 0 ? res : buf_append(&r->queue, "] ", 2);
}

/* A line, or the part of one that is here. */
static int say_part(struct relay *r, const char *bytes, size_t n, bool ends)
{
	int res = r->is_in_line ? 0 : begin_line(r);

	if (res >= 0)
		res = buf_append(&r->queue, bytes, n);
	if (res < 0)
		return res;
	r->is_in_line = !ends;
	if (ends || buf_len(&r->queue) - r->n_ready >= RELAY_LINE_MOST)
		r->n_ready = buf_len(&r->queue);
	return 0;
}

static int say_unchanged(struct relay *r, const char *bytes, size_t n)
{
	int res = buf_append(&r->queue, bytes, n);

	r->n_ready = buf_len(&r->queue);
	return res;
}

int relay_say(struct relay *r, const char *bytes, size_t n)
{
	int res = 0;

	if (r->fd < 0)
		return 0;
	if (!*r->label)
		return say_unchanged(r, bytes, n);
	while (n > 0 && res >= 0) {
		const char *end = memchr(bytes, '\n', n);
		size_t len = end ? (size_t)(end - bytes) + 1 : n;

		res = say_part(r, bytes, len, end != NULL);
		bytes += len;
		n -= len;
	}
	return res;
}

int relay_end_line(struct relay *r)
{
	return r->fd >= 0 && r->is_in_line ? say_part(r, "\n", 1, true) : 0;
}

/* How much is written at once: whole lines, or a piece of a long one. */
static size_t piece(const struct relay *r)
{
	size_t n = size_min(r->n_ready, QUIET_WRITE_MOST);
	const uint8_t *bytes = buf_bytes(&r->queue);
	size_t line = n;

	if (n == r->n_ready || !*r->label)
		return n;
	while (line > 0 && bytes[line - 1] != '\n')
		line--;
	return line ? line : n;
}

static void is_writable(struct watch *watch, uint32_t events)
{
	struct relay *r = container_of(watch, struct relay, watch);

	(void)events;
	r->went_on(r);
}

static int wait_for_reader(struct relay *r)
{
	return r->watch.fn ? 0 : loop_watch(&r->watch, r->fd, EPOLLOUT, is_writable);
}

int relay_write(struct relay *r)
{
	ssize_t n = 0;

	while (r->fd >= 0 && r->n_ready > 0 && n >= 0) {
		n = quiet_write(r->fd, (const char *)buf_bytes(&r->queue), piece(r));
		if (n > 0) {
			buf_consume(&r->queue, (size_t)n);
			r->n_ready -= (size_t)n;
		}
	}
	if (n == -EAGAIN)
		n = wait_for_reader(r);
	else
		loop_unwatch(&r->watch);
	if (n < 0)
		relay_fini(r);
	return n < 0 ? (int)n : 0;
}

void relay_fini(struct relay *r)
{
	if (r->fd < 0)
		return;
	loop_unwatch(&r->watch);
	sys_close(TAKE_FD(r->fd));
	buf_fini(&r->queue);
	r->n_ready = 0;
}
