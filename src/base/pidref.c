/* SPDX-License-Identifier: MIT */
/* pidref.c - a process that cannot be mistaken for another. */
#include "base/pidref.h"

#include <errno.h>

#include "base/sys.h"

int pidref_take(struct pidref *ret, pid_t pid, int take_pidfd)
{
	auto_close int fd = take_pidfd;
	struct stat st = { 0 };
	int r;

	/* Before 6.9 all pidfds share one inode, which says nothing. */
	if (sys_has(SYS_HAS_PIDFD_INODE)) {
		r = sys_fstat(fd, &st);
		if (r < 0)
			return r;
	}
	*ret = (struct pidref){ .pid = pid, .fd = TAKE_FD(fd), .id = st.st_ino };
	return 0;
}

int pidref_open(struct pidref *ret, pid_t pid)
{
	int fd = sys_pidfd_open(pid, 0);

	return fd < 0 ? fd : pidref_take(ret, pid, fd);
}

int pidref_self(struct pidref *ret)
{
	return pidref_open(ret, sys_getpid());
}

int pidref_signal(const struct pidref *p, int sig)
{
	return p->fd < 0 ? -ESRCH : sys_pidfd_send_signal(p->fd, sig, NULL, 0);
}

int pidref_signal_group(const struct pidref *leader, int sig)
{
	int r = pidref_reap(leader, NULL, WNOHANG | WNOWAIT);

	return r == -ECHILD ? -ESRCH : r < 0 ? r : sys_kill_group(leader->pid, sig);
}

bool pidref_is_dead(const struct pidref *p)
{
	struct pollfd poll = { .fd = p->fd, .events = POLLIN };

	return p->fd < 0 || sys_poll(&poll, 1, 0) > 0;
}

int pidref_reap(const struct pidref *p, siginfo_t *ret, int flags)
{
	siginfo_t info = { 0 };
	int r;

	if (p->fd < 0)
		return -ECHILD;
	r = sys_waitid(P_PIDFD, (id_t)p->fd, &info, WEXITED | __WALL | flags);
	if (r < 0)
		return r;
	if (info.si_pid == 0)
		return 0;
	if (ret)
		*ret = info;
	return 1;
}

void pidref_fini(struct pidref *p)
{
	acre_ignore(sys_close(p->fd));
	*p = PIDREF_NULL;
}
