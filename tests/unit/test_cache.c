/* SPDX-License-Identifier: MIT */
/* test_cache.c - shared resources: opened once, closed by the last, cancelled or not. */
#include "lib/test.h"

#include <string.h>

#include <acre/share.h>

#include "base/mem.h"
#include "lib/run.h"

/* Something that takes time to open and to close. */
struct thing {
	acre_span open_time, close_time;
	int open_failure, close_failure; /* class; 0: none */
	int n_opened, n_closed;		 /* begun */
	bool is_open;	   /* between the end of open and the beginning of close */
	bool changes;	   /* somebody opens or closes it */
	int result_so_far; /* what its last close was given */
	int value;
};

static int change(struct thing *t, acre_span time, int failure)
{
	int r;

	assert_false(t->changes);
	t->changes = true;
	r = time.ns ? acre_sleep(time) : acre_yield();
	t->changes = false;
	if (r >= 0 && failure)
		return acre_fail(failure, "this thing fails");
	return r;
}

static int thing_open(void *arg, void **ret_value)
{
	struct thing *t = arg;
	int r;

	assert_false(t->is_open);
	t->n_opened++;
	r = change(t, t->open_time, t->open_failure);
	if (r < 0)
		return r;
	t->value++;
	t->is_open = true;
	*ret_value = &t->value;
	return 0;
}

static int thing_close(void *arg, void *value, int r)
{
	struct thing *t = arg;
	int closed;

	assert_ptr_equal(value, &t->value);
	assert_true(t->is_open);
	t->is_open = false;
	t->n_closed++;
	t->result_so_far = r;
	closed = change(t, t->close_time, t->close_failure);
	return closed < 0 ? closed : r;
}

/* A task that enters, works for a while, and leaves. */
struct user {
	struct acre_cache *cache;
	const char *key;
	struct thing *thing;
	acre_span before, work;
	int entered; /* what acre_cache_enter() returned */
	int left;    /* what acre_cache_leave() returned */
	int value;   /* what it saw */
	acre_instant gone_at;
	struct acre_scope scope;
};

static struct user user_of(struct acre_cache *cache, const char *key, struct thing *thing,
			   acre_span work)
{
	return (struct user){ .cache = cache, .key = key, .thing = thing, .work = work };
}

static int use(struct user *u)
{
	struct acre_resource resource = { u->key, thing_open, thing_close, u->thing };
	void *value = NULL;
	int r = u->before.ns ? acre_sleep(u->before) : 0;

	if (r >= 0)
		r = u->entered = acre_cache_enter(u->cache, &resource, &value);
	if (r < 0)
		return r;
	assert_true(u->thing->is_open);
	u->value = *(int *)value;
	r = acre_sleep(u->work);
	assert_true(u->thing->is_open);
	u->left = acre_cache_leave(u->cache, u->key, r);
	u->gone_at = acre_now();
	return u->left;
}

ACRE_TASK(use_once, struct user *u)
{
	int r;

	acre_scope_open(&u->scope);
	r = use(u);
	return acre_scope_close(&u->scope, r);
}

/* Failures stay in the user. */
ACRE_TASK(use_and_forgive, struct user *u)
{
	int r = use(u);

	return acre_is(r, ECANCELED) ? r : 0;
}

static struct acre_cache *open_cache(void)
{
	struct acre_cache *cache = NULL;

	test_virtual_clock();
	assert_ok(acre_cache_open(&cache));
	return cache;
}

TEST_TASK(c106_opened_once)
{
	struct acre_cache *cache = open_cache();
	struct thing thing = { .open_time = acre_ms(10) };
	struct user users[10];
	int n_misses = 0;
	int r = 0;

	ACRE_NURSERY(n, r)
		for (size_t i = 0; i < ARRAY_N(users) && r >= 0; i++) {
			users[i] = user_of(cache, "thing", &thing, acre_ms(50));
			users[i].before = acre_ms((int64_t)i * 3);
			r = acre_go(&n, use_once, &users[i]);
		}
	for (size_t i = 0; i < ARRAY_N(users); i++) {
		assert_int_equal(users[i].value, 1);
		n_misses += users[i].entered;
	}
	assert_int_equal(n_misses, 1);
	assert_int_equal(thing.n_opened, 1);
	assert_int_equal(thing.n_closed, 1);
	return acre_cache_close(&cache, r);
}

/* Two users, of which the second is the last by far. */
static int use_by_two(struct acre_cache *cache, struct thing *thing, struct user users[2])
{
	int r = 0;

	for (int i = 0; i < 2; i++)
		users[i] = user_of(cache, "k", thing, acre_ms(10 + 90 * i));
	ACRE_NURSERY(n, r) {
		r = acre_go(&n, use_and_forgive, &users[0]);
		if (r >= 0)
			r = acre_go(&n, use_and_forgive, &users[1]);
	}
	return r;
}

