/* SPDX-License-Identifier: MIT */
/* test_chaos_kill.c - SIGKILL at any moment of trees of forty processes: promises G1 and G2. */
#include "conform/tree.h"

#include <acre/process.h>

#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

#include "chaos/driver.h"

/*
 * The trees and kills are those of kernel-facts section 1. A tree is a root and forty more;
 * of its leaves 40 % are cooperative, 30 % sleep with all signals blocked, 30 % are other
 * programs; the others are actors, and every actor's backend is drawn. Kill A: any process
 * of it but the root, be it an actor that boots, a forkserver or a program, mostly while
 * the tree is being made. Kill B: the root. What was below must be gone in time, and nobody
 * else may notice (A).
 *
 * ACRE_CHAOS_KILLS=20000 (or ACRE_LONG) in the environment for a long run; it tells
 * the seed of a trial that fails, and ACRE_SEED=that ACRE_CHAOS_KILLS=2 repeats it.
 */

#define TREE_SIZE      40 /* members besides the root */
#define BREADTH	       4
#define STANDING       5  /* one of so many kills A finds the tree made */
#define COOPERATIVE    40 /* % of the leaves */
#define STUCK	       30
#define DAEMONS	       30   /* % of the cooperative leaves */
#define DELAY_US       3000 /* longest pause between two steps of making */
#define KILLS	       300
#define KILLS_LONG     20000
#define ENOUGH	       3    /* trials that fail: more would only take time */
#define GONE_WITHIN_MS 3000 /* flat: CI's machines are shared; the promise is B(R) */

#define PLAN(F)              \
	F(uint32_t, maker)   \
	F(uint32_t, kind)    \
	F(uint32_t, n_below) \
	F(uint32_t, daemons) \
	F(uint64_t, seed)
ACRE_MSG(plan, PLAN)

struct below {
	uint32_t me; /* who makes it */
	struct plan plan;
};

static int grow(uint32_t me, const struct plan *plan);

/*
 * The members.
 */

static void leave_daemon(uint32_t me)
{
	pid_t between = fork();

	if (between == 0) {
		setsid();
		if (fork())
			_exit(0);
		roll_enter(me, MEMBER_DAEMON, false);
		for (;;)
			pause();
	}
	waitpid(between, NULL, 0);
}

_Noreturn static void get_stuck(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	for (;;)
		pause();
}

ACRE_CONTEXT(live, plan)
{
	struct plan plan = *in;
	bool has_daemon = plan.kind == MEMBER_COOPERATIVE && plan.daemons &&
			  random_below(&plan.seed, 100) < DAEMONS;
	uint32_t me = roll_enter(plan.maker, (enum member_kind)plan.kind,
				 plan.n_below || has_daemon);
	int r = acre_started(ctx, acre_nil);

	if (r >= 0 && plan.n_below)
		return grow(me, &plan);
	if (has_daemon)
		leave_daemon(me);
	if (r >= 0)
		r = acre_sleep(
			acre_us(1)); /* a turn of the loop: what was sent goes out */
	if (r >= 0 && plan.kind == MEMBER_STUCK)
		get_stuck();
	return r < 0 ? r : acre_sleep(acre_secs(3600));
}

static int become_foreign(void *arg)
{
	const struct below *b = arg;

	roll_enter(b->me, MEMBER_FOREIGN, false);
	execl("/bin/sleep", "sleep", "3600", NULL);
	return 1;
}

static int hold_foreign(struct below *b)
{
	struct acre_process *process;
	int r = acre_fork_from_worker(&process, become_foreign, b);

	if (r < 0)
		return r;
	r = acre_process_wait(process, NULL);
	acre_process_free(process);
	return r;
}

/* A thread dies with its process only, so it is for one that makes and leaves nothing. */
static const char *draw_backend(struct plan *plan)
{
	static const char *const names[] = { "exec", "forkserver", "fork", "thread" };
	bool may_be_thread = plan->kind == MEMBER_COOPERATIVE && !plan->daemons;
	struct acre_nursery n;
	const char *name;
	int r;

	do {
		name = names[random_below(&plan->seed, may_be_thread ? 4 : 3)];
		acre_nursery_open(&n);
		r = acre_nursery_backend(&n, name);
		acre_ignore_result(acre_nursery_close(&n, 0));
	} while (r < 0); /* not to be had here; exec always is */
	return name;
}

