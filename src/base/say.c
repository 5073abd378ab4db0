/* SPDX-License-Identifier: MIT */
/* say.c - stderr, written without waiting for its reader. */
#include "base/say.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/util.h"

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

static bool write_without_sigpipe(const char *bytes, size_t n)
{
	sigset_t sigpipe, before;
	ssize_t written;

	sigemptyset(&sigpipe);
	sigaddset(&sigpipe, SIGPIPE);
	sys_sigmask(SIG_BLOCK, &sigpipe, &before);
	written = sys_write(STDERR_FILENO, bytes, n);
	if (written == -EPIPE && !sigismember(&before, SIGPIPE))
		forget_sigpipe(&sigpipe);
	sys_sigmask(SIG_SETMASK, &before, NULL);
	return written >= 0;
}

bool say(const char *bytes, size_t n)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };

	return sys_poll(&p, 1, 0) > 0 && (p.revents & POLLOUT) &&
	       write_without_sigpipe(bytes, n);
}
