/* SPDX-License-Identifier: MIT */
/* test_discovery.c - finding actors by name: registering, waiting, dialling, and forgetting. */
#include "conform/found.h"

struct seen {
	const char *name; /* whose entries are counted */
	int count;
};

static int count_entry(const struct acre_registered *entry, void *arg)
{
	struct seen *seen = arg;

	seen->count += !seen->name || !strcmp(entry->name, seen->name);
	return 0;
}

static int n_registered(const char *name)
{
	struct seen seen = { name, 0 };

	assert_ok(acre_registry(NULL, count_entry, &seen));
	return seen.count;
}

TEST_FOUND(c077_register_unregister)
{
	char address[ACRE_ADDRESS_SIZE];
	struct acre_actor *a;
	int r = 0;

	assert_int_equal(n_registered(NULL), 1); /* the root itself */
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "registered");
		assert_ok(r);
		assert_int_equal(n_registered("registered"), 1);
		assert_int_equal(acre_query("registered", address), 1);
		assert_int_equal(strncmp(address, found_prefix(), strlen(found_prefix())),
				 0);
		assert_ok(acre_actor_cancel(a));
		assert_int_equal(n_registered("registered"), 0);
		assert_int_equal(acre_query("registered", address), 0);
	}
	return r;
}

ACRE_CONTEXT(hi, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return acre_return(ctx, acre_text, .value = acre_self_name());
}

/* Waits for the actor of that name, and asks it to say hi. */
ACRE_CONTEXT(say_hi_to, acre_text, .kind = ACRE_ENDPOINT_ONESHOT)
{
	struct acre_actor *other;
	struct acre_text said;
	int r = acre_wait_for(&other, in->value);

	if (r >= 0)
		r = acre_call(other, hi, &nil, acre_text, &said);
	if (r >= 0)
		r = acre_return(ctx, acre_text, .value = said.value);
	acre_release(&other);
	return r;
}

struct speaker {
	struct acre_actor *actor;
	const char *to;
	char said[32];
};

ACRE_TASK(let_speak, struct speaker *s)
{
	struct acre_text said;
	int r = acre_call(s->actor, say_hi_to, &(struct acre_text){ s->to }, acre_text,
			  &said);

	if (r >= 0)
		snprintf(s->said, sizeof s->said, "%s", said.value);
	return r < 0 ? r : 0;
}

TEST_FOUND(c078_mutual_find)
{
	struct speaker donny = { .to = "gretchen" }, gretchen = { .to = "donny" };
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &donny.actor, .name = "donny");
		assert_ok(r);
		ACRE_NURSERY(speaking, r) {
			r = acre_go(&speaking, let_speak, &donny); /* to who is to come */
			if (r >= 0)
				r = acre_spawn(&n, &gretchen.actor, .name = "gretchen");
			if (r >= 0)
				r = acre_go(&speaking, let_speak, &gretchen);
		}
		assert_string_equal(donny.said, "gretchen");
		assert_string_equal(gretchen.said, "donny");
		acre_nursery_cancel(&n);
	}
	return r;
}

/*
 * Names that come and go.
 */

