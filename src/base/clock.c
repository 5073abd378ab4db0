/* SPDX-License-Identifier: MIT */
/* clock.c - what time it is. */
#include "base/clock.h"

#include <stdatomic.h>

#include "base/panic.h"
#include "base/sys.h"

static _Atomic bool is_virtual;
static _Atomic int64_t virtual_now;

int64_t clock_real(void)
{
	struct timespec now;

	sys_clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

int64_t clock_wall_us(void)
{
	struct timespec now;

	sys_clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

int64_t clock_now(void)
{
	if (unlikely(atomic_load_explicit(&is_virtual, memory_order_relaxed)))
		return atomic_load(&virtual_now);
	return clock_real();
}

bool clock_is_virtual(void)
{
	return atomic_load(&is_virtual);
}

void clock_use_virtual(int64_t start_ns)
{
	atomic_store(&virtual_now, start_ns);
	atomic_store(&is_virtual, true);
}

void clock_use_real(void)
{
	atomic_store(&is_virtual, false);
}

void clock_advance(int64_t ns)
{
	CHECK(clock_is_virtual() && ns >= 0);
	atomic_fetch_add(&virtual_now, ns);
}
