/* SPDX-License-Identifier: MIT */
/* primes_by_threads.c - the twin of primes.c: the same ranges, by threads of this process. */

/*
 * What only computes needs no actor. acre_blocking() runs a function on a helper thread, and the
 * task that calls it waits as for anything else; the loop goes on meanwhile. What it cannot do
 * is end a function that does not return, or outlive its crash: for that there are actors.
 */
#include <acre.h>

#define RANGES 4

struct job {
	uint32_t lo, hi;
	uint64_t sum;
};

static bool is_prime(uint32_t n)
{
	for (uint32_t d = 2; d * d <= n; d++)
		if (n % d == 0)
			return false;
	return n > 1;
}

/* On a helper thread: it calls nothing of acre but acre_fail(). */
static int add_primes(void *arg)
{
	struct job *job = arg;

	for (uint32_t i = job->lo; i < job->hi; i++)
		if (is_prime(i))
			job->sum += i;
	return 0;
}

ACRE_TASK(scan, struct job *job)
{
	return acre_blocking(add_primes, job);
}

ACRE_MAIN()
{
	struct job jobs[RANGES] = { { .sum = 0 } };
	acre_instant begun = acre_now();
	uint64_t sum = 0;
	int r = 0;

	ACRE_NURSERY(n, r)
		for (uint32_t i = 0; i < RANGES && r >= 0; i++) {
			jobs[i].lo = i * 1000;
			jobs[i].hi = (i + 1) * 1000;
			r = acre_go(&n, scan, &jobs[i]);
		}
	for (int i = 0; i < RANGES; i++)
		sum += jobs[i].sum;
	if (r >= 0)
		printf("the primes below 4000 add up to %llu, after %lld us\n",
		       (unsigned long long)sum,
		       (long long)(acre_between(begun, acre_now()).ns / 1000));
	return r;
}
