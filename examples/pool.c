/* SPDX-License-Identifier: MIT */
/* pool.c - jobs are submitted to a pool of actors, and whoever is idle takes the next one. */
#include <acre.h>

#define WORKERS 3
#define JOBS	12

ACRE_CONTEXT(collatz, acre_int, .kind = ACRE_ENDPOINT_ONESHOT)
{
	int64_t steps = 0;

	for (int64_t n = in->value; n != 1; steps++)
		n = n % 2 ? 3 * n + 1 : n / 2;
	return acre_return(ctx, acre_int, .value = steps);
}

struct job {
	struct acre_int n, steps;
};

struct worker {
	struct acre_chan *jobs; /* of pointers to jobs; shared by all workers */
	struct acre_actor *actor;
	int n_done;
};

/* A task for each actor. The channel ends when no more is submitted. */
ACRE_TASK(work, struct worker *w)
{
	struct job *job;
	int r = 0;

	while (r >= 0 && (r = acre_chan_recv(w->jobs, &job)) > 0) {
		r = acre_call(w->actor, collatz, &job->n, acre_int, &job->steps);
		w->n_done++;
	}
	return r;
}

static int submit_all(struct acre_chan *to, struct job *jobs)
{
	int r = 0;

	for (int i = 0; i < JOBS && r >= 0; i++) {
		struct job *job = &jobs[i];

		job->n.value = 27 + i;
		r = acre_chan_send(to, &job); /* waits for a worker that is idle */
	}
	acre_chan_close(to);
	return r;
}

ACRE_MAIN()
{
	struct worker workers[WORKERS] = { { .n_done = 0 } };
	struct job jobs[JOBS] = { { .n = { 0 } } };
	struct acre_chan chan;
	int r = 0, n_done = 0;

	acre_chan_init(&chan, sizeof(struct job *), NULL, 0);
	ACRE_NURSERY(n, r) {
		for (int i = 0; i < WORKERS && r >= 0; i++) {
			workers[i].jobs = &chan;
			r = acre_spawn(&n, &workers[i].actor, .name = "worker");
			if (r >= 0)
				r = acre_go(&n, work, &workers[i]);
		}
		if (r >= 0)
			r = submit_all(&chan, jobs);
	}
	for (int i = 0; i < WORKERS; i++)
		n_done += workers[i].n_done;
	if (r >= 0)
		printf("%d jobs are done; 27 takes %lld steps, 31 takes %lld\n", n_done,
		       (long long)jobs[0].steps.value, (long long)jobs[4].steps.value);
	return r;
}
