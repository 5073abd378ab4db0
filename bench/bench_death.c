/* SPDX-License-Identifier: MIT */
/* bench_death.c - how fast actors end: asked, killed, failed, and when their root is killed. */
#include <dirent.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <acre.h>

#include "bench.h"

/*
 * All figures are milliseconds of the wall clock. The floors are bare processes in the same
 * shape: sleepers that are killed and reaped, a chain whose members wait for each other, a
 * tree in which each dies with its parent.
 */

#define CROWD	     25
#define LINGER_MS    100	       /* of a stuck actor, from SIGTERM to SIGKILL */
#define PATIENCE_MS  (500 + LINGER_MS) /* and before it the time for an ack */
#define CASCADE	     3
#define TREE_DEPTH   3
#define TREE_BREADTH 2
#define TREE_SIZE    14	   /* below the root: 2 + 4 + 8 */
#define TREE_MAX     64	   /* with the forkservers of its actors */
#define FOR_EVER     3600  /* s */
#define SETTLE_MS    100   /* until 25 actors that have been told to be stuck are */
#define GONE_MS	     60000 /* a guard against hanging */

static double now_ms(void)
{
	return bench_wall() * 1e3;
}

static void ends_with_parent(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static pid_t fork_one(void)
{
	pid_t pid = fork();

	bench_must(pid >= 0);
	if (!pid)
		ends_with_parent();
	return pid;
}

/*
 * Teardown of many at once: those that end when they are asked, and those that do not
 * listen, which is known after their patience only.
 */

static double end_bare(void)
{
	pid_t pids[CROWD];
	double begun;

	for (int i = 0; i < CROWD; i++) {
		pids[i] = fork_one();
		while (!pids[i])
			pause();
	}
	begun = now_ms();
	for (int i = 0; i < CROWD; i++)
		kill(pids[i], SIGKILL);
	for (int i = 0; i < CROWD; i++)
		bench_must(waitpid(pids[i], NULL, 0) == pids[i]);
	return now_ms() - begun;
}

static double willing(void)
{
	struct acre_nursery n;
	struct acre_actor *a;
	double begun;
	int r = 0;

	acre_nursery_open(&n);
	for (int i = 0; i < CROWD && r >= 0; i++)
		r = acre_spawn(&n, &a, .name = "willing", .backend = bench_now->backend);
	bench_check(r);
	begun = now_ms();
	acre_nursery_cancel(&n);
	bench_check(acre_nursery_close(&n, 0));
	return now_ms() - begun;
}

static double patience(void)
{
	return PATIENCE_MS;
}

ACRE_CONTEXT(get_stuck, acre_nil)
{
	int r = acre_started(ctx, acre_nil);

	if (r >= 0)
		r = acre_sleep(acre_ms(1)); /* that goes out first */
	while (r >= 0)
		pause();
	return r;
}

ACRE_TASK(hold_stuck, struct acre_actor *a)
{
	struct acre_nil none = { 0 };
	int r = 0;

	ACRE_OPEN(ctx, r, a, get_stuck, &none) {
		r = acre_ready(NULL);
		if (r >= 0)
			r = acre_sleep(acre_secs(FOR_EVER));
	}
	return r;
}

static double stuck(void)
{
	struct acre_nursery n;
	struct acre_actor *a;
	double begun;
	void *none;
	int r = 0;

	acre_nursery_open(&n);
	for (int i = 0; i < CROWD && r >= 0; i++) {
		r = acre_spawn(&n, &a, .name = "stuck", .backend = bench_now->backend,
			       .linger = acre_ms(LINGER_MS));
		if (r >= 0)
			r = acre_go_ready(&n, hold_stuck, a, &none);
	}
	if (r >= 0)
		r = acre_sleep(acre_ms(SETTLE_MS));
	bench_check(r);
	begun = now_ms();
	acre_nursery_cancel(&n);
	bench_check(acre_nursery_close(&n, 0));
	return now_ms() - begun;
}

static double end_willing(void)
{
	return bench_in_task(willing);
}

static double end_stuck(void)
{
	return bench_in_task(stuck);
}

/*
 * Trees of actors: each node spawns those below it and holds them.
 */

#define NODE(F) F(uint32_t, depth) F(uint32_t, breadth) F(bool, fails)
ACRE_MSG(node, NODE)

struct below {
	struct acre_actor *actor;
	struct node node;
};

static int grow(struct acre_nursery *n, struct node at, struct below *below);

/* A leaf that is to fail does so when the whole tree stands, and says when. */
ACRE_CONTEXT(hold_subtree, node)
{
	struct below below[TREE_BREADTH];
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = grow(&n, *in, below);
		if (r >= 0)
			r = acre_started(ctx, acre_nil);
		if (r >= 0)
			r = acre_sleep(in->fails && !in->depth ? acre_ms(SETTLE_MS)
							       : acre_secs(FOR_EVER));
		if (r >= 0)
			r = acre_fail(EIO, "failed at %.6f", now_ms());
	}
	return r;
}

