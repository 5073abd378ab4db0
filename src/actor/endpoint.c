/* SPDX-License-Identifier: MIT */
/* endpoint.c - the table of functions that others may call, and which namespaces of it are exposed. */
#include "actor/endpoint.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "actor/runtime.h"
#include "base/mem.h"
#include "base/util.h"
#include "core/report.h"

/*
 * ACRE_CONTEXT puts a pointer to each endpoint into the ELF section acre_endpoints of its
 * program or shared object, which a constructor announces. A program's section is the
 * namespace "main"; a loaded object's is named like its file. What is not exposed cannot
 * be called, whatever is in the table.
 *
 * The table belongs to the process, is filled before main() or by the boot of an actor,
 * and only grows; what is exposed belongs to each actor. Lookups and additions take the
 * table's lock, since actors may be threads. Nothing is loaded under it: constructors take
 * it while they hold the loader's.
 */

#define REGISTERED_MAX 256 /* endpoints registered at run time */

struct space {
	char name[ENDPOINT_SPACE_NAME_MAX];
	const struct acre_endpoint *const *first;
	const struct acre_endpoint *const *end;
};

static struct {
	struct space spaces[ENDPOINT_SPACES_MAX];
	size_t n_spaces;
	const struct acre_endpoint *registered[REGISTERED_MAX];
	size_t n_registered;
	pthread_mutex_t lock;
} table = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* Name of the shared object that this thread loads: its constructors run here. NULL: those
 * are the program's. */
static _Thread_local const char *loading;

static void lock(void)
{
	pthread_mutex_lock(&table.lock);
}

static void unlock(void)
{
	pthread_mutex_unlock(&table.lock);
}

static bool is_announced(const struct acre_endpoint *const *first)
{
	for (size_t i = 0; i < table.n_spaces; i++)
		if (table.spaces[i].first == first)
			return true;
	return false;
}

void acre_endpoints_(const struct acre_endpoint *const *first,
		     const struct acre_endpoint *const *end)
{
	struct space *s;

	lock();
	if (first != end && !is_announced(first) && table.n_spaces < ENDPOINT_SPACES_MAX) {
		s = &table.spaces[table.n_spaces++];
		snprintf(s->name, sizeof s->name, "%s", loading ? loading : "main");
		s->first = first;
		s->end = end;
	}
	unlock();
}

/* What an endpoint says of itself goes before whose object it is in. */
static bool is_of(const struct space *s, const struct acre_endpoint *e,
		  struct slice name_space)
{
	return slice_is(name_space, e->name_space ? e->name_space : s->name);
}

static const struct acre_endpoint *find_in(const struct space *s, struct slice name_space,
					   struct slice name)
{
	for (const struct acre_endpoint *const *e = s->first; e < s->end; e++)
		if (*e && slice_is(name, (*e)->name) && is_of(s, *e, name_space))
			return *e;
	return NULL;
}

static const char *space_of(const struct acre_endpoint *e)
{
	return e->name_space ? e->name_space : "main";
}

static bool is_named(const struct acre_endpoint *e, struct slice name_space,
		     struct slice name)
{
	return slice_is(name_space, space_of(e)) && slice_is(name, e->name);
}

static const struct acre_endpoint *lookup(struct slice name_space, struct slice name)
{
	const struct acre_endpoint *e = NULL;

	for (size_t i = 0; !e && i < table.n_spaces; i++)
		e = find_in(&table.spaces[i], name_space, name);
	for (size_t i = 0; !e && i < table.n_registered; i++)
		if (is_named(table.registered[i], name_space, name))
			e = table.registered[i];
	return e;
}

bool endpoint_is_shared(const char *name_space, const char *name)
{
	bool is_shared;

	lock();
	is_shared = lookup(slice_of(name_space), slice_of(name));
	unlock();
	return is_shared;
}

static const struct acre_endpoint *lookup_own(const struct endpoint_exposed *exposed,
					      struct slice name_space, struct slice name)
{
	for (const struct endpoint_own *own = exposed->own; own; own = own->next)
		if (is_named(&own->endpoint, name_space, name))
			return &own->endpoint;
	return NULL;
}

void endpoint_add_own(struct endpoint_exposed *exposed, struct endpoint_own *take_own)
{
	take_own->next = exposed->own;
	exposed->own = take_own;
}

struct endpoint_own *endpoint_free_own(struct endpoint_own *own)
{
	mem_free((char *)(uintptr_t)own->endpoint.name);
	mem_free((char *)(uintptr_t)own->endpoint.name_space);
	return mem_free(own);
}

void endpoint_exposed_fini(struct endpoint_exposed *exposed)
{
	while (exposed->own) {
		struct endpoint_own *own = exposed->own;

		exposed->own = own->next;
		endpoint_free_own(own);
	}
}

static bool is_exposed(const struct endpoint_exposed *exposed, struct slice name_space)
{
	for (size_t i = 0; i < exposed->n; i++)
		if (slice_is(name_space, exposed->names[i]))
			return true;
	return false;
}

#define SHOWN_MAX 256 /* bytes of a list of names in a failure */

/* All of them, or how many more there are. */
static void list_exposed(const struct endpoint_exposed *exposed, char ret[SHOWN_MAX])
{
	size_t used = 0, i = 0, len;

	ret[0] = '\0';
	for (; i < exposed->n; i++) {
		len = strlen(exposed->names[i]) + sizeof " \"\"" - 1;
		if (used + len + sizeof " and 16 more" > SHOWN_MAX)
			break;
		used += (size_t)snprintf(ret + used, SHOWN_MAX - used, " \"%s\"",
					 exposed->names[i]);
	}
	if (i < exposed->n)
		snprintf(ret + used, SHOWN_MAX - used, " and %zu more", exposed->n - i);
}

