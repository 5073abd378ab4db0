/* SPDX-License-Identifier: MIT */
/* test_contain.c - contained trees: hostile descendants, killed roots, killed guards: promise G2. */
#include "conform/root.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>

#include "actor/runtime.h"

#define GONE_WITHIN_MS 3000 /* promise, on shared machines */
#define DAEMONS	       3

static int run_contained(int (*fn)(void *arg))
{
	static const char *const exposed[] = { "main", NULL };

	return acre_run(fn, NULL,
			&(struct acre_run_options){ .expose = exposed,
						    .seed = test_seed(),
						    .contained = true });
}

static int do_nothing(void *unused)
{
	(void)unused;
	return 0;
}

static void need_cgroup(void)
{
	int r = run_contained(do_nothing);

	if (r < 0 && acre_is(r, EOPNOTSUPP))
		test_skip("%s", acre_why(r)->message);
	assert_ok(r);
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
		r = acre_spawn(&n, &a, .name = "hostile");
		assert_ok(r);
		assert_int_equal(acre_call(a, leave_daemons, &nil, daemon_pids, &p), 1);
		memcpy(pids, p.pids.data, sizeof pids);
		say(runtime_this->containment.guard.pid.pid);
		say(acre_actor_pid(a));
		for (int i = 0; i < DAEMONS; i++)
			say(pids[i]);
		while (r >= 0 && stays) {
			say(runtime_this->containment.guard.pid.pid);
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
	struct pollfd fds[2 + DAEMONS]; /* guard, child, daemons */
	pid_t guard;
};

static void tree_start(struct tree *t, bool to_stay)
{
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	stays = to_stay;
	t->root = root_start(run_daemons);
	for (int i = 0; i < 2 + DAEMONS; i++) {
		pid_t pid = hear(&t->root);

		t->guard = i == 0 ? pid : t->guard;
		t->fds[i] = (struct pollfd){ .fd = pid ? pidfd_open(pid, 0) : -1,
					     .events = POLLIN };
	}
}

static void assert_all_gone(struct tree *t)
{
	acre_instant begun = acre_now();

	for (int i = 0; i < 2 + DAEMONS; i++) {
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

TEST(g2_a_killed_root_leaves_no_daemon)
{
	struct tree t;

	need_cgroup();
	tree_start(&t, true);
	kill_root(&t);
	assert_all_gone(&t);
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

/* The fixture sees whether the guard or a descriptor is left. */
TEST(g2_an_orderly_end_leaves_no_daemon)
{
	struct tree t;

	need_cgroup();
	tree_start(&t, false);
	assert_int_equal(root_end(&t.root), 0);
	assert_all_gone(&t);
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
