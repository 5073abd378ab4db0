/* SPDX-License-Identifier: MIT */
/* test_guest_hangs.c - guests that hang on purpose: classes A, B and C of the reference, as Python. */
#include "conform/guest_stuck.h"
#include "conform/root.h"

/*
 * The twins of these, whose actors are in C, are in test_starved.c, test_deaf.c, test_faults.c,
 * test_watchdog.c and test_teardown.c. In the reference a guest that does not look is given up,
 * and goes on with the lock of the interpreter that the loop needs. Here the loop needs none.
 */

#define MIDDLES	       5   /* actors that have the guests, a fifth each */
#define OWN_END_S      3.2 /* where nobody asks: the ladder, and a margin */
#define GONE_WITHIN_S  1.0 /* promise: after the death of the root */
#define ORPHAN_GUARD_S 20

/*
 * Class A: one interrupt.
 */

ACRE_CONTEXT(hold_a_fifth, acre_nil)
{
	(void)ctx;
	return hold_guests(STUCK / MIDDLES, "computes");
}

ACRE_TASK(have_a_fifth_held, struct acre_actor *a)
{
	return acre_call(a, hold_a_fifth, &nil, acre_nil, &nil);
}

static int root_of_many_main(int argc, char **argv)
{
	struct acre_actor *a;
	int r = 0;

	(void)argc;
	(void)argv;
	ACRE_NURSERY(n, r) {
		for (int i = 0; i < MIDDLES && r >= 0; i++) {
			r = acre_spawn(&n, &a, .name = "middle");
			if (r >= 0)
				r = acre_go(&n, have_a_fifth_held, a);
		}
		if (r >= 0)
			r = acre_sleep(acre_secs(3600));
	}
	return r;
}

static int root_of_many(void)
{
	return run_main(root_of_many_main);
}

TEST(s26_one_interrupt_ends_twenty_five_guests_that_hold_their_lock)
{
	int pidfds[STUCK], fd, status;
	acre_instant begun;
	struct root root;

	use_python();
	test_limit(HANG_GUARD_S);
	actors_are_killed();
	adopt_orphans(); /* or nobody would see one */
	fd = hear_of_stuck();
	root = root_start(root_of_many);
	await_stuck(fd, pidfds, STUCK);
	begun = acre_now();
	root_interrupt(&root);
	status = root_end(&root);
	test_note("%.2f s", seconds_since(begun));
	assert_true(seconds_since(begun) < LADDER_S + BUSY_S);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), INTERRUPTED);
	assert_gone(pidfds, STUCK, 0); /* before the root was */
}

/*
 * Class B: who waits on the link of a guest that dies.
 */

/* name, where it waits */
#define WAITERS(W)                                           \
	W(CALL, "for the answer of a function of the guest") \
	W(LATER_CALL, "for that of one that is not begun")   \
	W(ITEM, "for an item of a stream")                   \
	W(RESULT, "for a result")                            \
	W(FIRST, "for a first value")                        \
	W(CREDIT, "for credit")                              \
	W(JOIN, "for its end")

#define AS_KIND(name, text) FOR_##name,
enum waiter_kind { WAITERS(AS_KIND) N_WAITERS };
#define AS_WORDS(name, text) [FOR_##name] = text,
static const char *const texts[] = { WAITERS(AS_WORDS) };

struct waiter {
	enum waiter_kind kind;
	struct acre_actor *actor;
	int *n_woken;
	int r;
};

ACRE_CONTEXT(never_starts, acre_nil)
{
	(void)ctx;
	return acre_sleep(acre_secs(3600));
}

static int wait_inside(struct waiter *w, struct acre_context *ctx)
{
	struct acre_int v;
	int r = 0;

	if (w->kind == FOR_ITEM)
		return acre_recv(ctx, acre_int, &v);
	if (w->kind == FOR_RESULT)
		return acre_result(ctx, acre_nil, &nil);
	while (r >= 0)
		r = acre_send(ctx, acre_int, .value = 0);
	return r;
}

static int wait_as(struct waiter *w)
{
	struct acre_context *ctx = NULL;
	int r = 0;

	if (w->kind == FOR_CALL || w->kind == FOR_LATER_CALL)
		return call_guest(w->actor, "never_checks", NULL);
	if (w->kind == FOR_JOIN)
		return acre_actor_wait(w->actor);
	if (w->kind == FOR_FIRST) {
		r = acre_open(&ctx, w->actor, never_starts, &nil);
		return acre_context_close(&ctx, r);
	}
	ACRE_OPEN(opened, r, w->actor, sleeps_for_ever, &nil)
		r = wait_inside(w, opened);
	return r;
}

