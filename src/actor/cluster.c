/* SPDX-License-Identifier: MIT */
/* cluster.c - as many actors as cores, and a stream to each: gathered blocks in a nursery. */
#include <acre/cluster.h>

#include <stdio.h>
#include <string.h>

#include <acre/error.h>
#include <acre/share.h>

#include "base/mem.h"
#include "base/sys.h"
#include "base/util.h"

/*
 * A worker is a block of acre_gather(): it is entered by making the actor and opening the
 * context, and left by closing that. So all are made at the same time, and a failure of
 * one reaches the others. The actors belong to a nursery around all that, which ends them
 * when nobody needs them any more.
 */

#define WORKERS_MAX 1024 /* processes; a number that somebody means, and no underflow */
#define CPUS_MAX    8192 /* that Linux can be configured for (CONFIG_NR_CPUS) */

struct cluster {
	const struct acre_cluster_options *options;
	const struct acre_endpoint *endpoint;
	const void *arg;
	int (*body)(struct acre_worker *workers, size_t n, void *data);
	void *data;
	struct acre_nursery nursery; /* of the actors */
	struct acre_worker *workers; /* owned; one array, as the body gets it */
	size_t n;
};

struct post {
	struct cluster *cluster; /* borrowed */
	size_t i;		 /* whose block it is */
};

static int cores(void)
{
	cpu_set_t set[CPUS_MAX / CPU_SETSIZE];
	int r = sys_sched_getaffinity(0, sizeof set, set);

	if (r < 0)
		return acre_fail(-r, "asking which cores this thread may use: %s",
				 strerrordesc_np(-r));
	return CPU_COUNT_S(sizeof set, set);
}

static int choose_n(const struct acre_cluster_options *o, size_t *ret)
{
	size_t n_names = 0;
	int r;

	while (o->names && o->names[n_names])
		n_names++;
	if (o->names && !n_names)
		return acre_fail(EINVAL, "a cluster of no actors: its list of names is "
					 "empty");
	if (o->names && o->n && o->n != n_names)
		return acre_fail(EINVAL, "a cluster of %zu actors was given %zu names",
				 o->n, n_names);
	if (o->names || o->n) {
		*ret = o->names ? n_names : o->n;
		return 0;
	}
	r = cores();
	if (r < 0)
		return r;
	*ret = size_min((size_t)r, WORKERS_MAX);
	return 0;
}

static int check(const struct acre_cluster_options *o)
{
	if (o->spawn.name)
		return acre_fail(EINVAL,
				 "all actors of a cluster would be named %s: give .names",
				 o->spawn.name);
	if (o->reserved[0] || o->reserved[1])
		return acre_fail(EINVAL, "reserved options of a cluster must be 0");
	return 0;
}

static int enter(void *arg, void **ret_value)
{
	const struct post *post = arg;
	struct cluster *c = post->cluster;
	struct acre_worker *worker = &c->workers[post->i];
	struct acre_spawn_options spawn = c->options->spawn;
	char name[ACRE_ACTOR_NAME_SIZE + sizeof ".worker_1023"];
	int r;

	snprintf(name, sizeof name, "%s.worker_%zu", acre_self_name(), post->i);
	spawn.name = c->options->names ? c->options->names[post->i] : name;
	r = acre_spawn_(&c->nursery, &worker->actor, &spawn);
	if (r >= 0)
		r = acre_open_(&worker->ctx, worker->actor, c->endpoint, c->arg);
	*ret_value = worker;
	return acre_note(r, "making %s of a cluster", spawn.name);
}

static int leave(void *arg, void *value, int r)
{
	struct acre_worker *worker = value;

	(void)arg;
	return acre_context_close(&worker->ctx, r);
}

static int run_body(void *arg, void **values, size_t n)
{
	struct cluster *c = arg;

	(void)values; /* the addresses of c->workers */
	return c->body(c->workers, n, c->data);
}

static int run(struct cluster *c, struct post *posts, struct acre_block *blocks)
{
	int r;

	for (size_t i = 0; i < c->n; i++) {
		posts[i] = (struct post){ .cluster = c, .i = i };
		blocks[i] = (struct acre_block){ enter, leave, &posts[i] };
	}
	acre_nursery_open(&c->nursery);
	r = acre_gather(blocks, c->n, run_body, c);
	return acre_nursery_close(&c->nursery, r);
}

int acre_cluster_(const struct acre_endpoint *endpoint, const void *arg,
		  int (*body)(struct acre_worker *workers, size_t n, void *data),
		  void *data, const struct acre_cluster_options *options)
{
	struct cluster c = { .options = options,
			     .endpoint = endpoint,
			     .arg = arg,
			     .body = body,
			     .data = data };
	auto_free struct acre_worker *workers = NULL;
	auto_free struct acre_block *blocks = NULL;
	auto_free struct post *posts = NULL;
	int r = check(options);

	if (r >= 0)
		r = choose_n(options, &c.n);
	if (r < 0)
		return r;
	if (c.n > WORKERS_MAX)
		return acre_fail(EINVAL, "a cluster has at most %d actors, not %zu",
				 WORKERS_MAX, c.n);
	workers = mem_zalloc(c.n * sizeof *workers);
	blocks = mem_zalloc(c.n * sizeof *blocks);
	posts = mem_zalloc(c.n * sizeof *posts);
	if (!workers || !blocks || !posts)
		return acre_fail(ENOMEM, "no memory for a cluster of %zu actors", c.n);
	c.workers = workers;
	return run(&c, posts, blocks);
}
