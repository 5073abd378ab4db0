/* SPDX-License-Identifier: MIT */
/* spec.c - a SpawnSpec is written by the parent and read by the child. */
#include "actor/spec.h"

#include <errno.h>
#include <stdio.h>

#include "actor/child.h"
#include "actor/endpoint.h"
#include "actor/guest.h"
#include "actor/runtime.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/util.h"
#include "core/crash.h"
#include "core/log.h"

/*
 * What concerns every language goes into the keys of the reference, what is acre's into the map
 * `acre`: keys that a reader does not know are skipped, so either side may be newer.
 */

static void pack_exposed(struct pack_writer *w, const struct acre_spawn_options *o)
{
	static const char *const usual[] = { "main", NULL };
	const char *const *names = o->expose ? o->expose : usual;
	uint32_t n = 0;

	while (names[n])
		n++;
	pack_map(w, n);
	for (uint32_t i = 0; i < n; i++) {
		pack_cstr(w, names[i]);
		pack_cstr(w, "");
	}
}

static void pack_preload(struct pack_writer *w)
{
	size_t n = 0;

	while (runtime_this->preload[n])
		n++;
	pack_array(w, n);
	for (size_t i = 0; i < n; i++)
		pack_cstr(w, runtime_this->preload[i]);
}

static void pack_guest(struct pack_writer *w, const struct acre_guest *guest)
{
	const char *text, *kind = guest_kind(guest, &text);

	pack_array(w, 2);
	pack_cstr(w, kind);
	pack_cstr(w, text);
}

static void pack_ours(struct pack_writer *w, const struct acre_spawn_options *o)
{
	pack_map(w, 7);
	pack_cstr(w, "guest");
	pack_guest(w, o->guest);
	pack_cstr(w, "discovery");
	discovery_pack(w);
	pack_cstr(w, "preload");
	pack_preload(w);
	pack_cstr(w, "method");
	pack_cstr(w, runtime_this->backend->name);
	pack_cstr(w, "module");
	pack_cstr(w, o->module ? o->module : "");
	pack_cstr(w, "log");
	pack_u64(w, o->log ? o->log : acre_log_level());
	pack_cstr(w, "sigint");
	pack_u64(w, (uint64_t)o->sigint);
}

static void pack_registrars(struct pack_writer *w, const struct acre_spawn_options *o)
{
	(void)o;
	discovery_pack_registrars(w);
}

/* One packed value after the other; each is where its number says. */
static int pack_with(struct buf *to,
		     void (*pack)(struct pack_writer *w,
				  const struct acre_spawn_options *o),
		     const struct acre_spawn_options *o, size_t *ret_len)
{
	size_t before = buf_len(to);
	struct pack_writer w;
	int r;

	pack_writer_init(&w, to, &wire_limits_default);
	pack(&w, o);
	r = pack_writer_result(&w);
	*ret_len = buf_len(to) - before;
	return r;
}

/* _debug_mode, _is_infected_aio and _is_root: false; a reference child needs the first
 * two. */
static const char runtime_vars[] =
	"\x83\xab_debug_mode\xc2\xb0_is_infected_aio\xc2\xa8_is_root\xc2";

int spec_send(struct acre_actor *child, const struct acre_spawn_options *o)
{
	struct msg m = { .kind = MSG_SPAWN_SPEC };
	size_t exposed, registrars, ours;
	const char *at;
	struct buf packed;
	int r;

	buf_init(&packed, wire_limits_default.frame);
	/* The tree's key is among it, and stays in no memory that is used again. */
	packed.is_secret = runtime_this->discovery.key && !PLANTED(KEY_LEFT);
	child->link.control.is_secret = packed.is_secret;
	r = pack_with(&packed, pack_exposed, o, &exposed);
	if (r >= 0)
		r = pack_with(&packed, pack_registrars, o, &registrars);
	if (r >= 0)
		r = pack_with(&packed, pack_ours, o, &ours);
	if (r >= 0) {
		at = (const char *)buf_bytes(&packed);
		m.spec.runtime_vars =
			(struct slice){ runtime_vars, sizeof runtime_vars - 1 };
		m.spec.enable_modules = (struct slice){ at, exposed };
		m.spec.reg_addrs = (struct slice){ at + exposed, registrars };
		m.spec.acre = (struct slice){ at + exposed + registrars, ours };
		r = peer_send(child, &m);
	} else if (r == -ENOMEM) {
		r = acre_fail(ENOMEM, "no memory for the options of actor %s",
			      child->name);
	} else {
		r = acre_fail(EMSGSIZE, "the options of actor %s do not fit a frame",
			      child->name);
	}
	buf_fini(&packed);
	return r;
}

/*
 * In the child.
 */

