/* SPDX-License-Identifier: MIT */
/* hello.c - both Aids of a link over TCP prove that their actors hold the tree's key. */
#include "actor/hello.h"

#include <errno.h>

#include "actor/runtime.h"
#include "base/clock.h"

/*
 * Both proofs name the address that was dialled: the caller's is worth nothing to whom it did not
 * dial, and so cannot be passed on.
 */

int hello_prove(struct acre_actor *a, struct msg_aid *aid)
{
	const struct auth_claim claim = {
		.who = aid->uid,
		.at = &a->address,
		.answers = a->role == PEER_CALLER ? &a->heard : NULL,
	};
	int r;

	if (!a->is_keyed)
		return 0;
	r = auth_prove(runtime_this->discovery.key, &claim, clock_wall_us(), &a->said);
	aid->auth = auth_say(&a->said);
	return r;
}

static int fail(const struct acre_actor *a, int r)
{
	switch (r) {
	case -EACCES:
		return acre_fail(EACCES, "%s does not prove that it has our tree's key",
				 a->name);
	case -ESTALE:
		return acre_fail(EACCES, "what %s says is of another time than ours",
				 a->name);
	case -EALREADY:
		return acre_fail(EACCES, "what %s says was said before", a->name);
	default:
		return acre_fail(-r, "checking the proof of %s", a->name);
	}
}

int hello_check(struct acre_actor *a, const struct msg_aid *aid)
{
	const struct auth_claim claim = {
		.who = aid->uid,
		.at = &a->address,
		.answers = a->role == PEER_CALLER ? NULL : &a->said,
	};
	int r;

	if (!a->is_keyed)
		return 0;
	r = auth_check(runtime_this->discovery.key, &claim, &aid->auth, &a->heard);
	if (r >= 0 && a->role == PEER_CALLER)
		r = auth_hear(&runtime_this->server.heard, &a->heard,
			      a->listening_since_us, clock_wall_us());
	return r < 0 ? fail(a, r) : 0;
}

int hello_may_use(const struct address *address)
{
	char text[ADDRESS_TEXT_SIZE];
	const struct transport *t = transport_of(address);

	if (!t || t->has_peer)
		return 0;
	address_text(address, text);
	if (address_distance(address) == ADDRESS_REMOTE)
		return acre_fail(
			EOPNOTSUPP,
			"%s: links to other hosts need TLS, which is not there yet",
			text);
	if (!runtime_this->discovery.key)
		return acre_fail(
			EACCES,
			"%s: a link over TCP needs a tree key, which a root has with "
			"tcp among its `transports`",
			text);
	return 0;
}
