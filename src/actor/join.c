/* SPDX-License-Identifier: MIT */
/* join.c - becoming findable: what the root decides, what goes down the tree, and registering. */
#include <acre/run.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "actor/context.h"
#include "actor/discovery.h"
#include "actor/portal.h"
#include "actor/registry.h"
#include "actor/runtime.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/sched.h"
#include "wire/transport.h"

/*
 * The root first: each address of a registrar that it was given is dialled. Who answers as a
 * registrar is attached to; where nobody listens the root becomes the registrar itself; what
 * listens and does not answer as one is an error, and nothing is bound over it.
 */

/* An attempt, how many, and the pause before each further one, times its number: the
 * reference's figures. */
#define PROBE_NS       (1000 * LIFE_MS)
#define PROBE_ATTEMPTS 3
#define PROBE_PAUSE_NS (50 * LIFE_MS)
/* For telling a registrar of the reference that we go: the reference's figure, too. */
#define TAKE_BACK_NS (500 * LIFE_MS)
/* Looks whether our folder is left over, and so is locked for some microseconds, by `acre ls` or
 * `acre reap`: attempts, and the pause before each further one, times its number. */
#define HOLD_ATTEMPTS 8
#define HOLD_PAUSE_NS (10 * LIFE_MS)

static struct discovery *discovery(void)
{
	return &runtime_this->discovery;
}

void discovery_init(struct discovery *d)
{
	*d = (struct discovery){ .folder.fd = -1, .links = transport_options_default };
}

/*
 * The root's options.
 */

/* name, kind of the addresses at which it listens by default */
#define JOIN_TRANSPORTS(T)          \
	T("uds", ADDRESS_UNIX)      \
	T("tcp", ADDRESS_TCP4)

static const struct {
	const char *name;
	enum address_kind kind;
} transports[] = {
#define TRANSPORT_ROW(text, which) { text, which },
	JOIN_TRANSPORTS(TRANSPORT_ROW)
#undef TRANSPORT_ROW
};

static uint32_t transport_bit(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_N(transports); i++)
		if (strlen(transports[i].name) == len &&
		    !memcmp(transports[i].name, name, len))
			return 1u << i;
	return 0;
}

/* An address of either version of IP goes over TCP. */
static bool is_enabled(const struct discovery *d, const struct address *a)
{
	const struct transport *t = transport_of(a);

	return t && d->transports & transport_bit(t->name, strlen(t->name));
}

static int choose_transports(struct discovery *d, const char *text)
{
	const char *at = text;
	uint32_t bit;

	while (*at) {
		size_t len = strcspn(at, ",");

		bit = transport_bit(at, len);
		if (!bit)
			return acre_fail(EINVAL,
					 "transports \"%s\": expected uds, tcp, or both "
					 "with a comma, came \"%.*s\"",
					 text, (int)len, at);
		d->transports |= bit;
		at += len + (at[len] == ',');
	}
	return 0;
}

static int take_address(struct address *ret, const struct discovery *d, const char *text,
			const char *option)
{
	struct address_fault fault;
	int r = address_parse(ret, text, strlen(text), &fault);

	if (r < 0)
		return acre_fail(report_class(r), "%s has \"%s\": %s", option, text,
				 fault.text);
	if (!is_enabled(d, ret))
		return acre_fail(EINVAL,
				 "%s has %s, whose transport is not among `transports`",
				 option, text);
	return 0;
}

static int choose_registrars(struct discovery *d, const char *const *texts)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && texts && texts[i]; i++) {
		if (d->n_registrars == DISCOVERY_REGISTRARS_MAX)
			return acre_fail(EINVAL, "more than %d registrars",
					 DISCOVERY_REGISTRARS_MAX);
		r = take_address(&d->registrars[d->n_registrars++].address, d, texts[i],
				 "registrars");
	}
	return r;
}

static int choose_listen(struct discovery *d, const char *const *texts)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && texts && texts[i]; i++) {
		if (d->n_listen == DISCOVERY_REGISTRARS_MAX)
			return acre_fail(EINVAL, "more than %d addresses to listen at",
					 DISCOVERY_REGISTRARS_MAX);
		r = take_address(&d->listen[d->n_listen++], d, texts[i], "listen");
	}
	return r;
}

static int choose_key(struct discovery *d, const char *file)
{
	if (d->transports & transport_bit("tcp", 3))
		return file ? auth_key_of_file(&d->key, file)
			    : auth_key_new(&d->key, NULL);
	return file ? acre_fail(EINVAL,
				"key_file is for tcp, which is not among `transports`")
		    : 0;
}