TEST_FOUND(a_name_that_nobody_has_is_nobody)
{
	char address[ACRE_ADDRESS_SIZE], name[2 * ACRE_ACTOR_NAME_SIZE];
	struct acre_actor *a;

	assert_int_equal(acre_find(&a, "nobody"), 0);
	assert_null(a);
	assert_int_equal(acre_query("nobody", address), 0);
	assert_string_equal(address, "");
	memset(name, 'x', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	assert_class(acre_find(&a, name), EINVAL);
	assert_class(acre_find(&a, ""), EINVAL);
	assert_class(acre_dial(&a, "tcp://localhost:80"), EINVAL);
	assert_class(acre_dial(&a, "/unix/nowhere/at/all.sock"), ENOENT);
	assert_null(a);
	acre_release(&a);
	acre_release(NULL);
	return 0;
}

TEST_TREE(a_tree_without_discovery_says_so)
{
	char address[ACRE_ADDRESS_SIZE];
	struct acre_actor *a;

	assert_int_equal(acre_find(&a, "nobody"), 0);
	assert_int_equal(acre_query("nobody", address), 0);
	assert_class(acre_wait_for(&a, "nobody"), EINVAL);
	assert_class(acre_registry(NULL, NULL, NULL), EINVAL);
	assert_int_equal(acre_self_addresses(NULL, 0), 0);
	return 0;
}

TEST_FOUND(an_actor_finds_itself)
{
	char addresses[2][ACRE_ADDRESS_SIZE];
	struct acre_actor *self;
	struct acre_text said;

	assert_int_equal(acre_self_addresses(addresses, 2), 1);
	assert_int_equal(acre_find(&self, acre_self_uuid()), 1);
	assert_int_equal(acre_call(self, hi, &nil, acre_text, &said), 1);
	assert_string_equal(said.value, acre_self_name());
	acre_release(&self);
	assert_ok(acre_dial(&self, addresses[0]));
	assert_string_equal(acre_actor_uuid(self), acre_self_uuid());
	acre_release(&self);
	return 0;
}

ACRE_CONTEXT(find_and_greet, acre_text, .kind = ACRE_ENDPOINT_ONESHOT)
{
	struct acre_actor *first, *again;
	struct acre_text said;
	int r = acre_find(&first, in->value);

	if (r <= 0)
		return r < 0 ? r : acre_fail(T_NAME, "nobody is %s", in->value);
	r = acre_find(&again, in->value);
	if (r > 0 && first != again)
		r = acre_fail(T_VALUE, "two portals to one actor");
	acre_release(&first); /* the other one still holds it */
	if (r > 0)
		r = acre_call(again, hi, &nil, acre_text, &said);
	if (r > 0)
		r = acre_return(ctx, acre_text, .value = said.value);
	acre_release(&again);
	return r;
}

TEST_FOUND(two_finders_share_a_portal)
{
	struct acre_actor *finder, *other;
	struct acre_text said;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &finder, .name = "finder");
		assert_ok(r);
		r = acre_spawn(&n, &other, .name = "other");
		assert_ok(r);
		assert_int_equal(acre_call(finder, find_and_greet,
					   &(struct acre_text){ "other" }, acre_text,
					   &said),
				 1);
		assert_string_equal(said.value, "other");
		/* its parent, which it has a link to already */
		assert_int_equal(acre_call(finder, find_and_greet,
					   &(struct acre_text){ "root" }, acre_text,
					   &said),
				 1);
		assert_string_equal(said.value, "root");
		acre_nursery_cancel(&n);
	}
	return r;
}

TEST_FOUND(names_need_not_be_unique)
{
	struct acre_actor *finder, *a[2];
	struct acre_text said;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &finder, .name = "finder");
		for (int i = 0; i < 2 && r >= 0; i++)
			r = acre_spawn(&n, &a[i], .name = "twin");
		assert_ok(r);
		assert_int_equal(n_registered("twin"), 2);
		assert_ok(acre_actor_cancel(a[0]));
		assert_int_equal(n_registered("twin"), 1);
		assert_int_equal(acre_call(finder, find_and_greet,
					   &(struct acre_text){ "twin" }, acre_text,
					   &said),
				 1);
		acre_nursery_cancel(&n);
	}
	return r;
}

/* An actor that is gone is forgotten in the turn in which its parent hears of that. */
static int kill_registered(void)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "killed");
		assert_ok(r);
		assert_int_equal(n_registered("killed"), 1);
		assert_int_equal(kill(acre_actor_pid(a), SIGKILL), 0);
		r = acre_actor_wait(a);
		acre_ignore_result(r);
		r = 0;
		ACRE_SHIELD(acre_secs(5), r)
			assert_int_equal(n_registered("killed"), 0);
	}
	assert_class(r, ACRE_EDIED);
	return 0;
}

