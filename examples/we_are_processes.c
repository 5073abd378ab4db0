/* SPDX-License-Identifier: MIT */
/* we_are_processes.c - as many actors as cores, all busy; one crashes on purpose, and none is left. */
#include <acre.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

ACRE_CONTEXT(work, acre_int)
{
	printf("actor %s is process %d\n", acre_self_name(), getpid());
	fflush(stdout);
	if (in->value == 0)
		raise(SIGKILL); /* as the kernel does to a process that ate its memory */
	return acre_sleep(acre_secs(3600));
}

struct worker {
	struct acre_actor *actor;
	struct acre_int number;
};

ACRE_TASK(drive, struct worker *w)
{
	struct acre_nil none;

	return acre_call(w->actor, work, &w->number, acre_nil, &none);
}

ACRE_MAIN()
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	struct worker *workers = calloc((size_t)cores, sizeof *workers);
	char name[32];
	int r = workers ? 0 : -ENOMEM;

	ACRE_NURSERY(n, r) {
		for (long i = 0; i < cores && r >= 0; i++) {
			snprintf(name, sizeof name, "worker_%ld", i);
			workers[i].number.value = i;
			r = acre_spawn(&n, &workers[i].actor, .name = name);
			if (r >= 0)
				r = acre_go(&n, drive, &workers[i]);
		}
	}
	free(workers);
	printf("the block ended, and with it every process in it; why:\n");
	acre_print(stdout, r);
	return acre_has(r, ACRE_EDIED) ? 0 : 1;
}
