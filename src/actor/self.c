/* SPDX-License-Identifier: MIT */
/* self.c - what the runtime answers: registering, finding, waiting for names, and being cancelled. */
#include "actor/self.h"

#include <stdio.h>
#include <string.h>

#include "actor/context.h"
#include "actor/registry.h"
#include "actor/runtime.h"
#include "base/mem.h"
#include "base/util.h"

/* Who waits for a name over a link: its Start is answered when the name is registered. */
struct self_wait {
	struct registry_wait wait;
	struct list of_peer; /* in peer->self_waits */
	struct acre_actor *peer;
	char cid[UUID_SIZE];
};

static void ack_start(struct acre_actor *to, struct slice cid)
{
	struct msg m = { .kind = MSG_START_ACK, .cid = cid };

	m.start_ack.functype = slice_of("asyncfunc");
	acre_ignore(peer_answer(to, &m));
}

static void send_return(struct acre_actor *to, struct slice cid, struct slice pld)
{
	struct msg m = { .kind = MSG_RETURN, .cid = cid, .pld = pld };

	acre_ignore(peer_answer(to, &m));
}

static void answer(struct acre_actor *to, struct slice cid, struct slice pld)
{
	ack_start(to, cid);
	send_return(to, cid, pld);
}

static void answer_nil(struct acre_actor *to, struct slice cid)
{
	answer(to, cid, (struct slice){ "\xc0", 1 });
}

/* What it packs is sent as the result; -class if it cannot be. */
static int answer_packed(struct acre_actor *to, struct slice cid, bool ack,
			 void (*pack)(struct pack_writer *w, const void *what),
			 const void *what)
{
	struct pack_writer w;
	struct buf packed;
	int r;

	buf_init(&packed, wire_limits_default.frame);
	pack_writer_init(&w, &packed, &wire_limits_default);
	pack(&w, what);
	r = pack_writer_result(&w);
	if (r >= 0 && ack)
		ack_start(to, cid);
	if (r >= 0)
		send_return(to, cid,
			    (struct slice){ (const char *)buf_bytes(&packed),
					    buf_len(&packed) });
	buf_fini(&packed);
	return r < 0 ? acre_fail(report_class(r), "the answer does not fit a frame") : 0;
}

/*
 * Arguments: a map by name, of which one or two are wanted.
 */

struct arguments {
	struct slice name; /* of find_actor, wait_for_actor */
	struct slice cid;  /* of _cancel_task */
	struct uid uid;
	struct address address; /* its kind ADDRESS_NONE: none came */
};

static struct slice read_text(struct pack_reader *in)
{
	struct pack_str s = pack_read_str(in);

	return (struct slice){ s.s, s.len };
}

static void read_uid(struct pack_reader *in, struct uid *ret)
{
	const uint8_t *at = in->p;

	if (pack_read_array(in) != 2)
		pack_reader_refuse(in, at, "a pair of name and uuid", "another array");
	ret->name = read_text(in);
	ret->uuid = read_text(in);
}

static int read_arguments(struct arguments *ret, const struct msg *m)
{
	struct pack_reader in;
	char why[160];

	memset(ret, 0, sizeof *ret);
	pack_reader_init(&in, m->start.kwargs.p, m->start.kwargs.len,
			 &wire_limits_default);
	for (size_t n = pack_read_map(&in); n--;) {
		struct pack_str key = pack_read_str(&in);

		if (pack_str_is(key, "name"))
			ret->name = read_text(&in);
		else if (pack_str_is(key, "cid"))
			ret->cid = read_text(&in);
		else if (pack_str_is(key, "uid"))
			read_uid(&in, &ret->uid);
		else if (pack_str_is(key, "addr"))
			address_unpack(&in, &ret->address);
		else
			pack_skip(&in);
	}
	if (pack_reader_result(&in) >= 0)
		return 0;
	pack_error_text(&in, why, sizeof why);
	return acre_fail(ACRE_ETYPE, "self.%.*s: %s", (int)m->start.func.len,
			 m->start.func.p, why);
}

static int missing(const struct msg *m, const char *what)
{
	return acre_fail(ACRE_ETYPE, "self.%.*s() missing a required argument: '%s'",
			 (int)m->start.func.len, m->start.func.p, what);
}

/*
 * The calls. Each answers, or returns why not.
 */

static struct registry *registry(void)
{
	return &runtime_this->registry;
}

/* Nobody registers in the name of another. */
static int check_uid(const struct acre_actor *from, const struct msg *m,
		     const struct arguments *in)
{
	if (!in->uid.uuid.p)
		return missing(m, "uid");
	if (!slice_is(in->uid.uuid, from->uuid))
		return acre_fail(EPERM, "%s speaks for the actor %.*s", from->name,
				 (int)in->uid.uuid.len, in->uid.uuid.p);
	return 0;
}