static int hold_actor(struct below *b)
{
	const char *backend = draw_backend(&b->plan);
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "member", .backend = backend);
		if (r >= 0)
			ACRE_OPEN(ctx, r, a, live, &b->plan)
				r = acre_sleep(acre_secs(3600));
	}
	return r;
}

/* Whoever dies is told of, and the others live on. */
ACRE_TASK(hold, struct below *b)
{
	int r = acre_sleep(acre_us(random_below(&b->plan.seed, DELAY_US)));

	if (r >= 0)
		r = b->plan.kind == MEMBER_FOREIGN ? hold_foreign(b) : hold_actor(b);
	if (r >= 0 || acre_has(r, ECANCELED))
		return r;
	roll_tell_failure(b->me, acre_why(r)->message);
	return 0;
}

static enum member_kind draw_kind(struct plan *plan)
{
	uint32_t of_100 = random_below(&plan->seed, 100);

	if (plan->n_below)
		return MEMBER_INNER;
	if (of_100 < COOPERATIVE)
		return MEMBER_COOPERATIVE;
	return of_100 < COOPERATIVE + STUCK ? MEMBER_STUCK : MEMBER_FOREIGN;
}

/* Makes all that is to be below it, and holds it until it is cancelled. */
static int grow(uint32_t me, const struct plan *plan)
{
	struct below below[BREADTH];
	uint64_t seed = plan->seed;
	uint32_t n_below = 1 + random_below(&seed, BREADTH);
	int r = 0;

	if (n_below > plan->n_below)
		n_below = plan->n_below;
	for (uint32_t i = 0; i < n_below; i++)
		below[i] = (struct below){ .me = me,
					   .plan = { .maker = me,
						     .daemons = plan->daemons,
						     .seed = random_next(&seed) } };
	for (uint32_t i = n_below; i < plan->n_below; i++)
		below[random_below(&seed, n_below)].plan.n_below++;
	ACRE_NURSERY(n, r)
		for (uint32_t i = 0; i < n_below && r >= 0; i++) {
			below[i].plan.kind = draw_kind(&below[i].plan);
			r = acre_go(&n, hold, &below[i]);
		}
	return r;
}

static bool with_daemons;

static int grow_tree(void)
{
	uint32_t me = roll_enter(NOBODY, MEMBER_INNER, true);

	return grow(me, &(struct plan){ .n_below = TREE_SIZE,
					.seed = test_seed(),
					.daemons = with_daemons });
}

static bool is_contained, by_pidns;

static int run_contained(int (*fn)(void *), void *arg)
{
	static const char *const exposed[] = { "main", NULL };

	return acre_run(fn, arg,
			&(struct acre_run_options){
				.expose = exposed,
				.seed = test_seed(),
				.contained = true,
				.flags = by_pidns ? ACRE_RUN_PID_NAMESPACE : 0 });
}

static int run_tree(void)
{
	struct tree_body body = { grow_tree };

	if (is_contained)
		return run_contained(tree_run_body, &body) < 0;
	return tree_result(grow_tree, false) < 0;
}

/*
 * The kills.
 */

static uint32_t n_kills(void)
{
	const char *given = getenv("ACRE_CHAOS_KILLS");

	if (given)
		return (uint32_t)strtoul(given, NULL, 10);
	return getenv("ACRE_LONG") ? KILLS_LONG : KILLS;
}

struct times {
	double *ms;
	size_t n;
};

