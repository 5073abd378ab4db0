/* SPDX-License-Identifier: MIT */
/* registry.h - names to addresses, as the registrar keeps them. */
#pragma once

#include "actor/peer.h"
#include "base/list.h"
#include "base/map.h"
#include "wire/address.h"
#include "wire/msg.h"

/*
 * An entry is an actor that has registered: its name, its uuid, its addresses, and the link
 * over which it did. Names are not unique; of several actors with one name the first to
 * register is found. An address belongs to one entry: who claims it last has it.
 *
 * No entry is stale. An acre actor keeps the link over which it has registered for as long as
 * it lives, so its entry ends with that link, in the same turn. A reference actor closes its
 * link at once, so its entry lives until it is taken back, or until somebody whose dial has
 * failed says so.
 *
 * Not here: what is said to a registrar (self.c), and who asks one (discovery.c).
 */

/* Actors that may be registered: a table that strangers fill has a bound. */
#define REGISTRY_ENTRIES_MAX 65536
/* Addresses of an actor: one for each transport, and some to spare. */
#define REGISTRY_ADDRESSES_MAX 8

struct registered_address {
	struct list node; /* in entry->addresses, in the order of registering */
	struct map_node by_text;
	char text[ADDRESS_TEXT_SIZE];
	struct address address;
	struct registry_entry *entry;
};

struct registry_entry {
	struct list node; /* in registry->entries, oldest first */
	struct map_node by_uuid;
	char name[ACTOR_NAME_MAX];
	char uuid[UUID_SIZE];
	struct list addresses; /* struct registered_address; never empty */
	size_t n_addresses;
	struct acre_actor *by; /* borrowed: whose link ends it; NULL: nobody's */
};

/* Somebody who waits for a name. `found` is called once, when the name is registered, and has
 * taken the wait out of the list before. */
struct registry_wait {
	struct list node;
	char name[ACTOR_NAME_MAX];
	void (*found)(struct registry_wait *w, const struct registry_entry *e);
};

struct registry {
	struct list entries;
	struct map by_uuid;
	struct map by_address; /* struct registered_address, by its text */
	struct list waits;
};

static inline size_t registry_n(const struct registry *r)
{
	return map_n(&r->by_uuid);
}

void registry_init(struct registry *r);
/* Nobody waits any more. */
void registry_fini(struct registry *r);

/* Adds an address of an actor, and the actor if it is new. `by`: the acre link over which it
 * says so, or NULL. EINVAL (a name or uuid that is none), ENOSPC, ENOMEM. */
int registry_add(struct registry *r, struct uid uid, const struct address *address,
		 struct acre_actor *by);
void registry_remove(struct registry *r, struct slice uuid);
/* All that was registered over that link. */
void registry_link_lost(struct registry *r, const struct acre_actor *by);
/* Who an address was of. */
struct registered {
	char name[ACTOR_NAME_MAX];
	char uuid[UUID_SIZE];
};
/* Nobody answers there: takes that address out, and its actor if it was the last one. Whether
 * there was one. */
bool registry_delete_address(struct registry *r, const struct address *address,
			     struct registered *ret);

/* The first one whose name or uuid it is; NULL. */
const struct registry_entry *registry_find(const struct registry *r, struct slice name);
/* The next one after `e` (NULL: the first) whose name or uuid it is, or any for name.p NULL. */
const struct registry_entry *registry_next(const struct registry *r,
					   const struct registry_entry *e,
					   struct slice name);
/* Files a wait for a name that is not there now. */
void registry_wait_for(struct registry *r, struct registry_wait *w, struct slice name);