static int register_actor(struct acre_actor *from, const struct msg *m,
			  const struct arguments *in)
{
	int r = check_uid(from, m, in);

	if (r >= 0 && !in->address.kind)
		r = missing(m, "addr");
	if (r >= 0)
		r = registry_add(registry(), in->uid, &in->address,
				 peer_is_acre(from) ? from : NULL);
	if (r >= 0)
		answer_nil(from, m->cid);
	return r;
}

static int unregister_actor(struct acre_actor *from, const struct msg *m,
			    const struct arguments *in)
{
	int r = check_uid(from, m, in);

	if (r < 0)
		return r;
	registry_remove(registry(), in->uid.uuid);
	answer_nil(from, m->cid);
	return 0;
}

static void pack_addresses(struct pack_writer *w, const struct registry_entry *e)
{
	const struct registered_address *a;

	list_for_each(a, &e->addresses, node)
		address_pack(w, &a->address);
}

static void pack_entry(struct pack_writer *w, const void *what)
{
	const struct registry_entry *e = what;

	pack_array(w, e->n_addresses);
	pack_addresses(w, e);
}

static int find_actor(struct acre_actor *from, const struct msg *m,
		      const struct arguments *in)
{
	const struct registry_entry *e;

	if (!in->name.p)
		return missing(m, "name");
	e = registry_find(registry(), in->name);
	if (e)
		return answer_packed(from, m->cid, true, pack_entry, e);
	answer_nil(from, m->cid);
	return 0;
}

/* All addresses of all actors of that name. */
static void pack_all_named(struct pack_writer *w, const void *what)
{
	struct slice name = slice_of(what);
	const struct registry_entry *e = NULL;
	size_t n = 0;

	while ((e = registry_next(registry(), e, name)))
		n += e->n_addresses;
	pack_array(w, n);
	while ((e = registry_next(registry(), e, name)))
		pack_addresses(w, e);
}

static void wait_free(struct self_wait *w)
{
	list_remove(&w->wait.node);
	list_remove(&w->of_peer);
	mem_free(w);
}

static void found(struct registry_wait *wait, const struct registry_entry *e)
{
	struct self_wait *w = container_of(wait, struct self_wait, wait);
	struct acre_actor *peer = w->peer;
	struct slice cid = slice_of(w->cid);
	int r = answer_packed(peer, cid, false, pack_entry, e);

	if (r < 0)
		rpc_refuse(peer, cid, r);
	wait_free(w);
}

static int wait_for_actor(struct acre_actor *from, const struct msg *m,
			  const struct arguments *in)
{
	struct self_wait *w;

	if (!in->name.p)
		return missing(m, "name");
	if (!in->name.len || in->name.len >= ACTOR_NAME_MAX || m->cid.len >= UUID_SIZE)
		return acre_fail(EINVAL, "a name of %zu bytes: no actor has one",
				 in->name.len);
	if (registry_find(registry(), in->name)) {
		char name[ACTOR_NAME_MAX];

		memcpy(name, in->name.p, in->name.len);
		name[in->name.len] = '\0';
		return answer_packed(from, m->cid, true, pack_all_named, name);
	}
	if (from->n_self_waits >= wire_limits_default.ctx)
		return acre_fail(EAGAIN, "%u waits of %s are open", from->n_self_waits,
				 from->name);
	w = mem_zalloc(sizeof *w);
	if (!w)
		return acre_fail(ENOMEM, "no memory to wait for a name");
	w->peer = from;
	memcpy(w->cid, m->cid.p, m->cid.len);
	w->wait.found = found;
	list_push(&from->self_waits, &w->of_peer);
	registry_wait_for(registry(), &w->wait, in->name);
	ack_start(from, m->cid);
	return 0;
}

static void pack_registry(struct pack_writer *w, const void *what)
{
	const struct registry *r = what;
	const struct slice any = { NULL, 0 };
	const struct registry_entry *e = NULL;
	char key[ACTOR_NAME_MAX + UUID_SIZE];

	pack_map(w, registry_n(r));
	while ((e = registry_next(r, e, any))) {
		snprintf(key, sizeof key, "%s.%s", e->name, e->uuid);
		pack_cstr(w, key);
		pack_entry(w, e);
	}
}

