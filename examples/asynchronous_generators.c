/* SPDX-License-Identifier: MIT */
/* asynchronous_generators.c - a remote stream without an end, read for as long as a deadline allows. */
#include <acre.h>

ACRE_CONTEXT(numbers, acre_nil, .kind = ACRE_ENDPOINT_STREAM)
{
	int r = 0;

	for (int64_t i = 0; r >= 0; i++)
		r = acre_send(ctx, acre_int, .value = i);
	return r;
}

static int read_all(struct acre_actor *a, int64_t *ret_last)
{
	struct acre_nil none = { 0 };
	struct acre_int item;
	int r = 0;

	ACRE_OPEN(ctx, r, a, numbers, &none)
		while ((r = acre_recv(ctx, acre_int, &item)) > 0)
			*ret_last = item.value;
	return r;
}

ACRE_MAIN()
{
	struct acre_actor *a;
	int64_t last = 0;
	int read = 0, r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "generator");
		if (r >= 0)
			ACRE_WITHIN(acre_ms(500),
				    read) /* which cancels the generator, too */
				read = read_all(a, &last);
		if (acre_is(read, ETIMEDOUT))
			printf("half a second was enough for %lld numbers\n",
			       (long long)last + 1);
		else if (r >= 0)
			r = read;
	}
	return r < 0 ? r : 0;
}
