/* SPDX-License-Identifier: MIT */
/* inherit_parent_main.c - roots that another launcher has started: each main runs once, no actor's does. */

/*
 * mpirun, a batch system or a service manager starts a program many times over, and tells each by
 * its environment which one it is. Each is the root of a tree of its own. Its actors are made from
 * the same program, with the same environment, and still run neither its main nor a second tree.
 *
 * Under `mpirun -n 2 inherit_parent_main` the ranks are mpirun's. Without it the program is its own
 * launcher, and starts itself twice, as programs of which it knows nothing.
 */
#include <acre.h>

#include <stdlib.h>
#include <unistd.h>

#define RANK  "OMPI_COMM_WORLD_RANK"
#define RANKS 2

static pid_t main_ran_in; /* the process; an actor that was forked has a copy of it */

/* An actor has the rank's environment, and its process has run no main. */
ACRE_CONTEXT(tell, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	const char *rank = getenv(RANK);
	bool ran = main_ran_in == getpid();

	return acre_return(ctx, acre_int,
			   .value = 10 * strtol(rank ? rank : "-1", NULL, 10) + ran);
}

static int be_rank(const char *rank)
{
	struct acre_actor *a;
	struct acre_int told;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "worker");
		if (r >= 0)
			r = acre_call(a, tell, NULL, acre_int, &told);
		if (r > 0)
			printf("rank %s: main ran here, and %s the worker of rank %lld\n",
			       rank, told.value % 10 ? "in" : "not in",
			       (long long)told.value / 10);
	}
	return r < 0 ? r : 0;
}

static int be_launcher(const char *program)
{
	const char *const argv[] = { program, NULL };
	struct acre_command *c;
	int r = 0;

	ACRE_NURSERY(n, r)
		for (int i = 0; i < RANKS && r >= 0; i++) {
			char rank[sizeof RANK + 12];
			const char *const env[] = { rank, NULL };

			snprintf(rank, sizeof rank, RANK "=%d", i);
			r = acre_command_start(&n, &c, .argv = argv, .env = env,
					       .label = "", .out = ACRE_COMMAND_RELAY);
		}
	return r;
}

ACRE_MAIN()
{
	const char *rank = getenv(RANK);

	main_ran_in = getpid();
	return rank ? be_rank(rank) : be_launcher(argv[0]);
}
