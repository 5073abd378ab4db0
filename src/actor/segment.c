/* SPDX-License-Identifier: MIT */
/* segment.c - memory with a name, and a lock that says whether its owner lives. */
#include "actor/segment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>

#include <acre/error.h>

#include "actor/runtime.h"
#include "base/fault.h"
#include "base/sys.h"
#include "base/util.h"

#define BASE	    "/dev/shm"
#define FOLDER_SIZE sizeof(BASE "/acre-4294967295")
/* The directory, or a file without its lock yet, is removed by others in our moment of weakness;
 * each of them has to be as fast as we are, so more rounds than these are no accident. */
#define TRIES_MAX 16

_Static_assert(SEGMENT_TOKEN_SIZE == UUID_SIZE, "a token is a uuid");

static void folder_path(char ret[FOLDER_SIZE])
{
	snprintf(ret, FOLDER_SIZE, BASE "/acre-%u", sys_geteuid());
}

/* Whoever may write to it could exchange what is in it. */
static int check_folder(int fd, const char *path)
{
	struct stat st;
	int r = sys_fstat(fd, &st);

	if (r < 0)
		return acre_fail(-r, "looking at %s: %s", path, strerrordesc_np(-r));
	if (st.st_uid != sys_geteuid() || (st.st_mode & 0077))
		return acre_fail(EPERM,
				 "%s belongs to uid %u with mode %03o, and is to be ours "
				 "alone: remove it",
				 path, st.st_uid, st.st_mode & 0777);
	return 0;
}

/* Its descriptor; a plain -ENOENT if it is not there. */
static int open_folder(bool make)
{
	char path[FOLDER_SIZE];
	auto_close int fd = -1;
	int r = 0;

	folder_path(path);
	if (make)
		r = sys_mkdirat(AT_FDCWD, path, 0700);
	if (r < 0 && r != -EEXIST)
		return acre_fail(-r, "making %s for shared memory: %s", path,
				 strerrordesc_np(-r));
	fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (fd == -ENOENT)
		return fd;
	if (fd == -ELOOP || fd == -ENOTDIR)
		return acre_fail(EPERM, "%s is no directory of ours: remove it", path);
	if (fd < 0)
		return acre_fail(-fd, "opening %s: %s", path, strerrordesc_np(-fd));
	r = check_folder(fd, path);
	return r < 0 ? r : TAKE_FD(fd);
}

/* If nothing is in it; others make it again. */
static void remove_folder(void)
{
	char path[FOLDER_SIZE];

	folder_path(path);
	acre_ignore(sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR));
}

static int map(struct segment *s, int fd, int protection)
{
	int r;

	s->memory = NULL;
	r = sys_mmap(&s->memory, s->len, protection, MAP_SHARED, fd, 0);
	if (r < 0)
		return acre_fail(-r, "mapping %zu bytes of shared memory: %s", s->len,
				 strerrordesc_np(-r));
	return 0;
}

/* 1: it is ours, and all see that. 0: somebody took it for one without an owner. */
static int take_lock(int fd)
{
	struct stat st;
	int r = sys_flock(fd, LOCK_EX | LOCK_NB);

	if (r == -EWOULDBLOCK)
		return 0;
	if (r >= 0)
		r = sys_fstat(fd, &st);
	if (r < 0)
		return acre_fail(-r, "locking shared memory: %s", strerrordesc_np(-r));
	return st.st_nlink > 0;
}

