/* SPDX-License-Identifier: MIT */
/* primes.c - four actors scan ranges and stream primes back; the first failure, or 5 s, cancels the rest. */
#include <acre.h>

#define RANGE(F) F(uint32_t, lo) F(uint32_t, hi)
#define PRIME(F) F(uint32_t, value)
ACRE_MSG(range, RANGE) /* struct range, and how it travels */
ACRE_MSG(prime, PRIME)

struct job {
	struct acre_actor *actor;
	struct range range;
	uint64_t sum;
};

static bool is_prime(uint32_t n)
{
	for (uint32_t d = 2; d * d <= n; d++)
		if (n % d == 0)
			return false;
	return n > 1;
}

ACRE_CONTEXT(primes, range) /* given: ctx, in; found by name in the child */
{
	int r = 0;

	for (uint32_t i = in->lo; r >= 0 && i < in->hi; i++)
		if (is_prime(i))
			r = acre_send(ctx, prime, .value = i);
	return r;
}

ACRE_TASK(collect, struct job *job)
{
	struct prime p;
	int r = 0;

	ACRE_OPEN(ctx, r, job->actor, primes, &job->range) {
		while ((r = acre_recv(ctx, prime, &p)) > 0)
			job->sum += p.value;
	}
	return acre_note(r, "collecting [%u, %u)", job->range.lo, job->range.hi);
}

ACRE_MAIN()
{
	struct job jobs[4] = { { .sum = 0 } };
	uint64_t sum = 0;
	int r = 0;

	ACRE_WITHIN(acre_secs(5), r)
		ACRE_NURSERY(n, r) {
			for (uint32_t i = 0; i < 4 && r >= 0; i++) {
				jobs[i].range =
					(struct range){ i * 1000, (i + 1) * 1000 };
				r = acre_spawn(&n, &jobs[i].actor, .name = "scanner");
				if (r >= 0)
					r = acre_go(&n, collect, &jobs[i]);
			}
		}
	for (int i = 0; i < 4; i++)
		sum += jobs[i].sum;
	if (r >= 0)
		printf("the primes below 4000 add up to %llu\n", (unsigned long long)sum);
	return r;
}