TEST_TASK(c107_last_user_waits_for_the_close)
{
	struct acre_cache *cache = open_cache();
	struct thing thing = { .close_time = acre_ms(500) };
	struct user users[2];
	acre_instant begin = acre_now();
	int r = use_by_two(cache, &thing, users);

	assert_int_equal(thing.n_closed, 1);
	assert_int_equal(acre_between(begin, users[0].gone_at).ns, acre_ms(10).ns);
	assert_int_equal(acre_between(begin, users[1].gone_at).ns, acre_ms(600).ns);
	return acre_cache_close(&cache, r);
}

TEST_TASK(c107_last_user_gets_the_failure_of_the_close)
{
	struct acre_cache *cache = open_cache();
	struct thing thing = { .close_failure = EIO };
	struct user users[2];
	int r = use_by_two(cache, &thing, users);

	assert_int_equal(users[0].left, 0);
	assert_int_equal(report_class(users[1].left), EIO);
	return acre_cache_close(&cache, r);
}

/* The last user is cancelled after 10 ms of use. */
static int cancel_last_user(struct acre_cache *cache, struct thing *thing, struct user *u)
{
	int r = 0;

	*u = user_of(cache, "k", thing, acre_secs(60));
	ACRE_NURSERY(n, r) {
		r = acre_go(&n, use_once, u);
		if (r >= 0)
			r = acre_sleep(acre_ms(10));
		acre_scope_cancel(&u->scope);
	}
	return r;
}

TEST_TASK(c107_last_user_that_is_cancelled_still_waits)
{
	struct acre_cache *cache = open_cache();
	struct thing thing = { .close_time = acre_ms(500) };
	acre_instant begin = acre_now();
	struct user u;
	int r = cancel_last_user(cache, &thing, &u);

	assert_class(u.left, ECANCELED);
	assert_class(thing.result_so_far, ECANCELED);
	assert_false(thing.changes);
	assert_int_equal(acre_between(begin, u.gone_at).ns, acre_ms(510).ns);
	return acre_cache_close(&cache, r);
}

TEST_TASK(c107_last_user_that_is_cancelled_waits_in_bounded_time)
{
	struct acre_cache *cache = open_cache();
	struct thing thing = { .close_time = acre_secs(3600) };
	acre_instant begin = acre_now();
	struct user u;
	int r = cancel_last_user(cache, &thing, &u);

	assert_class(u.left, ECANCELED);
	assert_int_equal(acre_between(begin, u.gone_at).ns, acre_ms(3010).ns);
	return acre_cache_close(&cache, r);
}

TEST_TASK(c107_last_user_gets_the_failure_of_the_close_instead_of_the_cancellation)
{
	struct acre_cache *cache = open_cache();
	struct thing thing = { .close_time = acre_ms(500), .close_failure = EIO };
	struct user u;
	int r = cancel_last_user(cache, &thing, &u);

	assert_class(r, EIO);
	assert_int_equal(report_class(u.left), EIO);
	return acre_cache_close(&cache, 0);
}

TEST_TASK(c107_last_user_keeps_a_failure_of_its_own)
{
	struct acre_cache *cache = open_cache();
	struct thing thing = { .close_failure = EIO };
	struct acre_resource resource = { "k", thing_open, thing_close, &thing };
	void *value;
	int r;

	assert_int_equal(acre_cache_enter(cache, &resource, &value), 1);
	r = acre_fail(ENODEV, "the user's own");
	r = acre_cache_leave(cache, "k", r);

	assert_class(thing.result_so_far, ENODEV);
	assert_class(r, ENODEV);
	return acre_cache_close(&cache, 0);
}

TEST_TASK(c107_cancelling_the_nursery_that_serves_strands_nobody)
{
	struct acre_cache *cache = open_cache();
	struct thing thing = { .open_time = acre_ms(20), .close_time = acre_ms(20) };
	struct user users[6];
	acre_instant begin = acre_now();
	int r = 0;

	ACRE_NURSERY(outer, r) {
		ACRE_NURSERY(serving, r) {
			for (size_t i = 0; i < ARRAY_N(users) && r >= 0; i++) {
				users[i] = user_of(cache, "k", &thing, acre_ms(30));
				users[i].before = acre_ms((int64_t)i);
				r = acre_go(i < 3 ? &serving : &outer, use_once,
					    &users[i]);
			}
			/* the opener is in the first half, and so are those who wait */
			if (r >= 0)
				r = acre_sleep(acre_ms(10));
			acre_nursery_cancel(&serving);
		}
	}
	for (size_t i = 3; i < ARRAY_N(users); i++)
		assert_int_equal(users[i].left, 0);
	assert_int_equal(thing.n_opened, 2);
	assert_int_equal(thing.n_closed, 1);
	assert_true(acre_between(begin, acre_now()).ns < acre_secs(1).ns);
	return acre_cache_close(&cache, r);
}

