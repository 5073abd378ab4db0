/* SPDX-License-Identifier: MIT */
/* test_be_thread.c - actors that are threads: many, mixed with processes, stuck, and how they fail. */
#include "conform/tree.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/sys.h"

#define PLACE(F) F(int, pid) F(int, tid) F(int, parent)
ACRE_MSG(place, PLACE)

static int thread_id(void)
{
	return (int)syscall(SYS_gettid);
}

ACRE_CONTEXT(where, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return acre_return(ctx, place, .pid = getpid(), .tid = thread_id(),
			   .parent = acre_actor_pid(acre_parent()));
}

/*
 * Many at once, each a thread of this process, and all gone with the nursery.
 */

enum { MANY = 25 };

static int spawn_many(void)
{
	struct acre_actor *actors[MANY];
	struct place places[MANY];
	int r = 0;

	ACRE_NURSERY(n, r) {
		for (int i = 0; i < MANY && r >= 0; i++)
			r = acre_spawn(&n, &actors[i], .name = "many");
		assert_ok(r);
		for (int i = 0; i < MANY; i++) {
			assert_int_equal(acre_call(actors[i], where, &nil, place,
						   &places[i]),
					 1);
			assert_int_equal(places[i].pid, getpid());
			assert_int_equal(places[i].parent, getpid());
			for (int k = 0; k < i; k++)
				assert_int_not_equal(places[i].tid, places[k].tid);
		}
	}
	return r;
}

TEST_TREE_OF(g4_twenty_five_threads_at_once_have_ended_with_their_nursery, "thread")
{
	struct test_census before;
	int r = spawn_many(); /* what stays of the first: the watchdog */

	before = test_census();
	for (int i = 0; i < 3 && r >= 0; i++)
		r = spawn_many();
	assert_no_growth(&before);
	return r;
}

/*
 * Threads below processes below threads.
 */

static const char *const kinds[] = { "thread", "exec", "thread", "forkserver",
				     "thread", "fork", NULL };

static bool is_thread(int depth)
{
	return !strcmp(kinds[depth], "thread");
}

/* The depth at which this build has no such actor, or there is no further one. */
static bool is_deepest(int depth)
{
	const char *why;

	return !kinds[depth + 1] || !backend_is_there(kinds[depth + 1], &why);
}

static int grow(int depth);

#define ROOTED(F) F(int, depth) F(int, parent)
ACRE_MSG(rooted, ROOTED)

ACRE_CONTEXT(grow_on, rooted, .kind = ACRE_ENDPOINT_ONESHOT)
{
	bool with_parent = getpid() == in->parent;
	int r = 0;

	assert_int_equal(with_parent, is_thread(in->depth));
	assert_int_equal(acre_actor_pid(acre_parent()), in->parent);
	if (!is_deepest(in->depth))
		r = grow(in->depth + 1);
	return r < 0 ? r : acre_return(ctx, acre_int, .value = getpid());
}

static int grow(int depth)
{
	struct rooted in = { depth, getpid() };
	struct acre_int pid = { 0 };
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = kinds[depth], .backend = kinds[depth]);
		if (r >= 0)
			r = acre_call(a, grow_on, &in, acre_int, &pid);
		if (r >= 0)
			assert_int_equal(pid.value, acre_actor_pid(a));
	}
	return r;
}

TEST_TREE(threads_make_processes_and_processes_threads)
{
	return grow(0);
}

/* The choice is the tree's, the nursery's or the actor's: the nearest counts. */
TEST_TREE_OF(the_nearest_choice_of_a_backend_counts, "thread")
{
	struct acre_actor *trees, *nurserys, *actors;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &trees, .name = "trees");
		assert_ok(r);
		assert_int_equal(acre_actor_pid(trees), getpid());
		assert_ok(acre_nursery_backend(&n, "exec"));
		r = acre_spawn(&n, &nurserys, .name = "nurserys");
		assert_ok(r);
		assert_int_not_equal(acre_actor_pid(nurserys), getpid());
		r = acre_spawn(&n, &actors, .name = "actors", .backend = "thread");
		assert_ok(r);
		assert_int_equal(acre_actor_pid(actors), getpid());
		assert_class(acre_nursery_backend(&n, "telepathy"), EINVAL);
	}
	return r;
}

/*
 * Failures.
 */

