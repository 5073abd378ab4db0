/* SPDX-License-Identifier: MIT */
/* actor_spawning_and_causality.c - a function in another actor, its value back, and everything ended by the block. */
#include <acre.h>
#include <stdlib.h>

ACRE_CONTEXT(cellar_door, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	if (!acre_parent())
		return acre_fail(EPROTO, "this runs in the root");
	return acre_return(ctx, acre_text, .value = "Dang that's beautiful");
}

ACRE_MAIN()
{
	struct acre_nil none = { 0 };
	struct acre_text word;
	int r = 0;

	ACRE_NURSERY(n, r) {
		/* spawned here, called, ended and reaped before the next line */
		r = acre_oneshot(cellar_door, &none, acre_text, &word, .nursery = &n,
				 .spawn = { .name = "some_linguist" });
		if (r > 0)
			printf("%s\n", word.value);
	}
	if (r > 0)
		free((void *)(uintptr_t)word.value);
	return r < 0 ? r : 0;
}
