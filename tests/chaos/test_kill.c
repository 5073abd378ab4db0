/* SPDX-License-Identifier: MIT */
/* test_kill.c - SIGKILL and stray descriptors in small real trees: what is left alive, and who is told. */
#include "conform/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/sys.h"

#define GONE_WITHIN_MS \
	1000 /* promise: a small tree is gone within a second of the kill */
#define PIDS_MAX 64

#define NODE(F)	 F(uint32_t, depth) F(uint32_t, breadth)
#define PIDS(F)	 F(struct acre_bytes, pids)
ACRE_MSG(node, NODE)
ACRE_MSG(pids, PIDS)

struct below {
	struct acre_nursery *nursery;
	struct acre_actor *actor;
	struct node node;
	pid_t pids[PIDS_MAX];
	size_t n;
};

static int grow(struct acre_nursery *n, struct node at, struct below *below, pid_t *pids,
		size_t *n_pids);

/* Spawns its subtree, tells the pids of it, and holds it until it is cancelled. */
ACRE_CONTEXT(hold_subtree, node)
{
	struct below below[4];
	pid_t pids[PIDS_MAX];
	size_t n_pids = 0;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = grow(&n, *in, below, pids, &n_pids);
		if (r >= 0)
			r = acre_started(ctx, pids,
					 .pids = { pids, n_pids * sizeof *pids });
		if (r >= 0)
			r = acre_sleep(acre_secs(3600));
	}
	return r;
}

ACRE_TASK(hold_one, struct below *b)
{
	struct pids p;
	int r = 0;

	ACRE_OPEN(ctx, r, b->actor, hold_subtree, &b->node) {
		assert_int_equal(acre_first(ctx, pids, &p), 1);
		b->n = p.pids.len / sizeof *b->pids;
		memcpy(b->pids, p.pids.data, p.pids.len);
		r = acre_ready(NULL);
		if (r >= 0)
			r = acre_sleep(acre_secs(3600));
	}
	return r;
}

static int grow(struct acre_nursery *n, struct node at, struct below *below, pid_t *pids,
		size_t *n_pids)
{
	void *none;
	int r = 0;

	for (uint32_t i = 0; at.depth && i < at.breadth && r >= 0; i++) {
		below[i].node = (struct node){ at.depth - 1, at.breadth };
		r = acre_spawn(n, &below[i].actor, .name = "node");
		if (r >= 0)
			r = acre_go_ready(n, hold_one, &below[i], &none);
		if (r < 0)
			break;
		pids[(*n_pids)++] = acre_actor_pid(below[i].actor);
		memcpy(pids + *n_pids, below[i].pids, below[i].n * sizeof *pids);
		*n_pids += below[i].n;
	}
	return r;
}

/* Watches processes that are not our children: by pidfds taken while they live. */
struct census {
	struct pollfd fds[PIDS_MAX];
	size_t n;
};

static void census_add(struct census *c, const pid_t *pids, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int fd = pidfd_open(pids[i], 0);

		assert_true(fd >= 0);
		c->fds[c->n++] = (struct pollfd){ .fd = fd, .events = POLLIN };
	}
}

/* How many have not ended within the time; closes the pidfds. Those that came to us are
 * reaped: an orphan's link ends before PDEATHSIG comes, so it may have ended orderly. */
static size_t census_alive(struct census *c, int64_t within_ms)
{
	acre_instant end = acre_after(acre_now(), acre_ms(within_ms));
	siginfo_t info;
	size_t alive = 0;

	for (size_t i = 0; i < c->n; i++) {
		int64_t left = acre_between(acre_now(), end).ns / 1000000;

		alive += poll(&c->fds[i], 1, left > 0 ? (int)left : 0) != 1;
		waitid(P_PIDFD, (id_t)c->fds[i].fd, &info, WEXITED | WNOHANG);
		close(c->fds[i].fd);
	}
	return alive;
}

/* In a process of its own: a tree of 2 + 4 + 8 actors, whose pids it writes, and then waits. */
static int tell_to;

static int hold_and_tell(void)
{
	struct below below[4];
	pid_t pids[PIDS_MAX];
	size_t n_pids = 0;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = grow(&n, (struct node){ 3, 2 }, below, pids, &n_pids);
		assert_ok(r);
		assert_int_equal(write(tell_to, pids, n_pids * sizeof *pids),
				 n_pids * sizeof *pids);
		r = acre_sleep(acre_secs(3600));
	}
	return r;
}

/* What a killed root leaves comes to us, as it would to init: all of it ends, and is reaped. For
 * a test that has no child besides: no forkserver of its own. */
static void reap_orphans(void)
{
	acre_instant end = acre_after(acre_now(), acre_ms(GONE_WITHIN_MS));
	struct timespec moment = { .tv_nsec = 1000000 };
	pid_t pid = 0;

	while (pid >= 0 && acre_now().ns < end.ns) {
		pid = waitpid(-1, NULL, WNOHANG);
		if (pid == 0) /* between two looks; there is no one pidfd to poll */
			nanosleep(&moment, NULL);
	}
	assert_int_equal(pid, -1);
}