/* An empty one where there is none: a parent asks this of its child, to learn that it serves. */
static int get_registry(struct acre_actor *from, const struct msg *m,
			const struct arguments *in)
{
	(void)in;
	if (from == runtime_this->parent && runtime_this->is_booting) {
		memcpy(runtime_this->probe_cid, m->cid.p,
		       size_min(m->cid.len, UUID_SIZE - 1));
		return 0;
	}
	return answer_packed(from, m->cid, true, pack_registry, registry());
}

int self_serves(void)
{
	struct runtime *rt = runtime_this;
	int r = 0;

	rt->is_booting = false;
	if (rt->probe_cid[0])
		r = answer_packed(rt->parent, slice_of(rt->probe_cid), true, pack_registry,
				  registry());
	rt->probe_cid[0] = '\0';
	return r;
}

static void pack_uid(struct pack_writer *w, const void *what)
{
	const struct registered *whose = what;

	pack_array(w, 2);
	pack_cstr(w, whose->name);
	pack_cstr(w, whose->uuid);
}

static int delete_addr(struct acre_actor *from, const struct msg *m,
		       const struct arguments *in)
{
	struct registered whose;

	if (!in->address.kind)
		return missing(m, "addr");
	if (registry_delete_address(registry(), &in->address, &whose))
		return answer_packed(from, m->cid, true, pack_uid, &whose);
	answer_nil(from, m->cid);
	return 0;
}

static void ack_cancel(struct acre_actor *to, struct slice cid)
{
	struct msg m = { .kind = MSG_CANCEL_ACK, .cid = cid };

	m.cancel_ack.pld = true;
	ack_start(to, cid);
	acre_ignore(peer_answer(to, &m));
}

static int cancel(struct acre_actor *from, const struct msg *m,
		  const struct arguments *in)
{
	(void)in;
	ack_cancel(from, m->cid);
	rpc_end_actor(from, &(struct msg_cancel){ .reason = slice_of("asked"),
						  .canceller = m->start.uid,
						  .remaining_us = -1 });
	return 0;
}

static int cancel_task(struct acre_actor *from, const struct msg *m,
		       const struct arguments *in)
{
	if (!in->cid.p)
		return missing(m, "cid");
	rpc_cancel_task(from, in->cid, m->start.uid);
	ack_cancel(from, m->cid);
	return 0;
}

/* name, function, whether only a registrar serves it */
#define SELF_CALLS(C)                               \
	C("register_actor", register_actor, true)   \
	C("unregister_actor", unregister_actor, true) \
	C("find_actor", find_actor, true)           \
	C("wait_for_actor", wait_for_actor, true)   \
	C("get_registry", get_registry, false)      \
	C("delete_addr", delete_addr, true)         \
	C("cancel", cancel, false)                  \
	C("_cancel_task", cancel_task, false)

static const struct self_call {
	const char *name;
	int (*fn)(struct acre_actor *from, const struct msg *m,
		  const struct arguments *in);
	bool of_registrar;
} calls[] = {
#define SELF_ROW(text, function, registrar) { text, function, registrar },
	SELF_CALLS(SELF_ROW)
#undef SELF_ROW
};

bool self_has(const char *name)
{
	for (size_t i = 0; i < ARRAY_N(calls); i++)
		if (!strcmp(calls[i].name, name))
			return true;
	return false;
}

static int start(struct acre_actor *from, const struct msg *m)
{
	struct arguments in;
	int r = read_arguments(&in, m);

	for (size_t i = 0; r >= 0 && i < ARRAY_N(calls); i++)
		if (slice_is(m->start.func, calls[i].name) &&
		    (runtime_this->is_registrar || !calls[i].of_registrar))
			return calls[i].fn(from, m, &in);
	return r < 0 ? r
		     : acre_fail(ACRE_ENOTEXPOSED, "self.%.*s is not served here",
				 (int)m->start.func.len, m->start.func.p);
}

void self_start(struct acre_actor *from, const struct msg *m)
{
	int r = start(from, m);

	if (r < 0)
		rpc_refuse(from, m->cid, r);
}

static struct self_wait *wait_of(struct acre_actor *from, struct slice cid)
{
	struct self_wait *w;

	list_for_each(w, &from->self_waits, of_peer)
		if (slice_is(cid, w->cid))
			return w;
	return NULL;
}

bool self_cancel(struct acre_actor *from, struct slice cid)
{
	struct self_wait *w = wait_of(from, cid);

	if (!w)
		return false;
	wait_free(w);
	rpc_refuse(from, cid, acre_fail(ACRE_ECTXC, "the wait for a name was cancelled"));
	return true;
}

void self_link_lost(struct acre_actor *from)
{
	struct list *node;

	while ((node = list_first(&from->self_waits)))
		wait_free(list_entry(node, struct self_wait, of_peer));
	registry_link_lost(registry(), from);
}
