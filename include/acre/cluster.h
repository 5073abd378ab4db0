/* SPDX-License-Identifier: MIT */
/* cluster.h - as many actors as cores, and a stream to each, in one call. */
#ifndef ACRE_CLUSTER_H
#define ACRE_CLUSTER_H

/*
 * A cluster is a block like acre_gather(): its actors are made and its contexts opened at
 * the same time, then the body runs with all of them, then the contexts are left and the
 * actors ended.
 *
 *	static int deal(struct acre_worker *workers, size_t n, void *sum)
 *	{
 *		int r = 0;
 *
 *		for (uint32_t i = 0; r >= 0 && i < 1000; i++)
 *			r = acre_send(workers[i % n].ctx, acre_int, .value = i);
 *		for (size_t i = 0; r >= 0 && i < n; i++)
 *			r = acre_finish(workers[i].ctx);
 *		...
 *		return r;
 *	}
 *
 *	r = acre_cluster(adds_up, &nil, deal, &sum);
 *
 * Three rules. Each worker runs the same endpoint with the same argument, so what tells
 * them apart is what they are sent. The contexts are the cluster's: the body sends,
 * receives and asks for results, and does not close them. A failure of the body, of an
 * actor, or of a worker that is left cancels the others.
 *
 * (tractor's open_actor_cluster.)
 *
 * THREADS: the loop's thread only. FORK: the parent's.
 */

#include <acre/context.h>

ACRE_BEGIN_

/* Borrowed by the body until it returns. */
struct acre_worker {
	struct acre_actor *actor;
	struct acre_context *ctx; /* this side is the opener */
};

/* Zero is right for all that is left out. Everything is borrowed for the call. */
struct acre_cluster_options {
	/* how many, at most 1,024; 0: as many as there are names, and without names as
	 * this thread may use cores */
	size_t n;
	/* n names, NULL at the end; NULL: "SELF.worker_0" and so on, SELF being our own */
	const char *const *names;
	struct acre_spawn_options spawn; /* of each actor; its name is to be NULL */
	uint64_t reserved[2];
};

/*
 * acre_cluster(endpoint, &arg, body, data, .n = 4): makes the actors, opens a context with
 * `endpoint` in each, and calls body(workers, n, data) in this task when all have started.
 * If that returned well, each context is left as acre_context_close(&ctx, 0) does: its
 * stream is closed and its result waited for. Otherwise the callees are cancelled. Then the
 * actors are ended, whose ladder bounds the wait.
 *
 * Returns what the body returned, or the failure, or the group of failures, of actors and
 * callees. EINVAL: another number of names than n, names without one, a name in .spawn,
 * too many; ENOMEM; what acre_spawn() and acre_open() fail with. A checkpoint.
 */
#define acre_cluster(endpoint, arg, body, ...) \
	ACRE_CLUSTER_(endpoint, arg, body, __VA_ARGS__, )
#define ACRE_CLUSTER_(endpoint, arg, body, data, ...)                              \
	acre_cluster_(&endpoint##_endpoint_, endpoint##_arg_(arg), (body), (data), \
		      ACRE_VALUE_(acre_cluster_options, __VA_ARGS__))
ACRE_PUBLIC_ ACRE_MUST_USE_ int
acre_cluster_(const struct acre_endpoint *endpoint, const void *arg,
	      int (*body)(struct acre_worker *workers, size_t n, void *data), void *data,
	      const struct acre_cluster_options *options);

ACRE_END_
#endif