static int choose_links(struct discovery *d, acre_span timeout)
{
	int64_t ms = timeout.ns / LIFE_MS;

	if (!timeout.ns)
		return 0;
	if (ms < TRANSPORT_TIMEOUT_LEAST_MS || ms > TRANSPORT_TIMEOUT_MOST_MS)
		return acre_fail(EINVAL, "host_timeout is %d to %d ms, not %lld",
				 TRANSPORT_TIMEOUT_LEAST_MS, TRANSPORT_TIMEOUT_MOST_MS,
				 (long long)ms);
	d->links = transport_options_of((uint32_t)ms);
	return 0;
}

int discovery_choose(struct discovery *d, const struct acre_run_options *o)
{
	int r = choose_transports(d, o->transports ? o->transports : "");

	d->reference_peers = o->reference_peers;
	if (r >= 0)
		r = choose_links(d, o->host_timeout);
	if (r >= 0)
		r = choose_registrars(d, o->registrars);
	if (r >= 0)
		r = choose_listen(d, o->listen);
	return r < 0 ? r : choose_key(d, o->key_file);
}

/*
 * What goes down the tree.
 */

void discovery_pack_registrars(struct pack_writer *w)
{
	const struct discovery *d = discovery();

	pack_array(w, d->n_registrars);
	for (size_t i = 0; i < d->n_registrars; i++)
		address_pack(w, &d->registrars[i].address);
}

/* `here`: which of the registrars this actor is, and so at the other end of the child's link. */
void discovery_pack(struct pack_writer *w)
{
	const struct discovery *d = discovery();

	pack_map(w, d->key ? 6 : 5);
	if (d->key) {
		pack_cstr(w, "key");
		pack_bin(w, auth_key_bytes(d->key), AUTH_KEY_SIZE);
	}
	pack_cstr(w, "transports");
	pack_u64(w, d->transports);
	pack_cstr(w, "reference");
	pack_bool(w, d->reference_peers);
	pack_cstr(w, "timeout");
	pack_u64(w, d->links.user_timeout_ms);
	pack_cstr(w, "folder");
	pack_cstr(w, d->folder.path);
	pack_cstr(w, "here");
	pack_array(w, d->n_registrars);
	for (size_t i = 0; i < d->n_registrars; i++)
		pack_bool(w, d->registrars[i].is_us);
}

int discovery_read_registrars(struct pack_reader *in)
{
	struct discovery *d = discovery();
	size_t n = pack_read_array(in);

	if (n > DISCOVERY_REGISTRARS_MAX)
		return acre_fail(EPROTO, "%zu registrars; at most %d are known", n,
				 DISCOVERY_REGISTRARS_MAX);
	for (d->n_registrars = 0; d->n_registrars < n; d->n_registrars++)
		address_unpack(in, &d->registrars[d->n_registrars].address);
	return pack_reader_result(in) < 0 ? acre_fail(EPROTO, "`reg_addrs` cannot be read")
					  : 0;
}

/* It is not left in the buffer that it came in. */
static int take_key(struct discovery *d, struct pack_bytes bytes)
{
	int r;

	if (bytes.len != AUTH_KEY_SIZE)
		return acre_fail(EPROTO, "a tree key of %zu bytes", bytes.len);
	d->key = auth_key_free(d->key);
	r = auth_key_new(&d->key, bytes.p);
	explicit_bzero((void *)(uintptr_t)bytes.p, bytes.len);
	return r;
}

static int read_timeout(struct discovery *d, struct pack_reader *in)
{
	uint32_t ms = (uint32_t)pack_read_uint(in, TRANSPORT_TIMEOUT_MOST_MS);

	if (ms < TRANSPORT_TIMEOUT_LEAST_MS)
		return acre_fail(EPROTO, "a host may be silent for %u ms at most", ms);
	d->links = transport_options_of(ms);
	return 0;
}

static int read_folder(struct discovery *d, struct pack_reader *in)
{
	struct pack_str s = pack_read_str(in);

	if (s.len >= sizeof d->folder.path)
		return acre_fail(EPROTO, "a folder of sockets whose path has %zu bytes",
				 s.len);
	snprintf(d->folder.path, sizeof d->folder.path, "%.*s", (int)s.len, s.s);
	return 0;
}

/* We may be told of more than we know. */
static void read_here(struct discovery *d, struct pack_reader *in)
{
	size_t n = pack_read_array(in);

	for (size_t i = 0; i < n; i++)
		if (pack_read_bool(in) && i < d->n_registrars)
			d->registrars[i].link = runtime_this->parent;
}

