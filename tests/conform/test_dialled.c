/* SPDX-License-Identifier: MIT */
/* test_dialled.c - a run over other links than inherited ones is one, in each generation. */
#include "conform/tree.h"

#include <sys/socket.h>

#include "actor/peer.h"

/* As ACRE_TEST_LINK has it (dialled.c); "pair" and "memory": the library's own. */
static const char *kind_of(const struct link *l)
{
	struct sockaddr_storage peer = { 0 };
	socklen_t len = sizeof peer;

	if (l->memory)
		return "memory";
	assert_int_equal(getpeername(l->fd, (struct sockaddr *)&peer, &len), 0);
	if (peer.ss_family == AF_INET)
		return "tcp";
	return len > sizeof peer.ss_family ? "uds" : "pair"; /* a path, or no name */
}

/* Who spawned has dialled. */
static int kind_of_next(struct acre_nursery *n, struct acre_actor **ret,
			const char **ret_kind)
{
	int r = acre_spawn(n, ret, .name = "next");

	if (r >= 0)
		*ret_kind = kind_of(&(*ret)->link);
	return r;
}

ACRE_CONTEXT(kind_below, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	const char *kind = NULL;
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r)
		r = kind_of_next(&n, &a, &kind);
	return r < 0 ? r : acre_return(ctx, acre_text, .value = kind);
}

TEST_TREE(links_are_of_the_kind_that_the_run_asks_for)
{
	const char *chosen = getenv("ACRE_TEST_LINK"), *kind = NULL;
	struct acre_text below = { 0 };
	struct acre_actor *a;
	int r = 0;

	if (backend_is("thread"))
		chosen = "memory";
	else if (!chosen)
		chosen = "pair";
	ACRE_NURSERY(n, r) {
		r = kind_of_next(&n, &a, &kind);
		if (r >= 0)
			r = acre_call(a, kind_below, &nil, acre_text, &below);
		if (r >= 0) {
			assert_string_equal(kind, chosen);
			assert_string_equal(below.value, chosen);
		}
	}
	return r;
}
