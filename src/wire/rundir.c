/* SPDX-License-Identifier: MIT */
/* rundir.c - entering directories that only we may write to, and naming sockets there. */
#include "wire/rundir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include <acre/error.h>

#include "base/environment.h"
#include "base/fault.h"
#include "base/hash.h"
#include "base/panic.h"
#include "base/sys.h"
#include "base/util.h"

/* What a directory must be to be entered. */
enum rule {
	PASS,	 /* anything that is no link: it is only on the way */
	KEEP,	 /* ours, and nobody else may write to it */
	CORRECT, /* ours; its mode becomes RUNDIR_MODE */
};

static const char *shown(const struct rundir *d)
{
	return d->path[0] ? d->path : "/";
}

/* Why d->path, whose last component begins at `name`, cannot be opened as a directory. */
static int refuse(const struct rundir *d, const char *name, int r)
{
	struct stat st;

	if (r == -ENOENT) /* the caller knows what to do then */
		return r;
	if (r != -ENOTDIR && r != -ELOOP)
		return acre_fail(-r, "opening the directory %s: %s", shown(d),
				 strerrordesc_np(-r));
	if (sys_fstatat(d->fd, name, &st, AT_SYMLINK_NOFOLLOW) >= 0 &&
	    S_ISLNK(st.st_mode))
		return acre_fail(EPERM,
				 "%s is a symbolic link, which its owner can turn to "
				 "anywhere: name the directory that it leads to",
				 shown(d));
	return acre_fail(EPERM, "%s is no directory", shown(d));
}

static int check(const struct rundir *d, enum rule rule)
{
	struct stat st;
	int r;

	if (rule == PASS)
		return 0;
	r = sys_fstat(d->fd, &st);
	if (r < 0)
		return acre_fail(-r, "looking at the directory %s: %s", shown(d),
				 strerrordesc_np(-r));
	if (st.st_uid != sys_geteuid() && !PLANTED(FOREIGN_DIRECTORY))
		return acre_fail(EPERM,
				 "the directory %s belongs to uid %u, and we are uid %u",
				 shown(d), st.st_uid, sys_geteuid());
	if (rule == KEEP && (st.st_mode & (S_IWGRP | S_IWOTH)))
		return acre_fail(
			EPERM,
			"others may write to the directory %s, whose mode is %03o: "
			"chmod go-w, or choose another one",
			shown(d), st.st_mode & 0777);
	if (rule == KEEP || (st.st_mode & 0777) == RUNDIR_MODE)
		return 0;
	r = sys_fchmod(d->fd, RUNDIR_MODE);
	if (r < 0)
		return acre_fail(-r, "making the directory %s ours alone: %s", shown(d),
				 strerrordesc_np(-r));
	return 0;
}

/* Goes down one component. A plain -ENOENT if there is none and none is to be made. */
static int enter(struct rundir *d, const char *name, size_t len, enum rule rule,
		 bool make)
{
	const int flags = O_DIRECTORY | O_NOFOLLOW | (rule == PASS ? O_PATH : O_RDONLY);
	const size_t used = strlen(d->path);
	const char *last = d->path + used + 1;
	int fd, r;

	if ((len == 1 || len == 2) && memcmp(name, "..", len) == 0)
		return acre_fail(EINVAL,
				 "a directory below %s is named %.*s: use its own "
				 "name",
				 shown(d), (int)len, name);
	if (used + 1 + len > ADDRESS_PATH_MAX)
		return acre_fail(
			ENAMETOOLONG,
			"the directory %s/%.*s is too long to hold a socket, whose "
			"whole path has at most %d bytes",
			d->path, (int)len, name, ADDRESS_PATH_MAX);
	snprintf(d->path + used, sizeof d->path - used, "/%.*s", (int)len, name);
	fd = sys_openat(d->fd, last, flags, 0);
	if (fd == -ENOENT && make) {
		r = sys_mkdirat(d->fd, last, RUNDIR_MODE);
		if (r < 0 && r != -EEXIST) /* somebody else was faster */
			return acre_fail(-r, "making the directory %s: %s", shown(d),
					 strerrordesc_np(-r));
		fd = sys_openat(d->fd, last, flags, 0);
	}
	if (fd < 0)
		return refuse(d, last, fd);
	acre_ignore(sys_close(d->fd));
	d->fd = fd;
	return check(d, rule);
}