int discovery_read(struct pack_reader *in)
{
	struct discovery *d = discovery();
	int r = 0;

	for (size_t n = pack_read_map(in); n-- && r >= 0;) {
		struct pack_str key = pack_read_str(in);

		if (pack_str_is(key, "key"))
			r = take_key(d, pack_read_bin(in));
		else if (pack_str_is(key, "transports"))
			d->transports = (uint32_t)pack_read_uint(in, UINT32_MAX);
		else if (pack_str_is(key, "reference"))
			d->reference_peers = pack_read_bool(in);
		else if (pack_str_is(key, "timeout"))
			r = read_timeout(d, in);
		else if (pack_str_is(key, "folder"))
			r = read_folder(d, in);
		else if (pack_str_is(key, "here"))
			read_here(d, in);
		else
			pack_skip(in);
	}
	return r >= 0 && pack_reader_result(in) < 0
		       ? acre_fail(EPROTO, "`discovery` cannot be read")
		       : r;
}

/*
 * The registrars.
 */

/* A portal to whoever is there and says that it is a registrar. */
static int attach(struct registrar *r, int64_t span_ns)
{
	char text[ADDRESS_TEXT_SIZE];
	int result;

	if (r->is_us || r->link)
		return 0;
	result = portal_open(&r->link, &r->address, span_ns);
	if (!r->link)
		return result;
	if (!r->link->is_registrar) {
		r->link = portal_release(r->link);
		address_text(&r->address, text);
		result = acre_fail(EADDRINUSE,
				   "%s is occupied but did not answer as a registrar", text);
	}
	return result;
}

static bool nobody_is_there(int r)
{
	int class = report_class(r);

	return class == ECONNREFUSED || class == ENOENT;
}

static int occupied(const struct registrar *r, int why)
{
	char text[ADDRESS_TEXT_SIZE];

	if (report_class(why) == ECANCELED || report_class(why) == EADDRINUSE)
		return why;
	address_text(&r->address, text);
	return acre_note(why, "%s is occupied but did not answer as a registrar", text);
}

/* Of TCP: whichever is free. */
static bool is_any_port(const struct address *a)
{
	return a->kind != ADDRESS_UNIX && a->port == 0;
}

/* 1: attached; 0: nobody is there; else it is not for us. */
static int probe(struct registrar *registrar)
{
	int r = -EAGAIN;

	if (is_any_port(&registrar->address))
		return 0;
	for (int i = 0; r < 0 && i < PROBE_ATTEMPTS; i++) {
		int slept = acre_sleep((acre_span){ .ns = PROBE_PAUSE_NS * i });

		if (slept < 0)
			return slept;
		r = attach(registrar, PROBE_NS);
		if (nobody_is_there(r))
			return 0;
		if (report_class(r) != ACRE_ETOOSLOW)
			break;
	}
	return r < 0 ? occupied(registrar, r) : 1;
}

/* The address by which others know us as this registrar is the one that is bound. */
static int become(struct registrar *r)
{
	struct server *s = &runtime_this->server;
	int result = server_listen(&r->address);

	if (result < 0)
		return acre_note(result, "becoming the registrar there");
	r->address = *server_address(s, s->n_listeners - 1);
	r->is_us = true;
	runtime_this->is_registrar = true;
	return 0;
}

/* Where an actor listens unless it is told otherwise. The number tells actors of one name apart. */
static int usual_place(struct address *ret, enum address_kind kind, const char *name,
		       uint64_t number)
{
	if (kind == ADDRESS_UNIX)
		return rundir_socket(&discovery()->folder, name, number, ret);
	*ret = (struct address){ .kind = ADDRESS_TCP4, .ip4 = { 127, 0, 0, 1 } };
	if (number == DISCOVERY_REGISTRY_NUMBER)
		ret->port = DISCOVERY_REGISTRY_NUMBER;
	return 0;
}

/* Without being told of any the root is the registrar, over its first transport. */
static int usual_registrar(struct discovery *d)
{
	d->n_registrars = 1;
	return usual_place(&d->registrars[0].address,
			   transports[__builtin_ctz(d->transports)].kind,
			   DISCOVERY_REGISTRY, DISCOVERY_REGISTRY_NUMBER);
}

/* Who cleans up between our making it and our holding it may have removed it. */
static int found_folder(struct rundir *ret)
{
	int r = -EAGAIN;

	for (int i = 0; r == -EAGAIN && i < HOLD_ATTEMPTS; i++) {
		r = acre_sleep((acre_span){ .ns = HOLD_PAUSE_NS * i });
		if (r < 0)
			return r;
		r = rundir_open(ret, DISCOVERY_PROGRAM, runtime_this->uuid);
		if (r >= 0)
			r = rundir_hold(ret);
		if (r < 0)
			rundir_close(ret);
	}
	return r == -EAGAIN
		       ? acre_fail(EBUSY,
				   "others hold the folder of sockets " DISCOVERY_PROGRAM
				   "/%s: try again",
				   runtime_this->uuid)
		       : r;
}

