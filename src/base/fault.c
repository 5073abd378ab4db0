/* SPDX-License-Identifier: MIT */
/* fault.c - places that fail on demand, and bugs that are planted on demand. */
#include "base/fault.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/environment.h"
#include "base/panic.h"

#define AS_NAME(name, text) #name,

_Atomic uint64_t fault_left[N_FAULT];

int fault_set(const char *name, uint64_t nth)
{
	static const char *const names[] = { FAULT_POINTS(AS_NAME) };

	for (size_t i = 0; i < N_FAULT; i++)
		if (strcmp(names[i], name) == 0) {
			atomic_store(&fault_left[i], nth);
			return 0;
		}
	return -ENOENT;
}

/* Counts down to 0, where it stays. Whoever takes the last step fails. */
bool fault_count_down_(enum fault_point point)
{
	uint64_t left = atomic_load(&fault_left[point]);

	while (left > 0)
		if (atomic_compare_exchange_weak(&fault_left[point], &left, left - 1))
			return left == 1;
	return false;
}

#ifdef ACRE_PLANTS

enum { NOT_ASKED = -2, NO_PLANT = -1 };

static int planted_by_environment(void)
{
	static const char *const names[] = { PLANTED_BUGS(AS_NAME) };
	const char *name = environment(ENVIRONMENT_ACRE_PLANT);

	if (!name)
		return NO_PLANT;
	for (int i = 0; i < N_PLANT; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	BUG("ACRE_PLANT=%s: no planted bug is called so", name);
}

bool plant_is_on(enum planted_bug bug)
{
	static _Atomic int planted = NOT_ASKED;
	int now = atomic_load_explicit(&planted, memory_order_relaxed);

	if (now == NOT_ASKED) {
		now = planted_by_environment();
		atomic_store(&planted, now);
	}
	return now == (int)bug;
}

#endif