/* From the root on. */
static int walk(struct rundir *d, const char *path, size_t path_len, enum rule rule,
		bool make)
{
	const char *p = path, *end = path + path_len;
	size_t len;
	int r = 0;

	d->path[0] = '\0';
	d->fd = sys_openat(AT_FDCWD, "/", O_DIRECTORY | O_RDONLY, 0);
	if (d->fd < 0)
		return acre_fail(-d->fd, "opening /: %s", strerrordesc_np(-d->fd));
	while (end > p && end[-1] == '/')
		end--;
	if (end == p)
		return check(d, rule);
	for (; r >= 0 && p < end; p += len) {
		p += strspn(p, "/");
		len = size_min(strcspn(p, "/"), (size_t)(end - p));
		r = enter(d, p, len, p + len == end ? rule : PASS, make);
	}
	return r;
}

/* A name that is one component and nothing else. */
static bool is_safe(const char *name)
{
	const size_t len =
		strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			     "0123456789_-.");

	return len > 0 && name[len] == '\0' && name[0] != '.' && name[0] != '-';
}

static int enter_ours(struct rundir *d, const char *name)
{
	int r = enter(d, name, strlen(name), CORRECT, true);

	if (r == -ENOENT) /* it was removed as soon as it was made */
		r = acre_fail(ENOENT, "the directory %s is gone again", shown(d));
	return r;
}

/* The base that the environment names, and the program's directory in it; a plain -ENOENT:
 * there is no such base. */
static int open_in_base(struct rundir *d, const char *base, const char *program)
{
	int r;

	if (!base || base[0] != '/') /* the XDG specification ignores relative ones */
		return -ENOENT;
	r = walk(d, base, strlen(base), KEEP, false);
	return r < 0 ? r : enter_ours(d, program);
}

static int open_in_tmp(struct rundir *d, const char *program)
{
	const char *tmp = environment(ENVIRONMENT_TMPDIR);
	char name[ADDRESS_PATH_MAX + 1];
	int r;

	if (!tmp || tmp[0] != '/')
		tmp = "/tmp";
	r = walk(d, tmp, strlen(tmp), PASS, false);
	if (r == -ENOENT)
		return acre_fail(ENOENT,
				 "there is no place for sockets: neither XDG_RUNTIME_DIR "
				 "nor /run/user/%u nor %s is a directory: set TMPDIR to "
				 "one",
				 sys_geteuid(), tmp);
	if (r < 0)
		return r;
	snprintf(name, sizeof name, "%s-%u", program, sys_geteuid());
	return enter_ours(d, name);
}

static int open_of_program(struct rundir *d, const char *program)
{
	char run_user[sizeof "/run/user/4294967295"];
	int r = open_in_base(d, environment(ENVIRONMENT_XDG_RUNTIME_DIR), program);

	if (r != -ENOENT)
		return acre_note(r, "using XDG_RUNTIME_DIR");
	rundir_close(d);
	snprintf(run_user, sizeof run_user, "/run/user/%u", sys_geteuid());
	r = open_in_base(d, run_user, program);
	if (r != -ENOENT)
		return r;
	rundir_close(d);
	return open_in_tmp(d, program);
}

int rundir_open(struct rundir *ret, const char *program, const char *tree)
{
	struct rundir d = { .fd = -1 };
	int r;

	if (!is_safe(program) || (tree && !is_safe(tree)))
		return acre_fail(
			EINVAL,
			"\"%s\" cannot be the name of a directory for sockets: use "
			"A-Z a-z 0-9 _ - and . inside",
			is_safe(program) ? tree : program);
	r = open_of_program(&d, program);
	if (r >= 0 && tree)
		r = enter_ours(&d, tree);
	if (r < 0) {
		rundir_close(&d);
		return r;
	}
	*ret = d;
	return 0;
}

int rundir_open_of(struct rundir *ret, const struct address *socket)
{
	const char *file = strrchr(socket->path, '/');
	struct rundir d = { .fd = -1 };
	int r = walk(&d, socket->path, (size_t)(file - socket->path), KEEP, true);

	if (r == -ENOENT)
		r = acre_fail(ENOENT, "the directory %s is gone again", shown(&d));
	if (r < 0) {
		rundir_close(&d);
		return r;
	}
	*ret = d;
	return 0;
}

/*
 * Names of sockets.
 */

