/* SPDX-License-Identifier: MIT */
/* test_kill.c - SIGKILL, SIGSTOP and stray descriptors in real trees: what is left alive, and who is told. */
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

/* How many have not ended within the time; closes the pidfds. */
static size_t census_alive(struct census *c, int64_t within_ms)
{
	acre_instant end = acre_after(acre_now(), acre_ms(within_ms));
	size_t alive = 0;

	for (size_t i = 0; i < c->n; i++) {
		int64_t left = acre_between(acre_now(), end).ns / 1000000;

		alive += poll(&c->fds[i], 1, left > 0 ? (int)left : 0) != 1;
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

/* What a killed root leaves comes to us, as it would to init: all of it ends, and is reaped. */
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
	reap_orphans(); /* the link ends before PDEATHSIG comes: one may have ended orderly */
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

TEST(kill_of_the_root_takes_its_tree_of_depth_three)
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

/* How long the making of the tree takes here; the tree is gone afterwards. */
static int64_t making_ns(void)
{
	acre_instant begun = acre_now();
	int64_t ns;
	char byte;
	int said;
	pid_t root = start_tree(&said);

	assert_int_equal(read(said, &byte, 1), 1);
	ns = acre_between(begun, acre_now()).ns;
	close(said);
	assert_int_equal(kill(root, SIGKILL), 0);
	assert_int_equal(waitpid(root, NULL, 0), root);
	reap_orphans();
	return ns;
}

/* A kill at any moment of spawning: nothing is left, whatever it hits. */
TEST(kill_while_the_tree_is_being_made)
{
	int rounds = getenv("ACRE_LONG") ? 300 : 30, said, n_unfinished = 0;
	int64_t whole;

	test_limit(300);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	whole = making_ns();
	srand48((long)test_seed());
	for (int i = 0; i < rounds; i++) {
		int64_t ns = (int64_t)(drand48() * (double)whole);
		struct timespec moment = { ns / 1000000000, ns % 1000000000 };
		pid_t root = start_tree(&said);

		nanosleep(&moment, NULL); /* not to wait for anything: to hit that moment */
		assert_int_equal(kill(root, SIGKILL), 0);
		assert_int_equal(waitpid(root, NULL, 0), root);
		n_unfinished += read(said, &(char){ 0 }, 1) == 0;
		close(said);
		reap_orphans();
	}
	test_note("%d of %d trees were killed before they stood", n_unfinished, rounds);
	assert_true(n_unfinished > 0);
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
		r = acre_spawn(&n, &a, .name = "too_late");
	return r;
}

TEST(a_parent_that_dies_before_the_child_is_tied_to_it_leaves_nothing)
{
	int status;
	pid_t parent, orphan;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	parent = fork();
	if (parent == 0) {
		struct sys_table table = sys_real;

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
 * G5 in short: children that do not listen end within one ladder, however many they are.
 */

ACRE_CONTEXT(never_look, acre_nil)
{
	acre_ignore_result(acre_started(ctx, acre_nil));
	acre_ignore_result(acre_sleep(acre_ms(20)));
	while (pause() < 0)
		;
	return 0;
}

struct stuck {
	struct acre_actor *actor;
};

ACRE_TASK(get_stuck, struct stuck *s)
{
	int r = 0;

	ACRE_OPEN(ctx, r, s->actor, never_look, &nil) {
		r = acre_ready(NULL);
		if (r >= 0)
			r = acre_sleep(acre_secs(3600));
	}
	return r;
}

static int n_killed;

static int count_kills(int fd, int sig, siginfo_t *info, unsigned flags)
{
	n_killed += sig == SIGKILL;
	return sys_real.pidfd_send_signal(fd, sig, info, flags);
}

static double end_stuck(int how_many)
{
	struct stuck *stuck = calloc((size_t)how_many, sizeof *stuck);
	struct acre_nursery n;
	acre_instant begun;
	void *none;
	int r = 0;

	acre_nursery_open(&n);
	for (int i = 0; i < how_many && r >= 0; i++) {
		r = acre_spawn(&n, &stuck[i].actor, .name = "stuck");
		if (r >= 0)
			r = acre_go_ready(&n, get_stuck, &stuck[i], &none);
	}
	assert_ok(r);
	assert_ok(acre_sleep(acre_ms(100))); /* now they do not listen */
	n_killed = 0;
	begun = acre_now();
	acre_nursery_cancel(&n);
	r = acre_nursery_close(&n, 0);
	free(stuck);
	assert_ok(r); /* they were cancelled: that some had to be killed is no failure */
	assert_int_equal(n_killed, how_many);
	assert_int_equal(acre_children(NULL, 0), 0);
	return seconds_since(begun);
}

TEST_TREE(twenty_five_that_do_not_listen_end_within_one_ladder)
{
	const double ladder = 2.1; /* no ack within 0.5 s, SIGTERM, SIGKILL after 1.6 s */
	struct sys_table counting = sys_real;
	double one, many;

	counting.pidfd_send_signal = count_kills;
	sys_use(&counting);
	one = end_stuck(1);
	many = end_stuck(25);
	sys_use(&sys_real);
	test_note("1: %.2f s, 25: %.2f s", one, many);
	assert_true(one < ladder + 0.5);
	assert_true(many < ladder + 0.5);
	assert_true(many < 1.3 * one);
	return 0;
}

/*
 * G14: stop and continue are invisible.
 */

ACRE_CONTEXT(count_for_ever, acre_nil)
{
	int r = 0;

	for (int64_t i = 0; r >= 0; i++)
		r = acre_send(ctx, acre_int, .value = i);
	return r;
}

/* A process that stops and continues two others. */
static pid_t start_stopper(pid_t a, pid_t b, int rounds)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	srand48((long)test_seed());
	for (int i = 0; i < rounds; i++) {
		struct timespec moment = { .tv_nsec = (long)(drand48() * 4e6) };
		pid_t whom = i % 3 ? a : b;

		kill(whom, SIGSTOP);
		nanosleep(&moment, NULL);
		kill(whom, SIGCONT);
		nanosleep(&moment, NULL);
	}
	_exit(0);
}

TEST_TREE(g14_stop_and_continue_are_invisible)
{
	int rounds = getenv("ACRE_LONG") ? 1000 : 200, status;
	struct acre_actor *a;
	struct acre_int v;
	int64_t next = 0;
	bool stopping = true;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "counter");
		assert_ok(r);
		ACRE_OPEN(ctx, r, a, count_for_ever, &nil) {
			pid_t stopper =
				start_stopper(acre_actor_pid(a), getpid(), rounds);

			while (stopping && (r = acre_recv(ctx, acre_int, &v)) > 0) {
				assert_int_equal(v.value, next++);
				if (next % 64 ==
				    0) /* epoll_wait is what a stop interrupts */
					r = acre_sleep(acre_ms(1));
				if (next % 64 == 0 &&
				    waitpid(stopper, &status, WNOHANG) == stopper)
					stopping = false;
			}
			assert_false(stopping);
			assert_ok(acre_context_cancel(ctx));
			r = 0;
		}
	}
	return r;
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
	int rounds = getenv("ACRE_LONG") ? 400 : 25,
	    careless = open("/dev/zero", O_RDONLY);
	pthread_t makers[2];
	struct acre_actor *a;
	struct acre_int strays;
	int r = 0;

	making = true;
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&makers[i], NULL, make_fds, NULL), 0);
	for (int i = 0; i < rounds; i++)
		ACRE_NURSERY(n, r) {
			r = acre_spawn(&n, &a, .name = "child");
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