static int not_exposed(const struct endpoint_exposed *exposed, struct slice name_space)
{
	char shown[SHOWN_MAX];

	list_exposed(exposed, shown);
	return acre_fail(ACRE_ENOTEXPOSED, "the namespace \"%.*s\" is not exposed (%s%s)",
			 (int)size_min(name_space.len, ENDPOINT_SPACE_NAME_MAX),
			 name_space.p, exposed->n ? "exposed:" : "none is", shown);
}

int endpoint_find(const struct acre_endpoint **ret, const struct endpoint_exposed *exposed,
		  struct slice name_space, struct slice name)
{
	const struct acre_endpoint *e;

	if (!is_exposed(exposed, name_space))
		return not_exposed(exposed, name_space);
	e = lookup_own(exposed, name_space, name);
	if (!e) {
		lock();
		e = lookup(name_space, name);
		unlock();
	}
	if (!e)
		return acre_fail(ACRE_ENOENDPOINT,
				 "the namespace \"%.*s\" has no endpoint \"%.*s\"",
				 (int)name_space.len, name_space.p,
				 (int)size_min(name.len, ENDPOINT_SPACE_NAME_MAX),
				 name.p);
	*ret = e;
	return 0;
}

static bool has_any(const struct space *s, struct slice name_space)
{
	for (const struct acre_endpoint *const *e = s->first; e < s->end; e++)
		if (*e && is_of(s, *e, name_space))
			return true;
	return false;
}

static bool is_known(const struct endpoint_exposed *exposed, struct slice name)
{
	if (slice_is(name, "main"))
		return true; /* a program without endpoints has an empty one */
	for (size_t i = 0; i < table.n_spaces; i++)
		if (slice_is(name, table.spaces[i].name) ||
		    has_any(&table.spaces[i], name))
			return true;
	for (size_t i = 0; i < table.n_registered; i++)
		if (slice_is(name, space_of(table.registered[i])))
			return true;
	for (const struct endpoint_own *own = exposed->own; own; own = own->next)
		if (slice_is(name, space_of(&own->endpoint)))
			return true;
	return false;
}

int endpoint_expose(struct endpoint_exposed *exposed, const char *name_space, size_t len)
{
	struct slice name = { name_space, len };
	bool known;

	lock();
	known = is_known(exposed, name);
	unlock();
	if (!known)
		return acre_fail(ENOENT,
				 "no namespace \"%.*s\" to expose in this program",
				 (int)size_min(len, ENDPOINT_SPACE_NAME_MAX), name_space);
	if (is_exposed(exposed, name))
		return 0;
	if (exposed->n == ENDPOINT_SPACES_MAX)
		return acre_fail(ENOSPC, "%d namespaces are exposed already",
				 ENDPOINT_SPACES_MAX);
	snprintf(exposed->names[exposed->n++], ENDPOINT_SPACE_NAME_MAX, "%.*s", (int)len,
		 name_space);
	return 0;
}

/* The namespace of an object: its file's name without directory and ending. */
static void name_of(const char *path, char ret[ENDPOINT_SPACE_NAME_MAX])
{
	const char *slash = strrchr(path, '/');
	char *dot;

	snprintf(ret, ENDPOINT_SPACE_NAME_MAX, "%s", slash ? slash + 1 : path);
	dot = strrchr(ret, '.');
	if (dot)
		*dot = '\0';
}

int endpoint_preload(const char *path)
{
	const char *outer = loading; /* a constructor may load more */
	char name[ENDPOINT_SPACE_NAME_MAX];
	void *object;

	name_of(path, name);
	loading = name;
	/* for good: endpoints live as long as the process */
	object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	loading = outer;
	if (!object)
		return acre_fail(ACRE_EBOOT, "the module %s does not load: %s", path,
				 dlerror());
	return 0;
}

int endpoint_load(struct endpoint_exposed *exposed, const char *path)
{
	char name[ENDPOINT_SPACE_NAME_MAX];
	int r = endpoint_preload(path);

	if (r < 0)
		return r;
	name_of(path, name);
	return acre_note(endpoint_expose(exposed, name, strlen(name)),
			 "exposing the module %s (has it any ACRE_CONTEXT?)", path);
}

int acre_expose(const char *name)
{
	if (!name)
		return acre_fail(EINVAL, "acre_expose() without a name");
	if (!runtime_this)
		return acre_fail(ACRE_ENORUNTIME, "acre_expose() outside of an actor");
	return endpoint_expose(&runtime_this->exposed, name, strlen(name));
}

static int add_locked(const struct acre_endpoint *endpoint)
{
	if (lookup(slice_of(space_of(endpoint)), slice_of(endpoint->name)))
		return acre_fail(EEXIST, "there is an endpoint %s in %s", endpoint->name,
				 space_of(endpoint));
	if (table.n_registered == REGISTERED_MAX)
		return acre_fail(ENOSPC, "%d endpoints are registered already",
				 REGISTERED_MAX);
	table.registered[table.n_registered++] = endpoint;
	return 0;
}

int acre_endpoint_register(const struct acre_endpoint *endpoint)
{
	int r;

	lock();
	r = add_locked(endpoint);
	unlock();
	return r;
}
