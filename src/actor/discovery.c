/* SPDX-License-Identifier: MIT */
/* discovery.c - asking registrars: who is there, who comes, and which address to dial. */
#include "actor/discovery.h"

#include <string.h>

#include "actor/context.h"
#include "actor/portal.h"
#include "actor/registry.h"
#include "actor/runtime.h"
#include "base/mem.h"
#include "base/util.h"
#include "core/sched.h"

/*
 * A question is a call of "self" over the link to a registrar; where we are the registrar it is
 * put to our own table. Of several addresses the nearest is dialled first: a Unix socket, then
 * this host, then another one, and of equals the last. An address that nobody answers at is
 * reported to the registrar, and the next one is tried.
 */

/* Addresses of one name that are tried: those of some actors. */
#define FOUND_MAX 64

struct found {
	struct address addresses[FOUND_MAX];
	size_t n;
};

static void keep(struct found *f, const struct address *address)
{
	if (f->n < FOUND_MAX)
		f->addresses[f->n++] = *address;
}

/*
 * Asking.
 */

/* The packed result of self.FUNC, in a context that is to be closed; a checkpoint. */
static int ask(struct acre_context **ret, struct acre_actor *registrar, const char *func,
	       pack_fn *pack, const void *what)
{
	struct acre_context *ctx = NULL;
	struct pack_writer w;
	struct buf packed;
	int r;

	buf_init(&packed, wire_limits_default.frame);
	pack_writer_init(&w, &packed, &wire_limits_default);
	pack(&w, what);
	r = pack_writer_result(&w);
	if (r >= 0)
		r = opener_start_packed(&ctx, registrar, "self", func,
					(struct slice){ (const char *)buf_bytes(&packed),
							buf_len(&packed) });
	buf_fini(&packed);
	if (r >= 0)
		r = opener_await(ctx);
	if (r < 0 && ctx)
		r = acre_context_close(&ctx, r);
	*ret = ctx;
	return r;
}

static int close_answer(struct acre_context **ctx, struct pack_reader *in, int r)
{
	char why[160];

	if (r >= 0 && pack_reader_result(in) < 0) {
		pack_error_text(in, why, sizeof why);
		r = acre_fail(EPROTO, "a registrar's answer: %s", why);
	}
	return acre_context_close(ctx, r);
}

static void read_answer(struct pack_reader *in, const struct acre_context *ctx)
{
	pack_reader_init(in, buf_bytes(&ctx->result), buf_len(&ctx->result),
			 &wire_limits_default);
}

int discovery_tell(struct acre_actor *registrar, const char *func, pack_fn *pack,
		   const void *what)
{
	struct acre_context *ctx;
	int r = ask(&ctx, registrar, func, pack, what);

	return r < 0 ? r : acre_context_close(&ctx, 0);
}

static void pack_name(struct pack_writer *w, const void *what)
{
	pack_map(w, 1);
	pack_cstr(w, "name");
	pack_cstr(w, what);
}

static int find_remotely(struct found *ret, struct acre_actor *registrar,
			 const char *func, const char *name)
{
	struct acre_context *ctx;
	struct address address;
	struct pack_reader in;
	int r = ask(&ctx, registrar, func, pack_name, name);

	if (r < 0)
		return r;
	read_answer(&in, ctx);
	if (!pack_read_if_nil(&in))
		for (size_t n = pack_read_array(&in); n--;) {
			address_unpack(&in, &address);
			if (address.kind)
				keep(ret, &address);
		}
	return close_answer(&ctx, &in, 0);
}

static void keep_entry(struct found *f, const struct registry_entry *e)
{
	const struct registered_address *a;

	list_for_each(a, &e->addresses, node)
		keep(f, &a->address);
}

static int find_at(struct found *ret, const struct registrar *at, const char *name)
{
	const struct registry_entry *e;

	ret->n = 0;
	if (!at->is_us)
		return find_remotely(ret, at->link, "find_actor", name);
	e = registry_find(&runtime_this->registry, slice_of(name));
	if (e)
		keep_entry(ret, e);
	return 0;
}

/* A task of ours that waits in our own table. */
struct own_wait {
	struct registry_wait wait;
	struct list waits;
	struct found *found;
};

static void own_found(struct registry_wait *wait, const struct registry_entry *e)
{
	struct own_wait *w = container_of(wait, struct own_wait, wait);

	keep_entry(w->found, e);
	unpark_all(&w->waits, 0);
}

static int wait_here(struct found *ret, const char *name)
{
	struct own_wait own = { .wait.found = own_found, .found = ret };
	int r = 0;

	list_init(&own.waits);
	registry_wait_for(&runtime_this->registry, &own.wait, slice_of(name));
	while (r >= 0 && !ret->n) {
		struct wait w = { .task = task_this() };

		list_push(&own.waits, &w.node);
		park_begin_naming(name, NULL);
		r = park_on(WAIT_NAME, NULL, &w, 1);
		park_end_naming();
	}
	list_remove(&own.wait.node);
	return r;
}