ACRE_TASK(hold_below, struct below *b)
{
	int r = 0;

	ACRE_OPEN(ctx, r, b->actor, hold_subtree, &b->node) {
		r = acre_first(ctx, acre_nil, NULL);
		if (r >= 0)
			r = acre_ready(NULL);
		if (r >= 0)
			r = acre_result(ctx, acre_nil, NULL); /* the failure below */
	}
	return r;
}

static int grow(struct acre_nursery *n, struct node at, struct below *below)
{
	void *none;
	int r = 0;

	for (uint32_t i = 0; at.depth && i < at.breadth && r >= 0; i++) {
		below[i].node = (struct node){ at.depth - 1, at.breadth, at.fails };
		r = acre_spawn(n, &below[i].actor, .name = "node");
		if (r >= 0)
			r = acre_go_ready(n, hold_below, &below[i], &none);
	}
	return r;
}

static int hold_tree(struct node at, int tell_fd)
{
	struct below below[TREE_BREADTH];
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = grow(&n, at, below);
		bench_check(r);
		if (tell_fd >= 0)
			bench_must(write(tell_fd, "", 1) == 1);
		r = acre_sleep(acre_secs(FOR_EVER));
	}
	return r;
}

/*
 * A failure three processes below, until the root's run has returned with its story.
 */

static double *failed_at; /* shared with the chain */

/* Each child goes round once more; the last one fails. */
_Noreturn static void be_chain(void)
{
	struct timespec moment = { .tv_nsec = SETTLE_MS * 1000000L };
	int depth = CASCADE;
	pid_t below = 0;

	while (!below && --depth)
		below = fork_one();
	if (below) {
		waitpid(below, NULL, 0);
	} else {
		nanosleep(&moment, NULL); /* the chain stands by then */
		*failed_at = now_ms();
	}
	_exit(1);
}

static double fail_bare(void)
{
	double took;
	pid_t pid;

	failed_at = mmap(NULL, sizeof *failed_at, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bench_must(failed_at != MAP_FAILED);
	pid = fork_one();
	if (!pid)
		be_chain();
	bench_must(waitpid(pid, NULL, 0) == pid);
	took = now_ms() - *failed_at;
	munmap(failed_at, sizeof *failed_at);
	return took;
}

static double instant_in(const struct acre_report *report)
{
	double at = NAN;

	if (sscanf(report->message ? report->message : "", "failed at %lf", &at) == 1)
		return at;
	for (size_t i = 0; i < report->n_members && isnan(at); i++)
		at = instant_in(report->members[i]);
	return at;
}

static int fail_below(void *unused)
{
	(void)unused;
	return hold_tree((struct node){ CASCADE, 1, true }, -1);
}

static double fail_actors(void)
{
	int r = acre_run(fail_below, NULL,
			 &(struct acre_run_options){ .backend = bench_now->backend });
	double ended = now_ms(), at = instant_in(acre_why(r));

	if (isnan(at))
		acre_print(stderr, r);
	return ended - at;
}

/*
 * kill -9 of the root, until the last pidfd of what was below it is readable.
 */

/* Each child begins anew, one level below. */
_Noreturn static void be_bare_root(int tell_fd)
{
	int depth = TREE_DEPTH;

	bench_must(write(tell_fd, "", 1) == 1);
	for (int i = 0; depth && i < TREE_BREADTH; i++)
		if (!fork_one()) {
			bench_must(write(tell_fd, "", 1) == 1);
			depth--;
			i = -1;
		}
	for (;;)
		pause();
}

static int hold_and_tell(void *tell_fd)
{
	return hold_tree((struct node){ TREE_DEPTH, TREE_BREADTH, false },
			 *(int *)tell_fd);
}

_Noreturn static void be_root(int tell_fd)
{
	_exit(acre_run(hold_and_tell, &tell_fd,
		       &(struct acre_run_options){ .backend = bench_now->backend }) < 0);
}

static pid_t parent_of(pid_t pid)
{
	char path[64];
	int parent = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	f = fopen(path, "r");
	if (f && fscanf(f, "%*d (%*[^)]) %*c %d", &parent) != 1)
		parent = 0;
	if (f)
		fclose(f);
	return parent;
}

struct census {
	struct pollfd fds[TREE_MAX];
	pid_t pids[TREE_MAX];
	nfds_t n;
};

static int is_in(const struct census *c, pid_t pid)
{
	for (nfds_t i = 0; i < c->n; i++)
		if (c->pids[i] == pid)
			return 1;
	return 0;
}

static void watch(struct census *c, pid_t pid)
{
	bench_must(c->n < TREE_MAX);
	c->pids[c->n] = pid;
	c->fds[c->n] = (struct pollfd){ .fd = pidfd_open(pid, 0), .events = POLLIN };
	bench_must(c->fds[c->n++].fd >= 0);
}

/* All below the first one, forkservers too: until a look at all processes finds no more. */
static void find_descendants(struct census *c)
{
	nfds_t before;

	do {
		DIR *proc = opendir("/proc");
		struct dirent *e;

		before = c->n;
		bench_must(proc != NULL);
		while ((e = readdir(proc))) {
			pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);

			if (pid > 0 && !is_in(c, pid) && is_in(c, parent_of(pid)))
				watch(c, pid);
		}
		closedir(proc);
	} while (c->n > before);
}

