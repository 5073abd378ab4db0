/* SPDX-License-Identifier: MIT */
/* service_daemon_discovery.c - a service that lives on, found by name from programs of their own. */

/*
 * Without an argument it is the service, and starts two clients: programs of which it knows
 * nothing but how they end. With an argument it is such a client: a tree of its own, whose
 * registrar is the one that listens at that address.
 */
#include <acre.h>

static int64_t n_visits; /* what the service remembers from one client to the next */

ACRE_CONTEXT(visit, acre_text, .kind = ACRE_ENDPOINT_ONESHOT)
{
	printf("%s welcomes %s\n", acre_self_name(), in->value);
	fflush(stdout);
	return acre_return(ctx, acre_int, .value = ++n_visits);
}

static int be_client(void)
{
	struct acre_actor *service;
	struct acre_int visits;
	int r = acre_wait_for(&service, "service"); /* or its deadline passes */

	if (r >= 0)
		r = acre_call(service, visit, &(struct acre_text){ "a stranger" },
			      acre_int, &visits);
	if (r > 0)
		printf("a stranger is visitor %lld\n", (long long)visits.value);
	acre_release(&service);
	return r < 0 ? r : 0;
}

static int be_service(const char *program)
{
	char address[1][ACRE_ADDRESS_SIZE] = { "" };
	const char *const client[] = { program, address[0], NULL };
	struct acre_actor *service;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &service, .name = "service");
		acre_self_addresses(address, 1); /* of the root, which is the registrar */
		for (int i = 0; i < 2 && r >= 0; i++)
			r = acre_command_run(NULL, .argv = client, .label = "client",
					     .out = ACRE_COMMAND_RELAY);
	}
	return r;
}

ACRE_MAIN(.transports = "uds",
	  .registrars = argc > 1 ? (const char *const *)argv + 1 : NULL)
{
	int r = 0;

	ACRE_WITHIN(acre_secs(10), r)
		r = argc > 1 ? be_client() : be_service(argv[0]);
	return r;
}