static int n_begun;

ACRE_TASK(wait_for_guest, struct waiter *w)
{
	n_begun++;
	w->r = wait_as(w);
	++*w->n_woken;
	return 0;
}

static int start_waiters(struct acre_nursery *n, struct waiter *waiters,
			 struct acre_actor *a, int *n_woken)
{
	int fd = hear_of_stuck(), pidfd, r = 0;

	for (int i = 0; i < N_WAITERS && r >= 0; i++) {
		waiters[i] = (struct waiter){ (enum waiter_kind)i, a, n_woken, 0 };
		r = acre_go(n, wait_for_guest, &waiters[i]);
		if (i > 0 || r < 0)
			continue;
		while (poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, 0) == 0)
			assert_ok(acre_sleep(acre_ms(10)));
		await_stuck(fd, &pidfd, 1); /* by the first call */
		close(pidfd);
	}
	while (r >= 0 && n_begun < N_WAITERS) /* or the actor would be gone before */
		r = acre_sleep(acre_ms(1));
	return r;
}

/* That it is cancelled is told by the actor itself wherever that can be: its loop is not stuck. The
 * death of its process is told by the end of the link. */
static void assert_told(const struct waiter *waiters, bool is_killed)
{
	int by_loop = is_killed ? ACRE_ECLOSED : ACRE_ECTXC;

	for (int i = 0; i < N_WAITERS; i++) {
		test_note("who waits %s", texts[i]);
		if (i == FOR_JOIN && !is_killed)
			assert_int_equal(waiters[i].r, 0); /* who has asked it is told */
		else if (i == FOR_JOIN)
			assert_class(waiters[i].r, ACRE_EDIED);
		else
			assert_class(waiters[i].r,
				     i == FOR_CALL ? ACRE_ECLOSED : by_loop);
	}
}

/* Killed from outside while all wait, or cancelled, which its guest does not mind. */
static int with_waiters(bool is_killed)
{
	struct waiter waiters[N_WAITERS];
	int n_woken = 0, inner = 0, r = 0;
	acre_instant begun = acre_now();
	struct acre_actor *a;

	actors_are_killed();
	n_begun = 0;
	ACRE_NURSERY(n,
		     r) { /* not cancelled: nothing but the end of the actor wakes them */
		ACRE_NURSERY(actors, inner) {
			inner = spawn_source(&actors, &a, source_of_stuck());
			assert_ok(inner);
			assert_ok(start_waiters(&n, waiters, a, &n_woken));
			assert_ok(acre_sleep(acre_ms(500))); /* the reference's */
			assert_int_equal(n_woken, 0);
			begun = acre_now();
			if (is_killed)
				assert_int_equal(kill(acre_actor_pid(a), SIGKILL), 0);
			else
				inner = acre_actor_cancel(a);
			ACRE_SHIELD(acre_secs((int64_t)LADDER_S + BUSY_S), inner)
				while (n_woken <
				       N_WAITERS) /* a handle ends with the block */
					assert_ok(acre_sleep(acre_ms(1)));
		}
		assert_int_equal(acre_children(NULL, 0), 0);
	}
	assert_ok(r);
	test_note("all were told after %.2f s", seconds_since(begun));
	assert_true(seconds_since(begun) < (is_killed ? 0 : LADDER_S) + BUSY_S);
	assert_true(acre_is(inner, is_killed ? ACRE_EDIED : ACRE_ETOOSLOW));
	assert_told(waiters, is_killed);
	return 0;
}

TEST_PYTHON(s30_who_waits_for_a_guest_that_is_killed_is_told)
{
	return with_waiters(true);
}

TEST_PYTHON(s30_who_waits_for_a_guest_that_never_checks_is_told)
{
	return with_waiters(false);
}

/*
 * Class C: the root dies.
 */

#define FUNCTION_VAR "ACRE_TEST_GUEST_HANGS_IN" /* what the guests do, for all the tree */
#define AT_THE_END   5				/* guests, below the last actor */
#define DEPTH_MAX    3

static int grow(uint32_t depth);

#define LINK(F) F(uint32_t, depth)
ACRE_MSG(link_of_chain, LINK)