int discovery_found(void)
{
	struct discovery *d = discovery();
	int r = 0;

	if (!d->transports)
		return 0;
	if (d->transports & transport_bit("uds", 3))
		r = found_folder(&d->folder);
	if (r >= 0 && !d->n_registrars)
		r = usual_registrar(d);
	for (size_t i = 0; r >= 0 && i < d->n_registrars; i++) {
		r = probe(&d->registrars[i]);
		if (r == 0)
			r = become(&d->registrars[i]);
	}
	return r < 0 ? r : discovery_join();
}

/*
 * Listening and registering.
 */

/* The number is our pid, and that of our thread where an actor is one of a process. Once over each
 * transport, but where the root was told where, or is bound as a registrar. */
static int listen_over(size_t transport)
{
	const struct server *s = &runtime_this->server;
	struct address address;
	int r;

	for (size_t i = 0; i < s->n_listeners; i++)
		if (!strcmp(s->listeners[i].listener.transport->name,
			    transports[transport].name))
			return 0;
	r = usual_place(&address, transports[transport].kind, runtime_this->name,
			(uint64_t)sys_gettid());
	return r < 0 ? r : server_listen(&address);
}

static int listen_everywhere(void)
{
	struct discovery *d = discovery();
	int r = 0;

	for (size_t i = 0; r >= 0 && i < d->n_listen; i++)
		r = server_listen(&d->listen[i]);
	for (size_t i = 0; r >= 0 && i < ARRAY_N(transports); i++)
		if (d->transports & 1u << i)
			r = listen_over(i);
	return r;
}

static void pack_registration(struct pack_writer *w, const void *what)
{
	struct uid self = runtime_uid();

	pack_map(w, 2);
	pack_cstr(w, "uid");
	pack_array(w, 2);
	pack_str(w, self.name.p, self.name.len);
	pack_str(w, self.uuid.p, self.uuid.len);
	pack_cstr(w, "addr");
	address_pack(w, what);
}

static int register_at(const struct registrar *registrar, const struct address *address)
{
	if (registrar->is_us)
		return registry_add(&runtime_this->registry, runtime_uid(), address, NULL);
	return discovery_tell(registrar->link, "register_actor", pack_registration,
			      address);
}

int discovery_join(void)
{
	struct discovery *d = discovery();
	const struct server *s = &runtime_this->server;
	int r = 0;

	if (!d->transports)
		return 0;
	r = listen_everywhere();
	for (size_t i = 0; r >= 0 && i < d->n_registrars; i++) {
		r = attach(&d->registrars[i], PORTAL_HELLO_NS);
		for (size_t k = 0; r >= 0 && k < s->n_listeners; k++)
			r = register_at(&d->registrars[i], server_address(s, k));
	}
	return r;
}

/* It was killed, and cannot do that itself. */
void discovery_clean_up_after(const struct acre_actor *child)
{
	struct discovery *d = discovery();
	struct address address;

	if (!(d->transports & transport_bit("uds", 3)) ||
	    usual_place(&address, ADDRESS_UNIX, child->name, (uint64_t)child->pid) < 0)
		return;
	acre_ignore(sys_unlinkat(AT_FDCWD, address.path, 0));
}

static void pack_ourselves(struct pack_writer *w, const void *unused)
{
	struct uid self = runtime_uid();

	(void)unused;
	pack_map(w, 1);
	pack_cstr(w, "uid");
	pack_array(w, 2);
	pack_str(w, self.name.p, self.name.len);
	pack_str(w, self.uuid.p, self.uuid.len);
}

/* A registrar of the reference does not learn that we have gone by our link. */
static void take_back_at(const struct registrar *registrar)
{
	int r = 0;

	if (!registrar->link || peer_is_acre(registrar->link) ||
	    registrar->link->link_lost)
		return;
	ACRE_SHIELD((acre_span){ .ns = TAKE_BACK_NS }, r)
		r = discovery_tell(registrar->link, "unregister_actor", pack_ourselves,
				   NULL);
	acre_ignore(r); /* we end in any case */
}

void discovery_end(void)
{
	struct discovery *d = discovery();

	for (size_t i = 0; i < d->n_registrars; i++) {
		take_back_at(&d->registrars[i]);
		d->registrars[i].link = portal_release(d->registrars[i].link);
	}
	rundir_clear(&d->folder);
	rundir_remove(&d->folder);
}

void discovery_fini(struct discovery *d)
{
	d->key = auth_key_free(d->key);
}
