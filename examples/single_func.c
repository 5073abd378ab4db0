/* SPDX-License-Identifier: MIT */
/* single_func.c - one function in an actor of its own: spawned, called, ended and reaped in one line. */
#include <acre.h>

#define BURN(F) F(uint32_t, rounds)
ACRE_MSG(burn, BURN)

ACRE_CONTEXT(burn_cpu, burn, .kind = ACRE_ENDPOINT_ONESHOT)
{
	uint64_t x = 1;

	for (uint32_t i = 0; i < in->rounds; i++)
		x = x * 6364136223846793005u + 1442695040888963407u;
	return acre_return(ctx, acre_int, .value = (int64_t)(x >> 33));
}

ACRE_MAIN()
{
	struct acre_int answer;
	int r = acre_oneshot(burn_cpu, &(struct burn){ .rounds = 30000000 }, acre_int,
			     &answer);

	if (r > 0)
		printf("an actor of its own computed %lld\n", (long long)answer.value);
	return r < 0 ? r : 0;
}