static double kill_tree(void (*be)(int tell_fd), int n_told)
{
	struct census c = { .n = 0 };
	double begun;
	char told;
	int tell[2];
	pid_t root;

	bench_must(pipe(tell) == 0);
	root = fork_one();
	if (!root)
		be(tell[1]);
	close(tell[1]);
	for (int i = 0; i < n_told; i++)
		bench_must(read(tell[0], &told, 1) == 1);
	watch(&c, root);
	find_descendants(&c);
	begun = now_ms();
	kill(root, SIGKILL);
	for (nfds_t i = 0; i < c.n; i++)
		bench_must(poll(&c.fds[i], 1, GONE_MS) == 1);
	begun = now_ms() - begun;
	for (nfds_t i = 0; i < c.n; i++)
		close(c.fds[i].fd);
	bench_must(waitpid(root, NULL, 0) == root);
	close(tell[0]);
	return begun;
}

static double kill_bare(void)
{
	return kill_tree(be_bare_root, 1 + TREE_SIZE);
}

static double kill_actors(void)
{
	return kill_tree(be_root, 1);
}

/*
 * The rows, of each backend. A thread cannot be killed alone, so that it has no patience,
 * and a tree of threads is one process.
 */

#define APART(name, fn)                      \
	static double name(void)             \
	{                                    \
		return bench_apart(0, (fn)); \
	}

APART(raw_crowd, end_bare)
APART(our_willing, end_willing)
APART(our_stuck, end_stuck)
APART(raw_cascade, fail_bare)
APART(our_cascade, fail_actors)
APART(raw_kill, kill_bare)
APART(our_kill, kill_actors)

static const struct bench_row kinds[] = {
	{ .name = "end of 25",
	  .floor_name = "SIGKILL+wait of 25",
	  .floor = raw_crowd,
	  .ours = our_willing,
	  .limit = 10 },
	{ .name = "end of 25 stuck",
	  .floor_name = "patience",
	  .floor = patience,
	  .ours = our_stuck,
	  .limit = PATIENCE_MS + 10 },
	{ .name = "failure, from depth 3",
	  .floor_name = "exit+wait, 3 deep",
	  .floor = raw_cascade,
	  .ours = our_cascade,
	  .limit = 20 },
	{ .name = "tree of 14, root killed",
	  .floor_name = "PDEATHSIG, the same tree",
	  .floor = raw_kill,
	  .ours = our_kill,
	  .limit = 50 },
};
#define N_KINDS (sizeof kinds / sizeof *kinds)

static int is_of_processes(const struct bench_row *row)
{
	return row->ours == our_stuck || row->ours == our_kill;
}

int main(int argc, char **argv)
{
	static struct bench_row rows[N_KINDS * BENCH_BACKENDS];
	size_t n = 0;

	acre_boot(argc, argv);
	for (size_t k = 0; k < N_KINDS; k++)
		for (size_t b = 0; b < BENCH_BACKENDS; b++) {
			const char *backend = bench_backends[b];

			if (!bench_has_backend(backend) ||
			    (is_of_processes(&kinds[k]) && !strcmp(backend, "thread")))
				continue;
			rows[n] = kinds[k];
			rows[n].unit = "ms";
			rows[n].backend = backend;
			rows[n++].name = bench_name(kinds[k].name, backend);
		}
	return bench_main(argc, argv, rows, n);
}
