/* SPDX-License-Identifier: MIT */
/* spec.c - what a child is told to be: the SpawnSpec, packed from the options of its spawn. */
#include "actor/spec.h"

#include "actor/runtime.h"
#include "base/buf.h"
#include "base/util.h"
#include "core/log.h"

/*
 * The reference's fields, for a child of either kind, and in "acre" a map of what only ours
 * knows; child.c reads it, and skips what it does not know.
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

static void pack_ours(struct pack_writer *w, const struct acre_spawn_options *o)
{
	size_t n = 0;

	while (runtime_this->preload[n])
		n++;
	pack_map(w, 5);
	pack_cstr(w, "preload");
	pack_array(w, n);
	for (size_t i = 0; i < n; i++)
		pack_cstr(w, runtime_this->preload[i]);
	pack_cstr(w, "method");
	pack_cstr(w, runtime_this->backend->name);
	pack_cstr(w, "module");
	pack_cstr(w, o->module ? o->module : "");
	pack_cstr(w, "log");
	pack_u64(w, o->log ? o->log : acre_log_level());
	pack_cstr(w, "sigint");
	pack_u64(w, (uint64_t)o->sigint);
}

static int pack_with(struct buf *to,
		     void (*pack)(struct pack_writer *w,
				  const struct acre_spawn_options *o),
		     const struct acre_spawn_options *o, struct slice *ret)
{
	struct pack_writer w;
	int r;

	buf_init(to, wire_limits_default.frame);
	pack_writer_init(&w, to, &wire_limits_default);
	pack(&w, o);
	r = pack_writer_result(&w);
	*ret = (struct slice){ (const char *)buf_bytes(to), buf_len(to) };
	return r;
}

/* _debug_mode, _is_infected_aio and _is_root: false; a reference child needs the first
 * two. */
static const char runtime_vars[] =
	"\x83\xab_debug_mode\xc2\xb0_is_infected_aio\xc2\xa8_is_root\xc2";

int spec_send(struct acre_actor *a, const struct acre_spawn_options *o)
{
	struct msg m = { .kind = MSG_SPAWN_SPEC };
	struct buf exposed, ours;
	int r = pack_with(&exposed, pack_exposed, o, &m.spec.enable_modules);
	int r2 = pack_with(&ours, pack_ours, o, &m.spec.acre);

	m.spec.runtime_vars = (struct slice){ runtime_vars, sizeof runtime_vars - 1 };
	m.spec.reg_addrs = (struct slice){ "\x90", 1 };
	if (r >= 0 && r2 >= 0)
		r = peer_send(a, &m);
	else if (r == -ENOMEM || r2 == -ENOMEM)
		r = acre_fail(ENOMEM, "no memory for the options of actor %s", a->name);
	else
		r = acre_fail(EMSGSIZE, "the options of actor %s do not fit a frame",
			      a->name);
	buf_fini(&exposed);
	buf_fini(&ours);
	return r;
}