TEST_TASK(c108_keys_isolated)
{
	struct acre_cache *cache = open_cache();
	struct thing a = { 0 }, b = { 0 };
	struct acre_resource resource_a = { "a", thing_open, thing_close, &a };
	struct acre_resource resource_b = { "b", thing_open, thing_close, &b };
	void *value = NULL;

	assert_int_equal(acre_cache_enter(cache, &resource_a, &value), 1);
	assert_int_equal(acre_cache_enter(cache, &resource_b, &value), 1);
	assert_int_equal(acre_cache_enter(cache, &resource_b, &value), 0);
	assert_ptr_equal(value, &b.value);
	assert_int_equal(acre_cache_leave(cache, "b", 0), 0);
	assert_true(b.is_open);
	assert_int_equal(acre_cache_leave(cache, "b", 0), 0);
	assert_false(b.is_open);
	assert_true(a.is_open);

	assert_int_equal(acre_cache_enter(cache, &resource_b, &value), 1);
	assert_int_equal(b.n_opened, 2);
	assert_int_equal(acre_cache_leave(cache, "b", 0), 0);
	assert_int_equal(acre_cache_leave(cache, "a", 0), 0);
	assert_int_equal(a.n_opened, 1);
	return acre_cache_close(&cache, 0);
}

TEST_TASK(c109_reentry_during_close)
{
	struct acre_cache *cache = open_cache();
	struct thing thing = { .close_time = acre_ms(100) };
	struct user first = user_of(cache, "k", &thing, acre_ms(10));
	struct user second = first;
	acre_instant begin = acre_now();
	int r = 0;

	second.before = acre_ms(50); /* the close lasts from 10 to 110 */
	ACRE_NURSERY(n, r) {
		r = acre_go(&n, use_once, &first);
		if (r >= 0)
			r = acre_go(&n, use_once, &second);
	}
	assert_int_equal(first.entered, 1);
	assert_int_equal(second.entered, 1);
	assert_int_equal(second.value, 2);
	assert_int_equal(acre_between(begin, second.gone_at).ns, acre_ms(220).ns);
	return acre_cache_close(&cache, r);
}

TEST_TASK(c109_reentry_during_close_can_be_cancelled)
{
	struct acre_cache *cache = open_cache();
	struct thing thing = { .close_time = acre_ms(100) };
	struct user first = user_of(cache, "k", &thing, acre_ms(10));
	struct user second = first;
	int r = 0;

	second.before = acre_ms(50);
	ACRE_NURSERY(n, r) {
		r = acre_go(&n, use_once, &first);
		if (r >= 0)
			r = acre_go(&n, use_once, &second);
		if (r >= 0)
			r = acre_sleep(acre_ms(60));
		acre_scope_cancel(&second.scope);
	}
	assert_int_equal(first.left, 0);
	assert_class(second.entered, ECANCELED);
	assert_int_equal(thing.n_opened, 1);
	return acre_cache_close(&cache, r);
}

/* The first of three users is cancelled while it opens: by its scope's deadline, or by
 * somebody. */
static void cancel_first_opener(acre_span delay, bool by_deadline)
{
	struct acre_cache *cache = open_cache();
	struct thing thing = { .open_time = acre_ns(delay.ns + acre_ms(1).ns) };
	struct user users[3];
	acre_instant begin = acre_now();
	int r = 0;

	ACRE_NURSERY(n, r) {
		for (int i = 0; i < 3 && r >= 0; i++) {
			users[i] = user_of(cache, "k", &thing, acre_ms(1));
			r = acre_go(&n, use_once, &users[i]);
			test_settle();
		}
		if (by_deadline)
			acre_scope_deadline(&users[0].scope,
					    acre_after(acre_now(), delay));
		if (r >= 0)
			r = acre_sleep(delay);
		if (!by_deadline)
			acre_scope_cancel(&users[0].scope);
	}
	assert_class(users[0].entered, ECANCELED);
	if (by_deadline)
		assert_class(r, ETIMEDOUT); /* which cancels the others */
	else
		assert_int_equal(users[1].entered + users[2].entered, 1);
	assert_true(acre_between(begin, acre_now()).ns <= delay.ns + acre_secs(2).ns);
	assert_int_equal(acre_cache_close(&cache, 0), 0);
}

TEST_TASK(c110_cancelled_first_opener)
{
	const acre_span delays[] = { acre_ms(50), acre_ms(500), acre_secs(1) };

	for (size_t i = 0; i < ARRAY_N(delays); i++) {
		cancel_first_opener(delays[i], false);
		cancel_first_opener(delays[i], true);
	}
	return 0;
}