/* A parent of the reference names its debugger's own module, too: of what it names and this
 * program does not have, calls are refused. */
static int expose_all(const struct msg_spawn_spec *spec)
{
	const struct slice packed = spec->enable_modules;
	struct pack_reader in;
	uint32_t n;
	int r = 0;

	pack_reader_init(&in, packed.p, packed.len, &wire_limits_default);
	n = (uint32_t)pack_read_map(&in);
	for (uint32_t i = 0; r >= 0 && i < n; i++) {
		struct pack_str name = pack_read_str(&in);

		pack_skip(&in);
		if (pack_reader_result(&in) >= 0)
			r = endpoint_expose(&runtime_this->exposed, name.s, name.len);
		if (report_class(r) == ENOENT && !spec->acre.p)
			r = 0;
	}
	return r;
}

/* Half of a path is another path. */
static int keep_text(char *to, size_t size, struct pack_str text, const char *what)
{
	if (text.len >= size)
		return acre_fail(EPROTO, "the parent's SpawnSpec has a %s of %zu bytes",
				 what, text.len);
	snprintf(to, size, "%.*s", (int)text.len, text.s);
	return 0;
}

static int keep_preload(struct pack_reader *in)
{
	int r = 0;

	for (size_t n = pack_read_array(in); n--;) {
		struct pack_str path = pack_read_str(in);

		if (r >= 0 && pack_reader_result(in) >= 0)
			r = runtime_preload(runtime_this, path.s, path.len);
	}
	return r;
}

static int keep_guest(struct pack_reader *in)
{
	struct runtime *rt = runtime_this;
	size_t n = pack_read_array(in);
	struct pack_str kind = pack_read_str(in), text = pack_read_str(in);
	int r;

	if (n != 2 || pack_reader_result(in) < 0)
		return acre_fail(EPROTO, "the parent's SpawnSpec has a guest that is none");
	r = keep_text(rt->guest_kind, sizeof rt->guest_kind, kind, "guest");
	if (r < 0)
		return r;
	if (kind.len && !rt->guest)
		return acre_fail(EPROTO, "a guest for an actor that hosts none");
	mem_free(rt->guest_text);
	rt->guest_text = mem_strndup(text.s, text.len);
	return rt->guest_text ? 0 : acre_fail(ENOMEM, "no memory for a guest's source");
}

/* A parent of the reference says nothing of ours: all is as usual. */
static int be_what_was_asked(const struct msg_spawn_spec *spec)
{
	struct pack_reader in;
	char path[4096] = "", method[32] = "";
	uint64_t sigint = 0, level = 0;
	int r = 0;

	pack_reader_init(&in, spec->acre.p, spec->acre.len, &wire_limits_default);
	for (size_t n = spec->acre.p ? pack_read_map(&in) : 0; n-- && r >= 0;) {
		struct pack_str key = pack_read_str(&in);

		if (pack_str_is(key, "module"))
			r = keep_text(path, sizeof path, pack_read_str(&in), "module");
		else if (pack_str_is(key, "method"))
			r = keep_text(method, sizeof method, pack_read_str(&in),
				      "method");
		else if (pack_str_is(key, "preload"))
			r = keep_preload(&in);
		else if (pack_str_is(key, "discovery"))
			r = discovery_read(&in);
		else if (pack_str_is(key, "guest"))
			r = keep_guest(&in);
		else if (pack_str_is(key, "sigint"))
			sigint = pack_read_uint(&in, ACRE_SIGINT_IGNORE);
		else if (pack_str_is(key, "log"))
			level = pack_read_uint(&in, ACRE_LOG_OFF);
		else
			pack_skip(&in);
	}
	if (r >= 0 && pack_reader_result(&in) < 0)
		r = acre_fail(EPROTO, "the parent's SpawnSpec cannot be read");
	if (r < 0)
		return r;
	runtime_this->sigint = (enum acre_sigint)sigint;
	logger_set(&loop_this->logger, (enum acre_log_level)level,
		   runtime_this->parent_pidfd >= 0);
	atomic_store(&runtime_this->minds_interrupts, sigint == ACRE_SIGINT_CANCEL);
	r = backend_find(&runtime_this->backend, *method ? method : NULL);
	if (r >= 0 && (*path || *runtime_this->guest_kind))
		r = child_watch_now();
	if (r >= 0 && *path)
		r = endpoint_load(&runtime_this->exposed, path);
	crash_learn_modules();
	return r < 0 ? r : expose_all(spec);
}

int spec_take(const struct msg_spawn_spec *spec)
{
	struct pack_reader in;
	int r;

	pack_reader_init(&in, spec->reg_addrs.p, spec->reg_addrs.len,
			 &wire_limits_default);
	r = discovery_read_registrars(&in);
	return r < 0 ? r : be_what_was_asked(spec);
}
