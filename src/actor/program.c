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

/* 0, or why it is not what is looked for. A directory is not there. */
static int check_executable(const char *path)
{
	struct stat st;

	if (sys_fstatat(AT_FDCWD, path, &st, 0) < 0 || !S_ISREG(st.st_mode))
		return -ENOENT;
	return st.st_mode & 0111 ? 0 : -EACCES;
}

/* The first hit in PATH, whose empty parts mean the current directory. What is in none of
 * them is not run from the current directory instead. */
static int search(char path[PROGRAM_PATH_MAX], const char *name, const char *dirs)
{
	int r = -ENOENT;

	for (;; dirs++) {
		size_t len = strcspn(dirs, ":");
		int n = snprintf(path, PROGRAM_PATH_MAX, "%.*s/%s", len ? (int)len : 1,
				 len ? dirs : ".", name);
		int found = n < PROGRAM_PATH_MAX ? check_executable(path) : -ENOENT;

		if (found == 0)
			return 0;
		r = found == -EACCES ? found : r;
		dirs += len;
		if (!*dirs)
			return r;
	}
}

static int find(char path[PROGRAM_PATH_MAX], const char *name, const char *dirs)
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
		return search(path, name, dirs);
	memcpy(path, name, len + 1);
	return 0;
}

/*
 * The environment: ours, but for what is changed.
 */

static bool is_same_name(const char *entry, const char *change)
{
	size_t len = strcspn(change, "=");

	return !strncmp(entry, change, len) && (entry[len] == '=' || !entry[len]);
}

static bool is_changed(const char *entry, const char *const *changes)
{
	for (; changes && *changes; changes++)
		if (is_same_name(entry, *changes))
			return true;
	return false;
}

/* The next entry that the program gets; NULL at the end. */
struct env_walk {
	char *const *ours;
	const char *const *changes, *const *next_change;
};

static const char *env_next(struct env_walk *w)
{
	while (w->ours && *w->ours) {
		const char *entry = *w->ours++;

		if (!is_changed(entry, w->changes))
			return entry;
	}
	while (w->next_change && *w->next_change) {
		const char *change = *w->next_change++;

		/* of two for one name the last one counts */
		if (strchr(change, '=') && !is_changed(change, w->next_change))
			return change;
	}
	return NULL;
}

static struct env_walk env_begin(const struct program_env *env)
{
	return (struct env_walk){ .ours = env->only_changes ? NULL : environ,
				  .changes = env->changes,
				  .next_change = env->changes };
}

static size_t env_size(const struct program_env *env, size_t *ret_n)
{
	size_t size = sizeof(char *); /* of the NULL at the end */
	struct env_walk w = env_begin(env);
	const char *entry;

	*ret_n = 0;
	while ((entry = env_next(&w))) {
		size += sizeof(char *) + strlen(entry) + 1;
		++*ret_n;
	}
	return size;
}

static void copy_env(struct program *p, const struct program_env *env, size_t n)
{
	char *to = (char *)(p->env + n + 1);
	struct env_walk w = env_begin(env);

	for (size_t i = 0; i < n; i++) {
		const char *entry = env_next(&w);
		size_t len = strlen(entry) + 1;

		p->env[i] = memcpy(to, entry, len);
		to += len;
	}
	p->env[n] = NULL;
}

const char *program_dirs(const struct program *p)
{
	for (char *const *entry = p->env; *entry; entry++)
		if (!strncmp(*entry, "PATH=", 5))
			return *entry + 5;
	return PATH_UNSET;
}

int program_new_in(struct program **ret, const char *name, const struct program_env *env)
{
	size_t n, size = env_size(env, &n);
	struct program *p = mem_alloc(sizeof *p + size);
	int r;

	if (!p)
		return -ENOMEM;
	copy_env(p, env, n);
	r = find(p->path, name, program_dirs(p));
	*ret = r < 0 && r != -ENOENT && r != -EACCES ? mem_free(p) : p;
	return r;
}

int program_new(struct program **ret, const char *name)
{
	struct program *p = NULL;
	int r = program_new_in(&p, name, &(const struct program_env){ NULL, false });

	*ret = r < 0 ? program_free(p) : p;
	return r;
}

struct program *program_free(struct program *p)
{
	return mem_free(p);
}
