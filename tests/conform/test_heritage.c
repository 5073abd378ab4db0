/* SPDX-License-Identifier: MIT */
/* test_heritage.c - what an actor has of its ancestors: who it is, and no descriptor: rows S22 and S48. */
#include "conform/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

#include "actor/runtime.h"

/*
 * S22: nobody takes itself for an ancestor whose memory it has.
 */

#define DEPTH 4

#define GENERATION(F)                \
	F(int, number)               \
	F(bool, is_mixed)            \
	F(int, parent)               \
	F(const char *, parent_uuid) \
	F(int, root)
ACRE_MSG(generation, GENERATION)
#define SELF(F) F(int, pid) F(const char *, uuid)
ACRE_MSG(self, SELF)

/* Generation by generation, if each is to be made in another way. */
static const char *const kinds[DEPTH + 1] = { NULL, "fork", "thread", "forkserver",
					      "exec" };

static const char *kind_of(int number, bool is_mixed)
{
	const char *chosen = getenv("ACRE_SPAWN_METHOD");

	return is_mixed ? kinds[number] : chosen && *chosen ? chosen : "exec";
}

static pid_t pid_of_pidfd(int fd)
{
	char path[64], line[128];
	int pid = -1;
	FILE *f;

	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	assert_non_null(f);
	while (pid < 0 && fgets(line, sizeof line, f))
		if (sscanf(line, "Pid: %d", &pid) != 1)
			pid = -1;
	fclose(f);
	return pid;
}

static void name_of(int number, char ret[32])
{
	snprintf(ret, 32, number ? "generation_%d" : "root", number);
}

static void know_thyself(const struct generation *g)
{
	bool is_thread = !strcmp(kind_of(g->number, g->is_mixed), "thread");
	char name[32];

	name_of(g->number, name);
	assert_string_equal(acre_self_name(), name);
	assert_int_equal(runtime_this->self.pid, getpid());
	assert_false(runtime_this->is_root);
	assert_int_equal(acre_children(NULL, 0), 0);

	name_of(g->number - 1, name);
	assert_string_equal(acre_actor_name(acre_parent()), name);
	assert_string_equal(acre_actor_uuid(acre_parent()), g->parent_uuid);
	assert_string_not_equal(acre_self_uuid(), g->parent_uuid);
	assert_int_equal(acre_actor_pid(acre_parent()), g->parent);
	assert_int_equal(is_thread ? getpid() : getppid(), g->parent);
	assert_int_equal(pid_of_pidfd(runtime_this->root_pidfd), g->root);
	/* what its process watches: for a thread that is its host's */
	if (!is_thread)
		assert_int_equal(pid_of_pidfd(runtime_this->parent_pidfd), g->parent);
}

static int spawn_generation(int number, bool is_mixed, int root);

ACRE_CONTEXT(live_on, generation, .kind = ACRE_ENDPOINT_ONESHOT)
{
	int r = 0;

	know_thyself(in);
	if (in->number < DEPTH)
		r = spawn_generation(in->number + 1, in->is_mixed, in->root);
	return r < 0 ? r
		     : acre_return(ctx, self, .pid = getpid(), .uuid = acre_self_uuid());
}

static int spawn_generation(int number, bool is_mixed, int root)
{
	struct generation g = { number, is_mixed, getpid(), acre_self_uuid(), root };
	struct acre_actor *a;
	struct self self;
	char name[32];
	int r = 0;

	name_of(number, name);
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = name,
			       .backend = kind_of(number, is_mixed));
		if (r >= 0)
			r = acre_call(a, live_on, &g, self, &self);
		if (r >= 0) {
			assert_int_equal(self.pid, acre_actor_pid(a));
			assert_string_equal(self.uuid, acre_actor_uuid(a));
		}
	}
	return r;
}

TEST_TREE(s22_actors_know_who_they_are_at_depth_four)
{
	return spawn_generation(1, false, getpid());
}

TEST_TREE(s22_actors_know_who_they_are_whatever_made_their_ancestors)
{
	const char *why;

	if (!backend_is_there("fork", &why))
		test_skip("%s", why);
	return spawn_generation(1, true, getpid());
}

/*
 * S48: nothing is inherited but what was declared.
 */

struct file_id {
	uint64_t device, inode;
};

enum { FDS_MAX = 64 };

#define BELOW(F) F(int, depth)
ACRE_MSG(below, BELOW)
#define OPEN_FILES(F) F(struct acre_bytes, ids)
ACRE_MSG(open_files, OPEN_FILES)

