/* SPDX-License-Identifier: MIT */
/* uds.c - UNIX sockets with a path: nobody takes a living one's place, all a dead one's. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/un.h>

#include <acre/error.h>

#include "base/fault.h"
#include "base/sys.h"
#include "base/util.h"
#include "wire/transport.h"

/*
 * A listener that was killed leaves its file, and bind() refuses a path that exists. So
 * who wants to listen looks whether somebody answers there, and else removes the file. Two
 * who do that at once, or one who looks between the bind() and the listen() of another,
 * would remove a living socket: all of it happens under a lock, FILE.lock in the same
 * directory, which is there for no longer. Nobody waits for it: who does not get it is
 * told EADDRINUSE, for somebody else is about to listen there.
 *
 * The kernel forgets the lock when its holder dies. Its file may stay then, and serves
 * the next one.
 *
 * A reference actor takes no lock; the moment between its two calls is the one that
 * remains, and that only who starts on the very same path can hit.
 */

#define LOCK_SUFFIX ".lock"
/* Each attempt lost is one in which somebody else took the lock and gave it back. */
#define LOCK_ATTEMPTS 8
/* A socket is connected to by who may write to its file. */
#define SOCKET_MODE 0600

union sockaddr_un_any {
	struct sockaddr any;
	struct sockaddr_un un;
};

static union sockaddr_un_any sockaddr_of(const struct address *a)
{
	union sockaddr_un_any addr = { .un = { .sun_family = AF_UNIX } };

	_Static_assert(sizeof a->path <= sizeof addr.un.sun_path, "a path fits");
	memcpy(addr.un.sun_path, a->path, sizeof a->path);
	return addr;
}

static const char *file_of(const struct address *a)
{
	return strrchr(a->path, '/') + 1;
}

/*
 * Dialling.
 */

