/* SPDX-License-Identifier: MIT */
/* lines.c - a pipe is read when it has something, and written when it has room. */
#include "cli/lines.h"

#include <acre/error.h>
#include <acre/task.h>

#include <limits.h>
#include <string.h>

#include "base/mem.h"
#include "base/sys.h"
#include "base/util.h"

#define READ_SIZE (64 * 1024)	     /* bytes at a time: what a pipe holds */
#define LINE_MAX_ (16 * 1024 * 1024) /* bytes: as much as a message has */

static int make_room(struct lines *l)
{
	char *more;

	if (l->len > l->at)
		memmove(l->bytes, l->bytes + l->at, l->len - l->at);
	l->len -= l->at;
	l->at = 0;
	if (l->len > LINE_MAX_)
		return acre_fail(EMSGSIZE, "line %zu is longer than %d bytes",
				 l->number + 1, LINE_MAX_);
	if (l->room - l->len >= READ_SIZE)
		return 0;
	l->room = 2 * l->room + READ_SIZE;
	more = mem_realloc(l->bytes, l->room);
	if (!more)
		return acre_fail(ENOMEM, "no memory for line %zu", l->number + 1);
	l->bytes = more;
	return 0;
}

static int read_more(struct lines *l)
{
	ssize_t n;
	int r = make_room(l);

	if (r >= 0)
		r = acre_wait_fd(l->fd, POLLIN);
	if (r < 0)
		return r;
	n = sys_read(l->fd, l->bytes + l->len, READ_SIZE);
	if (n == -EAGAIN) /* others read there, too */
		return 0;
	if (n < 0)
		return acre_fail((int)-n, "reading lines: %s", strerrordesc_np((int)-n));
	l->len += (size_t)n;
	l->ended = n == 0;
	return 0;
}

int lines_next(struct lines *l, char **ret, size_t *ret_len)
{
	size_t seen = l->at;
	char *end = NULL;
	int r = 0;

	while (r >= 0 && !end) {
		if (l->len > seen)
			end = memchr(l->bytes + seen, '\n', l->len - seen);
		if (end || l->ended)
			break;
		seen = l->len - l->at; /* the line begins at 0 then */
		r = read_more(l);
	}
	if (r < 0 || (!end && l->at == l->len))
		return r < 0 ? r : 0;
	*ret = l->bytes + l->at;
	*ret_len = (size_t)((end ? end : l->bytes + l->len) - *ret);
	l->at += *ret_len + (end ? 1 : 0);
	l->number++;
	return 1;
}

void lines_free(struct lines *l)
{
	l->bytes = mem_free(l->bytes);
}

/* A pipe that is said to have room takes PIPE_BUF bytes at once. */
int lines_write(int fd, const char *bytes, size_t len)
{
	ssize_t n;
	int r = 0;

	while (r >= 0 && len) {
		r = acre_wait_fd(fd, POLLOUT);
		if (r < 0)
			break;
		n = sys_write(fd, bytes, size_min(len, PIPE_BUF));
		if (n < 0 && n != -EAGAIN)
			return acre_fail((int)-n, "writing the output: %s",
					 strerrordesc_np((int)-n));
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
	}
	return r < 0 ? r : 0;
}
