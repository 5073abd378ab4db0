/* SPDX-License-Identifier: MIT */
/* program.c - finding the image that a new process executes, and copying our environment. */
#include "actor/program.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/sys.h"
#include "base/util.h"

#define PATH_UNSET "/bin:/usr/bin" /* what execvp() searches without PATH */

/* Asked for by readlink, since /proc/self/exe would be valgrind's when run under it. An
 * image that was deleted or replaced since is reached by that link only. */
static int own_image(char path[PROGRAM_PATH_MAX])
{
	static const char link[] = "/proc/self/exe";
	ssize_t n = sys_readlinkat(AT_FDCWD, link, path, PROGRAM_PATH_MAX - 1);

	path[n < 0 ? 0 : n] = '\0';
	if (n <= 0 || strstr(path, " (deleted)"))
		memcpy(path, link, sizeof link);
	return 0;
}

static bool is_executable(const char *path)
{
	struct stat st;

	return sys_fstatat(AT_FDCWD, path, &st, 0) >= 0 && S_ISREG(st.st_mode) &&
	       (st.st_mode & 0111);
}

/* The first hit in PATH, whose empty parts mean the current directory. What is in none of
 * them is not run from the current directory instead. */
static int search(char path[PROGRAM_PATH_MAX], const char *name)
{
	const char *dirs = getenv("PATH");

	for (dirs = dirs ? dirs : PATH_UNSET;; dirs++) {
		size_t len = strcspn(dirs, ":");
		int n = snprintf(path, PROGRAM_PATH_MAX, "%.*s/%s", len ? (int)len : 1,
				 len ? dirs : ".", name);

		if (n < PROGRAM_PATH_MAX && is_executable(path))
			return 0;
		dirs += len;
		if (!*dirs)
			return -ENOENT;
	}
}

static int find(char path[PROGRAM_PATH_MAX], const char *name)
{
	size_t len;

	if (!name)
		return own_image(path);
	len = strlen(name);
	if (!len)
		return -ENOENT;
	if (len >= PROGRAM_PATH_MAX)
		return -ENAMETOOLONG;
	if (!strchr(name, '/'))
		return search(path, name);
	memcpy(path, name, len + 1);
	return 0;
}

static size_t env_size(char *const *env, size_t *ret_n)
{
	size_t n = 0, size = sizeof *env; /* of the NULL at the end */

	for (; env && env[n]; n++)
		size += sizeof *env + strlen(env[n]) + 1;
	*ret_n = n;
	return size;
}

static void copy_env(struct program *p, char *const *env, size_t n)
{
	char *to = (char *)(p->env + n + 1);

	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(env[i]) + 1;

		p->env[i] = memcpy(to, env[i], len);
		to += len;
	}
	p->env[n] = NULL;
}

int program_new(struct program **ret, const char *name)
{
	size_t n, size = env_size(environ, &n);
	struct program *p = mem_alloc(sizeof *p + size);
	int r = p ? find(p->path, name) : -ENOMEM;

	if (r < 0) {
		mem_free(p);
		return r;
	}
	copy_env(p, environ, n);
	*ret = p;
	return 0;
}

struct program *program_free(struct program *p)
{
	return mem_free(p);
}
