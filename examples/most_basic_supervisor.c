/* SPDX-License-Identifier: MIT */
/* most_basic_supervisor.c - an actor that crashes is made again, but not more than three times. */
#include <acre.h>

#include <signal.h>

#define RESTARTS_MAX 3

/* Crashes in its first two lives. */
ACRE_CONTEXT(serve, acre_int)
{
	if (in->value < 2)
		raise(SIGKILL);
	return acre_return(ctx, acre_text, .value = "all is well");
}

/* A life: the actor and what it does, in a block of their own, so that nothing of it is left when
 * the next one begins. */
static int live(int64_t life)
{
	struct acre_actor *a;
	struct acre_text said;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "fragile");
		if (r >= 0)
			r = acre_call(a, serve, &(struct acre_int){ life }, acre_text,
				      &said);
		if (r > 0)
			printf("life %lld: %s\n", (long long)life, said.value);
	}
	return r;
}

/* Only deaths are met with a new life. What else goes wrong would go wrong again. */
ACRE_TASK(supervise, void *unused)
{
	int r = 0;

	(void)unused;
	for (int64_t life = 0; life <= RESTARTS_MAX; life++) {
		r = live(life);
		if (!acre_has(r, ACRE_EDIED))
			return r < 0 ? r : 0;
		printf("life %lld: it died\n", (long long)life);
	}
	return acre_note(r, "restarting it for the last time");
}

ACRE_MAIN()
{
	int r = 0;

	ACRE_NURSERY(n, r)
		r = acre_go(&n, supervise, NULL);
	return r;
}