/* A new file with our lock. 0: it has to be tried again. */
static int make_file(struct segment *s, int folder)
{
	auto_close int fd = -1;
	int r = uuid_new(s->token);

	if (r < 0)
		return acre_fail(-r, "no random numbers for a token: %s",
				 strerrordesc_np(-r));
	fd = sys_openat(folder, s->token, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (fd == -ENOENT) /* the folder was removed */
		return 0;
	if (fd < 0)
		return acre_fail(-fd, "making shared memory: %s", strerrordesc_np(-fd));
	r = take_lock(fd);
	if (r > 0)
		s->fd = TAKE_FD(fd);
	else
		acre_ignore(sys_unlinkat(folder, s->token, 0));
	return r;
}

/* Its bound: TRIES_MAX. */
static int make_named(struct segment *s)
{
	int r = 0;

	for (int i = 0; r == 0 && i < TRIES_MAX; i++) {
		auto_close int folder = open_folder(true);

		if (folder >= 0)
			r = make_file(s, folder);
		else if (folder != -ENOENT)
			r = folder;
	}
	return r ? r
		 : acre_fail(ENOENT, "shared memory is removed as soon as it is made");
}

int segment_create(struct segment *ret, size_t len)
{
	struct segment s = { .len = len, .fd = -1 };
	int r = make_named(&s);

	if (r < 0)
		return r;
	/* its memory is taken now: a write to what cannot be had would be a SIGBUS later */
	r = sys_fallocate(s.fd, 0, 0, (off_t)len);
	if (r < 0)
		r = acre_fail(-r, "taking %zu bytes of shared memory: %s", len,
			      strerrordesc_np(-r));
	if (r >= 0)
		r = map(&s, s.fd, PROT_READ | PROT_WRITE);
	if (r < 0) {
		segment_close(&s);
		return r;
	}
	*ret = s;
	return 0;
}

static bool is_token(const char *token)
{
	return strlen(token) == SEGMENT_TOKEN_SIZE - 1 &&
	       strspn(token, "0123456789abcdef-") == SEGMENT_TOKEN_SIZE - 1;
}

static int open_file(const char *token, int flags)
{
	auto_close int folder = open_folder(false);
	int fd;

	if (folder < 0 && folder != -ENOENT)
		return folder;
	fd = folder < 0 ? folder
			: sys_openat(folder, token, flags | O_NOFOLLOW | O_NONBLOCK, 0);
	if (fd < 0)
		return acre_fail(-fd, "attaching shared memory %s: %s", token,
				 fd == -ENOENT ? "its owner has closed it, or ended"
					       : strerrordesc_np(-fd));
	return fd;
}

int segment_attach(struct segment *ret, const char *token, bool writes, size_t least)
{
	struct segment s = { .fd = -1 };
	auto_close int fd = -1;
	struct stat st;
	int r;

	if (!is_token(token))
		return acre_fail(EINVAL, "\"%.*s\" is no token of shared memory",
				 SEGMENT_TOKEN_SIZE, token);
	fd = open_file(token, writes ? O_RDWR : O_RDONLY);
	if (fd < 0)
		return fd;
	r = sys_fstat(fd, &st);
	if (r < 0)
		return acre_fail(-r, "looking at shared memory %s: %s", token,
				 strerrordesc_np(-r));
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size < least)
		return acre_fail(EPROTO, "shared memory %s has %lld bytes, too few",
				 token, (long long)st.st_size);
	s.len = (size_t)st.st_size;
	memcpy(s.token, token, sizeof s.token);
	r = map(&s, fd, PROT_READ | (writes ? PROT_WRITE : 0));
	if (r >= 0)
		*ret = s;
	return r;
}

/* By its path, which we have made and nobody else can enter: that needs no descriptor, and so
 * cannot fail for want of one. */
static void unname(const struct segment *s)
{
	char path[FOLDER_SIZE + SEGMENT_TOKEN_SIZE], folder[FOLDER_SIZE];

	folder_path(folder);
	snprintf(path, sizeof path, "%s/%s", folder, s->token);
	acre_ignore(sys_unlinkat(AT_FDCWD, path, 0));
	remove_folder();
}

void segment_close(struct segment *s)
{
	if (s->memory)
		acre_ignore(sys_munmap(s->memory, s->len));
	if (s->fd >= 0)
		unname(s);
	sys_close(TAKE_FD(s->fd));
	s->memory = NULL;
}

/* Not ours: whether it is anybody's. */
static void clear(int folder, const char *name)
{
	auto_close int fd = -1;

	if (!is_token(name))
		return;
	fd = sys_openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	if (fd >= 0 && sys_flock(fd, LOCK_EX | LOCK_NB) >= 0)
		acre_ignore(sys_unlinkat(folder, name, 0));
}

void segment_clear(void)
{
	_Alignas(struct dirent64) char bytes[4096]; /* of entries at a time */
	auto_close int folder = open_folder(false);
	ssize_t n = 1;

	if (folder < 0 || PLANTED(SHM_LEFT))
		return;
	while ((n = sys_getdents64(folder, bytes, sizeof bytes)) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *e = (const void *)(bytes + at);

			clear(folder, e->d_name);
			at += e->d_reclen;
		}
	}
	remove_folder();
}
