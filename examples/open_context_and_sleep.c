/* SPDX-License-Identifier: MIT */
/* open_context_and_sleep.c - holds a context open: a place to try signals, kills and `acre` by hand. */

/*
 * open_context_and_sleep [SECONDS]	(half a second, so that the tests have an end)
 *
 * While it sleeps, from another shell: kill -INT, -STOP, -KILL either process; `acre ls`,
 * `acre cancel sleeper`, `acre dump PID`. Whatever is done, nothing of it is left afterwards.
 */
#include <acre.h>

#include <stdlib.h>
#include <unistd.h>

ACRE_CONTEXT(sleep_for, acre_int, .started = ACRE_PAYLOAD(acre_int))
{
	int r = acre_started(ctx, acre_int, .value = getpid());

	return r < 0 ? r : acre_sleep(acre_ms(in->value));
}

ACRE_MAIN(.transports = "uds")
{
	double seconds = argc > 1 ? strtod(argv[1], NULL) : 0.5;
	struct acre_int ms = { (int64_t)(seconds * 1000) }, pid;
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "sleeper");
		ACRE_OPEN(ctx, r, a, sleep_for, &ms) {
			r = acre_first(ctx, acre_int, &pid);
			if (r > 0)
				printf("%s is process %d, its parent %d; both wait\n",
				       acre_actor_name(a), (int)pid.value, getpid());
			fflush(stdout);
		} /* which waits for the end of sleep_for */
	}
	return r < 0 ? r : 0;
}
