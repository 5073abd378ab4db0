/* SPDX-License-Identifier: MIT */
/* test_deaf.c - a child that never checks, and who waits for it: class B of the reference, row S30. */
#include "conform/tree.h"

#include <fcntl.h>
#include <stdio.h>

/*
 * The reference's own reproducer, with a waiter of each kind that a program has: the child
 * waits in a loop for something else than its own loop, a second at a time. Its nursery ends
 * after half a second. There the child is destroyed and the task that reads its link sleeps
 * on; here the link is closed first, and whoever waits on it is told. A thread, which cannot
 * be killed, goes on when they have been: they do not wait for it either.
 */

#define PATIENCE_S 3.0 /* from the ask to the hard kill, in all */
#define BUSY_S	   1.5 /* shared machine; the reference is given 3.5 */
#define HEAR_S	   10  /* hang guard: until the child is deaf */

static const char *file(const char *name)
{
	static _Thread_local char path[512];

	snprintf(path, sizeof path, "%s/%s", test_dir(), name);
	return path;
}

static void make_file(const char *name)
{
	int fd = open(file(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	close(fd);
}

ACRE_CONTEXT(never_check, acre_nil)
{
	struct timespec second = { .tv_sec = 1 };
	int r = acre_started(ctx, acre_nil);

	if (r >= 0)
		r = acre_sleep(acre_ms(20)); /* what was said goes out */
	make_file("is_deaf");
	while (access(file("may_end"), F_OK) < 0)
		nanosleep(&second, NULL);
	return r;
}

/* What is called after that is not even read. */
enum waits_for { ITEM, RESULT, ANSWER, STARTED, CREDIT, N_WAITERS };

struct waiter {
	enum waits_for what;
	struct acre_actor *actor;
	int *n_woken;
	int r;
};

static int send_on(struct acre_context *ctx)
{
	int r = 0;

	for (int64_t i = 0; r >= 0; i++)
		r = acre_send(ctx, acre_int, .value = i);
	return r;
}

static int wait_inside(struct waiter *w, struct acre_context *ctx)
{
	struct acre_int v;
	int r = acre_ready(NULL);

	if (r >= 0 && w->what == ITEM)
		r = acre_recv(ctx, acre_int, &v);
	else if (r >= 0 && w->what == RESULT)
		r = acre_result(ctx, acre_nil, &nil);
	else if (r >= 0)
		r = send_on(ctx);
	return r;
}

static int wait_outside(struct waiter *w)
{
	struct acre_context *ctx = NULL;
	struct acre_int v;
	int r = acre_ready(NULL);

	if (r >= 0 && w->what == ANSWER)
		r = acre_call(w->actor, ten, &nil, acre_int, &v);
	else if (r >= 0)
		r = acre_open(&ctx, w->actor, sleeps_for_ever, &nil);
	return acre_context_close(&ctx, r);
}

/* Those that need an answer first have it before the child is deaf. */
ACRE_TASK(wait_for_the_deaf, struct waiter *w)
{
	int r = 0;

	if (w->what == ANSWER || w->what == STARTED)
		r = wait_outside(w);
	else
		ACRE_OPEN(ctx, r, w->actor, sleeps_for_ever, &nil)
			r = wait_inside(w, ctx);
	w->r = r;
	if (++*w->n_woken == N_WAITERS)
		make_file("may_end");
	return 0;
}

ACRE_TASK(make_deaf, struct waiter *w)
{
	int r = 0;

	ACRE_OPEN(ctx, r, w->actor, never_check, &nil) {
		r = acre_ready(NULL);
		if (r >= 0)
			r = acre_result(ctx, acre_nil, &nil);
	}
	w->r = r;
	return 0;
}

static bool before_it_is_deaf(const struct waiter *w)
{
	return w->what != ANSWER && w->what != STARTED;
}

static int start_waiters(struct acre_nursery *n, struct waiter *waiters, bool before)
{
	void *unused;
	int r = 0;

	for (int i = 0; i < N_WAITERS && r >= 0; i++)
		if (before_it_is_deaf(&waiters[i]) == before)
			r = acre_go_ready(n, wait_for_the_deaf, &waiters[i], &unused);
	return r;
}

static void assert_told(const struct waiter *waiters, const struct waiter *maker)
{
	for (int i = 0; i < N_WAITERS; i++) {
		test_note("waiter %d", i);
		assert_class(waiters[i].r, ACRE_ECLOSED);
	}
	assert_class(maker->r, ACRE_ECLOSED);
}

TEST_TREE(s30_who_waits_for_a_child_that_never_checks_is_told)
{
	struct waiter waiters[N_WAITERS], maker = { 0 };
	acre_instant begun = acre_now();
	struct acre_actor *a;
	int n_woken = 0, inner = 0, r = 0;
	void *unused;

	actors_are_killed();
	ACRE_NURSERY(
		n,
		r) { /* they are not cancelled: nothing but the link's end wakes them */
		ACRE_NURSERY(actors, inner) {
			inner = acre_spawn(&actors, &a, .name = "deaf");
			assert_ok(inner);
			for (int i = 0; i < N_WAITERS; i++)
				waiters[i] = (struct waiter){ (enum waits_for)i, a,
							      &n_woken, 0 };
			maker.actor = a;
			assert_ok(start_waiters(&n, waiters, true));
			assert_ok(acre_go_ready(&n, make_deaf, &maker, &unused));
			assert_true(test_wait_file(file("is_deaf"), HEAR_S));
			assert_ok(start_waiters(&n, waiters, false));
			inner = acre_sleep(acre_ms(500));
			begun = acre_now();
		}
		test_note("its nursery has ended after %.2f s", seconds_since(begun));
		assert_int_equal(n_woken, N_WAITERS); /* before that */
		assert_true(seconds_since(begun) < PATIENCE_S + BUSY_S);
		assert_int_equal(acre_children(NULL, 0), 0);
	}
	assert_ok(r);
	assert_true(inner >= 0 || acre_is(inner, ACRE_EDIED) ||
		    acre_is(inner, ACRE_ETOOSLOW));
	assert_told(waiters, &maker);
	return 0;
}