TEST_TREE_OF(the_failure_of_a_thread_is_typed_and_its_own, "thread")
{
	struct acre_actor *a, *other;
	struct acre_int v = { 0 };
	int called, r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "failing");
		if (r >= 0)
			r = acre_spawn(&n, &other, .name = "well");
		assert_ok(r);
		called = acre_call(a, fails_with_assert, &(struct acre_int){ 0 },
				   acre_nil, &nil);
		assert_remote(called, T_ASSERT);
		assert_string_equal(acre_why(called)->actor, "failing");
		assert_int_equal(acre_call(other, ten, &nil, acre_int, &v), 1);
	}
	return r;
}

/* What the threads of a tree see of it; chosen while there is one thread. */
static struct sys_table table;

static void use_table(int (*body)(void))
{
	sys_use(&table);
	assert_ok(tree_result(body, false));
	sys_use(&sys_real);
	report_thread_fini();
}

/* Its loop cannot be made: it ends before its first word on the link. */
static _Atomic bool no_loops;

static int make_no_loop(int flags)
{
	return no_loops ? -EMFILE : sys_real.epoll_create1(flags);
}

static int spawn_speechless(void)
{
	struct acre_actor *a = NULL;
	int failed = 0, r = 0;

	no_loops = true;
	ACRE_NURSERY(n, r)
		failed = acre_spawn(&n, &a, .name = "speechless");
	no_loops = false;
	assert_ok(r);
	assert_null(a);
	assert_class(failed, ACRE_EBOOT);
	assert_int_equal(acre_why(failed)->death->status, 1);
	assert_int_equal(acre_why(failed)->death->signal, 0);
	assert_text_has(acre_why(failed)->death->last_words, "EMFILE");
	return 0;
}

TEST(the_last_words_of_a_thread_are_told)
{
	use_backend("thread");
	table = *sys_used();
	table.epoll_create1 = make_no_loop;
	use_table(spawn_speechless);
}

/*
 * A call that blocks goes to a helper of the thread's own, and its loop serves on.
 */

static int gate[2];

static int read_gate(void *unused)
{
	char byte = 0;

	(void)unused;
	return read(gate[0], &byte, 1) == 1 ? byte : -1;
}

ACRE_CONTEXT(block_elsewhere, acre_nil)
{
	int r = acre_started(ctx, acre_nil);

	if (r >= 0)
		r = acre_blocking(read_gate, NULL);
	return r < 0 ? r : acre_return(ctx, acre_int, .value = r);
}

TEST_TREE_OF(a_thread_serves_on_while_a_helper_of_its_own_blocks, "thread")
{
	struct acre_int v = { 0 };
	struct acre_actor *a;
	int r = 0;

	assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "blocking");
		assert_ok(r);
		ACRE_OPEN(ctx, r, a, block_elsewhere, &nil) {
			assert_int_equal(acre_call(a, ten, &nil, acre_int, &v), 1);
			assert_int_equal(write(gate[1], "x", 1), 1);
			r = acre_result(ctx, acre_int, &v);
		}
	}
	assert_int_equal(v.value, 'x');
	close(gate[0]);
	close(gate[1]);
	return r;
}

/*
 * Threads that do not end: what hosts them ends itself, and its parent is told.
 */

/* Two ladders (test_teardown.c) and the last grace, on a machine that is busy. */
#define HOST_GONE_S 6

/* No checkpoint, for ever. */
ACRE_CONTEXT(sleep_in_thread, acre_nil)
{
	int r = acre_started(ctx, acre_nil);

	if (r >= 0)
		r = acre_sleep(acre_ms(20)); /* what was said goes out */
	for (;;)
		pause();
	return r;
}

#define GUESTS(F) F(int, how_many) F(bool, gives_up)
ACRE_MSG(guests, GUESTS)

ACRE_TASK(hold_guest, struct acre_actor *guest)
{
	int r = 0;

	ACRE_OPEN(ctx, r, guest, sleep_in_thread, &nil) {
		r = acre_ready(NULL);
		if (r >= 0)
			r = acre_sleep(acre_secs(3600));
	}
	return r;
}