static struct file_id file_id(int fd)
{
	struct stat st = { 0 };

	assert_int_equal(fstat(fd, &st), 0);
	return (struct file_id){ st.st_dev, st.st_ino };
}

/* All but the standard ones and the one that lists them. */
static size_t list_files(struct file_id ret[FDS_MAX])
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *e;
	size_t n = 0;

	assert_non_null(dir);
	while ((e = readdir(dir))) {
		int fd = atoi(e->d_name);

		if (fd <= STDERR_FILENO || fd == dirfd(dir)) /* "." and "..", too */
			continue;
		assert_true(n < FDS_MAX);
		ret[n++] = file_id(fd);
	}
	closedir(dir);
	return n;
}

static int files_of_actor(int depth, struct file_id ret[FDS_MAX], size_t *ret_n);

ACRE_CONTEXT(tell_files, below, .kind = ACRE_ENDPOINT_ONESHOT)
{
	struct file_id ids[FDS_MAX];
	size_t n = 0;
	int r = 0;

	if (in->depth > 1)
		r = files_of_actor(in->depth - 1, ids, &n);
	else
		n = list_files(ids);
	return r < 0 ? r : acre_return(ctx, open_files, .ids = { ids, n * sizeof *ids });
}

/* Of one that has just begun, so deep below us. */
static int files_of_actor(int depth, struct file_id ret[FDS_MAX], size_t *ret_n)
{
	struct open_files files;
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "heir");
		if (r >= 0)
			r = acre_call(a, tell_files, &(struct below){ depth }, open_files,
				      &files);
		if (r >= 0) {
			assert_true(files.ids.len <= FDS_MAX * sizeof *ret);
			memcpy(ret, files.ids.data, files.ids.len);
			*ret_n = files.ids.len / sizeof *ret;
		}
	}
	return r;
}

/* As a careless library opens them: none with close-on-exec. The first so many have an inode
 * of their own; what is behind the others is known by its number only. */
enum { WITH_INODE = 7, CARELESS = 13, HIGH = 900 };

static void open_carelessly(int fds[CARELESS])
{
	sigset_t none;

	sigemptyset(&none);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds + 2), 0);
	fds[4] = memfd_create("careless", 0);
	fds[5] = open(test_dir(), O_RDONLY | O_DIRECTORY);
	fds[6] = openat(fds[5], "careless", O_RDWR | O_CREAT, 0600);
	fds[7] = eventfd(0, 0);
	fds[8] = epoll_create1(0);
	fds[9] = timerfd_create(CLOCK_MONOTONIC, 0);
	fds[10] = signalfd(-1, &none, 0);
	fds[11] = pidfd_open(getpid(), 0);
	fds[12] = fcntl(fds[11], F_DUPFD, HIGH);
	fcntl(fds[11], F_SETFD, 0);
	for (int i = 0; i < CARELESS; i++)
		assert_true(fds[i] >= 0);
}

static void assert_none_of(const int fds[CARELESS], const struct file_id *ids, size_t n)
{
	for (int i = 0; i < WITH_INODE; i++) {
		struct file_id careless = file_id(fds[i]);

		for (size_t k = 0; k < n; k++)
			assert_memory_not_equal(&careless, &ids[k], sizeof careless);
	}
}

/* The links, sets and pages of ancestors and siblings count, too: nobody has more than the
 * first actor of a root that has opened nothing. */
TEST_TREE(s48_an_actor_has_no_descriptor_that_was_not_declared)
{
	struct file_id ids[FDS_MAX];
	int fds[CARELESS], r = 0;
	size_t n_first, n;

	needs_a_process("all its descriptors are its process's");
	r = files_of_actor(1, ids, &n_first);
	assert_ok(r);
	test_note("%zu descriptors of its own", n_first);
	open_carelessly(fds);
	for (int depth = 1; depth <= 3; depth++) {
		struct acre_actor *sibling;

		ACRE_NURSERY(siblings, r) {
			r = acre_spawn(&siblings, &sibling, .name = "sibling");
			if (r >= 0)
				r = files_of_actor(depth, ids, &n);
			assert_ok(r);
			assert_int_equal(n, n_first);
			assert_none_of(fds, ids, n);
		}
	}
	for (int i = 0; i < CARELESS; i++)
		close(fds[i]);
	return r;
}