static int wait_at(struct found *ret, const struct registrar *at, const char *name)
{
	int r = find_at(ret, at, name);

	if (r < 0 || ret->n)
		return r;
	return at->is_us ? wait_here(ret, name)
			 : find_remotely(ret, at->link, "wait_for_actor", name);
}

static void pack_address(struct pack_writer *w, const void *what)
{
	pack_map(w, 1);
	pack_cstr(w, "addr");
	address_pack(w, what);
}

/* Nobody answers there: the registrar is told, for those who ask next. */
static int forget_at(const struct registrar *at, const struct address *address)
{
	struct registered whose;

	if (!at->is_us)
		return discovery_tell(at->link, "delete_addr", pack_address, address);
	registry_delete_address(&runtime_this->registry, address, &whose);
	return 0;
}

/*
 * Dialling what was found.
 */

static const struct address *nearest(const struct found *f)
{
	const struct address *best = NULL;

	for (size_t i = 0; i < f->n; i++)
		if (!best || address_distance(&f->addresses[i]) <= address_distance(best))
			best = &f->addresses[i];
	return best;
}

static void strike_out(struct found *f, const struct address *address)
{
	size_t at = (size_t)(address - f->addresses);

	f->n--;
	memmove(&f->addresses[at], &f->addresses[at + 1],
		(f->n - at) * sizeof f->addresses[0]);
}

/* 1 with a portal; 0: nobody answers at any of them. */
static int dial_found(struct acre_actor **ret, struct found *f,
		      const struct registrar *at)
{
	const struct address *address;
	int r = 0;

	while (r >= 0 && (address = nearest(f))) {
		r = portal_open(ret, address, PORTAL_HELLO_NS);
		if (r >= 0)
			return 1;
		if (report_class(r) == ECANCELED || report_class(r) == ENOMEM)
			return r;
		/* one that we may not speak to is there all the same */
		r = report_class(r) == EPROTO ? 0 : forget_at(at, address);
		strike_out(f, address);
	}
	return r;
}

static bool is_named(const struct acre_actor *a, const char *name)
{
	return a && a->introduced && !a->link_lost &&
	       (!strcmp(a->name, name) || !strcmp(a->uuid, name));
}

static struct acre_actor *find_in_family(const char *name)
{
	struct acre_actor *a;

	list_for_each(a, &runtime_this->children, node)
		if (is_named(a, name))
			return a;
	return is_named(runtime_this->parent, name) ? runtime_this->parent : NULL;
}

static int no_runtime(const char *what)
{
	return acre_fail(ACRE_ENORUNTIME, "looking for %s outside of an actor",
			 what ? what : "nobody");
}

static int check_name(const char *name)
{
	return name ? runtime_check_name(name) : acre_fail(EINVAL, "a name that is NULL");
}

int acre_find(struct acre_actor **ret, const char *name)
{
	const struct discovery *d;
	struct found found;
	int r = runtime_this ? checkpoint(sched_task("acre_find")) : no_runtime(name);

	*ret = NULL;
	if (r >= 0)
		r = check_name(name);
	if (r < 0)
		return r;
	*ret = find_in_family(name);
	if (*ret)
		return 1;
	d = &runtime_this->discovery;
	for (size_t i = 0; r == 0 && i < d->n_registrars; i++) {
		r = find_at(&found, &d->registrars[i], name);
		if (r >= 0)
			r = dial_found(ret, &found, &d->registrars[i]);
	}
	return r;
}

int acre_wait_for(struct acre_actor **ret, const char *name)
{
	const struct discovery *d;
	struct found found;
	int r = runtime_this ? checkpoint(sched_task("acre_wait_for")) : no_runtime(name);

	*ret = NULL;
	if (r >= 0)
		r = check_name(name);
	if (r < 0)
		return r;
	*ret = find_in_family(name);
	if (*ret)
		return 0;
	d = &runtime_this->discovery;
	if (!d->n_registrars)
		return acre_fail(EINVAL,
				 "waiting for %s in a tree without discovery: give its "
				 "root transports",
				 name);
	while (r == 0) {
		r = wait_at(&found, &d->registrars[0], name);
		if (r >= 0)
			r = dial_found(ret, &found, &d->registrars[0]);
	}
	return r < 0 ? r : 0;
}

int acre_query(const char *name, char ret[ACRE_ADDRESS_SIZE])
{
	const struct discovery *d;
	struct found found = { .n = 0 };
	int r = runtime_this ? checkpoint(sched_task("acre_query")) : no_runtime(name);

	ret[0] = '\0';
	if (r >= 0)
		r = check_name(name);
	if (r < 0)
		return r;
	d = &runtime_this->discovery;
	for (size_t i = 0; r >= 0 && !found.n && i < d->n_registrars; i++)
		r = find_at(&found, &d->registrars[i], name);
	if (r < 0 || !found.n)
		return r < 0 ? r : 0;
	address_text(nearest(&found), ret);
	return 1;
}

