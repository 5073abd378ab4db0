/* SPDX-License-Identifier: MIT */
/* last_words.c - the stderr of a child: passed on as it comes, and its end kept. */
#include "actor/last_words.h"

#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/quiet.h"
#include "base/sys.h"
#include "base/util.h"

#define PIPE_MOST (1024 * 1024) /* bytes that a pipe can hold (fs.pipe-max-size) */

static void keep(struct last_words *w, const char *bytes, size_t n)
{
	size_t old = size_min(w->len, LAST_WORDS_MAX - n);

	memmove(w->text, w->text + w->len - old, old);
	memcpy(w->text + old, bytes, n);
	w->len = old + n;
	w->text[w->len] = '\0';
}

static void stop(struct last_words *w)
{
	loop_unwatch(&w->watch);
	if (!PLANTED(LEAK_FD))
		sys_close(TAKE_FD(w->fd));
}

static ssize_t read_once(struct last_words *w)
{
	char bytes[LAST_WORDS_MAX];
	ssize_t n = sys_read(w->fd, bytes, sizeof bytes);

	if (n > 0) {
		keep(w, bytes, (size_t)n);
		acre_ignore((int)quiet_write(STDERR_FILENO, bytes, (size_t)n));
	}
	return n;
}

static void is_readable(struct watch *watch, uint32_t events)
{
	struct last_words *w = container_of(watch, struct last_words, watch);
	ssize_t n = read_once(w);

	(void)events;
	if (n <= 0 && n != -EAGAIN)
		stop(w);
}

int last_words_watch(struct last_words *w)
{
	return w->fd < 0 ? 0 : loop_watch(&w->watch, w->fd, EPOLLIN, is_readable);
}

/* A grandchild may hold the other end and write for ever: what is beyond the dead child's
 * full pipe is not its words. */
void last_words_collect(struct last_words *w)
{
	for (size_t n = 0; w->fd >= 0 && n < PIPE_MOST; n += LAST_WORDS_MAX)
		if (read_once(w) <= 0)
			break;
	stop(w);
}

void last_words_say(struct last_words *w, const char *text)
{
	keep(w, text, size_min(strlen(text), LAST_WORDS_MAX));
}

void last_words_fini(struct last_words *w)
{
	stop(w);
}
