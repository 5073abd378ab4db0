/* SPDX-License-Identifier: MIT */
/* a_trynamic_first_scene.c - two actors find each other by name, and say a line. */
#include <acre.h>

#include <string.h>

static const char *const lines[][2] = {
	{ "donny", "Hi my name is donny, and I am looking for gretchen" },
	{ "gretchen", "Hi my name is gretchen, and I am looking for donny" },
};

static const char *own_line(void)
{
	for (size_t i = 0; i < 2; i++)
		if (!strcmp(lines[i][0], acre_self_name()))
			return lines[i][1];
	return "I am not in this scene";
}

ACRE_CONTEXT(hi, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return acre_return(ctx, acre_text, .value = own_line());
}

ACRE_CONTEXT(say_hello_to, acre_text, .kind = ACRE_ENDPOINT_ONESHOT)
{
	struct acre_nil none = { 0 };
	struct acre_actor *other;
	struct acre_text line;
	int r = acre_wait_for(&other, in->value); /* it may have yet to come */

	if (r >= 0)
		r = acre_call(other, hi, &none, acre_text, &line);
	if (r > 0)
		r = acre_return(ctx, acre_text, .value = line.value);
	acre_release(&other);
	return r;
}

struct part {
	struct acre_actor *actor;
	const char *other;
};

ACRE_TASK(act, struct part *part)
{
	struct acre_text heard;
	int r = acre_call(part->actor, say_hello_to, &(struct acre_text){ part->other },
			  acre_text, &heard);

	if (r > 0)
		printf("%s heard: %s\n", acre_actor_name(part->actor), heard.value);
	return r < 0 ? r : 0;
}

ACRE_MAIN(.transports = "uds")
{
	struct part parts[2] = { { .other = lines[1][0] }, { .other = lines[0][0] } };
	int r = 0;

	ACRE_NURSERY(cast, r) {
		ACRE_NURSERY(scene, r) {
			for (size_t i = 0; i < 2 && r >= 0; i++) {
				r = acre_spawn(&cast, &parts[i].actor,
					       .name = lines[i][0]);
				if (r >= 0)
					r = acre_go(&scene, act, &parts[i]);
			}
		}
	}
	return r < 0 ? r : 0;
}
