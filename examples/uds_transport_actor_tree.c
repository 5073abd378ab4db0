/* SPDX-License-Identifier: MIT */
/* uds_transport_actor_tree.c - a tree whose actors listen on Unix sockets: where, and which process is there. */
#include <acre.h>

ACRE_CONTEXT(where, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	char address[1][ACRE_ADDRESS_SIZE] = { "" };

	acre_self_addresses(address, 1);
	return acre_return(ctx, acre_text, .value = address[0]);
}

/* Over a link of its own, as a stranger would. */
static int ask(const char *address)
{
	struct acre_nil none = { 0 };
	struct acre_actor *portal;
	struct acre_text said;
	int r = acre_dial(&portal, address);

	if (r >= 0)
		r = acre_call(portal, where, &none, acre_text, &said);
	if (r > 0)
		printf("%s, pid %d, is at %s\n", acre_actor_name(portal),
		       (int)acre_actor_pid(portal), said.value);
	acre_release(&portal);
	return r;
}

ACRE_MAIN(.transports = "uds")
{
	char address[ACRE_ADDRESS_SIZE], name[32];
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		for (int i = 0; i < 3 && r >= 0; i++) {
			snprintf(name, sizeof name, "worker_%d", i);
			r = acre_spawn(&n, &a, .name = name);
			if (r >= 0)
				r = acre_query(name, address);
			if (r > 0)
				r = ask(address);
		}
	}
	return r < 0 ? r : 0;
}
