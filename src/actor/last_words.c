/* SPDX-License-Identifier: MIT */
/* last_words.c - the stderr of a child: passed on as it comes, and its end kept. */
#include "actor/last_words.h"

#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/fault.h"
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

/* A SIGPIPE that is pending for this thread, which blocks it. */
static void forget_sigpipe(const sigset_t *sigpipe)
{
	struct signalfd_siginfo info;
	int fd = sys_signalfd(-1, sigpipe, SFD_NONBLOCK);

	if (fd < 0)
		return;
	acre_ignore(sys_read(fd, &info, sizeof info));
	sys_close(fd);
}

/* A stderr whose reader is gone must not end us: the program itself may never write to
 * it. Its disposition of SIGPIPE is not ours to change, so the one signal is caught. */
static void write_without_sigpipe(const char *bytes, size_t n)
{
	sigset_t sigpipe, before;

	sigemptyset(&sigpipe);
	sigaddset(&sigpipe, SIGPIPE);
	sys_sigmask(SIG_BLOCK, &sigpipe, &before);
	if (sys_write(STDERR_FILENO, bytes, n) == -EPIPE &&
	    !sigismember(&before, SIGPIPE))
		forget_sigpipe(&sigpipe);
	sys_sigmask(SIG_SETMASK, &before, NULL);
}

/* A pipe that polls writable takes a page without waiting. */
static void pass_on(const char *bytes, size_t n)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };

	if (sys_poll(&p, 1, 0) > 0 && (p.revents & POLLOUT))
		write_without_sigpipe(bytes, n);
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
		pass_on(bytes, (size_t)n);
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
