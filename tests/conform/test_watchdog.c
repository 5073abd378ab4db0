/* SPDX-License-Identifier: MIT */
/* test_watchdog.c - the death of parents, and what is left behind: promises G1, G6, class C of the reference. */
#include "conform/root.h"

#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/prctl.h>

#define GONE_WITHIN_MS 1000 /* promise */
#define DEPTH_MAX      3
#define ORPHAN_TOLD    "orphan"

/*
 * A chain of actors below a root that is a process of its own. Each is in the state that
 * the test is about, and says its pid.
 */

enum chain {
	WILLING,      /* as actors are */
	STUCK,	      /* a loop that never comes back */
	STUCK_UNTIED, /* the same, and no death signal */
	OUTLIVES, /* nothing minds the parent's death: as in the reference's class C */
};

#define LINK_OF_CHAIN(F) F(uint32_t, depth) F(uint32_t, kind) F(uint32_t, sigint)
ACRE_MSG(link_of_chain, LINK_OF_CHAIN)
#define CHAIN_PIDS(F) F(struct acre_bytes, pids)
ACRE_MSG(chain_pids, CHAIN_PIDS)

/* How this actor ended, as its trace has it: "signal orphan". */
static void tell_end(void *unused)
{
	struct acre_trace_event events[256];
	size_t n = acre_trace_read(events, 256);
	char path[512], new_path[520];
	FILE *f;

	(void)unused;
	snprintf(path, sizeof path, "%s/" ORPHAN_TOLD ".%d", test_dir(), (int)getpid());
	snprintf(new_path, sizeof new_path, "%s.new", path);
	f = fopen(new_path, "we");
	for (size_t i = 0; i < n; i++)
		if (events[i].kind == ACRE_EVENT_OS_CANCEL)
			fprintf(f, "%d %d\n", (int)events[i].a, (int)events[i].b);
	fclose(f);
	rename(new_path, path);
}

static int grow_chain(struct acre_nursery *n, struct link_of_chain at, pid_t *pids,
		      size_t *n_pids);

static _Atomic bool is_untied;

static void untie_this_thread(int unused)
{
	(void)unused;
	prctl(PR_SET_PDEATHSIG, 0);
	is_untied = true;
}

/* The signal is asked for by the main thread, and each thread has one of its own. Beside a guest
 * this is another thread, so the main one does it in a handler. */
static void untie(void)
{
	struct sigaction untie = { .sa_handler = untie_this_thread, .sa_flags = SA_RESTART };

	if (!backend_is("subint_forkserver")) {
		untie_this_thread(0);
		return;
	}
	sigaction(SIGUSR2, &untie, NULL);
	assert_int_equal(tgkill(getpid(), getpid(), SIGUSR2), 0);
	while (!is_untied) /* hang guard: the test's limit */
		sched_yield();
}

static void get_stuck(enum chain kind)
{
	if (kind == STUCK_UNTIED)
		untie();
	for (;;)
		pause();
}

ACRE_CONTEXT(hold_chain, link_of_chain)
{
	pid_t pids[DEPTH_MAX];
	size_t n_pids = 0;
	int r = acre_at_end(tell_end, NULL);

	ACRE_NURSERY(n, r) {
		if (in->kind == OUTLIVES)
			untie();
		if (in->depth)
			r = grow_chain(&n, *in, pids, &n_pids);
		if (r >= 0)
			r = acre_started(ctx, chain_pids,
					 .pids = { pids, n_pids * sizeof *pids });
		if (r >= 0)
			r = acre_sleep(acre_ms(20)); /* what was said goes out */
		if (r >= 0 && (in->kind == STUCK || in->kind == STUCK_UNTIED))
			get_stuck((enum chain)in->kind);
		if (r >= 0)
			r = acre_sleep(acre_secs(3600));
	}
	return r;
}

struct hold {
	struct acre_actor *actor;
	struct link_of_chain at;
	pid_t *pids;
	size_t n_pids;
};

ACRE_TASK(hold_next, struct hold *h)
{
	struct chain_pids p;
	int r = 0;

	ACRE_OPEN(ctx, r, h->actor, hold_chain, &h->at) {
		assert_int_equal(acre_first(ctx, chain_pids, &p), 1);
		h->n_pids = p.pids.len / sizeof *h->pids;
		memcpy(h->pids, p.pids.data, p.pids.len);
		r = acre_ready(NULL);
		if (r >= 0)
			r = acre_sleep(acre_secs(3600));
	}
	return r;
}

