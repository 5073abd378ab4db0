/* SPDX-License-Identifier: MIT */
/* hello.c - the smallest tree: one actor, one call. */
#include <acre.h>
#include <unistd.h>

ACRE_CONTEXT(greet, acre_text)
{
	printf("hello %s, from %s (pid %d)\n", in->value, acre_self_name(), getpid());
	return acre_return(ctx, acre_int, .value = getpid());
}

ACRE_MAIN()
{
	struct acre_actor *a;
	struct acre_int pid;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "greeter");
		if (r >= 0)
			r = acre_call(a, greet, &(struct acre_text){ "world" }, acre_int,
				      &pid);
	}
	return r < 0 ? r : 0;
}
