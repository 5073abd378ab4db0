/* SPDX-License-Identifier: MIT */
/* registry_actor.c - a registrar of its own: trees that know only its address find each other by name. */

/*
 * Without arguments it is the registrar, and the launcher of two programs that are trees of their
 * own: one has a desk, the other asks at it. None of them has made another. What ends is forgotten
 * at once, however it ends. `acre registry` is such a registrar for good.
 */
#include <acre.h>

#include <string.h>

ACRE_CONTEXT(ask, acre_text, .kind = ACRE_ENDPOINT_ONESHOT)
{
	printf("the desk was asked for %s\n", in->value);
	fflush(stdout);
	return acre_return(ctx, acre_text, .value = "it is in the second drawer");
}

/* The tree with the desk: as long as it is let. */
static int be_north(void)
{
	struct acre_actor *desk;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &desk, .name = "desk");
		if (r >= 0)
			r = acre_sleep(acre_secs(3600));
	}
	return r;
}

static int be_south(void)
{
	struct acre_actor *desk;
	struct acre_text answer;
	int r = acre_wait_for(&desk, "desk"); /* whoever began first */

	if (r >= 0)
		r = acre_call(desk, ask, &(struct acre_text){ "the key" }, acre_text,
			      &answer);
	if (r > 0)
		printf("the answer is: %s\n", answer.value);
	acre_release(&desk);
	return r < 0 ? r : 0;
}

static int count(const struct acre_registered *entry, void *arg)
{
	(void)entry;
	++*(int *)arg;
	return 0;
}

/* Until only we are registered; bound: the deadline of main. */
static int wait_until_alone(void)
{
	int n = 2, r = 0;

	while (r >= 0 && n > 1) {
		n = 0;
		r = acre_registry(NULL, count, &n);
		if (r >= 0)
			r = acre_yield();
	}
	return r;
}

static int be_registrar(const char *program)
{
	char address[1][ACRE_ADDRESS_SIZE] = { "" };
	const char *const north[] = { program, "north", address[0], NULL };
	const char *const south[] = { program, "south", address[0], NULL };
	struct acre_command *c;
	int there = 0, r = 0;

	acre_self_addresses(address, 1);
	ACRE_NURSERY(n, r) {
		r = acre_command_start(&n, &c, .argv = north, .label = "north",
				       .out = ACRE_COMMAND_RELAY,
				       .flags = ACRE_COMMAND_SERVES);
		if (r >= 0)
			r = acre_command_run(NULL, .argv = south, .label = "south",
					     .out = ACRE_COMMAND_RELAY);
		if (r >= 0)
			r = acre_registry(NULL, count, &there);
	}
	if (r >= 0)
		printf("while they talked %s were here\n",
		       there >= 3 ? "others" : "none");
	if (r >= 0)
		r = wait_until_alone();
	if (r >= 0)
		printf("now nobody but the registrar is\n");
	return r;
}

ACRE_MAIN(.transports = "uds",
	  .registrars = argc > 2 ? (const char *const *)argv + 2 : NULL)
{
	int r = 0;

	ACRE_WITHIN(acre_secs(12), r) {
		if (argc < 3)
			r = be_registrar(argv[0]);
		else if (!strcmp(argv[1], "north"))
			r = be_north();
		else
			r = be_south();
	}
	return r;
}
