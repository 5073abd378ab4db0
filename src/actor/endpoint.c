/* SPDX-License-Identifier: MIT */
/* endpoint.c - the table of functions that others may call, and which namespaces of it are exposed. */
#include "actor/endpoint.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "core/report.h"

/*
 * ACRE_CONTEXT puts a pointer to each endpoint into the ELF section acre_endpoints of its
 * program or shared object, which a constructor announces. A program's section is the
 * namespace "main"; a loaded object's is named like its file. What is not exposed cannot
 * be called, whatever is in the table.
 *
 * The table belongs to the process and is filled before main(), or by the boot of an
 * actor: one thread at a time.
 */

/* Sections in one process: the program and the modules an actor loads */
#define SPACES_MAX     16
#define REGISTERED_MAX 256 /* endpoints registered at run time */
#define SPACE_NAME_MAX 128 /* bytes with the end: as long as an endpoint's name may be */

struct space {
	char name[SPACE_NAME_MAX];
	const struct acre_endpoint *const *first;
	const struct acre_endpoint *const *end;
};

static struct {
	struct space spaces[SPACES_MAX];
	size_t n_spaces;
	const struct acre_endpoint *registered[REGISTERED_MAX];
	size_t n_registered;
	char exposed[SPACES_MAX][SPACE_NAME_MAX];
	size_t n_exposed;
	/* name of the shared object whose constructors run; NULL: the program's */
	const char *loading;
} table;

void acre_endpoints_(const struct acre_endpoint *const *first,
		     const struct acre_endpoint *const *end)
{
	struct space *s;

	for (size_t i = 0; i < table.n_spaces; i++)
		if (table.spaces[i].first == first)
			return;
	if (first == end || table.n_spaces == SPACES_MAX)
		return;
	s = &table.spaces[table.n_spaces++];
	snprintf(s->name, sizeof s->name, "%s", table.loading ? table.loading : "main");
	s->first = first;
	s->end = end;
}

static const struct acre_endpoint *find_in(const struct acre_endpoint *const *first,
					   const struct acre_endpoint *const *end,
					   struct slice name)
{
	for (; first < end; first++)
		if (*first && slice_is(name, (*first)->name))
			return *first;
	return NULL;
}

static const char *space_of(const struct acre_endpoint *e)
{
	return e->name_space ? e->name_space : "main";
}

static const struct acre_endpoint *lookup(struct slice name_space, struct slice name)
{
	const struct acre_endpoint *e = NULL;

	for (size_t i = 0; !e && i < table.n_spaces; i++)
		if (slice_is(name_space, table.spaces[i].name))
			e = find_in(table.spaces[i].first, table.spaces[i].end, name);
	for (size_t i = 0; !e && i < table.n_registered; i++)
		if (slice_is(name_space, space_of(table.registered[i])) &&
		    slice_is(name, table.registered[i]->name))
			e = table.registered[i];
	return e;
}

static bool is_exposed(struct slice name_space)
{
	for (size_t i = 0; i < table.n_exposed; i++)
		if (slice_is(name_space, table.exposed[i]))
			return true;
	return false;
}

int endpoint_find(const struct acre_endpoint **ret, struct slice name_space,
		  struct slice name)
{
	const struct acre_endpoint *e;

	if (!is_exposed(name_space))
		return acre_fail(ACRE_ENOTEXPOSED,
				 "the namespace \"%.*s\" is not exposed (%zu are)",
				 (int)size_min(name_space.len, SPACE_NAME_MAX),
				 name_space.p, table.n_exposed);
	e = lookup(name_space, name);
	if (!e)
		return acre_fail(ACRE_ENOENDPOINT,
				 "the namespace \"%.*s\" has no endpoint \"%.*s\"",
				 (int)name_space.len, name_space.p,
				 (int)size_min(name.len, SPACE_NAME_MAX), name.p);
	*ret = e;
	return 0;
}

static bool is_known(struct slice name)
{
	if (slice_is(name, "main"))
		return true; /* a program without endpoints has an empty one */
	for (size_t i = 0; i < table.n_spaces; i++)
		if (slice_is(name, table.spaces[i].name))
			return true;
	for (size_t i = 0; i < table.n_registered; i++)
		if (slice_is(name, space_of(table.registered[i])))
			return true;
	return false;
}

int endpoint_expose(const char *name_space, size_t len)
{
	struct slice name = { name_space, len };

	if (!is_known(name))
		return acre_fail(ENOENT,
				 "no namespace \"%.*s\" to expose in this program",
				 (int)size_min(len, SPACE_NAME_MAX), name_space);
	if (is_exposed(name))
		return 0;
	if (table.n_exposed == SPACES_MAX)
		return acre_fail(ENOSPC, "%d namespaces are exposed already", SPACES_MAX);
	snprintf(table.exposed[table.n_exposed++], SPACE_NAME_MAX, "%.*s", (int)len,
		 name_space);
	return 0;
}

int endpoint_load(const char *path)
{
	const char *slash = strrchr(path, '/');
	char name[SPACE_NAME_MAX];
	char *dot;
	void *object;

	snprintf(name, sizeof name, "%s", slash ? slash + 1 : path);
	dot = strrchr(name, '.');
	if (dot)
		*dot = '\0';
	table.loading = name;
	object = dlopen(
		path,
		RTLD_NOW |
			RTLD_LOCAL); /* for good: endpoints live as long as the process */
	table.loading = NULL;
	if (!object)
		return acre_fail(ACRE_EBOOT, "the module %s does not load: %s", path,
				 dlerror());
	return acre_note(endpoint_expose(name, strlen(name)),
			 "exposing the module %s (has it any ACRE_CONTEXT?)", path);
}

void endpoint_reset(void)
{
	table.n_exposed = 0;
}

int acre_expose(const char *name)
{
	return endpoint_expose(name, strlen(name));
}

int acre_endpoint_register(const struct acre_endpoint *endpoint)
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
