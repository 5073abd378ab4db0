/* SPDX-License-Identifier: MIT */
/* guest_pair.c - a task in C and one of the guest, in one actor, in dialogue. */
#include <acre/context.h>
#include <acre/python.h>

#include "actor/context.h"
#include "actor/guest.h"
#include "actor/runtime.h"
#include "base/mem.h"
#include "base/util.h"

/*
 * The dialogue is a context like any other, with this actor itself as the peer: over a link in
 * memory, both ends of which are ours. So credits, cancellation and outcomes are those of
 * contexts. What differs is how it tells that one of the two left while the other still counted
 * on it, see stream.c.
 */

static struct acre_actor *end_of(struct memory_end **take_end)
{
	struct acre_actor *a = peer_new(PEER_SELF, runtime_this->name);

	if (a && peer_open_memory(a, TAKE_PTR(*take_end), "this actor itself") >= 0)
		return a;
	if (a) {
		link_close(&a->link, acre_fail(ENOMEM, "no memory to say who we are"));
		peer_fini(a);
	}
	return mem_free(a);
}

static int open_link(struct runtime *rt)
{
	struct memory_end *ends[2];
	int r = memory_pair(ends);

	for (size_t i = 0; r >= 0 && i < ARRAY_N(ends); i++)
		rt->myself[i] = end_of(&ends[i]);
	if (r >= 0 && rt->myself[0] && rt->myself[1])
		return 0;
	if (r >= 0) {
		memory_close(ends[0]);
		memory_close(ends[1]);
	}
	guest_pair_end(rt);
	return acre_fail(ENOMEM, "no memory for a link to the guest");
}

void guest_pair_end(struct runtime *rt)
{
	for (size_t i = 0; i < ARRAY_N(rt->myself); i++) {
		struct acre_actor *a = TAKE_PTR(rt->myself[i]);

		if (!a)
			continue;
		link_close(&a->link, acre_fail(ACRE_ECLOSED, "this actor has ended"));
		peer_fini(a);
		mem_free(a);
	}
}

int acre_guest_open(struct acre_context **ret, const char *name_space, const char *name,
		    const struct acre_msg_kind *kind, const void *arg)
{
	struct runtime *rt = runtime_this;
	int r = 0;

	if (!rt || !rt->guest)
		return acre_fail(EINVAL, "opening %s: this actor hosts no guest",
				 name ? name : "a function of the guest");
	if (!rt->myself[0])
		r = open_link(rt);
	return r < 0 ? r
		     : acre_open_named(ret, rt->myself[0], name_space, name, kind, arg);
}
