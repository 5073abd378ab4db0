/* SPDX-License-Identifier: MIT */
/* test_contain.c - contained trees: hostile descendants, killed roots, killed guards: promise G2. */
#include "conform/root.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>

#include "actor/contain.h"
#include "actor/runtime.h"
#include "base/util.h"
#include "unit/forks.h"

#define GONE_WITHIN_MS 3000 /* promise, on shared machines */
#define DAEMONS	       3
#define FIXED	       2 /* guard or init, and the child */

static bool by_pidns;	    /* the kind of containment */
static const char *backend; /* of the child; NULL: exec */

static int run_contained(int (*fn)(void *arg))
{
	static const char *const exposed[] = { "main", NULL };

	return acre_run(fn, NULL,
			&(struct acre_run_options){
				.expose = exposed,
				.seed = test_seed(),
				.contained = true,
				.flags = by_pidns ? ACRE_RUN_PID_NAMESPACE : 0 });
}

static pid_t holder(void)
{
	struct containment *c = &runtime_this->containment;

	return c->is_pidns ? c->pidns.init.pid : c->guard.pid.pid;
}

static int do_nothing(void *unused)
{
	(void)unused;
	return 0;
}

static void need_cgroup(void)
{
	char path[4096];
	int r = contain_probe_cgroup(path, sizeof path);

	if (r < 0 && acre_is(r, EOPNOTSUPP))
		test_skip("%s", acre_why(r)->message);
	assert_ok(r);
	by_pidns = false;
}

static void need_pidns(void)
{
	int r;

	by_pidns = true;
	r = run_contained(do_nothing);
	if (r < 0 && acre_is(r, EOPNOTSUPP))
		test_skip("%s", acre_why(r)->message);
	assert_ok(r);
}

/* The last number of the line "NSpid:" is the one that the process has for itself. */
static pid_t own_number_of(const char *pid)
{
	char path[300], line[4096];
	pid_t number = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%s/status", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof line, f))
		if (!strncmp(line, "NSpid:", 6))
			number = (pid_t)strtol(strrchr(line, '\t') + 1, NULL, 10);
	if (f)
		fclose(f);
	return number;
}

static bool are_together(const char *pid, pid_t with)
{
	char path[300], one[64] = "", two[64] = "";

	snprintf(path, sizeof path, "/proc/%s/ns/pid", pid);
	if (readlink(path, one, sizeof one - 1) < 0)
		return false;
	snprintf(path, sizeof path, "/proc/%d/ns/pid", (int)with);
	return readlink(path, two, sizeof two - 1) > 0 && !strcmp(one, two);
}

/* What has this number for itself, in the PID namespace of `with`. */
static pid_t number_here(pid_t own, pid_t with)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	pid_t found = 0;

	assert_non_null(d);
	while ((e = readdir(d)))
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9' &&
		    own_number_of(e->d_name) == own && are_together(e->d_name, with))
			found = (pid_t)strtol(e->d_name, NULL, 10);
	closedir(d);
	assert_true(found > 0);
	return found;
}

/* In sessions of their own, of parents that are gone, deaf to SIGTERM. */
static void daemonize(pid_t *ret)
{
	int said[2];
	pid_t between;

	assert_int_equal(pipe(said), 0);
	between = fork();
	if (between == 0) {
		setsid();
		if (fork())
			_exit(0);
		*ret = getpid();
		signal(SIGTERM, SIG_IGN);
		assert_int_equal(write(said[1], ret, sizeof *ret), sizeof *ret);
		for (;;)
			pause();
	}
	assert_int_equal(read(said[0], ret, sizeof *ret), sizeof *ret);
	assert_int_equal(waitpid(between, NULL, 0), between);
	close(said[0]);
	close(said[1]);
}

#define DAEMON_PIDS(F) F(struct acre_bytes, pids)
ACRE_MSG(daemon_pids, DAEMON_PIDS)

ACRE_CONTEXT(leave_daemons, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	pid_t pids[DAEMONS];

	for (int i = 0; i < DAEMONS; i++)
		daemonize(&pids[i]);
	return acre_return(ctx, daemon_pids, .pids = { pids, sizeof pids });
}

/* The guard's pid, the child's, the daemons'; then it waits, or ends. */
static bool stays;

static int hold_daemons(void *unused)
{
	struct daemon_pids p;
	struct acre_actor *a;
	pid_t pids[DAEMONS];
	int r = 0;

	(void)unused;
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "hostile", .backend = backend);
		assert_ok(r);
		assert_int_equal(acre_call(a, leave_daemons, &nil, daemon_pids, &p), 1);
		memcpy(pids, p.pids.data, sizeof pids);
		say(holder());
		say(acre_actor_pid(a));
		for (int i = 0; i < DAEMONS; i++)
			say(number_here(pids[i], acre_actor_pid(a)));
		while (r >= 0 && stays) {
			say(holder());
			r = acre_sleep(acre_ms(10));
		}
	}
	return r;
}

static int run_daemons(void)
{
	return run_contained(hold_daemons) < 0;
}

struct tree {
	struct root root;
	struct pollfd fds[FIXED + DAEMONS]; /* guard or init, child, daemons */
	pid_t guard;
};

static void tree_start(struct tree *t, bool to_stay)
{
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	stays = to_stay;
	t->root = root_start(run_daemons);
	for (int i = 0; i < FIXED + DAEMONS; i++) {
		pid_t pid = hear(&t->root);

		t->guard = i == 0 ? pid : t->guard;
		t->fds[i] = (struct pollfd){ .fd = pid ? pidfd_open(pid, 0) : -1,
					     .events = POLLIN };
	}
}

