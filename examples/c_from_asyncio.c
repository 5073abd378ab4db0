/* SPDX-License-Identifier: MIT */
/* c_from_asyncio.c - an async function of Python awaits functions of C, with dataclasses for messages. */
#include <acre.h>
#include <acre/python.h>
#include <acre/value.h>

/*
 * The guest has no glue: it names a function, and gives a dataclass whose fields are those of
 * the message. Three calls are under way at once; a fourth does not fit, and is told where.
 */

#define RANGE(F) F(uint32_t, lo) F(uint32_t, hi)
ACRE_MSG(range, RANGE)

ACRE_CONTEXT(count_primes, range)
{
	int64_t n = 0;

	for (uint32_t i = in->lo < 2 ? 2 : in->lo; i < in->hi; i++) {
		uint32_t d = 2;

		while (d * d <= i && i % d)
			d++;
		n += d * d > i;
	}
	return acre_return(ctx, acre_int, .value = n);
}

static const struct acre_guest guest = {
	.source = "import acre, asyncio\n"
		  "from dataclasses import dataclass\n"
		  "@dataclass\n"
		  "class Range:\n"
		  "    lo: int\n"
		  "    hi: int\n"
		  "async def report() -> None:\n"
		  "    here = await acre.parent()\n"
		  "    parts = [Range(i * 1000, (i + 1) * 1000) for i in range(3)]\n"
		  "    counts = await asyncio.gather(\n"
		  "        *(here.call('count_primes', part, returns=int) for part in "
		  "parts))\n"
		  "    for part, n in zip(parts, counts):\n"
		  "        print(f'{n} primes from {part.lo} to {part.hi}')\n"
		  "    try:\n"
		  "        await here.call('count_primes', Range(1, -1))\n"
		  "    except acre.Error as e:\n"
		  "        print(e)\n",
};

ACRE_MAIN()
{
	const struct acre_value nothing = { NULL, 0 };
	struct acre_actor *actor;
	struct acre_value got;
	int r = acre_expose("main"); /* what the guest may call here */

	ACRE_NURSERY(n, r) {
		if (r >= 0)
			r = acre_spawn(&n, &actor, .name = "reporter",
				       .backend = "subint_forkserver", .guest = &guest);
		if (r >= 0)
			r = acre_call_named(actor, "main", "report", nothing, &got);
	}
	return r;
}
