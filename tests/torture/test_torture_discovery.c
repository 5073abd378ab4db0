/* SPDX-License-Identifier: MIT */
/* test_torture_discovery.c - actors that find and dial each other while things fail in the root. */
#include "torture/torture.h"

#include <string.h>

#include <acre/discovery.h>

#include "torture/endpoints.h"

static const int find_may[] = { ACRE_EBOOT, ACRE_EDIED, ACRE_ECLOSED, 0 };

static int count(const struct acre_registered *entry, void *n)
{
	assert_true(strlen(entry->name) > 0);
	++*(int *)n;
	return 0;
}

static int dial(const char *address)
{
	struct acre_actor *a = NULL;
	struct acre_int result;
	int r = acre_dial(&a, address);

	if (r >= 0)
		r = acre_call(a, square, &(struct acre_int){ 5 }, acre_int, &result);
	assert_true(r < 0 || result.value == 25);
	acre_release(&a);
	return r;
}

static int find_each_other(void *unused)
{
	char address[ACRE_ADDRESS_SIZE], own[1][ACRE_ADDRESS_SIZE];
	struct acre_actor *a, *found = NULL;
	int n_known = 0, r = 0;

	(void)unused;
	assert_int_equal(acre_self_addresses(own, 1), 1);
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "gretchen");
		if (r >= 0)
			r = acre_wait_for(&found, "gretchen");
		acre_release(&found);
		if (r >= 0)
			r = acre_query("gretchen", address);
		if (r > 0)
			r = dial(address);
		if (r >= 0)
			r = acre_registry(NULL, count, &n_known);
	}
	return r;
}

TORTURE(actors_that_find_each_other, .is_whole = true, .may = find_may)
{
	static const char *const exposed[] = { "main", NULL };

	return acre_run(find_each_other, NULL,
			&(struct acre_run_options){ .expose = exposed,
						    .transports = "uds" });
}

/* The same over TCP, whose callers have to prove that they know the tree's key. */
TORTURE(actors_that_find_each_other_over_tcp, .is_whole = true, .may = find_may)
{
	static const char *const exposed[] = { "main", NULL };
	static const char *const any_port[] = { "/ip4/127.0.0.1/tcp/0", NULL };

	return acre_run(find_each_other, NULL,
			&(struct acre_run_options){ .expose = exposed,
						    .transports = "tcp",
						    .registrars = any_port });
}
