/* SPDX-License-Identifier: MIT */
/* python_pool.c - a pool of Python workers, each a process that is there in milliseconds. */
#include <acre.h>
#include <acre/python.h>

/*
 * usage, from the root of the source: python_pool [examples/python_pool.py]
 *
 * The workers are forked from a Python that has imported `fractions` once for all of them. A
 * call is typed on this side, and of names and values on theirs; an exception is a failure
 * like any other, and the worker serves on.
 */

#define WORKERS 3
#define JOBS	6

#define QUERY(F) F(int64_t, n)
ACRE_MSG(query, QUERY) /* harmonic(n) */

struct job {
	struct query in;
	char answer[128];
};

struct worker {
	struct acre_chan *jobs; /* of pointers to jobs; shared by all workers */
	struct acre_actor *actor;
};

/* What comes back is borrowed until the context is closed. */
static int ask(struct acre_actor *actor, struct job *job)
{
	struct acre_context *ctx;
	struct acre_text text;
	int r = acre_open_named(&ctx, actor, "main", "harmonic", ACRE_KIND(query), &job->in);

	if (r < 0)
		return r;
	r = acre_result(ctx, acre_text, &text);
	if (r > 0)
		snprintf(job->answer, sizeof job->answer, "%s", text.value);
	return acre_context_close(&ctx, r);
}

/* A task for each worker. An exception is the job's answer; what else fails ends the pool. */
ACRE_TASK(work, struct worker *w)
{
	struct job *job;
	int r = 0;

	while (r >= 0 && (r = acre_chan_recv(w->jobs, &job)) > 0) {
		r = ask(w->actor, job);
		if (acre_is(r, ACRE_EGUEST)) {
			snprintf(job->answer, sizeof job->answer, "%s: %s", acre_why(r)->name,
				 acre_why(r)->message);
			r = 0;
		}
	}
	return r;
}

static int submit_all(struct acre_chan *to, struct job *jobs)
{
	static const int64_t terms[JOBS] = { 1, 2, 10, 0, 20, 40 };
	int r = 0;

	for (int i = 0; i < JOBS && r >= 0; i++) {
		struct job *job = &jobs[i];

		job->in.n = terms[i];
		r = acre_chan_send(to, &job); /* waits for a worker that is idle */
	}
	acre_chan_close(to);
	return r;
}

ACRE_MAIN()
{
	const char *const preload[] = { "fractions", NULL };
	const struct acre_guest guest = { .file = argc > 1 ? argv[1] : "examples/python_pool.py",
					  .preload = preload };
	struct worker workers[WORKERS] = { { NULL, NULL } };
	struct job jobs[JOBS] = { { .answer = "" } };
	struct acre_chan chan;
	int r = 0;

	acre_chan_init(&chan, sizeof(struct job *), NULL, 0);
	ACRE_NURSERY(n, r) {
		for (int i = 0; i < WORKERS && r >= 0; i++) {
			workers[i].jobs = &chan;
			r = acre_spawn(&n, &workers[i].actor, .name = "worker",
				       .backend = "subint_forkserver", .guest = &guest);
			if (r >= 0)
				r = acre_go(&n, work, &workers[i]);
		}
		if (r >= 0)
			r = submit_all(&chan, jobs);
	}
	for (int i = 0; i < JOBS && r >= 0; i++)
		printf("harmonic(%lld) = %s\n", (long long)jobs[i].in.n, jobs[i].answer);
	return r;
}