TEST_TASK(a_failed_open_is_its_users_and_the_next_one_tries_again)
{
	struct acre_cache *cache = open_cache();
	struct thing thing = { .open_time = acre_ms(5), .open_failure = ENOSPC };
	struct user users[3];
	int r = 0;

	ACRE_NURSERY(n, r)
		for (int i = 0; i < 3 && r >= 0; i++) {
			users[i] = user_of(cache, "k", &thing, acre_ms(0));
			r = acre_go(&n, use_and_forgive, &users[i]);
		}
	for (int i = 0; i < 3; i++)
		assert_int_equal(report_class(users[i].entered), ENOSPC);
	assert_int_equal(thing.n_opened, 3);

	thing.open_failure = 0;
	assert_ok(use(&users[0]));
	assert_int_equal(users[0].value, 1);
	return acre_cache_close(&cache, r);
}

TEST_TASK(the_key_may_change_after_the_call)
{
	struct acre_cache *cache = open_cache();
	struct thing thing = { 0 };
	char key[] = "abc";
	struct acre_resource resource = { key, thing_open, thing_close, &thing };
	void *value;

	assert_int_equal(acre_cache_enter(cache, &resource, &value), 1);
	key[0] = 'x';
	assert_int_equal(acre_cache_leave(cache, "abc", 0), 0);

	key[0] = '\0'; /* a short one, but a key */
	assert_int_equal(acre_cache_enter(cache, &resource, &value), 1);
	assert_int_equal(acre_cache_leave(cache, "", 0), 0);
	return acre_cache_close(&cache, 0);
}

TEST_TASK(leaving_hands_on_what_came_so_far)
{
	struct acre_cache *cache = open_cache();
	struct thing thing = { 0 };
	struct acre_resource resource = { "k", thing_open, thing_close, &thing };
	void *value;

	assert_int_equal(acre_cache_enter(cache, &resource, &value), 1);
	assert_int_equal(acre_cache_enter(cache, &resource, &value), 0);
	assert_int_equal(acre_cache_leave(cache, "k", 3), 3);
	assert_int_equal(acre_cache_leave(cache, "k", 4), 4);
	assert_int_equal(thing.result_so_far, 4);
	assert_int_equal(acre_cache_close(&cache, 5), 5);
	assert_null(cache);
	assert_int_equal(acre_cache_close(&cache, 6), 6);
	return 0;
}

/* Users at random, of which any may be cancelled at any time: thing and user check the
 * rest. */
static uint64_t luck;

static int draw(int n)
{
	luck = luck * 6364136223846793005u + 1442695040888963407u;
	return (int)((luck >> 33) % (uint64_t)n);
}

TEST_TASK(a_crowd_of_users_leaves_nothing_open)
{
	struct acre_cache *cache = open_cache();
	struct thing things[3];
	struct user users[40];
	static const char *const keys[3] = { "a", "b", "c" };
	int r = 0;

	luck = test_seed();
	for (int i = 0; i < 3; i++)
		things[i] = (struct thing){ .open_time = acre_ns(i),
					    .close_time = acre_ns(2 * i) };
	ACRE_NURSERY(n, r) {
		for (size_t i = 0; i < ARRAY_N(users) && r >= 0; i++) {
			int k = draw(3);

			users[i] = user_of(cache, keys[k], &things[k], acre_ns(draw(10)));
			users[i].before = acre_ns(draw(40));
			r = acre_go(&n, use_once, &users[i]);
		}
		test_settle();
		for (int i = 0; i < 10 && r >= 0; i++) {
			struct user *u = &users[draw(ARRAY_N(users))];

			r = acre_sleep(acre_ns(3));
			if (scope_of(&u->scope)->open)
				acre_scope_cancel(&u->scope);
		}
	}
	for (int i = 0; i < 3; i++)
		assert_false(things[i].is_open || things[i].changes);
	return acre_cache_close(&cache, r);
}

TEST_TASK(without_memory_it_fails_and_leaves_nothing)
{
	struct acre_cache *cache = NULL;
	struct thing thing = { 0 };
	struct acre_resource resource = { "k", thing_open, thing_close, &thing };
	void *value = NULL;

	mem_fail_at(1, true);
	assert_int_equal(acre_code(acre_cache_open(&cache)), ENOMEM);
	mem_fail_at(0, false);

	cache = open_cache();
	mem_fail_at(1, true);
	assert_int_equal(acre_code(acre_cache_enter(cache, &resource, &value)), ENOMEM);
	mem_fail_at(0, false);
	assert_int_equal(thing.n_opened, 0);
	return acre_cache_close(&cache, 0);
}