/* A thread dies with its process. In a chain of three it is the one in the middle: a process
 * hosts it, and it has made one. */
static const char *backend_of(const struct link_of_chain *at)
{
	return backend_is("thread") && at->depth % 2 ? "exec" : NULL;
}

static int grow_chain(struct acre_nursery *n, struct link_of_chain at, pid_t *pids,
		      size_t *n_pids)
{
	static _Thread_local struct hold h; /* an actor grows one chain */
	void *none;
	const char *backend = backend_of(&at);
	int r;

	at.depth--;
	h = (struct hold){ .at = at, .pids = pids + 1 };
	r = acre_spawn(n, &h.actor, .name = "link", .backend = backend,
		       .sigint = (enum acre_sigint)at.sigint);
	if (r >= 0)
		r = acre_go_ready(n, hold_next, &h, &none);
	if (r >= 0) {
		pids[0] = acre_actor_pid(h.actor);
		*n_pids = 1 + h.n_pids;
	}
	return r;
}

static struct link_of_chain chain; /* what the root grows */

static int hold_whole_chain(void)
{
	pid_t pids[DEPTH_MAX];
	size_t n_pids = 0;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = grow_chain(&n, chain, pids, &n_pids);
		assert_ok(r);
		for (size_t i = 0; i < n_pids; i++)
			say(pids[i]);
		r = acre_sleep(acre_secs(3600));
	}
	return r;
}

static int run_chain(void)
{
	return tree_result(hold_whole_chain, false) < 0;
}

struct actors {
	pid_t pids[DEPTH_MAX];
	struct pollfd fds[DEPTH_MAX];
	uint32_t n;
};

static struct root start_chain(uint32_t depth, enum chain kind, enum acre_sigint sigint,
			       struct actors *ret)
{
	struct root root;

	adopt_orphans();
	chain = (struct link_of_chain){ depth, kind, (uint32_t)sigint };
	root = root_start(run_chain);
	ret->n = depth;
	for (uint32_t i = 0; i < depth; i++) {
		ret->pids[i] = hear(&root);
		ret->fds[i] = (struct pollfd){ .fd = pidfd_open(ret->pids[i], 0),
					       .events = POLLIN };
		assert_true(ret->fds[i].fd >= 0);
	}
	return root;
}

static void assert_gone_in_time(struct actors *actors)
{
	acre_instant begun = acre_now();

	for (uint32_t i = 0; i < actors->n; i++)
		assert_ok(test_wait_pidfd(actors->fds[i].fd, 30));
	test_note("%u actors gone after %.0f ms", actors->n, seconds_since(begun) * 1e3);
	assert_true(seconds_since(begun) * 1e3 < GONE_WITHIN_MS);
	for (uint32_t i = 0; i < actors->n; i++)
		close(actors->fds[i].fd);
}

static void kill_and_reap(struct root *root)
{
	assert_int_equal(pidfd_send_signal(root->pidfd, SIGKILL, NULL, 0), 0);
	assert_true(WIFSIGNALED(root_end(root)));
}

/*
 * S31: nobody but the kernel tells anybody of the root's death.
 */

static void kill_root_of(enum chain kind, uint32_t depth)
{
	struct actors actors;
	struct root root;

	actors_are_killed();
	root = start_chain(depth, kind, ACRE_SIGINT_PARENT, &actors);
	poll(NULL, 0, 50); /* now those that get stuck are in their sync sleep */
	kill_and_reap(&root);
	assert_gone_in_time(&actors);
	reap_all();
}

TEST(s31_the_roots_death_ends_a_child)
{
	kill_root_of(WILLING, 1);
}

TEST(s31_the_roots_death_ends_a_chain)
{
	kill_root_of(WILLING, 3);
}

TEST(s31_the_roots_death_ends_a_stuck_child)
{
	kill_root_of(STUCK, 1);
}

TEST(s31_the_roots_death_ends_a_stuck_chain)
{
	kill_root_of(STUCK, 3);
}

/*
 * The layer behind the death signal.
 */

