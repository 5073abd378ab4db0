/* SPDX-License-Identifier: MIT */
/* not_exposed.c - only what an actor exposes can be called; what cannot is a failure with a class. */
#include <acre.h>

ACRE_CONTEXT(open_to_all, acre_nil)
{
	return 0;
}

/* Of this program, too, but in a namespace of its own. */
ACRE_CONTEXT(of_the_house, acre_nil, .name_space = "house")
{
	return 0;
}

static void tell(const char *what, int r)
{
	if (r < 0)
		printf("%s: %s: %s\n", what, acre_class_name(acre_code(r)),
		       acre_why(r)->message);
	else
		printf("%s: done\n", what);
}

static void try_all(struct acre_actor *a)
{
	struct acre_value none = { NULL, 0 }, result;

	tell("open_to_all", acre_call(a, open_to_all, NULL, acre_nil, NULL));
	tell("of_the_house", acre_call(a, of_the_house, NULL, acre_nil, NULL));
	tell("no_such", acre_call_named(a, "main", "no_such", none, &result));
}

ACRE_MAIN()
{
	static const char *const both[] = { "main", "house", NULL };
	struct acre_actor *stranger, *friend;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &stranger, .name = "exposes main");
		if (r >= 0)
			try_all(stranger);
		if (r >= 0)
			r = acre_spawn(&n, &friend, .name = "exposes both",
				       .expose = both);
		if (r >= 0)
			try_all(friend);
	}
	return r;
}
