/* SPDX-License-Identifier: MIT */
/* auth_file.c - the tree key in a file, for trees that are to call each other. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include <acre/error.h>

#include "base/sys.h"
#include "base/util.h"
#include "wire/auth.h"

/*
 * Roots that start together must come to one key. So each opens or makes the file, takes its
 * lock, and who then finds it empty writes the key: the others read it. A root that is killed
 * in between leaves it empty, or with less than a key, which is said.
 */

static int check_file(const struct stat *st, const char *path)
{
	if (!S_ISREG(st->st_mode) || st->st_uid != sys_geteuid())
		return acre_fail(EPERM, "the key file %s is not a file of ours", path);
	if (st->st_mode & 077)
		return acre_fail(EPERM,
				 "the key file %s may be read or written by others: its "
				 "mode is %03o and must be 600",
				 path, st->st_mode & 0777);
	if (st->st_size != 0 && st->st_size != AUTH_KEY_SIZE)
		return acre_fail(EINVAL, "the key file %s has %lld bytes: a key has %d",
				 path, (long long)st->st_size, AUTH_KEY_SIZE);
	return 0;
}

static int write_key(struct auth_key **ret, int fd)
{
	int r = auth_key_new(ret, NULL);
	ssize_t n;

	if (r < 0)
		return r;
	n = sys_write(fd, auth_key_bytes(*ret), AUTH_KEY_SIZE);
	if (n == AUTH_KEY_SIZE)
		return 0;
	*ret = auth_key_free(*ret);
	acre_ignore(sys_ftruncate(fd, 0));
	return acre_fail(n < 0 ? (int)-n : ENOSPC, "writing a key");
}

static int read_key(struct auth_key **ret, int fd)
{
	uint8_t bytes[AUTH_KEY_SIZE];
	ssize_t n = sys_read(fd, bytes, sizeof bytes);
	int r;

	if (n == AUTH_KEY_SIZE)
		r = auth_key_new(ret, bytes);
	else
		r = acre_fail(n < 0 ? (int)-n : EINVAL, "reading a key");
	explicit_bzero(bytes, sizeof bytes);
	return r;
}

int auth_key_of_file(struct auth_key **ret, const char *path)
{
	/* No link, and no pipe that would have to be waited for. */
	auto_close int fd = sys_openat(AT_FDCWD, path,
				       O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600);
	struct stat st;
	int r = fd;

	*ret = NULL;
	if (r >= 0)
		r = sys_flock(fd, LOCK_EX);
	if (r >= 0)
		r = sys_fstat(fd, &st);
	if (r < 0)
		return acre_fail(-r, "opening the key file %s: %s", path,
				 strerrordesc_np(-r));
	r = check_file(&st, path);
	if (r < 0)
		return r;
	r = st.st_size == 0 ? write_key(ret, fd) : read_key(ret, fd);
	return r < 0 ? acre_note(r, "the key file %s", path) : 0;
}