TEST(g1_without_a_death_signal_the_watchdog_ends_a_stuck_child)
{
	kill_root_of(STUCK_UNTIED, 1);
}

TEST(g1_without_a_death_signal_the_watchdogs_end_a_stuck_chain)
{
	kill_root_of(STUCK_UNTIED, 3);
}

/*
 * S31: nobody tells an orphan that it is one. One signal ends it, and all that is below.
 */

static void assert_told(pid_t pid, const char *expected)
{
	char path[512], line[64] = "";
	FILE *f;

	snprintf(path, sizeof path, "%s/" ORPHAN_TOLD ".%d", test_dir(), (int)pid);
	f = fopen(path, "re");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof line, f));
	fclose(f);
	line[strcspn(line, "\n")] = '\0';
	assert_string_equal(line, expected);
}

/* It must live on without the signal, or this tests nothing. */
static void assert_alive(struct actors *actors, uint32_t from)
{
	for (uint32_t i = from; i < actors->n; i++)
		assert_int_equal(poll(&actors->fds[i], 1, 100), 0);
}

static void signal_orphan(struct actors *actors, uint32_t which, int sig)
{
	assert_int_equal(pidfd_send_signal(actors->fds[which].fd, sig, NULL, 0), 0);
}

static void end_orphan(uint32_t depth, enum acre_sigint mode, int sig)
{
	struct actors actors;
	struct root root;
	char told[16];
	int status;

	let_outlive_parents();
	root = start_chain(depth, OUTLIVES, mode, &actors);
	kill_and_reap(&root);
	assert_alive(&actors, 0);
	signal_orphan(&actors, 0, sig);
	assert_gone_in_time(&actors);

	assert_int_equal(waitpid(actors.pids[0], &status, 0), actors.pids[0]);
	assert_true(WIFEXITED(status)); /* orderly: S32 */
	assert_int_equal(WEXITSTATUS(status), 0);
	snprintf(told, sizeof told, "%d 1", sig);
	assert_told(actors.pids[0], told);
	reap_all();
}

TEST(s31_one_sigint_ends_an_orphan)
{
	end_orphan(1, ACRE_SIGINT_PARENT, SIGINT);
}

TEST(s31_one_sigint_ends_an_orphan_and_what_is_below_it)
{
	end_orphan(3, ACRE_SIGINT_PARENT, SIGINT);
}

TEST(s31_one_sigterm_ends_an_orphan)
{
	end_orphan(1, ACRE_SIGINT_PARENT, SIGTERM);
}

TEST(s31_one_sigterm_ends_an_orphan_and_what_is_below_it)
{
	end_orphan(3, ACRE_SIGINT_PARENT, SIGTERM);
}

TEST(s31_an_orphan_that_minds_sigint_minds_it_still)
{
	end_orphan(1, ACRE_SIGINT_CANCEL, SIGINT);
}

/* Its whole line of ancestors has died. */
static void end_orphan_at_depth_three(int sig)
{
	struct actors actors;
	struct root root;
	char told[16];
	int status;

	needs_a_process("it outlives its parent");
	let_outlive_parents();
	root = start_chain(3, OUTLIVES, ACRE_SIGINT_PARENT, &actors);
	kill_and_reap(&root);
	for (uint32_t i = 0; i < 2; i++) {
		signal_orphan(&actors, i, SIGKILL);
		assert_int_equal(waitpid(actors.pids[i], NULL, 0), actors.pids[i]);
	}
	assert_alive(&actors, 2);
	signal_orphan(&actors, 2, sig);
	assert_gone_in_time(&actors);
	assert_int_equal(waitpid(actors.pids[2], &status, 0), actors.pids[2]);
	assert_int_equal(status, 0);
	snprintf(told, sizeof told, "%d 1", sig);
	assert_told(actors.pids[2], told);
	reap_all(); /* forkservers of theirs */
}

TEST(s31_one_sigint_ends_an_orphan_at_depth_three)
{
	end_orphan_at_depth_three(SIGINT);
}

TEST(s31_one_sigterm_ends_an_orphan_at_depth_three)
{
	end_orphan_at_depth_three(SIGTERM);
}

