/* SPDX-License-Identifier: MIT */
/* service_discovery.c - waits for a service by name, asks it, and lists who is registered. */
#include <acre.h>

ACRE_CONTEXT(answer, acre_int, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return acre_return(ctx, acre_int, .value = 2 * in->value);
}

static int print_entry(const struct acre_registered *entry, void *unused)
{
	(void)unused;
	printf("%s (%.8s) at %s\n", entry->name, entry->uuid, entry->address);
	return 0;
}

/* The service comes later than whoever wants it. */
ACRE_TASK(start_service, struct acre_nursery *n)
{
	struct acre_actor *service;
	int r = acre_sleep(acre_ms(20));

	return r < 0 ? r : acre_spawn(n, &service, .name = "service");
}

ACRE_MAIN(.transports = "uds")
{
	struct acre_actor *service;
	struct acre_int twice;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_go(&n, start_service, &n);
		if (r >= 0)
			r = acre_wait_for(&service, "service");
		if (r >= 0)
			r = acre_call(service, answer, &(struct acre_int){ 21 }, acre_int,
				      &twice);
		if (r > 0)
			printf("%s says %lld\n", acre_actor_name(service),
			       (long long)twice.value);
		acre_release(&service);
		if (r >= 0)
			r = acre_registry(NULL, print_entry, NULL);
	}
	return r < 0 ? r : 0;
}