TEST(g22_a_killed_actor_is_forgotten_at_once)
{
	needs_a_process("it cannot be killed alone");
	needs_key_if_tcp();
	assert_ok(found_result(kill_registered));
	report_thread_fini();
}

/*
 * C010, C015: the root itself, and many of one name.
 */

TEST_FOUND(c010_wait_for_self)
{
	char address[ACRE_ADDRESS_SIZE], own[1][ACRE_ADDRESS_SIZE];
	struct acre_actor *self;

	assert_ok(acre_wait_for(&self, acre_self_name()));
	assert_string_equal(acre_actor_uuid(self), acre_self_uuid());
	acre_release(&self);
	assert_int_equal(acre_self_addresses(own, 1), 1);
	assert_int_equal(acre_query(acre_self_name(), address), 1);
	assert_string_equal(address, own[0]);
	return 0;
}

static int find_among(size_t n_doggies)
{
	struct acre_actor *doggies[64], *finder;
	struct acre_text said;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &finder, .name = "finder");
		for (size_t i = 0; i < n_doggies && r >= 0; i++)
			r = acre_spawn(&n, &doggies[i], .name = "doggy");
		assert_ok(r);
		assert_int_equal(n_registered("doggy"), n_doggies);
		assert_int_equal(acre_call(finder, find_and_greet,
					   &(struct acre_text){ "doggy" }, acre_text,
					   &said),
				 1);
		for (size_t i = 0; i < n_doggies; i++)
			assert_true(acre_actor_is_connected(doggies[i]));
		acre_nursery_cancel(&n);
	}
	assert_int_equal(n_registered("doggy"), 0);
	return r;
}

TEST_FOUND(c015_duplicate_names)
{
	int r = 0;

	for (size_t n = 2; n <= 8 && r >= 0; n *= 2)
		r = find_among(n);
	return r;
}

TEST_FOUND(c015_64_of_one_name)
{
	return find_among(64);
}

/*
 * C157: an actor that comes and goes while others wait for its name.
 */

#define N_WAITERS 8
#define N_COMINGS 10

struct waiter {
	int found; /* how often */
};

ACRE_TASK(wait_for_it, struct waiter *w)
{
	struct acre_actor *a;
	struct acre_text said;
	int r = 0;

	while (r >= 0) {
		r = acre_wait_for(&a, "fleeting");
		if (r >= 0) {
			w->found++;
			r = acre_call(a, hi, &nil, acre_text, &said);
			if (acre_has(r, ACRE_ECLOSED) || acre_has(r, ACRE_ECTXC))
				r = 0; /* it has gone between the two */
		}
		acre_release(&a);
	}
	return r;
}

ACRE_CONTEXT(wait_for_fleeting, acre_nil)
{
	struct waiter waiters[N_WAITERS] = { { 0 } };
	int r = acre_started(ctx, acre_nil);

	ACRE_NURSERY(n, r)
		for (int i = 0; i < N_WAITERS && r >= 0; i++)
			r = acre_go(&n, wait_for_it, &waiters[i]);
	return r;
}

TEST_FOUND(c157_waiter_race)
{
	struct acre_actor *waiting, *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &waiting, .name = "waiting");
		assert_ok(r);
		ACRE_OPEN(ctx, r, waiting, wait_for_fleeting, &nil) {
			for (int i = 0; i < N_COMINGS && r >= 0; i++) {
				r = acre_spawn(&n, &a, .name = "fleeting");
				if (r >= 0)
					r = acre_actor_cancel(a);
			}
			assert_ok(r);
			assert_false(acre_outcome(ctx).done); /* no waiter has failed */
			assert_ok(acre_context_cancel(ctx));
		}
		acre_nursery_cancel(&n);
	}
	return r;
}
