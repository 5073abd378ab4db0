/* SPDX-License-Identifier: MIT */
/* cache.c - resources that are opened by their first user and closed by their last. */
#include <acre/share.h>

#include <string.h>

#include "base/fault.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/util.h"
#include "core/event.h"
#include "core/report.h"
#include "core/sched.h"

/*
 * An entry is in the map from before its open begins until after its close has ended, so
 * there is never a second resource of the same key, and who comes in between waits for
 * the change to be over, and looks again: it finds the resource open, or nothing, and
 * then it is the first user itself. Nobody inherits a half-done open from a task that was
 * cancelled.
 *
 * Who waits holds no reference to the entry. What wakes it is the event inside, which is
 * not looked at afterwards; so an entry can be freed in the same step that wakes them
 * all.
 *
 * Opening and closing run in the tasks of the users, not in one of ours: a deadline
 * around the first user bounds its open, and a failure of the close has somebody to go
 * to. Hence open() may not leave a scope or nursery open.
 */
#define CLOSE_BOUND \
	acre_secs(3) /* of a cancelled user's close: as long as a nursery may take */

enum entry_state { OPENING, OPEN, CLOSING };

struct entry {
	struct map_node node;	       /* in cache->entries, by key */
	struct acre_resource resource; /* of the user who opened it; its key is ours */
	enum entry_state state;
	void *value;		   /* from open(), unless OPENING */
	size_t n_users;		   /* 0 unless OPEN */
	const struct task *worker; /* borrowed: who opens or closes it; NULL if OPEN */
	struct acre_event changed; /* not set while somebody opens or closes it */
	char key[];
};

struct acre_cache {
	struct map entries;
};

static struct entry *find(const struct acre_cache *cache, const char *key)
{
	struct map_node *node = map_find(&cache->entries, key, strlen(key));

	return node ? container_of(node, struct entry, node) : NULL;
}

static struct entry *entry_new(struct acre_cache *cache,
			       const struct acre_resource *resource)
{
	size_t len = strlen(resource->key);
	struct entry *e = mem_zalloc(sizeof *e + len + 1);

	if (!e)
		return NULL;
	memcpy(e->key, resource->key, len);
	e->resource = *resource;
	e->resource.key = e->key;
	acre_event_init(&e->changed);
	map_insert(&cache->entries, &e->node, e->key, len);
	return e;
}

/* Lets those who wait look for themselves. */
static void entry_free(struct acre_cache *cache, struct entry *e)
{
	map_remove(&cache->entries, &e->node);
	acre_event_set(&e->changed);
	mem_free(e);
}

static void begin(struct entry *e, enum entry_state state, const struct task *worker)
{
	e->state = state;
	e->worker = worker;
	acre_event_reset(&e->changed);
}

/* A miss. */
static int open_entry(struct acre_cache *cache, const struct acre_resource *resource,
		      void **ret, struct task *t)
{
	struct entry *e = entry_new(cache, resource);
	const struct scope *scope = t->scope;
	int r;

	if (!e)
		return acre_fail(ENOMEM, "no memory for resource %s", resource->key);
	begin(e, OPENING, t);
	r = resource->open(resource->arg, &e->value);
	if (t->scope != scope)
		BUG("the open of resource %s left a scope or a nursery open in task %s",
		    e->key, t->name);
	if (r < 0) {
		entry_free(cache, e);
		return r;
	}
	e->state = OPEN;
	e->worker = NULL;
	e->n_users = 1;
	acre_event_set(&e->changed);
	*ret = e->value;
	return 1;
}

int acre_cache_enter(struct acre_cache *cache, const struct acre_resource *resource,
		     void **ret)
{
	struct task *t = sched_task("acre_cache_enter");
	__attribute__((unused)) bool was_opening;
	struct entry *e;
	int r = checkpoint(t);

	while (r >= 0) {
		e = find(cache, resource->key);
		if (!e)
			return open_entry(cache, resource, ret, t);
		if (e->state == OPEN) {
			e->n_users++;
			*ret = e->value;
			return 0;
		}
		if (e->worker == t)
			BUG("task %s enters resource %s while it opens or closes it",
			    t->name, e->key);
		was_opening = e->state == OPENING;
		r = event_wait(&e->changed, WAIT_RESOURCE, e);
		if (PLANTED(OVERTAKEN_UNSEEN) && r >= 0 && was_opening) {
			e->n_users++;
			*ret = e->value;
			return 0;
		}
	}
	return r;
}

static int close_entry(struct acre_cache *cache, struct entry *e, int r)
{
	int closed = r;

	begin(e, CLOSING, sched_task("acre_cache_leave"));
	ACRE_SHIELD(CLOSE_BOUND, closed)
		closed = e->resource.close(e->resource.arg, e->value, r);
	entry_free(cache, e);
	if (closed < 0 && (r >= 0 || report_class(r) == ECANCELED))
		return closed;
	return r;
}

int acre_cache_leave(struct acre_cache *cache, const char *key, int r)
{
	struct entry *e = find(cache, key);

	if (!e || e->state != OPEN)
		BUG("task %s leaves resource %s, which nobody uses", acre_task_name(),
		    key);
	if (--e->n_users > 0)
		return r;
	return close_entry(cache, e, r);
}

int acre_cache_open(struct acre_cache **ret)
{
	struct acre_cache *cache = mem_zalloc(sizeof *cache);

	if (!cache)
		return acre_fail(ENOMEM, "no memory for a cache of resources");
	map_init(&cache->entries);
	*ret = cache;
	return 0;
}

int acre_cache_close(struct acre_cache **cache, int r)
{
	struct acre_cache *c = TAKE_PTR(*cache);
	struct map_node *node;

	if (!c)
		return r;
	node = map_next(&c->entries, NULL);
	if (node)
		BUG("a cache is closed while resource %s has %zu users",
		    container_of(node, struct entry, node)->key,
		    container_of(node, struct entry, node)->n_users);
	map_fini(&c->entries);
	mem_free(c);
	return r;
}
