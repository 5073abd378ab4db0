/* SPDX-License-Identifier: MIT */
/* test_oom_tree.c - an actor that the kernel kills for memory, as its parent tells of it: promise G9. */
#include "conform/tree.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "actor/oom.h"

/*
 * The test's process moves into a cgroup of its own with a limit of memory, where its actors
 * are born, and back. It takes the first place where that can be done: below its own cgroup
 * or the top, in v2 or v1.
 */

enum {
	LIMIT = 256 << 20, /* bytes: far more than the other processes take, under TSan too */
	PATH_LEN = 512
};

static char folder[PATH_LEN], home[PATH_LEN];

static bool write_text(const char *dir, const char *name, const char *text)
{
	char path[PATH_LEN + 32];
	bool written;
	int fd;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	written = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return written;
}

static bool read_text(const char *path, char *ret, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 0, len = 0;

	if (fd < 0)
		return false;
	while (len < (ssize_t)size - 1 &&
	       (n = read(fd, ret + len, size - 1 - (size_t)len)) > 0)
		len += n;
	close(fd);
	ret[len] = '\0';
	return n >= 0;
}

/* The folder of our own cgroup, and whether it is of v1. */
static bool find_home(bool *ret_v1)
{
	static char cgroup[4096], mountinfo[1 << 16];
	char *slash;

	if (!read_text("/proc/self/cgroup", cgroup, sizeof cgroup) ||
	    !read_text("/proc/self/mountinfo", mountinfo, sizeof mountinfo) ||
	    !oom_find(cgroup, mountinfo, home, sizeof home))
		return false;
	slash = strrchr(home, '/');
	*ret_v1 = !strcmp(slash, "/memory.oom_control");
	*slash = '\0';
	return true;
}

/* A folder with a limit below that one. */
static bool make_limited(const char *below, bool v1)
{
	char limit[32];

	snprintf(limit, sizeof limit, "%d", LIMIT);
	snprintf(folder, sizeof folder, "%.400s/acre-test-%d", below, (int)getpid());
	if (mkdir(folder, 0755) < 0)
		return false;
	if (write_text(folder, v1 ? "memory.limit_in_bytes" : "memory.max", limit))
		return true;
	rmdir(folder);
	return false;
}

static bool move_to(const char *dir)
{
	return write_text(dir, "cgroup.procs", "0");
}

static void enter_limited(void)
{
	bool v1 = false;

	if (!find_home(&v1))
		test_skip("no cgroup of this process counts kills for memory");
	if (!make_limited(home, v1) &&
	    !make_limited(v1 ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup", v1))
		test_skip("no cgroup with a limit of memory can be made below %s", home);
	/* what is swapped out counts elsewhere; without swap there is no such file */
	if (!write_text(folder, "memory.swap.max", "0"))
		write_text(folder, "memory.swappiness", "0");
	if (!move_to(folder)) {
		rmdir(folder);
		test_skip("no process can be moved to %s", folder);
	}
}

static void leave_limited(void)
{
	assert_true(move_to(home));
	assert_int_equal(rmdir(folder), 0);
}

ACRE_CONTEXT(eats_memory, acre_nil)
{
	static const char first_victim[] = "1000";
	size_t len = 4 * (size_t)LIMIT;
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);

	(void)ctx;
	if (p == MAP_FAILED || !write_text("/proc/self", "oom_score_adj", first_victim))
		return acre_fail(T_RUNTIME, "cannot begin to eat");
	for (size_t i = 0; i < len; i += 4096)
		p[i] = 1;
	munmap(p, len);
	return acre_fail(T_RUNTIME, "ate all of it");
}

static const struct acre_death *death_in(int r)
{
	assert_class(r, ACRE_EDIED);
	assert_non_null(acre_why(r)->death);
	assert_int_equal(acre_why(r)->death->signal, SIGKILL);
	return acre_why(r)->death;
}

/* The failure of a nursery with an actor that ends in that way. */
static int end_of(const char *name, bool eats)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = name);
		assert_ok(r);
		if (eats)
			acre_ignore_result(
				acre_call(a, eats_memory, &nil, acre_nil, &nil));
		else
			assert_int_equal(kill(acre_actor_pid(a), SIGKILL), 0);
		acre_ignore_result(acre_actor_wait(a));
	}
	return r;
}

static int eaters_and_others(void)
{
	char sentence[512];
	int r = end_of("eater", true);

	assert_true(death_in(r)->oom);
	assert_false(death_in(r)->hard_kill);
	snprintf(sentence, sizeof sentence, "%s", acre_why(r)->message);
	test_note("%s", sentence);

	r = end_of("victim", false); /* of a stranger: not told as the same */
	assert_false(death_in(r)->oom);

	r = end_of("second eater", true);
	assert_true(death_in(r)->oom);
	return 0;
}

TEST(g9_death_by_want_of_memory_is_told_apart)
{
	needs_a_process("it eats memory until it is killed");
	enter_limited();
	assert_ok(tree_result(eaters_and_others, false));
	report_thread_fini();
	leave_limited();
}