static int compare_times(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void tell_times(const char *what, struct times *t)
{
	qsort(t->ms, t->n, sizeof *t->ms, compare_times);
	if (t->n)
		test_note("%s: %zu kills, gone after %.1f/%.1f/%.1f ms (p50/p99/longest)",
			  what, t->n, t->ms[t->n / 2], t->ms[t->n * 99 / 100],
			  t->ms[t->n - 1]);
}

static size_t count_left(struct trial *t, const struct victim *v, struct times *times,
			 bool daemons)
{
	acre_instant begun = acre_now();
	size_t left = trial_count(t, v, GONE_WITHIN_MS, daemons);

	times->ms[times->n++] = seconds_since(begun) * 1e3;
	return left;
}

static void wait_some(struct trial *t)
{
	struct timespec moment = { .tv_nsec = random_below(&t->seed, DELAY_US * 1000) };

	nanosleep(&moment, NULL); /* not to wait for anything: to hit that moment */
}

struct result {
	struct times a, b;
	uint32_t n, n_leaking, n_collateral;
	uint32_t n_unfinished; /* kills A before the tree stood */
	uint32_t n_swept;      /* kills A with a daemon below */
	size_t n_daemons;      /* that outlived a killed root */
};

static void await_moment(struct trial *t)
{
	uint32_t n = 1 + TREE_SIZE;

	if (random_below(&t->seed, STANDING))
		n = 2 + random_below(&t->seed, TREE_SIZE - 1);
	roll_await(n);
	while (with_daemons && !roll_has_daemon() && n < 1 + TREE_SIZE)
		roll_await(++n);
	wait_some(t);
}

/* False: somebody lives on whom it should have ended, or somebody else was told. */
static bool kill_anyone(struct trial *t, struct result *res)
{
	bool above_daemon = with_daemons && roll_has_daemon();
	struct victim victim =
		above_daemon ? trial_kill_above_daemon(t) : trial_kill_one(t);
	size_t left = count_left(t, &victim, &res->a, true);
	const char *collateral = trial_collateral(&victim);

	res->n_swept += above_daemon;
	res->n_leaking += left != 0;
	res->n_collateral += collateral != NULL;
	if (collateral)
		test_note("told of another one: %s", collateral);
	return !left && !collateral;
}

static bool kill_root(struct trial *t, struct result *res)
{
	struct victim victim = trial_kill_root(t);
	size_t left = count_left(t, &victim, &res->b, is_contained);

	res->n_leaking += left != 0;
	return !left;
}

static void try_one(uint32_t number, struct result *res)
{
	uint64_t seed = test_seed() + number;
	struct trial t;
	bool well;

	trial_begin(&t, number, seed, run_tree);
	await_moment(&t);
	res->n_unfinished += atomic_load(&roll->n) <= TREE_SIZE;
	well = kill_anyone(&t, res);
	wait_some(&t);
	well = kill_root(&t, res) && well;
	res->n_daemons += trial_end(&t);
	res->n++;
	if (!well)
		test_note(
			"that was trial %u: ACRE_SEED=%llu ACRE_CHAOS_KILLS=2 repeats it",
			number, (unsigned long long)seed);
}

static void tell_result(struct result *res)
{
	tell_times("A, anyone", &res->a);
	tell_times("B, the root", &res->b);
	test_note("%u of %u trees did not stand yet at kill A; %u leaks, %u failures of "
		  "others",
		  res->n_unfinished, res->n, res->n_leaking, res->n_collateral);
	if (with_daemons)
		test_note("%u times a daemon was below; %zu daemons outlived the root",
			  res->n_swept, res->n_daemons);
}

static void try_all(uint32_t n_trials)
{
	struct result res = { .n = 0 };

	test_limit((int)n_trials * 2 + 60);
	actors_are_killed();
	roll_open();
	res.a.ms = calloc(n_trials, sizeof *res.a.ms);
	res.b.ms = calloc(n_trials, sizeof *res.b.ms);
	while (res.n < n_trials && res.n_leaking + res.n_collateral < ENOUGH)
		try_one(res.n, &res);
	tell_result(&res);
	free(res.a.ms);
	free(res.b.ms);
	roll_close();
	assert_int_equal(res.n_leaking, 0);
	assert_int_equal(res.n_collateral, 0);
}

TEST(g1_nothing_survives_kills_at_any_moment)
{
	try_all(n_kills() / 2);
}

/* The plain class: a daemon of a killed actor is ended by those above it. What a killed root
 * leaves of them is not promised, and killed here. */
TEST(g1_no_daemon_survives_a_killed_actor)
{
	with_daemons = true;
	try_all((n_kills() + 9) / 10);
}

static int do_nothing(void *unused)
{
	(void)unused;
	return 0;
}

static void try_contained(void)
{
	int r = run_contained(do_nothing, NULL);

	if (r < 0 && acre_is(r, EOPNOTSUPP))
		test_skip("%s", acre_why(r)->message);
	assert_ok(r);
	report_thread_fini();
	with_daemons = is_contained = true;
	try_all((n_kills() + 2) / 3);
}

/* The contained class: nor does one survive the root. Its guard is not killed along. */
TEST(g2_no_daemon_survives_a_killed_root_that_is_contained)
{
	try_contained();
}

/* The same by a PID namespace, whose init is not killed along: it is the end of all. */
TEST(g2_no_daemon_survives_a_killed_root_of_a_pid_namespace)
{
	by_pidns = true;
	try_contained();
}