TEST_TREE(kill_of_a_middle_actor_takes_its_subtree_and_is_told_at_once)
{
	struct census census = { .n = 0 };
	struct below below[4];
	acre_instant begun = acre_now();
	pid_t pids[PIDS_MAX];
	size_t n_pids = 0;
	int r = 0;

	needs_a_process("it is killed alone");
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	ACRE_NURSERY(n, r) {
		r = grow(&n, (struct node){ 3, 1 }, below, pids, &n_pids);
		assert_ok(r);
		assert_int_equal(n_pids, 3);
		census_add(&census, pids + 1, 2);
		begun = acre_now();
		kill(pids[0], SIGKILL);
		r = acre_sleep(acre_secs(60));
		assert_class(r, ECANCELED); /* the block is told */
	}
	assert_true(acre_has(r, ACRE_EDIED));
	assert_true(seconds_since(begun) < 1);
	assert_int_equal(census_alive(&census, GONE_WITHIN_MS), 0);
	return 0;
}

static pid_t start_tree(int *ret_said)
{
	int pipe[2];
	pid_t root;

	assert_int_equal(pipe2(pipe, O_CLOEXEC), 0);
	root = fork();
	if (root == 0) {
		tell_to = pipe[1];
		_exit(tree_result(hold_and_tell, false) < 0);
	}
	assert_true(root > 0);
	close(pipe[1]);
	*ret_said = pipe[0];
	return root;
}

TEST(c076_kill_of_the_root_takes_its_tree_of_depth_three)
{
	struct census census = { .n = 0 };
	pid_t pids[PIDS_MAX], root;
	int said;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	root = start_tree(&said);
	assert_int_equal(read(said, pids, sizeof pids), 14 * (ssize_t)sizeof *pids);
	close(said);
	census_add(&census, pids, 14);
	assert_int_equal(kill(root, SIGKILL), 0);
	assert_int_equal(waitpid(root, NULL, 0), root);
	assert_int_equal(census_alive(&census, GONE_WITHIN_MS), 0);
	reap_orphans();
}

/*
 * K3: the parent dies between the making of the child and the child's first call. It must see that,
 * and end before it execs.
 */

static int die_first_then_prctl(int option, unsigned long a, unsigned long b,
				unsigned long c, unsigned long d)
{
	pid_t parent = getppid();

	if (option == PR_SET_PDEATHSIG) {
		kill(parent, SIGKILL);
		while (getppid() == parent)
			sched_yield(); /* until it has died: the kernel gives us to another one */
	}
	return sys_real.prctl(option, a, b, c, d);
}

static int spawn_one(void)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r)
		r = acre_spawn(&n, &a, .name = "too_late", .backend = "exec");
	return r;
}

TEST(a_parent_that_dies_before_the_child_is_tied_to_it_leaves_nothing)
{
	int status;
	pid_t parent, orphan;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	parent = fork();
	if (parent == 0) {
		struct sys_table table = *sys_used();

		table.prctl = die_first_then_prctl;
		sys_use(&table);
		_exit(tree_result(spawn_one, false) < 0);
	}
	assert_int_equal(waitpid(parent, &status, 0), parent);
	assert_true(WIFSIGNALED(status));
	orphan = waitpid(-1, &status, 0);
	assert_true(orphan > 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 127); /* it never execed */
}

/*
 * G16: no stray descriptor in any child.
 */

ACRE_CONTEXT(count_strays, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	DIR *fds = opendir("/proc/self/fd");
	struct dirent *e;
	char link[300], to[64];
	int strays = 0;

	while (fds && (e = readdir(fds))) {
		ssize_t n;

		snprintf(link, sizeof link, "/proc/self/fd/%s", e->d_name);
		n = readlink(link, to, sizeof to - 1);
		to[n > 0 ? n : 0] = '\0';
		strays += !strcmp(to, "/dev/zero");
	}
	if (fds)
		closedir(fds);
	return acre_return(ctx, acre_int, .value = strays);
}

static _Atomic bool making;

static void *make_fds(void *unused)
{
	(void)unused;
	while (making) {
		int fd = open("/dev/zero",
			      O_RDONLY); /* as a careless library does: no O_CLOEXEC */

		if (fd >= 0)
			close(fd);
	}
	return NULL;
}

TEST_TREE(g16_no_stray_descriptor_in_any_child)
{
	static const char *const kinds[] = { "exec", "forkserver", "fork" };
	int rounds = getenv("ACRE_LONG") ? 400 : 25, n_kinds = 3,
	    careless = open("/dev/zero", O_RDONLY);
	pthread_t makers[2];
	struct acre_actor *a;
	struct acre_int strays;
	const char *why;
	int r = 0;

	n_kinds -= !backend_is_there("fork", &why);
	making = true;
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&makers[i], NULL, make_fds, NULL), 0);
	for (int i = 0; i < rounds; i++)
		ACRE_NURSERY(n, r) {
			r = acre_spawn(&n, &a, .name = "child",
				       .backend = kinds[i % n_kinds],
				       .flags = ACRE_SPAWN_STRANGERS); /* the makers */
			assert_ok(r);
			assert_int_equal(acre_call(a, count_strays, &nil, acre_int,
						   &strays),
					 1);
			assert_int_equal(strays.value, 0);
		}
	making = false;
	for (int i = 0; i < 2; i++)
		pthread_join(makers[i], NULL);
	close(careless);
	return r;
}
