/* SPDX-License-Identifier: MIT */
/* registry.c - the registrar's table: entries, their links, and who waits for a name. */
#include "actor/registry.h"

#include <string.h>

#include "base/fault.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/util.h"
#include "core/report.h"

void registry_init(struct registry *r)
{
	list_init(&r->entries);
	list_init(&r->waits);
	map_init(&r->by_uuid);
	map_init(&r->by_address);
}

static void forget_address(struct registry *r, struct registered_address *a)
{
	map_remove(&r->by_address, &a->by_text);
	list_remove(&a->node);
	a->entry->n_addresses--;
	mem_free(a);
}

static void forget(struct registry *r, struct registry_entry *e)
{
	struct registered_address *a, *next;

	list_for_each_safe(a, next, &e->addresses, node)
		forget_address(r, a);
	map_remove(&r->by_uuid, &e->by_uuid);
	list_remove(&e->node);
	mem_free(e);
}

static void take_away(struct registry *r, struct registered_address *a)
{
	if (a->entry->n_addresses == 1)
		forget(r, a->entry);
	else
		forget_address(r, a);
}

void registry_fini(struct registry *r)
{
	struct registry_entry *e, *next;

	CHECK(list_is_empty(&r->waits));
	list_for_each_safe(e, next, &r->entries, node)
		forget(r, e);
	map_fini(&r->by_uuid);
	map_fini(&r->by_address);
}

static struct registry_entry *with_uuid(const struct registry *r, struct slice uuid)
{
	struct map_node *node = map_find(&r->by_uuid, uuid.p, uuid.len);

	return node ? container_of(node, struct registry_entry, by_uuid) : NULL;
}

static struct registered_address *registered(const struct registry *r,
					     const struct address *address)
{
	char text[ADDRESS_TEXT_SIZE];
	struct map_node *node;

	address_text(address, text);
	node = map_find(&r->by_address, text, strlen(text));
	return node ? container_of(node, struct registered_address, by_text) : NULL;
}

static int check(const struct registry *r, struct uid uid, const struct registry_entry *e)
{
	if (e && e->n_addresses == REGISTRY_ADDRESSES_MAX)
		return acre_fail(ENOSPC, "%s has registered %d addresses already",
				 e->name, REGISTRY_ADDRESSES_MAX);
	if (!e && registry_n(r) == REGISTRY_ENTRIES_MAX)
		return acre_fail(ENOSPC, "%d actors are registered already",
				 REGISTRY_ENTRIES_MAX);
	if (uid.name.len && uid.name.len < ACTOR_NAME_MAX && uid.uuid.len &&
	    uid.uuid.len < UUID_SIZE)
		return 0;
	return acre_fail(
		EINVAL,
		"an actor is registered by a name of 1 to %d bytes and a uuid of "
		"1 to %d, not of %zu and %zu",
		ACTOR_NAME_MAX - 1, UUID_SIZE - 1, uid.name.len, uid.uuid.len);
}

static struct registry_entry *entry_new(struct registry *r, struct uid uid)
{
	struct registry_entry *e = mem_zalloc(sizeof *e);

	if (!e)
		return NULL;
	memcpy(e->name, uid.name.p, uid.name.len);
	memcpy(e->uuid, uid.uuid.p, uid.uuid.len);
	list_init(&e->addresses);
	list_push(&r->entries, &e->node);
	CHECK(map_insert(&r->by_uuid, &e->by_uuid, e->uuid, uid.uuid.len));
	return e;
}

static void add_address(struct registry *r, struct registry_entry *e,
			struct registered_address *a, const struct address *address)
{
	a->address = *address;
	a->entry = e;
	address_text(address, a->text);
	CHECK(map_insert(&r->by_address, &a->by_text, a->text, strlen(a->text)));
	list_push(&e->addresses, &a->node);
	e->n_addresses++;
}

static struct registry_wait *next_wait(struct registry *r, const struct registry_entry *e)
{
	struct registry_wait *w;

	list_for_each(w, &r->waits, node)
		if (!strcmp(w->name, e->name) || !strcmp(w->name, e->uuid))
			return w;
	return NULL;
}

/* Telling one may end a link, and with it any wait or entry: so each step begins anew. */
static void wake(struct registry *r, struct slice uuid)
{
	struct registry_entry *e;
	struct registry_wait *w;

	while ((e = with_uuid(r, uuid)) && (w = next_wait(r, e))) {
		list_remove(&w->node);
		w->found(w, e);
	}
}

int registry_add(struct registry *r, struct uid uid, const struct address *address,
		 struct acre_actor *by)
{
	struct registry_entry *e = with_uuid(r, uid.uuid);
	struct registered_address *old = registered(r, address), *a;
	int result;

	if (old && old->entry == e) {
		e->by = by;
		return 0;
	}
	result = check(r, uid, e);
	if (result < 0)
		return result;
	a = mem_zalloc(sizeof *a);
	if (a && !e)
		e = entry_new(r, uid);
	if (!a || !e) {
		mem_free(a);
		return acre_fail(ENOMEM, "no memory to register an actor");
	}
	if (old)
		take_away(r, old);
	e->by = by;
	add_address(r, e, a, address);
	wake(r, uid.uuid);
	return 0;
}

void registry_remove(struct registry *r, struct slice uuid)
{
	struct registry_entry *e = with_uuid(r, uuid);

	if (e)
		forget(r, e);
}

void registry_link_lost(struct registry *r, const struct acre_actor *by)
{
	struct registry_entry *e, *next;

	list_for_each_safe(e, next, &r->entries, node)
		if (e->by == by && !PLANTED(STALE_ENTRY))
			forget(r, e);
}

bool registry_delete_address(struct registry *r, const struct address *address,
			     struct registered *ret)
{
	struct registered_address *a = registered(r, address);

	if (!a)
		return false;
	memcpy(ret->name, a->entry->name, sizeof ret->name);
	memcpy(ret->uuid, a->entry->uuid, sizeof ret->uuid);
	take_away(r, a);
	return true;
}

const struct registry_entry *registry_next(const struct registry *r,
					   const struct registry_entry *e,
					   struct slice name)
{
	const struct list *node = e ? e->node.next : r->entries.next;

	for (; node != &r->entries; node = node->next) {
		e = list_entry(node, const struct registry_entry, node);
		if (!name.p || slice_is(name, e->name) || slice_is(name, e->uuid))
			return e;
	}
	return NULL;
}

const struct registry_entry *registry_find(const struct registry *r, struct slice name)
{
	return registry_next(r, NULL, name);
}

void registry_wait_for(struct registry *r, struct registry_wait *w, struct slice name)
{
	size_t len = size_min(name.len, sizeof w->name - 1);

	memcpy(w->name, name.p, len);
	w->name[len] = '\0';
	list_push(&r->waits, &w->node);
}