static void assert_all_gone(struct tree *t)
{
	acre_instant begun = acre_now();

	for (int i = FIXED + DAEMONS - 1; i >= 0; i--) {
		if (i == 0) /* an init has ended when all in its namespace are reaped */
			reap_all();
		if (t->fds[i].fd >= 0)
			assert_ok(test_wait_pidfd(t->fds[i].fd, 20));
		close(t->fds[i].fd);
	}
	test_note("all gone after %.0f ms", seconds_since(begun) * 1e3);
	assert_true(seconds_since(begun) * 1e3 < GONE_WITHIN_MS);
	while (waitpid(-1, NULL, 0) > 0) /* bound: they are dead */
		;
}

static void kill_root(struct tree *t)
{
	assert_int_equal(pidfd_send_signal(t->root.pidfd, SIGKILL, NULL, 0), 0);
	assert_true(WIFSIGNALED(root_end(&t->root)));
}

static void kill_root_alone(void)
{
	struct tree t;

	tree_start(&t, true);
	kill_root(&t);
	assert_all_gone(&t);
}

TEST(g2_a_killed_root_leaves_no_daemon)
{
	need_cgroup();
	kill_root_alone();
}

/* It is made again, and does the same. */
TEST(g2_a_killed_guard_is_replaced)
{
	struct tree t;
	pid_t guard;

	need_cgroup();
	tree_start(&t, true);
	assert_int_equal(pidfd_send_signal(t.fds[0].fd, SIGKILL, NULL, 0), 0);
	do
		guard = hear(&t.root);
	while (guard == t.guard);
	assert_ok(test_wait_pidfd(t.fds[0].fd, 10));
	close(t.fds[0].fd);
	t.fds[0].fd = pidfd_open(guard, 0);
	assert_true(t.fds[0].fd >= 0);
	kill_root(&t);
	assert_all_gone(&t);
}

static void end_orderly(void)
{
	struct tree t;

	tree_start(&t, false);
	assert_int_equal(root_end(&t.root), 0);
	assert_all_gone(&t);
}

/* The fixture sees whether the guard or a descriptor is left. */
TEST(g2_an_orderly_end_leaves_no_daemon)
{
	need_cgroup();
	end_orderly();
}

static int keep_cgroup(void *ret)
{
	int fd = runtime_this->containment.parent_fd;

	snprintf(ret, 64, "%s", runtime_this->containment.name);
	assert_int_equal(faccessat(fd, ret, F_OK, 0), 0);
	return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

TEST(a_contained_tree_removes_its_cgroup)
{
	char name[64];
	int parent;

	need_cgroup();
	parent = acre_run(keep_cgroup, name,
			  &(struct acre_run_options){ .contained = true });
	assert_ok(parent);
	assert_int_equal(faccessat(parent, name, F_OK, 0), -1);
	close(parent);
}

/*
 * The other kind.
 */

TEST(g2_a_killed_root_leaves_no_daemon_in_its_pid_namespace)
{
	need_pidns();
	kill_root_alone();
}

TEST(g2_an_orderly_end_leaves_no_daemon_in_its_pid_namespace)
{
	need_pidns();
	end_orderly();
}

/* Stopped, each of them is killed by SIGKILL all the same, and none can do anything else: it is
 * as if it were one instant. */
TEST(g2_root_and_init_killed_at_once_leave_nothing)
{
	struct tree t;

	need_pidns();
	for (int first = 0; first < 2; first++) {
		int init;

		tree_start(&t, true);
		init = t.fds[0].fd;
		assert_int_equal(pidfd_send_signal(init, SIGSTOP, NULL, 0), 0);
		assert_int_equal(pidfd_send_signal(t.root.pidfd, SIGSTOP, NULL, 0), 0);
		if (first == 0)
			assert_int_equal(pidfd_send_signal(init, SIGKILL, NULL, 0), 0);
		assert_int_equal(pidfd_send_signal(t.root.pidfd, SIGKILL, NULL, 0), 0);
		if (first == 1)
			assert_int_equal(pidfd_send_signal(init, SIGKILL, NULL, 0), 0);
		assert_true(WIFSIGNALED(root_end(&t.root)));
		assert_all_gone(&t);
	}
}

/* What polls only would stay stopped. */
TEST(g2_a_stopped_init_ends_with_its_root)
{
	struct tree t;

	need_pidns();
	tree_start(&t, true);
	assert_int_equal(pidfd_send_signal(t.fds[0].fd, SIGSTOP, NULL, 0), 0);
	kill_root(&t);
	assert_all_gone(&t);
}

/* Its root sees the deaths, and ends. */
TEST(g2_a_killed_init_takes_all_actors_along)
{
	struct tree t;

	need_pidns();
	tree_start(&t, true);
	assert_int_equal(pidfd_send_signal(t.fds[0].fd, SIGKILL, NULL, 0), 0);
	assert_int_equal(WEXITSTATUS(root_end(&t.root)), 1);
	assert_all_gone(&t);
}

/* Without the root's end: what it leaves goes to the init, where the root looks. */
TEST(g1_no_daemon_survives_a_killed_actor_in_its_pid_namespace)
{
	struct tree t;

	need_pidns();
	tree_start(&t, true);
	assert_int_equal(pidfd_send_signal(t.fds[1].fd, SIGKILL, NULL, 0), 0);
	assert_int_equal(WEXITSTATUS(root_end(&t.root)), 1);
	assert_all_gone(&t);
}

TEST(g2_nothing_is_left_of_other_backends_in_a_pid_namespace)
{
	static const char *const others[] = { "forkserver", "fork" };

	need_pidns();
	for (size_t i = 0; i < ARRAY_N(others); i++) {
		if (is_tsan() && !strcmp(others[i], "fork"))
			continue; /* no threads after a fork */
		backend = others[i];
		kill_root_alone();
		end_orderly();
	}
}