/* A process that hosts threads which get stuck; then it fails, or waits to be ended. */
ACRE_CONTEXT(host, guests)
{
	struct acre_actor *guest;
	void *unused;
	int r = 0;

	ACRE_NURSERY(n, r) {
		for (int i = 0; i < in->how_many && r >= 0; i++) {
			r = acre_spawn(&n, &guest, .name = "guest", .backend = "thread");
			if (r >= 0)
				r = acre_go_ready(&n, hold_guest, guest, &unused);
		}
		if (r >= 0)
			r = acre_sleep(acre_ms(100)); /* now they are stuck */
		if (r >= 0)
			r = acre_started(ctx, acre_nil);
		if (r >= 0 && in->gives_up)
			r = acre_fail(T_RUNTIME, "the host gives up");
		if (r >= 0)
			r = acre_sleep(acre_secs(3600));
	}
	return r;
}

static _Atomic int n_killed; /* by SIGKILL of the root */

static int count_kills(int fd, int sig, siginfo_t *info, unsigned flags)
{
	n_killed += sig == SIGKILL;
	return sys_real.pidfd_send_signal(fd, sig, info, flags);
}

/* The host by itself: nobody above it has asked it to end. */
static int watch_host_end_itself(void)
{
	acre_instant begun = acre_now();
	const struct acre_report *why = NULL;
	struct guests guests = { 1, true };
	struct acre_actor *a;
	int opened = 0, r = 0;

	actors_are_killed();
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "host", .backend = "exec");
		assert_ok(r);
		ACRE_OPEN(ctx, opened, a, host, &guests)
			opened = acre_result(ctx, acre_nil, &nil);
	}
	assert_class(opened, ACRE_ECLOSED);
	assert_class(r, ACRE_EDIED);
	why = acre_why(r);
	assert_int_equal(why->death->signal, SIGKILL);
	assert_false(why->death->hard_kill);
	assert_text_has(why->death->last_words, "actor guest");
	assert_text_has(why->death->last_words,
			"is a thread that does not end, and cannot be killed "
			"alone: actor host ends with it");
	assert_int_equal(n_killed, 0);
	test_note("%.2f s", seconds_since(begun));
	assert_true(seconds_since(begun) < HOST_GONE_S);
	return 0;
}

TEST(g5_a_host_of_a_stuck_thread_ends_itself_and_says_why)
{
	table = *sys_used();
	table.pidfd_send_signal = count_kills;
	use_table(watch_host_end_itself);
}

static int cancel_host(int n_guests, int *ret_pidfd)
{
	struct guests guests = { n_guests, false };
	struct acre_actor *a;
	int opened = 0, r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "host", .backend = "exec");
		assert_ok(r);
		*ret_pidfd = pidfd_open(acre_actor_pid(a), 0);
		ACRE_OPEN(ctx, opened, a, host, &guests) {
			assert_ok(acre_first(ctx, acre_nil, &nil));
			opened = acre_fail(T_ASSERT, "assert 0");
		}
		r = opened;
	}
	return r;
}

/* C031, C032 and C036 with threads for the grandchildren: all at once. */
TEST_TREE(c031_stuck_threads_end_with_the_process_that_hosts_them)
{
	acre_instant begun = acre_now();
	int pidfd = -1, r;

	actors_are_killed();
	r = cancel_host(8, &pidfd);
	test_note("%.2f s", seconds_since(begun));
	assert_true(acre_has(r, T_ASSERT));
	assert_ok(test_wait_pidfd(pidfd, 0)); /* before the nursery closed */
	close(pidfd);
	assert_true(seconds_since(begun) < HOST_GONE_S);
	return 0;
}

/* A root cannot end itself for it: it waits for as long as the thread takes. */
#define STUCK_FOR_S 3 /* longer than the ladder and the last grace */

static _Atomic bool has_ended;

ACRE_CONTEXT(sleep_long_in_thread, acre_nil)
{
	struct timespec t = { .tv_sec = STUCK_FOR_S };
	int r = acre_started(ctx, acre_nil);

	if (r >= 0)
		r = acre_sleep(acre_ms(20));
	while (nanosleep(&t, &t) < 0)
		;
	has_ended = true;
	return r;
}

TEST_TREE_OF(g4_a_root_waits_for_its_threads_whatever_they_do, "thread")
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "slow");
		assert_ok(r);
		ACRE_OPEN(ctx, r, a, sleep_long_in_thread, &nil) {
			assert_ok(acre_first(ctx, acre_nil, &nil));
			r = acre_sleep(acre_ms(100)); /* it sleeps now */
		}
		acre_nursery_cancel(&n);
		r = 0;
	}
	assert_true(has_ended);
	return r; /* it was asked to end, and has */
}