TEST(s31_an_orphan_that_ignores_sigint_is_ended_by_sigterm)
{
	struct actors actors;
	struct root root;
	int status;

	let_outlive_parents();
	root = start_chain(1, OUTLIVES, ACRE_SIGINT_IGNORE, &actors);
	kill_and_reap(&root);
	signal_orphan(&actors, 0, SIGINT);
	assert_alive(&actors, 0);
	signal_orphan(&actors, 0, SIGTERM);
	assert_gone_in_time(&actors);
	assert_int_equal(waitpid(actors.pids[0], &status, 0), actors.pids[0]);
	assert_int_equal(status, 0);
	reap_all();
}

/*
 * What actors leave behind.
 */

static pid_t daemonize(bool own_session)
{
	int said[2];
	pid_t pid = -1, between;

	assert_int_equal(pipe(said), 0);
	between = fork();
	if (between == 0) {
		if (own_session)
			setsid();
		if (fork())
			_exit(0);
		pid = getpid();
		assert_int_equal(write(said[1], &pid, sizeof pid), sizeof pid);
		for (;;)
			pause();
	}
	assert_int_equal(read(said[0], &pid, sizeof pid), sizeof pid);
	assert_int_equal(waitpid(between, NULL, 0), between);
	close(said[0]);
	close(said[1]);
	return pid;
}

/* Leaves a daemon, and a process of its own group as system(3) makes them. */
ACRE_CONTEXT(leave_two, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	pid_t pids[2] = { daemonize(true), daemonize(false) };

	return acre_return(ctx, chain_pids, .pids = { pids, sizeof pids });
}

static int spawn_leaver(struct acre_nursery *n, struct acre_actor **ret, int pidfds[2])
{
	struct chain_pids p;
	pid_t pids[2];
	int r = acre_spawn(n, ret, .name = "leaver");

	assert_ok(r);
	assert_int_equal(acre_call(*ret, leave_two, &nil, chain_pids, &p), 1);
	assert_int_equal(p.pids.len, sizeof pids);
	memcpy(pids, p.pids.data, sizeof pids);
	for (int i = 0; i < 2; i++) {
		pidfds[i] = pidfd_open(pids[i], 0);
		assert_true(pidfds[i] >= 0);
	}
	return r;
}

/* Nothing is left unreaped either: the fixture sees to that. */
static void assert_nothing_left(const int pidfds[2])
{
	for (int i = 0; i < 2; i++) {
		assert_ok(test_wait_pidfd(pidfds[i], 10));
		close(pidfds[i]);
	}
}

TEST_TREE(what_an_actor_leaves_at_its_end_is_ended)
{
	struct acre_actor *a;
	int pidfds[2], r = 0;

	needs_a_process("what it leaves is its process's");
	ACRE_NURSERY(n, r)
		r = spawn_leaver(&n, &a, pidfds);
	assert_ok(r);
	assert_nothing_left(pidfds);
	return r;
}

TEST_TREE(what_a_killed_actor_leaves_is_ended)
{
	struct acre_actor *a;
	int pidfds[2], r = 0;

	needs_a_process("it is killed alone");
	ACRE_NURSERY(n, r) {
		r = spawn_leaver(&n, &a, pidfds);
		assert_int_equal(kill(acre_actor_pid(a), SIGKILL), 0);
		r = acre_sleep(acre_secs(60));
	}
	assert_true(acre_has(r, ACRE_EDIED));
	assert_nothing_left(pidfds);
	return 0;
}

/* The program's own children are nobody's strangers, whatever ends beside them. */
TEST_TREE(what_the_program_forks_is_its_own)
{
	struct acre_actor *a;
	pid_t ours = fork();
	int r = 0;

	if (ours == 0)
		for (;;)
			pause();
	for (int i = 0; i < 3; i++)
		ACRE_NURSERY(n, r)
			r = acre_spawn(&n, &a, .name = "child");
	assert_int_equal(waitpid(ours, NULL, WNOHANG), 0);
	kill(ours, SIGKILL);
	assert_int_equal(waitpid(ours, NULL, 0), ours);
	return r;
}

TEST(a_process_is_the_subreaper_that_it_was_before)
{
	int is = -1;

	assert_ok(tree_result(what_the_program_forks_is_its_own_body_, false));
	report_thread_fini();
	assert_int_equal(prctl(PR_GET_CHILD_SUBREAPER, &is), 0);
	assert_int_equal(is, 0);
}