/* An actor in C; it says its number first, like a guest. */
ACRE_CONTEXT(grow_on, link_of_chain)
{
	int fd = open(pipe_of_stuck(), O_WRONLY | O_CLOEXEC);
	pid_t pid = getpid();

	(void)ctx;
	if (child_outlives_parent)
		prctl(PR_SET_PDEATHSIG, 0);
	assert_int_equal(write(fd, &pid, sizeof pid), sizeof pid);
	close(fd);
	return grow(in->depth);
}

/* The last link are the guests; orphans are looked at one by one. */
static int grow(uint32_t depth)
{
	struct link_of_chain next = { depth - 1 };
	struct acre_actor *a;
	int r = 0;

	if (depth == 1)
		return hold_guests(child_outlives_parent ? 1 : AT_THE_END,
				   getenv(FUNCTION_VAR));
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "link");
		if (r >= 0)
			r = acre_call(a, grow_on, &next, acre_nil, &nil);
	}
	return r;
}

static uint32_t depth_of_root;

static int grow_all(void)
{
	return grow(depth_of_root);
}

static int run_chain(void)
{
	return tree_result(grow_all, false) < 0;
}

/* Its actors are the first ones of `pidfds`, its guests the others. */
static void kill_root_of(uint32_t depth, const char *function, int *pidfds, int n)
{
	int fd = hear_of_stuck();
	struct root root;

	actors_are_killed();
	adopt_orphans();
	setenv(FUNCTION_VAR, function, 1);
	depth_of_root = depth;
	root = root_start(run_chain);
	await_stuck(fd, pidfds, n);
	assert_int_equal(pidfd_send_signal(root.pidfd, SIGKILL, NULL, 0), 0);
	assert_true(WIFSIGNALED(root_end(&root)));
}

static void assert_gone_within(double seconds, const int *pidfds, int n)
{
	acre_instant begun = acre_now();

	assert_gone(pidfds, n, ORPHAN_GUARD_S);
	test_note("%d gone after %.3f s", n, seconds_since(begun));
	assert_true(seconds_since(begun) < seconds);
	reap_all();
}

static void root_dies_above(uint32_t depth)
{
	static const char *const ways[] = { "computes", "spins", "never_checks",
					    "waits" };
	int pidfds[DEPTH_MAX - 1 + AT_THE_END], n = (int)depth - 1 + AT_THE_END;

	use_python();
	test_limit(HANG_GUARD_S);
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		test_note("%s", ways[i]);
		kill_root_of(depth, ways[i], pidfds, n);
		assert_gone_within(GONE_WITHIN_S, pidfds, n);
		unlink(pipe_of_stuck());
	}
}

TEST(s31_the_roots_death_ends_guests)
{
	root_dies_above(1);
}

TEST(s31_the_roots_death_ends_guests_below_actors)
{
	root_dies_above(3);
}

/* Nothing minds that the root dies, and nobody will end the guest but its own actor: one signal
 * to the first orphan does. */
static void end_orphan(uint32_t depth, const char *function, int sig, double within_s)
{
	int pidfds[DEPTH_MAX];

	use_python();
	let_outlive_parents();
	kill_root_of(depth, function, pidfds, (int)depth);
	for (uint32_t i = 0; i < depth; i++) /* they live on, or this tests nothing */
		assert_int_equal(test_wait_pidfd(pidfds[i], 0), -ETIMEDOUT);
	assert_int_equal(poll(NULL, 0, 100), 0);
	assert_int_equal(test_wait_pidfd(pidfds[depth - 1], 0), -ETIMEDOUT);
	assert_int_equal(pidfd_send_signal(pidfds[0], sig, NULL, 0), 0);
	assert_gone_within(within_s, pidfds, (int)depth);
}

TEST(s31_one_sigint_ends_an_orphaned_guest_that_waits)
{
	end_orphan(1, "waits", SIGINT, GONE_WITHIN_S);
}

TEST(s31_one_sigterm_ends_an_orphaned_guest_that_spins)
{
	end_orphan(1, "spins", SIGTERM, GONE_WITHIN_S);
}

TEST(s31_one_sigint_ends_an_orphaned_guest_that_holds_its_lock)
{
	end_orphan(1, "computes", SIGINT, OWN_END_S + BUSY_S);
}

TEST(s31_one_sigterm_ends_an_orphaned_guest_that_never_checks)
{
	end_orphan(1, "never_checks", SIGTERM, OWN_END_S + BUSY_S);
}

TEST(s31_one_sigint_ends_an_orphan_and_the_guest_below_it)
{
	end_orphan(3, "computes", SIGINT, OWN_END_S + BUSY_S);
}