static int dial(int *ret_fd, const struct address *to, const struct transport_options *o)
{
	const union sockaddr_un_any addr = sockaddr_of(to);
	auto_close int fd = transport_socket(AF_UNIX);
	int r = fd;

	(void)o;
	if (r >= 0)
		r = sys_connect(fd, &addr.any, sizeof addr.un);
	if (r < 0)
		return transport_fail(r, "dialling", to);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/*
 * Listening.
 */

struct lock {
	char name[ADDRESS_PATH_MAX + sizeof LOCK_SUFFIX];
	int fd;
};

/* One attempt: 1 if the file was removed by who had the lock before. */
static int try_lock(struct lock *lock, const struct rundir *d)
{
	const int flags = O_CREAT | O_RDWR | O_NOFOLLOW | O_NONBLOCK;
	auto_close int fd = sys_openat(d->fd, lock->name, flags, SOCKET_MODE);
	struct stat st;
	int r;

	if (fd < 0)
		return fd;
	r = sys_flock(fd, LOCK_EX | LOCK_NB);
	if (r == -EWOULDBLOCK)
		return -EADDRINUSE;
	if (r >= 0)
		r = sys_fstat(fd, &st);
	if (r < 0)
		return r;
	if (st.st_nlink == 0)
		return 1;
	lock->fd = TAKE_FD(fd);
	return 0;
}

static int lock(struct lock *lock, const struct rundir *d, const char *file)
{
	int r = 1;

	lock->fd = -1;
	snprintf(lock->name, sizeof lock->name, "%s" LOCK_SUFFIX, file);
	for (int i = 0; i < LOCK_ATTEMPTS && r == 1; i++)
		r = try_lock(lock, d);
	return r == 1 ? -EADDRINUSE : r;
}

static void unlock(struct lock *lock, const struct rundir *d)
{
	if (lock->fd < 0)
		return;
	acre_ignore(sys_unlinkat(d->fd, lock->name, 0));
	acre_ignore(sys_close(TAKE_FD(lock->fd)));
}

/* 0: the listener of this socket file has died. */
static int look_for_life(const struct address *a)
{
	const union sockaddr_un_any addr = sockaddr_of(a);
	int fd = transport_socket(AF_UNIX);
	int r;

	if (fd < 0)
		return fd;
	r = sys_connect(fd, &addr.any, sizeof addr.un);
	acre_ignore(sys_close(fd));
	if (r == -ECONNREFUSED || r == -ENOENT || PLANTED(LIVE_SOCKET_TAKEN))
		return 0;
	/* A full backlog, another type of socket, no permission: all of it is life. */
	return -EADDRINUSE;
}

/* Makes the path free, if nobody lives there. */
static int take_over(const struct listener *l)
{
	const char *file = file_of(&l->address);
	struct stat st;
	int r = sys_fstatat(l->dir.fd, file, &st, AT_SYMLINK_NOFOLLOW);

	if (r == -ENOENT)
		return 0;
	if (r >= 0 && !S_ISSOCK(st.st_mode)) /* connect() would say that nobody listens */
		r = -EEXIST;
	if (r >= 0)
		r = look_for_life(&l->address);
	if (r >= 0)
		r = sys_unlinkat(l->dir.fd, file, 0);
	return r == -ENOENT ? 0 : r;
}

/* The file is in the directory that was looked at, and closed to others. */
static int find_file(struct listener *l)
{
	struct stat st;
	int r = sys_fstatat(l->dir.fd, file_of(&l->address), &st, AT_SYMLINK_NOFOLLOW);

	if (r < 0)
		return r;
	if (!S_ISSOCK(st.st_mode) || (st.st_mode & 077))
		return -EPERM;
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	return 0;
}

static int bind_and_listen(struct listener *l)
{
	const union sockaddr_un_any addr = sockaddr_of(&l->address);
	int r;

	l->fd = transport_socket(AF_UNIX);
	if (l->fd < 0)
		return l->fd;
	/* The file gets the socket's mode, less the umask: it is never open to others. */
	r = sys_fchmod(l->fd, SOCKET_MODE);
	if (r >= 0)
		r = sys_bind(l->fd, &addr.any, sizeof addr.un);
	if (r < 0)
		return r;
	r = find_file(l);
	if (r >= 0)
		r = sys_listen(l->fd, (int)l->options.backlog);
	if (r < 0)
		acre_ignore(sys_unlinkat(l->dir.fd, file_of(&l->address), 0));
	return r;
}

static int uds_listen(struct listener *l, const struct address *at)
{
	struct lock held;
	int r = rundir_open_of(&l->dir, at);

	if (r < 0)
		return r;
	r = lock(&held, &l->dir, file_of(at));
	if (r >= 0)
		r = take_over(l);
	if (r >= 0)
		r = bind_and_listen(l);
	unlock(&held, &l->dir);
	return r < 0 ? transport_fail(r, "listening at", at) : 0;
}

/* While the listener lives its file is taken over by nobody, so what is looked at here is
 * what is removed. */
static void unlisten(struct listener *l)
{
	const char *file = file_of(&l->address);
	struct stat st;

	if (l->ino == 0 || l->maker != sys_getpid())
		return;
	if (sys_fstatat(l->dir.fd, file, &st, AT_SYMLINK_NOFOLLOW) >= 0 &&
	    st.st_dev == l->dev && st.st_ino == l->ino)
		acre_ignore(sys_unlinkat(l->dir.fd, file, 0));
}

/* Who dials has no name, or an abstract one if it is a reference actor (SO_PASSCRED): both
 * are none. */
static int accepted(const struct listener *l, int fd, const struct sockaddr *from,
		    struct address *ret_peer)
{
	(void)l, (void)fd, (void)from;
	*ret_peer = (struct address){ 0 };
	return 0;
}

const struct transport transport_uds = {
	.name = "uds",
	.has_peer = true,
	.listen = uds_listen,
	.dial = dial,
	.accepted = accepted,
	.unlisten = unlisten,
};
