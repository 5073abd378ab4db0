/* SPDX-License-Identifier: MIT */
/* test_registered.c - a thousand actors are registered, a hundred are killed, and their names are gone: promise G22. */
#include "chaos/room.h"
#include "conform/found.h"

#include <stdio.h>

#include "actor/runtime.h"

/*
 * They are processes, each with a socket of its own, since it is their deaths that the registrar
 * has to hear of; forked from a forkserver, the quickest way to have so many. How long it takes
 * is said (promised: 100 ms), not asserted: here others are at work, too.
 */

#define MANY   1000
#define KILLED 100

static struct acre_actor *stay[MANY - KILLED], *killed[KILLED];

static int spawn_named(struct acre_nursery *n, struct acre_actor **ret, const char *kind,
		       int count)
{
	char name[32];
	int r = 0;

	for (int i = 0; i < count && r >= 0; i++) {
		snprintf(name, sizeof name, "%s_%d", kind, i);
		r = acre_spawn(n, &ret[i], .name = name);
	}
	return r;
}

static bool is_registered(const struct acre_actor *a)
{
	return registry_find(&runtime_this->registry, slice_of(a->uuid));
}

static int count_stay(const struct acre_registered *entry, void *arg)
{
	*(int *)arg += !strncmp(entry->name, "stay_", 5);
	return 0;
}

/* In the turn in which a death is heard of, the name is gone: so what is waited for is the death. */
static void await_deaths(void)
{
	int r = 0;

	ACRE_SHIELD(acre_secs(60), r)
		for (int i = 0; i < KILLED; i++) {
			assert_class(acre_actor_wait(killed[i]), ACRE_EDIED);
			assert_false(is_registered(killed[i]));
		}
	assert_ok(r);
}

static int kill_some(struct acre_nursery *n)
{
	acre_instant begun;
	int r = spawn_named(n, killed, "killed", KILLED);

	assert_ok(r);
	assert_int_equal(registry_n(&runtime_this->registry),
			 MANY + 1); /* and the root */
	begun = acre_now();
	for (int i = 0; i < KILLED; i++)
		assert_int_equal(kill(acre_actor_pid(killed[i]), SIGKILL), 0);
	await_deaths();
	test_note("%d of %d actors were killed; their names were gone after %.1f ms",
		  KILLED, MANY, seconds_since(begun) * 1e3);
	return 0;
}

static void check_others(void)
{
	struct acre_int ten_of;
	int n_stay = 0;

	assert_ok(acre_registry(NULL, count_stay, &n_stay));
	assert_int_equal(n_stay, MANY - KILLED);
	assert_int_equal(registry_n(&runtime_this->registry), MANY - KILLED + 1);
	assert_int_equal(acre_call(stay[0], ten, &nil, acre_int, &ten_of), 1);
}

static int register_a_thousand(void)
{
	int inner = 0, r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_named(&n, stay, "stay", MANY - KILLED);
		assert_ok(r);
		ACRE_NURSERY(of_killed, inner)
			inner = kill_some(&of_killed);
		assert_class(inner, ACRE_EGROUP);
		check_others();
		acre_nursery_cancel(&n);
	}
	assert_int_equal(registry_n(&runtime_this->registry), 1);
	return r;
}

TEST(g22_a_hundred_of_a_thousand_registered_actors_are_killed)
{
	use_backend("forkserver");
	needs_room_for(MANY);
	setenv("ACRE_LOG", "error", 1); /* not a line for each that was killed */
	assert_ok(found_result(register_a_thousand));
	report_thread_fini();
}