int acre_dial(struct acre_actor **ret, const char *address)
{
	struct address_fault fault;
	struct address parsed;
	int r = runtime_this ? checkpoint(sched_task("acre_dial")) : no_runtime(address);

	*ret = NULL;
	if (r < 0)
		return r;
	if (!address)
		return acre_fail(EINVAL, "acre_dial() without an address");
	r = address_parse(&parsed, address, strlen(address), &fault);
	if (r < 0)
		return acre_fail(report_class(r), "no multiaddr: \"%s\", %s", address,
				 fault.text);
	return portal_open(ret, &parsed, PORTAL_HELLO_NS);
}

void acre_release(struct acre_actor **actor)
{
	if (actor)
		*actor = portal_release(*actor);
}

/*
 * Listing.
 */

typedef int each_fn(const struct acre_registered *entry, void *arg);

static int tell_each(const char *name, const char *uuid, const struct address *address,
		     each_fn *each, void *arg)
{
	struct acre_registered entry = { .name = name, .uuid = uuid };
	char text[ADDRESS_TEXT_SIZE];

	entry.address = address_text(address, text);
	return each(&entry, arg);
}

/* A copy is told, since `each` may wait, and the table change meanwhile. */
struct copied {
	struct registered whose;
	struct address address;
};

static size_t copy_entry(struct copied *to, const struct registry_entry *e)
{
	const struct registered_address *a;
	size_t n = 0;

	list_for_each(a, &e->addresses, node) {
		memcpy(to[n].whose.name, e->name, sizeof e->name);
		memcpy(to[n].whose.uuid, e->uuid, sizeof e->uuid);
		to[n++].address = a->address;
	}
	return n;
}

static int list_own(each_fn *each, void *arg)
{
	const struct registry *registry = &runtime_this->registry;
	const struct registry_entry *e;
	size_t n = 0, max = map_n(&registry->by_address);
	struct copied *copies = mem_alloc(max * sizeof *copies);
	int r = 0;

	if (!copies)
		return acre_fail(ENOMEM, "no memory for a copy of the registry");
	list_for_each(e, &registry->entries, node)
		n += copy_entry(copies + n, e);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = tell_each(copies[i].whose.name, copies[i].whose.uuid,
			      &copies[i].address, each, arg);
	mem_free(copies);
	return r;
}

/* The key is "name.uuid": a name may hold dots, a uuid has none. */
static int tell_remote(struct pack_reader *in, each_fn *each, void *arg)
{
	struct pack_str key = pack_read_str(in);
	char name[ACTOR_NAME_MAX + UUID_SIZE], *dot;
	struct address address;
	int r = 0;

	snprintf(name, sizeof name, "%.*s", (int)key.len, key.s);
	dot = strrchr(name, '.');
	if (dot)
		*dot = '\0';
	for (size_t n = pack_read_array(in); n--;) {
		address_unpack(in, &address);
		if (r == 0 && address.kind)
			r = tell_each(name, dot ? dot + 1 : "", &address, each, arg);
	}
	return r;
}

static void pack_nothing(struct pack_writer *w, const void *what)
{
	(void)what;
	pack_map(w, 0);
}

static int list_remote(struct acre_actor *registrar, each_fn *each, void *arg)
{
	struct acre_context *ctx;
	struct pack_reader in;
	int told = 0, r = ask(&ctx, registrar, "get_registry", pack_nothing, NULL);

	if (r < 0)
		return r;
	read_answer(&in, ctx);
	for (size_t n = pack_read_map(&in); n-- && told == 0;)
		told = tell_remote(&in, each, arg);
	r = close_answer(&ctx, &in, told < 0 ? told : 0);
	return r < 0 ? r : told;
}

int acre_registry(struct acre_actor *registrar,
		  int (*each)(const struct acre_registered *entry, void *arg), void *arg)
{
	const struct discovery *d;
	int r = runtime_this ? checkpoint(sched_task("acre_registry"))
			     : no_runtime("what is registered");

	if (r < 0)
		return r;
	d = &runtime_this->discovery;
	if (!registrar && !d->n_registrars)
		return acre_fail(EINVAL, "a tree without discovery has no registrar: give "
					 "its root transports");
	if (registrar)
		return list_remote(registrar, each, arg);
	return d->registrars[0].is_us ? list_own(each, arg)
				      : list_remote(d->registrars[0].link, each, arg);
}

size_t acre_self_addresses(char (*ret)[ACRE_ADDRESS_SIZE], size_t n)
{
	const struct server *s = runtime_this ? &runtime_this->server : NULL;

	for (size_t i = 0; s && i < s->n_listeners && i < n; i++)
		address_text(server_address(s, i), ret[i]);
	return s ? s->n_listeners : 0;
}