#define HASH_LEN   16  /* hexadecimal digits of 64 bits */
#define PREFIX_MAX 24  /* bytes of a compacted name that are kept, to be read by people */
#define MARK	   '~' /* in no name that is kept, so the two never meet */

/* Not secret, only fixed: the same name leads to the same socket in every process. */
static const uint64_t name_key[2] = { 0x6163726520736f63, 0x6b6574206e616d65 };

static void compact(char *ret, size_t size, const char *name, size_t room)
{
	const size_t len = size_min(size_min(strlen(name), PREFIX_MAX), room);
	char prefix[PREFIX_MAX + 1];

	for (size_t i = 0; i < len; i++) {
		const char one[2] = { name[i] };

		prefix[i] = is_safe(one) || (i > 0 && (one[0] == '-' || one[0] == '.'))
				    ? one[0]
				    : '_';
	}
	prefix[len] = '\0';
	snprintf(ret, size, "%s%c%016llx", prefix, MARK,
		 (unsigned long long)hash_sip13(name_key, name, strlen(name)));
}

int rundir_socket(const struct rundir *d, const char *name, uint64_t number,
		  struct address *ret)
{
	char suffix[sizeof "@18446744073709551615.sock"];
	char compacted[PREFIX_MAX + 1 + HASH_LEN + 1];
	const size_t dir_len = strlen(d->path) + 1;
	const size_t budget = ADDRESS_PATH_MAX - size_min(dir_len, ADDRESS_PATH_MAX);
	size_t least;
	int len;

	snprintf(suffix, sizeof suffix, "@%llu.sock", (unsigned long long)number);
	least = 1 + HASH_LEN + strlen(suffix);
	if (!is_safe(name) || strlen(name) + strlen(suffix) > budget) {
		if (least > budget)
			return acre_fail(
				ENAMETOOLONG,
				"%s leaves %zu bytes of %d for the name of a "
				"socket, which needs %zu: a shorter XDG_RUNTIME_DIR "
				"would do",
				shown(d), budget, ADDRESS_PATH_MAX, least);
		compact(compacted, sizeof compacted, name, budget - least);
		name = compacted;
	}
	*ret = (struct address){ .kind = ADDRESS_UNIX };
	len = snprintf(ret->path, sizeof ret->path, "%s/%s%s", d->path, name, suffix);
	CHECK((size_t)len < sizeof ret->path);
	return 0;
}

void rundir_close(struct rundir *d)
{
	acre_ignore(sys_close(TAKE_FD(d->fd)));
}

void rundir_remove(struct rundir *d)
{
	if (d->fd >= 0 && d->path[0])
		acre_ignore(sys_unlinkat(AT_FDCWD, d->path, AT_REMOVEDIR));
	rundir_close(d);
}

int rundir_hold(const struct rundir *d)
{
	return rundir_take(d->fd);
}

int rundir_take(int fd)
{
	struct stat st;
	int r = PLANTED(HELD_FOLDER_TAKEN) ? 0 : sys_flock(fd, LOCK_EX | LOCK_NB);

	if (r >= 0)
		r = sys_fstat(fd, &st);
	if (r >= 0 && st.st_nlink == 0)
		r = -EAGAIN;
	return r;
}

bool rundir_is_held(int fd)
{
	int r = sys_flock(fd, LOCK_SH | LOCK_NB);

	if (r >= 0)
		acre_ignore(sys_flock(fd, LOCK_UN));
	return r < 0;
}

int rundir_each(int fd,
		int (*each)(int fd, const char *name, unsigned char type, void *arg),
		void *arg)
{
	_Alignas(struct dirent64) char bytes[4096]; /* of entries at a time */
	ssize_t n = 1;
	int r = 0;

	while (r == 0 && n > 0) {
		n = sys_getdents64(fd, bytes, sizeof bytes);
		for (ssize_t at = 0; r == 0 && at < n;) {
			const struct dirent64 *e = (const void *)(bytes + at);

			if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
				r = each(fd, e->d_name, e->d_type, arg);
			at += e->d_reclen;
		}
	}
	return r;
}

static int remove_socket(int fd, const char *name, unsigned char type, void *arg)
{
	(void)arg;
	if (type == DT_SOCK)
		acre_ignore(sys_unlinkat(fd, name, 0));
	return 0;
}

void rundir_clear(struct rundir *d)
{
	if (d->fd >= 0)
		acre_ignore(rundir_each(d->fd, remove_socket, NULL));
}
