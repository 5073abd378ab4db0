/* SPDX-License-Identifier: MIT */
/* actor_spawning_and_causality_with_daemon.c - an actor that serves several calls, and is ended by a word or by its block. */
#include <acre.h>

ACRE_CONTEXT(movie_theatre_question, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return acre_return(ctx, acre_text, .value = "have you ever seen a portal?");
}

ACRE_MAIN()
{
	struct acre_nil none = { 0 };
	struct acre_actor *frank;
	struct acre_text question;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &frank, .name = "frank");
		for (int i = 0; i < 2 && r >= 0; i++) {
			r = acre_call(frank, movie_theatre_question, &none, acre_text,
				      &question);
			if (r > 0)
				printf("frank asks: %s\n", question.value);
		}
		if (r >= 0)
			r = acre_actor_cancel(
				frank); /* the end of the block would do it too */
	}
	return r < 0 ? r : 0;
}
