/* SPDX-License-Identifier: MIT */
/* remote_error.c - a child fails, and the parent prints the remote failure with file and line. */
#define ACRE_ERRORS(E) E(BAD_WEATHER, EAGAIN, "nothing can be harvested in the rain")
#include <acre.h>

ACRE_CONTEXT(harvest, acre_nil)
{
	return acre_note(acre_fail(BAD_WEATHER, "it rains in %s", acre_self_name()),
			 "looking for ripe apples");
}

ACRE_MAIN()
{
	struct acre_actor *a;
	struct acre_nil none = { 0 };
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "orchard");
		if (r >= 0)
			r = acre_call(a, harvest, &none, acre_nil, &none);
	}
	acre_print(stdout, r);
	return acre_is(r, BAD_WEATHER) && acre_is(r, ACRE_EREMOTE) ? 0 : 1;
}
