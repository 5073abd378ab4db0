/* SPDX-License-Identifier: MIT */
/* oom.c - whether the kernel killed a child for want of memory. */
#include "actor/oom.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/sys.h"
#include "base/util.h"

/* Of a file of /proc: a mount a line, some hundred bytes each, thousands on a busy host. */
#define FILE_MAX ((size_t)4 << 20)
#define READ_LEN 4096

struct word {
	const char *p;
	size_t len;
};

static bool word_is(struct word w, const char *text)
{
	return w.len == strlen(text) && !memcmp(w.p, text, w.len);
}

/* Up to one of these characters or the line's end; *at is behind it. */
static struct word next_word(const char **at, const char *ends)
{
	struct word w = { *at, 0 };

	while ((*at)[w.len] && (*at)[w.len] != '\n' && !strchr(ends, (*at)[w.len]))
		w.len++;
	*at += w.len;
	if (**at && **at != '\n')
		++*at;
	return w;
}

static const char *next_line(const char *at)
{
	at += strcspn(at, "\n");
	return *at ? at + 1 : at;
}

/* Whether a list with commas has that word. */
static bool has(struct word list, const char *text)
{
	const char *at = list.p;

	while (at < list.p + list.len)
		if (word_is(next_word(&at, ",: "), text))
			return true;
	return false;
}

/* A line is id:controllers:path. A controller belongs to v1 or v2, never to both. */
static bool own_cgroup(const char *text, struct word *ret_path, bool *ret_v1)
{
	struct word controllers;
	bool found = false;

	for (; *text && !*ret_v1; text = next_line(text)) {
		next_word(&text, ":");
		controllers = next_word(&text, ":");
		*ret_v1 = has(controllers, "memory");
		if (!*ret_v1 && controllers.len > 0)
			continue;
		*ret_path = next_word(&text, "");
		found = true;
	}
	return found;
}

struct mount {
	struct word root, at;
};

/* id parent device root at options... - type source options (proc(5)). cgroup2 may be at any
 * place (kernel-facts K43). */
static bool find_mount(const char *text, bool v1, struct mount *ret)
{
	struct word type, options, w;

	for (; *text; text = next_line(text)) {
		for (int i = 0; i < 3; i++)
			next_word(&text, " ");
		ret->root = next_word(&text, " ");
		ret->at = next_word(&text, " ");
		do
			w = next_word(&text, " ");
		while (w.len > 0 && !word_is(w, "-"));
		type = next_word(&text, " ");
		next_word(&text, " ");
		options = next_word(&text, " ");
		if (v1 ? word_is(type, "cgroup") && has(options, "memory")
		       : word_is(type, "cgroup2"))
			return true;
	}
	return false;
}

bool oom_find(const char *cgroup, const char *mountinfo, char *ret, size_t size)
{
	struct word path = { "", 0 };
	struct mount m = { 0 };
	bool v1 = false;
	int n;

	if (!own_cgroup(cgroup, &path, &v1) || !find_mount(mountinfo, v1, &m))
		return false;
	if (m.root.len > 1) { /* only what is below it is to be seen there */
		if (path.len < m.root.len || memcmp(path.p, m.root.p, m.root.len) != 0)
			return false;
		path.p += m.root.len;
		path.len -= m.root.len;
	}
	if (word_is(path, "/"))
		path.len = 0;
	n = snprintf(ret, size, "%.*s%.*s/%s", (int)m.at.len, m.at.p, (int)path.len,
		     path.p, v1 ? "memory.oom_control" : "memory.events");
	return n > 0 && (size_t)n < size;
}

uint64_t oom_count(const char *text)
{
	static const char key[] = "oom_kill ";

	for (; *text; text = next_line(text))
		if (!strncmp(text, key, sizeof key - 1))
			return strtoull(text + sizeof key - 1, NULL, 10);
	return 0;
}

/* As a text, which ends with a 0. */
static int read_file(const char *path, struct buf *to)
{
	auto_close int fd = sys_openat(AT_FDCWD, path, O_RDONLY, 0);
	ssize_t n;
	int r = fd;

	while (r >= 0) {
		r = buf_reserve(to, READ_LEN);
		if (r < 0)
			break;
		n = sys_read(fd, buf_tail(to), READ_LEN);
		if (n <= 0)
			return n < 0 ? (int)n : buf_append(to, "", 1);
		buf_grow(to, (size_t)n);
	}
	return r;
}

static void look(struct oom *o)
{
	struct buf cgroup, mountinfo;
	char *path = mem_alloc(PATH_MAX);

	buf_init(&cgroup, FILE_MAX);
	buf_init(&mountinfo, FILE_MAX);
	if (path && read_file("/proc/self/cgroup", &cgroup) >= 0 &&
	    read_file("/proc/self/mountinfo", &mountinfo) >= 0 &&
	    oom_find((const char *)buf_bytes(&cgroup),
		     (const char *)buf_bytes(&mountinfo), path, PATH_MAX))
		o->counter = mem_strdup(path);
	buf_fini(&cgroup);
	buf_fini(&mountinfo);
	mem_free(path);
	o->looked = true;
}

/* All kills of this cgroup. */
static uint64_t kills(struct oom *o)
{
	struct buf text;
	uint64_t n = 0;

	if (!o->looked)
		look(o);
	if (!o->counter)
		return 0;
	buf_init(&text, FILE_MAX);
	if (read_file(o->counter, &text) >= 0)
		n = oom_count((const char *)buf_bytes(&text));
	buf_fini(&text);
	return n;
}

uint64_t oom_unexplained(struct oom *o)
{
	uint64_t n = kills(o);

	return n > o->explained ? n - o->explained : 0;
}

bool oom_explains(struct oom *o, uint64_t unexplained_at_birth)
{
	if (oom_unexplained(o) <= unexplained_at_birth)
		return false;
	o->explained++;
	return true;
}

void oom_fini(struct oom *o)
{
	*o = (struct oom){ .counter = mem_free(o->counter) };
}
