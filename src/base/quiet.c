/* SPDX-License-Identifier: MIT */
/* quiet.c - writing for others: without waiting, and without a signal if nobody reads. */
#include "base/quiet.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

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

/* The program itself may never write to a reader that is gone, and what it does with SIGPIPE
 * is not ours to change, so the one signal is caught. */
static ssize_t write_without_sigpipe(int fd, const char *bytes, size_t n)
{
	sigset_t sigpipe, before;
	ssize_t r;

	sigemptyset(&sigpipe);
	sigaddset(&sigpipe, SIGPIPE);
	sys_sigmask(SIG_BLOCK, &sigpipe, &before);
	r = sys_write(fd, bytes, n);
	if (r == -EPIPE && !sigismember(&before, SIGPIPE))
		forget_sigpipe(&sigpipe);
	sys_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

/* One whose reader is gone polls with POLLERR, and is written to: that says so. */
ssize_t quiet_write(int fd, const char *bytes, size_t n)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	int r = sys_poll(&p, 1, 0);

	if (r <= 0)
		return r < 0 ? r : -EAGAIN;
	return write_without_sigpipe(fd, bytes, size_min(n, QUIET_WRITE_MOST));
}
